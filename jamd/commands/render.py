"""`jamd render`: the instrument over a file."""

from __future__ import annotations

from pathlib import Path

import click

from jamd.playing import Playing, playing_options


@click.command()
@click.argument("call", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="The MIDI file to write."
)
@click.option(
    "--answer-bars", type=click.IntRange(1, 1024), help="Bars of the answer; without it, as many as the call."
)
@click.option("--plot", type=click.Path(path_type=Path), help="Also draw both parts as a PNG.")
@playing_options
def command(call: Path, output: Path, answer_bars: int | None, plot: Path | None, playing: Playing) -> None:
    """Answer a MIDI file with a MIDI file.

    The answer begins on the bar line after CALL ends. The output holds the tracks `player` and `jamd` on
    CALL's tempo map. The same seed gives the same answer.
    """
    from jamd import midifile
    from jamd.files import check_writable, write_whole
    from jamd.rendering import render

    if plot is not None:
        from jamd.plot import check_suffix, draw

        check_suffix(plot)
    for path in (output, plot):
        if path is not None:
            check_writable(path)
    piece = midifile.read(call)
    rendered = render(piece, answer_bars, playing.improvisers(), playing.voice())
    write_whole(output, rendered.encode())
    click.echo(f"{output}: {rendered.answer_notes} notes in answer to {len(piece.notes)}")
    if plot is not None:
        player, own = (midifile.notes_of(events, events[-1][0]) for events in (rendered.player, rendered.own))
        draw(plot, player, own, rendered.bars, rendered.turns, title=f"{call.name} and jamd's answer")
        click.echo(str(plot))
