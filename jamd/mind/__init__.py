"""The model at work beside the music: it listens, writes answers and chooses among them, in its own process.

Nothing here sends a note or knows whose turn it is.
"""
