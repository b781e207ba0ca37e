"""`jamd render`: the instrument over a file."""

from __future__ import annotations

from pathlib import Path

import click

from jamd.options.filetempo import Tempo, tempo_option
from jamd.options.model import Playing, playing_options
from jamd.printable import printable


@click.command()
@click.argument("call", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="The MIDI file to write."
)
@click.option(
    "--answer-bars", type=click.IntRange(1, 1024), help="Bars of the answer; without it, as many as the call."
)
@tempo_option
@click.option("--plot", type=click.Path(path_type=Path), help="Also draw both parts as a PNG.")
@playing_options
def command(
    call: Path, output: Path, answer_bars: int | None, tempo: Tempo, plot: Path | None, playing: Playing
) -> None:
    """Answer a MIDI file with a MIDI file.

    The answer begins on the bar line after CALL ends, in the metre and the tempo there. The output holds the
    tracks `player` and `jamd`, and CALL's notes at their instants. The same seed gives the same answer.
    """
    from jamd.beats.performed import in_time
    from jamd.rendering import render
    from jamd.smf import midifile
    from jamd.smf.write import FINE_TICKS_PER_BEAT, TICKS_PER_BEAT
    from jamd.system.files import check_writable, write_whole

    if plot is not None:
        from jamd.view.plot import check_suffix, draw

        check_suffix(plot)
    for path in (output, plot):
        if path is not None:
            check_writable(path)
    timed = in_time(midifile.read(call), tempo, call.name)
    if timed.said:
        click.echo(printable(timed.said))
    rendered = render(timed.piece, answer_bars, playing.improvisers(), playing.voice(), timed.tempo)
    write_whole(output, rendered.encode(TICKS_PER_BEAT if timed.tempo is None else FINE_TICKS_PER_BEAT))
    click.echo(f"{printable(output)}: {rendered.answer_notes} notes in answer to {len(timed.piece.notes)}")
    if plot is not None:
        player, own = (midifile.notes_of(events, events[-1][0]) for events in (rendered.player, rendered.own))
        draw(plot, player, own, rendered.bars, rendered.turns, title=f"{call.name} and jamd's answer")
        click.echo(printable(plot))
