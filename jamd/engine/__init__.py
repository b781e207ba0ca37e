"""The loop that owns the music, and what belongs to it: turns, parts, voice, scheduler, output.

Clock, ports, model and recorder are handed in; nothing here opens one.
"""
