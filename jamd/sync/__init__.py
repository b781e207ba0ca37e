"""Whose time it is: jamd's own tempo, MIDI clock, Ableton Link, taps, the player's beat; and the metronome.

Tells the engine where the grid lies; plays no notes but clicks.
"""
