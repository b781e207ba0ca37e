"""`jamd sessions`: what was played and kept."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from jamd.counted import counted
from jamd.errors import JamdError, UsageError
from jamd.midi.backends import BACKENDS
from jamd.options.group import OrWord
from jamd.options.ports import SYNTH_OR_OUT, fluidsynth, synth_option, virtual_option
from jamd.printable import cell, printable

ALL = "all"


@click.group(invoke_without_command=True)
@click.option("--favourites", is_flag=True, help="Only those that you picked.")
@click.option(
    "--last",
    default="20",
    show_default=True,
    metavar="N|all",
    type=OrWord(click.IntRange(1), ALL),
    help="How many to list, of the latest.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def command(context: click.Context, favourites: bool, last: int | str, as_json: bool) -> None:
    """List the sessions that were kept; play, name or copy one.

    The latest is last. NAME is any part of a session's name that no other has, or `last`.
    """
    if context.invoked_subcommand is not None:
        return
    from jamd.sessions import sessions
    from jamd.system import fallback

    paths = sessions.latest_last(favourites)
    shown = paths if isinstance(last, str) else paths[-last:]
    kept = sessions.kept(shown)
    if len(shown) < len(paths):
        of = counted(len(paths), "favourite" if favourites else "session")
        click.echo(f"the last {len(shown)} of {of}; --last all lists all of them", err=as_json)
    if fault := sessions.favourites().fault:
        click.echo(f"jamd: {fault}", err=True)
    if elsewhere := sessions.elsewhere():
        said = f"{elsewhere} could not be kept here at the time; move what is in {fallback.folder()}"
        click.echo(f"jamd: {said}", err=True)
    if as_json:
        import json

        listing = [
            {
                "name": session.path.name,
                "path": str(session.path),
                "when": session.when.isoformat(),
                "bars": session.bars,
                "seconds": round(session.seconds, 3),
                "player_notes": session.player_notes,
                "jamd_notes": session.jamd_notes,
                "favourite": session.favourite,
                "fault": session.fault or None,
            }
            for session in kept
        ]
        click.echo(json.dumps(listing, indent=2))
        return
    if not kept and favourites:
        click.echo("No session was picked yet: `jamd sessions pick last`.")
        return
    if not kept:
        click.echo("No session has been kept yet: play with `jamd listen`, and it will be listed here.")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=cell(sessions.folder()), title_justify="left")
    table.add_column("session", no_wrap=True)
    for heading in ("length", "bars", "your notes", "jamd's notes", "picked"):
        table.add_column(heading, justify="right")
    for session in kept:
        if not session.fault:
            minutes, seconds = divmod(round(session.seconds), 60)
            counts = (session.bars, session.player_notes, session.jamd_notes)
            picked = "*" if session.favourite else ""
            table.add_row(cell(session.path.name), f"{minutes}:{seconds:02}", *map(str, counts), picked)
    if table.row_count:
        Console().print(table)
    for session in kept:
        if session.fault:
            click.echo(f"{printable(session.path.name)} {session.fault}")


@command.command()
@click.argument("name")
@click.option(
    "--out",
    "out_name",
    metavar="PORT",
    help="MIDI output: part of its name; without it, the only synth there is, else a virtual port.",
)
@synth_option
@virtual_option
@click.option("--backend", default="auto", type=click.Choice(["auto", *BACKENDS]), help="MIDI system to use.")
def play(name: str, out_name: str | None, synth: str | None, virtual: bool, backend: str) -> None:
    """Play a session, both parts, to an output. Ctrl-C ends it with every note off."""
    import threading

    from jamd.clock import SystemClock
    from jamd.engine.output import Output
    from jamd.midi.backends import open_backend
    from jamd.midi.hotplug import Hotplug
    from jamd.options import unnamed
    from jamd.player import Player, performance
    from jamd.sessions import sessions
    from jamd.system.logs import logged

    if synth is not None and out_name is not None:
        raise UsageError(SYNTH_OR_OUT)
    session, said = sessions.find_whole(name)
    path = session.path
    if said:
        click.echo(f"jamd: {printable(said)}", err=True)
    with logged(), ExitStack() as stack:
        midi = open_backend(backend)
        if synth is not None:
            out_name = stack.enter_context(fluidsynth(midi, synth))
        elif out_name is None and not virtual:
            out_name = unnamed.an_output(midi, lambda words: click.echo(printable(words)))
        port = stack.enter_context(midi).open_output(out_name)
        stack.enter_context(Hotplug(midi))
        output = Output(port, SystemClock())
        stack.callback(output.close)
        over = threading.Event()
        player = Player(performance(path), output.pass_on, 0.0, over.set)
        stack.callback(player.stop)
        click.echo(
            f"playing {printable(path.name)} to {port.name}, {round(session.seconds)} s; Ctrl-C ends it"
        )
        player.start()
        over.wait()


@command.command()
@click.argument("name")
@click.argument("new_name")
def rename(name: str, new_name: str) -> None:
    """Give a session another name."""
    from jamd.sessions import sessions

    old = sessions.find(name)
    click.echo(f"{printable(old.name)} is now {printable(sessions.rename(old, new_name).name)}")


@command.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(names: tuple[str, ...], yes: bool) -> None:
    """Delete sessions for good, when you have said yes."""
    from jamd.sessions import sessions

    paths = list(dict.fromkeys(sessions.find(name) for name in names))
    if not yes:
        click.confirm(f"delete {', '.join(printable(path.name) for path in paths)} for good?", abort=True)
    for path in paths:
        sessions.delete(path)
        click.echo(f"deleted {printable(path.name)}")


@command.command()
@click.argument("name")
@click.option("--not", "unpick", is_flag=True, help="It is a favourite no more.")
def pick(name: str, unpick: bool) -> None:
    """Count a session among your favourites."""
    from jamd.sessions import sessions

    path = sessions.find(name)
    if said := sessions.pick(path, not unpick):
        click.echo(f"jamd: {printable(said)}", err=True)
    click.echo(f"{printable(path.name)} is {'no longer' if unpick else 'now'} a favourite")


@command.command()
@click.argument("name")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="A .mid, .wav or .png file."
)
def export(name: str, output: Path) -> None:
    """Copy a session to a MIDI file, or make its sound (with FluidSynth) or its picture."""
    from jamd.music.bars import Bars
    from jamd.sessions import sessions
    from jamd.smf import midifile
    from jamd.system.files import check_writable, read_whole, write_whole
    from jamd.view.plot import draw
    from jamd.view.sound import to_wav

    sessions.find(name)
    check_writable(output)
    session, said = sessions.find_whole(name)
    path = session.path
    if said:
        click.echo(f"jamd: {printable(said)}", err=True)
    match output.suffix.lower():
        case ".mid":
            write_whole(output, read_whole(path, midifile.LARGEST_BYTES))
        case ".wav":
            if to_wav(path, output) is None:
                raise JamdError("no sound without FluidSynth and a sound font; install them, or export .mid")
        case ".png":
            piece = midifile.read(path)
            parts = {name: sessions.notes_of(piece, name) for name in ("player", "jamd")}
            draw(
                output,
                parts["player"],
                parts["jamd"],
                Bars.of(piece.metres),
                sessions.turns_of(piece),
                printable(path.name).removesuffix(".mid"),
                piece.tempos,
            )
        case suffix:
            raise UsageError(f"{output} should end in .mid, .wav or .png, not {suffix or 'nothing'}")
    click.echo(f"wrote {printable(output)}")
