"""`jamd listen`: the instrument."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import click
from click.core import ParameterSource

from jamd.counted import counted
from jamd.errors import JamdError, UsageError
from jamd.options.config import Config
from jamd.options.config_options import config_option, preset_option
from jamd.options.group import one_of
from jamd.options.model import ANSWERS, Playing, playing_options
from jamd.options.ports import Cabling, cabling_options
from jamd.options.reload import Reloader, Remembering, asked_by_hangup
from jamd.options.sections import section
from jamd.options.time import Timing, timing_options
from jamd.options.turns import Floor, floor_options
from jamd.options.zones import Keyboard, keyboard_options
from jamd.system.logs import log_option, say

PROFILE = "me"
EXAMPLES = (
    ("jamd listen --in Keystation --out FLUID", "trade two bars each, by part of the ports' names"),
    ("jamd listen --mode duet --tempo auto --key auto", "play together, in your tempo and your key"),
    ("jamd listen --preset fours --sync midi", "trade fours, in the time of a DAW"),
)


def check(context: click.Context) -> None:
    """Raises UsageError for options that do not go together, and what [bind] says."""
    params = context.params
    for group in (
        one_of(Cabling, params),
        one_of(Timing, params),
        one_of(Floor, params),
        one_of(Keyboard, params),
    ):
        group.check()
    if params["record"] is not None and params["no_record"]:
        raise UsageError("--record and --no-record contradict each other; give one")
    if one_of(Floor, params).endless and "turn" not in params["config"].bindings().bound:
        raise UsageError("--bars open ends by nothing; give --silence BEATS, or `jamd learn turn`")
    if not params["learn"] and context.get_parameter_source("profile") is ParameterSource.COMMANDLINE:
        raise UsageError(f"--profile {params['profile']} is for --learn; give both")


@click.command(cls=Remembering, examples=EXAMPLES)
@section("Presets and config file", config_option, preset_option)
@cabling_options
@timing_options
@floor_options
@keyboard_options
@playing_options
@section(
    ANSWERS,
    click.option(
        "--program",
        type=click.IntRange(1, 128),
        metavar="NUMBER",
        help="Program change sent first, for the sound of the answers; counted from 1.",
    ),
    click.option(
        "--transpose",
        default=0,
        type=click.IntRange(-48, 48),
        metavar="SEMITONES",
        help="Transpose the answers.",
    ),
)
@section(
    "This evening",
    click.option(
        "--record",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Keep the session in this MIDI file; without it, where `jamd sessions` finds it.",
    ),
    click.option("--no-record", is_flag=True, help="Keep no session."),
    click.option(
        "--learn/--no-learn",
        default=False,
        help="Remember what was played in earlier evenings, and keep tonight's for the next.",
    ),
    click.option(
        "--profile", default=PROFILE, metavar="NAME", help="Whose evenings to --learn: a name of your choice."
    ),
)
@section(
    "Screen and logs",
    click.option("--quiet", is_flag=True, help="No picture of the jam in the terminal."),
    click.option(
        "--trace",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Write every event sent, one line of JSON each.",
    ),
    log_option,
)
def command(
    config: Config,
    preset: str | None,
    cabling: Cabling,
    timing: Timing,
    floor: Floor,
    keyboard: Keyboard,
    playing: Playing,
    program: int | None,
    transpose: int,
    record: Path | None,
    no_record: bool,
    learn: bool,
    profile: str,
    trace: Path | None,
    quiet: bool,
) -> None:
    """Play with you: hear one port, answer on another, in time.

    Your first note is beat 1 of bar 1. Play your bars; jamd answers on the next bar line; play again.
    Ctrl-C ends the session with every note off.
    """
    context = click.get_current_context()
    check(context)
    reloader = Reloader(context, check)
    context.with_resource(asked_by_hangup(reloader))

    import mido

    from jamd.engine.desk import Desk
    from jamd.engine.events import Replugged
    from jamd.engine.rig import Rig
    from jamd.live import Session, live_engine, run, say_summary, watch
    from jamd.midi.hotplug import Hotplug
    from jamd.midi.ports import Port
    from jamd.sessions import profiles, sessions
    from jamd.sessions.profile_writer import Tonight
    from jamd.sessions.recorder import Recorder
    from jamd.sessions.trace import Trace
    from jamd.sync.clockout import ClockOut
    from jamd.sync.metronome import Click
    from jamd.system import signals
    from jamd.system.files import check_writable
    from jamd.system.priority import model_cores
    from jamd.system.stderr import stderr_apart

    evenings, said = profiles.load(profile) if learn else ([], "")
    if said:
        click.echo(f"jamd: {said}", err=True)
    known = [evening.music for evening in evenings]
    improvisers = playing.improvisers(evenings=known)
    for path in (record, trace):
        if path is not None:
            check_writable(path)
    if record is None and not no_record:
        record, said = sessions.place(datetime.now())
        if said:
            click.echo(f"jamd: {said}", err=True)
    with ExitStack() as stack:
        stack.enter_context(signals.in_order())
        stack.enter_context(stderr_apart())
        tracing = None
        if trace is not None:
            tracing = stack.enter_context(Trace(trace))
        cables = stack.enter_context(cabling.plugged(timing.clock_in, timing.send_clock))
        midi, out_port = cables.midi, cables.out
        tonight = None
        if learn:
            tonight = stack.enter_context(Tonight(profile, datetime.now(), cores=model_cores()))
            steps = sum(evening.steps for evening in known)
            remembered = f"{counted(len(known), 'evening')}, {counted(steps, 'step')}"
            say(f"profile {profile}: {remembered} remembered")

        def send_program(number: int | None) -> None:
            nonlocal program
            program = number
            if number is not None:
                channel = playing.out_channel - 1
                out_port.send(mido.Message("program_change", channel=channel, program=number - 1))

        rig = Rig(
            zones=keyboard.zones(),
            ahead=floor.ahead(),
            early_seconds=timing.early_seconds,
            count_in_steps=timing.count_in_steps,
            clock_out=None if cables.clock is None else ClockOut(cables.clock.send, timing.early_seconds),
            click=timing.click or (Click() if timing.count_in else None),
            click_until_step=None if timing.click else timing.count_in_steps,
            keep=None if tonight is None else tonight.hear,
            desk=Desk(
                playing.settings(),
                config.bindings(),
                None if cables.lights is None else cables.lights.send,
                preset=preset or "",
                pick=reloader.pick,
                sound=send_program,
            ),
        )

        send_program(program)
        sync = timing.open_sync()
        keeping = None if record is None else Recorder(record, sync.transport.tempo, sync.transport.metre)
        models = (playing.model_names(), playing.model, lambda name: playing.improvisers(name, known))
        session = Session(
            sync,
            floor.form(),
            playing.voice(transpose),
            improvisers,
            keeping,
            tracing,
            rig,
            models,
            playing.stand_ins(known),
        )
        engine, output = stack.enter_context(live_engine(session, out_port))
        stack.enter_context(signals.playing(engine.stop, engine.hush))
        stack.enter_context(reloader.serving(engine.inbox.put))
        both = timing.sync == "midi" and timing.clock_in is None
        in_port = midi.open_input(
            cables.in_name, engine.intake.receive_both if both else engine.intake.receive
        )
        if timing.clock_in is not None:
            midi.open_input(timing.clock_in, engine.intake.receive_clock)

        def returned(port: Port) -> None:
            if port is out_port:
                send_program(program)
            engine.inbox.put(Replugged(port is cables.clock, port is cables.lights))

        stack.enter_context(Hotplug(midi, returned, model_cores()))
        title = f"{in_port.name} -> jamd -> {out_port.name} ({midi.name}, {playing.model})"
        say(f"listening on {title}; {timing.words}, {timing.metre}; Ctrl-C ends the session")
        stack.enter_context(watch(engine, title, quiet))
        run(engine)
    say_summary(engine, output)
    if out_port.unheard:
        say(f"{counted(out_port.unheard, 'note')} went nowhere while {out_port.name} was gone")
    if keeping is not None and keeping.is_kept:
        say(f"kept in {keeping.path}")
    if tonight is not None:
        say(f"profile {profile}: {counted(tonight.kept_steps, 'step')} of tonight added")
        if tonight.fault:
            raise JamdError(f"not all of tonight is in profile {profile!r}: {tonight.fault}")
    account = engine.account
    if account.faults and account.faults >= account.turns:
        raise JamdError(f"the model failed whenever it was asked; last: {account.last_fault}")
