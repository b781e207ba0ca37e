"""`jamd listen`: the instrument."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import click
from click.core import ParameterSource

from jamd.backends import BACKENDS
from jamd.config import Config, config_option
from jamd.errors import JamdError, UsageError
from jamd.floor import Floor, floor_options
from jamd.keyboard import Keyboard, keyboard_options
from jamd.playing import Playing, playing_options
from jamd.timing import OUTPUT, Timing, timing_options

PROFILE = "me"


@click.command()
@config_option
@click.option("--in", "in_name", metavar="NAME", help="Part of the input's name; without it, a virtual port.")
@click.option(
    "--out", "out_name", metavar="NAME", help="Part of the output's name; without it, a virtual port."
)
@click.option("--backend", default="auto", type=click.Choice(["auto", *BACKENDS]), help="MIDI system.")
@timing_options
@floor_options
@keyboard_options
@playing_options
@click.option("--program", type=click.IntRange(1, 128), help="The sound of the answers, by its number.")
@click.option("--transpose", default=0, type=click.IntRange(-48, 48), help="Move the answers, in semitones.")
@click.option("--lights", metavar="NAME", help="Part of the name of the output that shows how knobs stand.")
@click.option("--record", type=click.Path(path_type=Path), help="Keep the session in this MIDI file.")
@click.option("--no-record", is_flag=True, help="Keep no session.")
@click.option(
    "--learn/--no-learn",
    default=False,
    help="Remember what was played in earlier evenings, and keep tonight's for the next.",
)
@click.option("--profile", default=PROFILE, metavar="NAME", help="Whose evenings: a name of your choice.")
@click.option("--trace", type=click.Path(path_type=Path), help="Write each sent event as a line of JSON.")
@click.option("--quiet", is_flag=True, help="No view of the jam in the terminal.")
def command(
    config: Config,
    in_name: str | None,
    out_name: str | None,
    backend: str,
    timing: Timing,
    floor: Floor,
    keyboard: Keyboard,
    playing: Playing,
    program: int | None,
    transpose: int,
    lights: str | None,
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
    for group in (timing, floor, keyboard):
        group.check()
    if record is not None and no_record:
        raise UsageError("--record and --no-record contradict each other; give one")
    bindings = config.bindings()
    if floor.endless and "turn" not in bindings.bound:
        raise UsageError("--bars open ends by nothing; give --silence BEATS, or `jamd learn turn`")
    if (
        not learn
        and click.get_current_context().get_parameter_source("profile") is ParameterSource.COMMANDLINE
    ):
        raise UsageError(f"--profile {profile} is for --learn; give both")

    import mido

    from jamd import profiles, sessions
    from jamd.backends import open_backend
    from jamd.clockout import ClockOut
    from jamd.desk import Desk
    from jamd.files import check_writable
    from jamd.live import Session, live_engine, run, say_summary, stopped_by_signals, watch
    from jamd.metronome import Click
    from jamd.priority import model_cores
    from jamd.rig import Rig
    from jamd.tonight import Tonight

    evenings, said = profiles.load(profile) if learn else ([], "")
    if said:
        click.echo(f"jamd: {said}", err=True)
    known = [evening.music for evening in evenings]
    improvisers = playing.improvisers(evenings=known)
    if record is None and not no_record:
        record = sessions.new_path(datetime.now())
    for path in (record, trace):
        if path is not None:
            check_writable(path)
    with ExitStack() as stack:
        tracing = None if trace is None else stack.enter_context(trace.open("w", encoding="utf-8"))
        midi = stack.enter_context(open_backend(backend))
        out_port = midi.open_output(out_name)
        light_port = None if lights is None else midi.open_output(lights)
        clock_out = None
        if timing.send_clock is not None:
            on_output = timing.send_clock == OUTPUT
            clock_port = out_port if on_output else midi.open_output(timing.send_clock)
            clock_out = ClockOut(clock_port.send, timing.early_seconds)
        tonight = None
        if learn:
            tonight = stack.enter_context(Tonight(profile, datetime.now(), cores=model_cores()))
            steps = sum(evening.steps for evening in known)
            count = f"{len(known)} evening{'s' * (len(known) != 1)}"
            click.echo(f"profile {profile}: {count}, {steps} steps are remembered")
        rig = Rig(
            zones=keyboard.zones(),
            ahead=floor.ahead(),
            early_seconds=timing.early_seconds,
            count_in_steps=timing.count_in_steps,
            clock_out=clock_out,
            click=timing.click or (Click() if timing.count_in else None),
            click_until_step=None if timing.click else timing.count_in_steps,
            keep=None if tonight is None else tonight.hear,
            desk=Desk(playing.settings(), bindings, None if light_port is None else light_port.send),
        )
        if program is not None:
            out_port.send(
                mido.Message("program_change", channel=playing.out_channel - 1, program=program - 1)
            )
        sync = timing.open_sync()
        models = (playing.model_names(), playing.model, lambda name: playing.improvisers(name, known))
        session = Session(
            sync, floor.form(), playing.voice(transpose), improvisers, record, tracing, rig, models
        )
        engine, output = stack.enter_context(live_engine(session, out_port))
        stack.enter_context(stopped_by_signals(engine))
        both = timing.sync == "midi" and timing.clock_in is None
        in_port = midi.open_input(in_name, engine.receive_both if both else engine.receive)
        if timing.clock_in is not None:
            midi.open_input(timing.clock_in, engine.receive_clock)
        title = f"{in_port.name} -> jamd -> {out_port.name} ({midi.name}, {playing.model})"
        click.echo(f"listening on {title}; {timing.words}, {timing.metre}; Ctrl-C ends the session")
        stack.enter_context(watch(engine, title, quiet))
        run(engine)
    say_summary(engine, output)
    if record is not None and record.exists():
        click.echo(f"kept in {record}")
    if tonight is not None:
        click.echo(f"profile {profile}: {tonight.kept_steps} steps of tonight were added")
        if tonight.fault:
            raise JamdError(f"not all of tonight is in profile {profile!r}: {tonight.fault}")
    if engine.account.faults:
        raise JamdError(f"the model failed {engine.account.faults} times; last: {engine.account.last_fault}")
