"""jamd: a co-improviser that lives on a MIDI cable. It listens, and answers in time.

A tour, in the order in which music passes through:

    jamd.backends    the MIDI systems of this machine, whose ports nothing else opens
    jamd.ports       an open port, found by a part of its name
    jamd.events      what may reach the engine: something received, predicted or commanded
    jamd.engine      one thread that owns all the music and waits for the next instant on the grid
    jamd.sync        whose time it is: jamd's own, tapped, and in other modules a MIDI clock (clockin), a
                     Link session (link), the player (follow)
    jamd.transport   tempo, metre and grid; nothing else turns seconds into steps and back
    jamd.zones       which keys are the call, and what is passed through
    jamd.desk        the knobs, and what moves them (knobs, controls, bindings)
    jamd.pianoroll   what the player does, as frames on the grid
    jamd.partner     jamd as a partner: takes turns (turns), asks its mind (minds), and does without it
    jamd.worker      keeps the model off the engine's thread, and
    jamd.improviser  hears and writes frames with it, one step at a time
    jamd.part        what jamd plays: planned, voiced (voice), sent in time, and taken back
    jamd.scheduler   messages wait here for their instant
    jamd.output      the way out, which knows what is sounding, so that no note hangs
    jamd.clockout    the time, told to others; jamd.metronome clicks it
    jamd.recorder    keeps the session while it is played

The words of the music (note, onset, frame, step) are in `jamd.note`. A beat is a quarter note and a step is a
sixteenth; the name of every quantity says its unit.

Three folders, three roles: `jamd/` plays, `models/` (imported as `jamd.models`) is the player's mind with
its trained bundles, and `training/` (imported as `jamd.training`) is how it learnt. Only the last two know
of torch.

The engine is handed its clock, its ports and its model. `jamd listen` gives it the real ones (`jamd.live`);
`jamd render` (`jamd.rendering`) and the tests give it a clock turned by hand: the same music at once.

The commands are in `jamd.commands`, one to a module; `jamd.cli` loads the one that was asked for. Whatever
goes wrong is an exception of `jamd.errors`, and ends as one line and an exit status.
"""

__version__ = "0.1.0"
