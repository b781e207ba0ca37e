"""Controllers by number (MIDI 1.0 Detailed Specification, table of control change messages)."""

PEDAL, SOSTENUTO, SOFT, HOLD = 64, 66, 67, 69
HOLDING = (PEDAL, SOSTENUTO, HOLD)
"""Those that keep notes sounding while they are 64 or more."""
ALL_SOUND_OFF, RESET_CONTROLLERS, ALL_NOTES_OFF = 120, 121, 123
MODES = range(ALL_SOUND_OFF, 128)
"""What is no controller that a hand or a foot moves, though it looks like one."""
LETTING_GO = range(ALL_NOTES_OFF, 128)
"""Channel modes that let go of the keys of their channel, as a note-off for each would: what a pedal holds
goes on. All-notes-off itself, and those that change omni, mono and poly."""
DATA_ENTRY, PARAMETER_LOW, PARAMETER_HIGH = 6, 100, 101
