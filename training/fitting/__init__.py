"""Networks, memories and counts fitted to batches, with checkpoints.

Where the music comes from is not asked here.
"""
