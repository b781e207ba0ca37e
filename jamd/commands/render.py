"""`jamd render`: the instrument over a file."""

from __future__ import annotations

from pathlib import Path

import click

from jamd.counted import counted
from jamd.options.config_options import answers_preset_option
from jamd.options.filetempo import Tempo, tempo_option
from jamd.options.model import ANSWERS, Playing, playing_options
from jamd.options.sections import Sectioned, section
from jamd.printable import printable

EXAMPLES = (
    ("jamd render call.mid -o answer.mid", "answer a file, as many bars as it has"),
    ("jamd render call.mid -o answer.mid --answer-bars 8 --key auto", "eight bars, in the key of the call"),
    ("jamd render take.mid -o answer.mid --tempo auto", "of a take that was played without a click"),
)


@click.command(cls=Sectioned, examples=EXAMPLES)
@click.argument("call", type=click.Path(path_type=Path))
@section(
    "Files",
    click.option(
        "-o",
        "--output",
        metavar="FILE",
        required=True,
        type=click.Path(path_type=Path),
        help="MIDI file to write.",
    ),
    click.option(
        "--plot", metavar="FILE", type=click.Path(path_type=Path), help="Also draw both parts, as a PNG."
    ),
)
@section(
    "Time",
    click.option(
        "--answer-bars",
        metavar="BARS",
        type=click.IntRange(1, 1024),
        help="Length of the answer; without it, as long as the call.",
    ),
    tempo_option,
)
@section(ANSWERS, answers_preset_option)
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
    click.echo(
        f"{printable(output)}: {counted(rendered.answer_notes, 'note')} in answer to {len(timed.piece.notes)}"
    )
    if plot is not None:
        player, own = (midifile.notes_of(events, events[-1][0]) for events in (rendered.player, rendered.own))
        title = f"{call.name} and jamd's answer"
        draw(plot, player, own, rendered.bars, rendered.turns, title, rendered.tempos)
        click.echo(printable(plot))
