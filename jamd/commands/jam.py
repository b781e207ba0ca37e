"""`jamd jam`: a whole jam with nothing plugged in."""

from __future__ import annotations

from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jamd.errors import JamdError, UsageError
from jamd.options.config_options import answers_preset_option
from jamd.options.filetempo import Tempo, tempo_option
from jamd.options.model import ANSWERS, Playing, playing_options
from jamd.options.ports import ANY_FONT, fluidsynth, synth_option
from jamd.options.sections import Sectioned, section
from jamd.printable import printable
from jamd.system.logs import log_option

if TYPE_CHECKING:
    from jamd.midi.backends import Backend
    from jamd.midi.ports import OutputPort

CALL_BARS = 2
EXAMPLES = (
    ("jamd jam", "hear the bundled call, and what jamd makes of it"),
    ("jamd jam --out FLUID --key auto --density 0.5", "on a synth, in key, with fewer notes"),
    ("jamd jam --call riff.mid -o riff-jam.mid", "with a call of your own"),
)
HELLO = """\
Now you:
  jamd web               on a page, with nothing plugged in
  jamd listen            with your keyboard and your synth
  jamd listen --synth    or with FluidSynth
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
        help="Sound on this output: part of its name; without it, the only synth there is, or FluidSynth.",
    ),
    synth_option,
    click.option("--no-sound", is_flag=True, help="Make no sound while it plays."),
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
@section(ANSWERS, answers_preset_option)
@playing_options
@section(
    "Screen and logs",
    click.option("--quiet", is_flag=True, help="No picture of the jam in the terminal."),
    log_option,
)
def command(
    call: Path | None,
    out_name: str | None,
    synth: str | None,
    no_sound: bool,
    output: Path,
    tempo: Tempo,
    quiet: bool,
    playing: Playing,
) -> None:
    """Hear jamd play with a built-in player, nothing plugged in.

    The bundled call is played in real time into the real engine, two bars for the player and two for jamd.
    Leaves a MIDI file, a picture of both parts, and a WAV file where FluidSynth is installed.
    """
    import mido

    from jamd.beats.performed import in_time
    from jamd.controls.keys import WATCHED
    from jamd.engine.desk import Desk
    from jamd.engine.output import Port
    from jamd.engine.rig import Rig
    from jamd.engine.turns import Form
    from jamd.live import Nowhere, Session, live_engine, run, say_summary, watch
    from jamd.music.bars import Bars
    from jamd.player import Player, performance
    from jamd.sessions import sessions
    from jamd.sessions.recorder import Recorder
    from jamd.smf import midifile
    from jamd.sync.filetime import FileTime
    from jamd.system import signals
    from jamd.system.files import check_writable
    from jamd.view.sound import to_wav

    if (out_name is not None) + (synth is not None) + no_sound > 1:
        raise UsageError("--out, --synth and --no-sound contradict each other; give one")
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
        if not no_sound and (sound := _sounding(stack, out_name, synth)) is not None:
            port = sound
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
        stack.enter_context(watch(engine, title, quiet, WATCHED))
        # until the last answer is over: the call's last bar may be one of rest, so a bar more than two turns
        rest_seconds = (2 * CALL_BARS + 1) * sync.last_bar_seconds

        def play(message: mido.Message) -> None:
            engine.intake.receive(message)
            port.send(message)

        player = Player(messages, play, rest_seconds, engine.stop)
        stack.callback(player.stop)
        player.start()
        run(engine)
    say_summary(engine, sent)

    from jamd.view.plot import draw  # the music need not wait for what only draws

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


def _sounding(stack: ExitStack, out_name: str | None, font: str | None) -> OutputPort | None:
    """What sounds while the jam is played. Where neither an output nor FluidSynth was asked for, the music
    does not wait for want of them: what is missing is said, and there is None."""
    from jamd.midi.backends import open_backend
    from jamd.midi.hotplug import Hotplug

    asked = out_name is not None or font is not None
    try:
        with ExitStack() as sounding:
            midi = open_backend()
            name = out_name if font is None else None
            if not asked:
                name = _only_synth(midi)
            if name is None:
                name = sounding.enter_context(fluidsynth(midi, font or ANY_FONT))
            port = sounding.enter_context(midi).open_output(name)
            sounding.enter_context(Hotplug(midi))
            click.echo(f"sounding on {printable(port.name)}")
            stack.push(sounding.pop_all())
            return port
    except JamdError as error:
        if asked:
            raise
        click.echo(f"no sound while it plays: {printable(str(error))}")
        return None


def _only_synth(midi: Backend) -> str | None:
    """The only synth that is plugged in, if it is clear that it is one."""
    from jamd.midi.plugged_in import synths

    found = synths(midi.inputs(), midi.outputs(), midi.name)
    return found[0] if len(found) == 1 else None
