"""jamd: a co-improviser that lives on a MIDI cable. It listens, and answers in time.

A tour, in the order in which a note passes through:

    jamd.ports       the MIDI ports of this machine, found by a part of their name; the only place that opens them
    jamd.engine      one thread that owns all music: takes what was received, predicted or commanded, step by step
    jamd.transport   tempo, metre and grid: the only place where seconds become steps and back
    jamd.pianoroll   what was heard, as frames on the grid
    jamd.turns       whose turn it is: when to listen, when to answer
    jamd.improviser  asks the model for the next frames, away from the engine's thread
    jamd.voice       jamd's own part: the only owner of what is sounding, so that no note ever hangs
    jamd.scheduler   messages wait here for their instant, then leave through the output port

The words of the music (note, onset, frame, step) are in `jamd.note`. A beat is a quarter note and a step is a
sixteenth; the name of every quantity says its unit.

Three folders, three roles: `jamd/` plays, `models/` (imported as `jamd.models`) is the player's mind, with the
trained bundles, and `training/` (imported as `jamd.training`) is how it learnt. Nothing in `jamd/` imports torch.

The engine is handed its clock, its ports and its model. `jamd listen` gives it the real ones, `jamd render`
and the tests a clock turned by hand: the same music, faster than real time.

The commands are in `jamd.commands`, one to a module, and `jamd.cli` loads only the one that was asked for.
What goes wrong is one of the exceptions of `jamd.errors`, and ends as one line and an exit status.
"""

__version__ = "0.1.0"
