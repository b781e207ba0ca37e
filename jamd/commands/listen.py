"""`jamd listen`: the instrument."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import click

from jamd.backends import BACKENDS
from jamd.errors import JamdError, UsageError
from jamd.playing import Playing, playing_options


@click.command()
@click.option("--in", "in_name", metavar="NAME", help="Part of the input's name; without it, a virtual port.")
@click.option(
    "--out", "out_name", metavar="NAME", help="Part of the output's name; without it, a virtual port."
)
@click.option(
    "--backend",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", *BACKENDS]),
    help="MIDI system.",
)
@click.option("--tempo", default=120.0, show_default=True, help="Beats (quarter notes) a minute, 20 to 400.")
@click.option(
    "--sync",
    default="internal",
    show_default=True,
    type=click.Choice(["internal", "midi"]),
    help="Whose clock: jamd's own, or MIDI clock that comes in.",
)
@click.option("--clock-in", metavar="NAME", help="Part of the input's name that the clock comes in by.")
@click.option("--metre", default="4/4", show_default=True, help="Time signature, 2/4 to 12/8.")
@click.option("--bars", default=2, show_default=True, type=click.IntRange(1, 64), help="Bars of a call.")
@click.option(
    "--answer-bars", default=2, show_default=True, type=click.IntRange(1, 64), help="Bars of an answer."
)
@click.option("--no-interrupt", is_flag=True, help="Playing during an answer does not stop it.")
@click.option("--record", type=click.Path(path_type=Path), help="Keep the session in this MIDI file.")
@click.option("--no-record", is_flag=True, help="Keep no session.")
@click.option("--trace", type=click.Path(path_type=Path), help="Write each sent event as a line of JSON.")
@click.option("--quiet", is_flag=True, help="No view of the jam in the terminal.")
@playing_options
def command(
    in_name: str | None,
    out_name: str | None,
    backend: str,
    tempo: float,
    sync: str,
    clock_in: str | None,
    metre: str,
    bars: int,
    answer_bars: int,
    no_interrupt: bool,
    record: Path | None,
    no_record: bool,
    trace: Path | None,
    quiet: bool,
    playing: Playing,
) -> None:
    """Play with you: hear one port, answer on another, in time.

    Your first note is beat 1 of bar 1. Play your bars; jamd answers on the next bar line; play again.
    Ctrl-C ends the session with every note off.
    """
    from jamd.transport import Metre, Transport, check_tempo

    transport = Transport(check_tempo(tempo), Metre.parse(metre))
    if record is not None and no_record:
        raise UsageError("--record and --no-record contradict each other; give one")
    if clock_in is not None and sync != "midi":
        raise UsageError("--clock-in is for --sync midi; give both")
    improvisers = playing.improvisers()

    from jamd import sessions
    from jamd.backends import open_backend
    from jamd.clockin import ClockIn
    from jamd.files import check_writable
    from jamd.live import Session, live_engine, run, say_summary, stopped_by_signals, watch
    from jamd.turns import Form

    if record is None and not no_record:
        record = sessions.new_path(datetime.now())
    for path in (record, trace):
        if path is not None:
            check_writable(path)
    with ExitStack() as stack:
        tracing = None if trace is None else stack.enter_context(trace.open("w", encoding="utf-8"))
        form = Form(bars, answer_bars, interrupt=not no_interrupt)
        clock = ClockIn(transport) if sync == "midi" else None
        session = Session(transport, form, playing.voice(), improvisers, record, tracing, clock)
        midi = stack.enter_context(open_backend(backend))
        out_port = midi.open_output(out_name)
        engine, output = stack.enter_context(live_engine(session, out_port))
        stack.enter_context(stopped_by_signals(engine))
        both = clock is not None and clock_in is None
        in_port = midi.open_input(in_name, engine.receive_both if both else engine.receive)
        counted = f"{tempo:g} BPM"
        if clock is not None:
            clock_port = in_port if clock_in is None else midi.open_input(clock_in, engine.receive_clock)
            counted = f"the clock of {clock_port.name}"
        title = f"{in_port.name} -> jamd -> {out_port.name} ({midi.name}, {playing.model})"
        click.echo(f"listening on {title}; {counted}, {metre}; Ctrl-C ends the session")
        stack.enter_context(watch(engine, title, quiet))
        run(engine)
    say_summary(engine, output)
    if record is not None and record.exists():
        click.echo(f"kept in {record}")
    if engine.account.faults:
        raise JamdError(f"the model failed {engine.account.faults} times; last: {engine.account.last_fault}")
