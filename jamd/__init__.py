"""jamd: a co-improviser that lives on a MIDI cable. It listens, and answers in time.

A tour, in the order in which music passes through:

    jamd.midi.backends     the MIDI systems of this machine, whose ports nothing else opens
    jamd.midi.ports        an open port, found by a part of its name
    jamd.engine.events     what may reach the engine: something received, predicted or commanded
    jamd.engine.engine     one thread that owns all the music and waits for the next instant on the grid
    jamd.sync              whose time it is: jamd's own (source), a MIDI clock, a Link session, the player's
    jamd.music.transport   tempo, metre and grid; nothing else turns seconds into steps and back
    jamd.engine.zones      which keys are the call, and what is passed through
    jamd.engine.desk       the knobs, and what moves them (jamd.controls)
    jamd.music.pianoroll   what the player does, as frames on the grid
    jamd.engine.partner    jamd as a partner: takes turns, asks its mind, and does without it
    jamd.mind.process      keeps the model out of the engine's way, in a process of its own, and
    jamd.mind.improviser   hears and writes frames with it, one step at a time
    jamd.engine.part       what jamd plays: planned, voiced, sent in time, and taken back
    jamd.engine.scheduler  messages wait here for their instant
    jamd.engine.output     the way out, which knows what is sounding, so that no note hangs
    jamd.sessions.recorder keeps the session while it is played

The words of the music (note, onset, frame, step) are in `jamd.music.note`. A beat is a quarter note and a
step is a sixteenth; the name of every quantity says its unit.

Three folders, three roles: `jamd/` plays, `models/` (imported as `jamd.models`) is the player's mind with
its trained bundles, and `training/` (imported as `jamd.training`) is how it learnt. Only the last two know
of torch. Inside, each folder is a room for one subject, and imports go one way: docs/how-it-is-built.md has
the drawing, and tests/test_rooms.py holds it.

The engine is handed its clock, its ports and its model. `jamd listen` gives it the real ones (`jamd.live`);
`jamd render` (`jamd.rendering`) and the tests give it a clock turned by hand: the same music at once.

The commands are in `jamd.commands`, one to a module; `jamd.cli` loads the one that was asked for. Whatever
goes wrong is an exception of `jamd.errors`, and ends as one line and an exit status.
"""

__version__ = "0.1.0"
