"""The words of the music: notes, frames, the grid in time, scales, bars, and how alike two passages are.

Pure: nothing here knows of a port, a file, a clock or a model.
"""
