"""Standard MIDI files, read and written, whatever wrote them.

Ticks become beats here and nowhere else. No ports, no real time.
"""
