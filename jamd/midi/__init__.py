"""MIDI ports: opening, listing and naming them, plugging and unplugging, and silencing what was sent to one.

What the messages mean to a player is decided elsewhere.
"""
