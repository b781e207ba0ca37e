"""What is asked of the operating system: files, locks, logs, signals, priorities, the terminal, the service.

Nothing here knows of music or MIDI.
"""
