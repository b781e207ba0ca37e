"""`jamd jam`: a whole jam with nothing plugged in."""

from __future__ import annotations

from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path

import click

from jamd.options.filetempo import Tempo, tempo_option
from jamd.options.model import Playing, playing_options
from jamd.options.sections import Sectioned, section
from jamd.printable import printable
from jamd.system.logs import log_option

CALL_BARS = 2
EXAMPLES = (
    ("jamd jam", "hear the bundled call, and what jamd makes of it"),
    ("jamd jam --out FLUID --key auto --density 0.5", "on a synth, in key, with fewer notes"),
    ("jamd jam --call riff.mid -o riff-jam.mid", "with a call of your own"),
)
HELLO = """\
Now with your own keyboard and synth:
  jamd ports
  jamd listen --in "part of the keyboard's name" --out "part of the synth's name"
"""


@click.command(cls=Sectioned, examples=EXAMPLES)
@section(
    "Files and ports",
    click.option(
        "--call",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Play this MIDI file instead of the bundled call.",
    ),
    click.option(
        "--out",
        "out_name",
        metavar="NAME",
        help="Also play both parts to this output: part of its name.",
    ),
    click.option(
        "-o",
        "--output",
        metavar="FILE",
        default="jam.mid",
        show_default=True,
        type=click.Path(path_type=Path),
        help="Keep the jam in this MIDI file, its picture and its sound beside it.",
    ),
)
@section("Time", tempo_option)
@playing_options
@section(
    "Screen and logs",
    click.option("--quiet", is_flag=True, help="No picture of the jam in the terminal."),
    log_option,
)
def command(
    call: Path | None, out_name: str | None, output: Path, tempo: Tempo, quiet: bool, playing: Playing
) -> None:
    """Hear jamd play with a built-in player, nothing plugged in.

    The bundled call is played in real time into the real engine, two bars for the player and two for jamd.
    Leaves a MIDI file, a picture of both parts, and a WAV file where FluidSynth is installed.
    """
    import mido

    from jamd.beats.performed import in_time
    from jamd.engine.desk import Desk
    from jamd.engine.output import Port
    from jamd.engine.rig import Rig
    from jamd.engine.turns import Form
    from jamd.errors import JamdError, UsageError
    from jamd.live import Nowhere, Session, live_engine, run, say_summary, watch
    from jamd.midi.backends import open_backend
    from jamd.music.bars import Bars
    from jamd.player import Player, performance
    from jamd.sessions import sessions
    from jamd.sessions.recorder import Recorder
    from jamd.smf import midifile
    from jamd.sync.filetime import FileTime
    from jamd.system import signals
    from jamd.system.files import check_writable
    from jamd.view.plot import draw
    from jamd.view.sound import to_wav

    if output.suffix != ".mid":
        raise UsageError(f"{output} should end in .mid; its picture and sound are put beside it")
    check_writable(output)
    path = Path(str(files("jamd"))) / "call.mid" if call is None else call
    timed = in_time(midifile.read(path), tempo, path.name)
    if timed.said:
        click.echo(printable(timed.said))
    messages = performance(path, drums=False)
    struck = (at for at, message in messages if message.type == "note_on" and message.velocity)
    sync = FileTime.of(timed.piece, next(struck), timed.tempo)
    improvisers = playing.improvisers()
    keeping = Recorder(output, sync.transport.tempo, sync.transport.metre)
    with ExitStack() as stack:
        stack.enter_context(signals.in_order())
        port: Port = Nowhere()
        if out_name is not None:
            port = stack.enter_context(open_backend("auto")).open_output(out_name)
        session = Session(
            sync,
            Form(CALL_BARS, CALL_BARS),
            playing.voice(),
            improvisers,
            keeping,
            rig=Rig(desk=Desk(playing.settings())),
        )
        engine, sent = stack.enter_context(live_engine(session, port))
        stack.enter_context(signals.playing(engine.stop, engine.hush))
        title = f"{printable(path.name)} -> jamd ({playing.model})"
        click.echo(f"jamming: {title}; {sync.transport.tempo:g} BPM, {sync.transport.metre}; Ctrl-C ends it")
        stack.enter_context(watch(engine, title, quiet))
        # until the last answer is over: the call's last bar may be one of rest, so a bar more than two turns
        rest_seconds = (2 * CALL_BARS + 1) * sync.last_bar_seconds

        def play(message: mido.Message) -> None:
            engine.intake.receive(message)
            if out_name is not None:
                port.send(message)

        player = Player(messages, play, rest_seconds, engine.stop)
        stack.callback(player.stop)
        player.start()
        run(engine)
    say_summary(engine, sent)

    if not keeping.is_kept:
        raise JamdError(f"nothing of this jam is in {output}")
    output = keeping.path
    jammed = midifile.read(output)
    parts = {name: sessions.notes_of(jammed, name) for name in ("player", "jamd")}
    picture = output.with_suffix(".png")
    draw(
        picture,
        parts["player"],
        parts["jamd"],
        Bars.of(jammed.metres),
        list(engine.account.spans),
        "a jam with jamd",
        jammed.tempos,
    )
    click.echo(f"wrote {printable(output)}, {printable(picture)}")
    if wav := to_wav(output, output.with_suffix(".wav")):
        click.echo(f"wrote {printable(wav)}")
    click.echo(HELLO, nl=False)
