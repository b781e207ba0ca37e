"""Controllers by number (MIDI 1.0 Detailed Specification, table of control change messages)."""

PEDAL, SOSTENUTO, SOFT, HOLD = 64, 66, 67, 69
HOLDING = (PEDAL, SOSTENUTO, HOLD)
"""Those that keep notes sounding while they are 64 or more."""
ALL_SOUND_OFF, RESET_CONTROLLERS, ALL_NOTES_OFF = 120, 121, 123
