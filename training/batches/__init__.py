"""Pieces become conversations, and these the batches that a network learns from."""
