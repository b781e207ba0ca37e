"""The picture of a jam: both parts on one piano roll, in rows of bars like the systems of a score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from jamd.engine.snapshot import Span, Turn
from jamd.errors import UsageError
from jamd.music.bars import Bars
from jamd.music.note import STEPS_PER_BEAT, Note
from jamd.music.scales import key_heard
from jamd.system.files import write_whole
from jamd.view.style import house_style, picture
from jamd.view.view import OWN_COLOUR, PLAYER_COLOUR

WIDTH_INCHES, DOTS_PER_INCH = 14.0, 150
MARGIN_INCHES, HEAD_INCHES, GAP_INCHES = 0.62, 0.72, 0.62
BARS_PER_ROW, MOST_ROWS = 8, 12
FEWEST_PITCHES = 18
BLACK_KEYS = frozenset((1, 3, 6, 8, 10))
PAPER, INK, FAINT = "#fffdf8", "#2b2b33", "#8b8b94"
COLOURS = {Turn.CALL: PLAYER_COLOUR, Turn.ANSWER: OWN_COLOUR, Turn.SOLO: OWN_COLOUR, Turn.DUET: FAINT}
MOST_METRES = 3
"""More are only counted."""
FEWEST_NOTES_OF_A_KEY = 12
"""Fewer may be in many."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """What every row of the picture has in common. `rows` are the numbers of their first bars, and last that
    of the bar with which the picture ends."""

    bars: Bars
    bars_per_row: int
    rows: tuple[int, ...]
    lowest: int
    highest: int

    def beats_of(self, row: int) -> tuple[float, float]:
        """Where a row begins and ends. The first one begins with the upbeat."""
        first, last = (self.line_beats(bar) for bar in self.rows[row : row + 2])
        return (first if row else 0.0), last

    def line_beats(self, bar: int) -> float:
        return self.bars.bar_line(bar) / STEPS_PER_BEAT

    @property
    def beats_per_inch(self) -> float:
        """The longest row fills the width."""
        spans = [self.beats_of(row) for row in range(len(self.rows) - 1)]
        return max(right - left for left, right in spans) / (WIDTH_INCHES - 1.5 * MARGIN_INCHES)

    @property
    def row_inches(self) -> float:
        return min(5.2, max(1.9, 0.085 * (self.highest - self.lowest + 1)))

    @property
    def height_inches(self) -> float:
        return HEAD_INCHES + (len(self.rows) - 1) * (self.row_inches + GAP_INCHES)


def check_suffix(path: Path) -> None:
    """Raise UsageError when `path` does not name a PNG picture."""
    if path.suffix.lower() != ".png":
        raise UsageError(f"cannot draw {path}: pictures are PNG; name a file that ends in .png")


def draw(
    path: Path,
    player: Sequence[Note],
    own: Sequence[Note],
    bars: Bars,
    turns: Sequence[Span],
    title: str = "",
    tempos: Sequence[tuple[float, float]] = (),
) -> None:
    """Draw both parts, and whose turn it was, to the PNG file `path`, from beat 0 on. Below the title stand
    the tempo, the metre and the key, the first where `tempos` (BPM, from these beats on) tell it."""
    check_suffix(path)
    layout = _layout(player, own, bars, turns)
    with house_style():
        figure = Figure(figsize=(WIDTH_INCHES, layout.height_inches), dpi=DOTS_PER_INCH, facecolor=PAPER)
        _head(figure, layout, title, about(sorted((*player, *own), key=_begins), tempos, bars))
        for row in range(len(layout.rows) - 1):
            _row(figure, layout, row, player, own, turns)
        drawn = picture(figure, "png")
    write_whole(path, drawn)


def about(notes: Sequence[Note], tempos: Sequence[tuple[float, float]], bars: Bars) -> str:
    """How fast these notes are, in which bars and in which key, in one line; nothing of what is not known."""
    if not notes:
        return ""
    first, last = notes[0].start_beats, notes[-1].start_beats
    # a tempo holds until the next one: those that had changed before the first note do not count
    begun = [at for at, _ in tempos if at <= first]
    here = [bpm for at, bpm in tempos if max(begun, default=first) <= at <= last]
    slowest, fastest = (f"{round(bpm, 1):g}" for bpm in (min(here), max(here))) if here else ("", "")
    metres = dict.fromkeys(
        str(change.metre) for change in bars.changes if change.step <= last * STEPS_PER_BEAT
    ) or {str(bars.changes[0].metre): None}
    weights = np.zeros(12)
    for note in notes:
        weights[note.pitch % 12] += note.end_beats - note.start_beats
    words = [
        slowest and f"{slowest} BPM" if slowest == fastest else f"{slowest} to {fastest} BPM",
        ", ".join(metres) if len(metres) <= MOST_METRES else f"{len(metres)} metres",
        key_heard(weights) if len(notes) >= FEWEST_NOTES_OF_A_KEY else "",
    ]
    return "   ".join(filter(None, words))


def _begins(note: Note) -> float:
    return note.start_beats


def _layout(player: Sequence[Note], own: Sequence[Note], bars: Bars, turns: Sequence[Span]) -> _Layout:
    pitches = [note.pitch for note in (*player, *own)] or [60]
    # a note or a span that ends a hair after a bar line does not open another bar
    ends = [note.end_beats - 0.05 for note in (*player, *own)] + [span.end_beats - 0.05 for span in turns]
    first = bars.bar_of(-1) + 1  # behind the upbeat
    last = max(first, bars.bar_of(ceil(STEPS_PER_BEAT * max(ends, default=0.0)) - 1) + 1)
    if bars.bar_line(last) <= 0:
        last += 1
    count = max(1, last - first)
    rows = min(MOST_ROWS, ceil(count / BARS_PER_ROW))
    bars_per_row = (
        min(count, BARS_PER_ROW) if rows < MOST_ROWS else max(BARS_PER_ROW, 4 * ceil(count / rows / 4))
    )
    short = max(0, FEWEST_PITCHES - (max(pitches) - min(pitches) + 5))
    lowest = max(0, min(pitches) - 2 - short // 2)
    highest = min(127, max(pitches) + 2 + short - short // 2)
    begins = (*range(first, max(last, first + 1), bars_per_row), last)
    return _Layout(bars, bars_per_row, begins, lowest, highest)


def _head(figure: Figure, layout: _Layout, title: str, words: str) -> None:
    """The title and the words below it, and on the right which colour is whose and which shade how loud."""
    height = layout.height_inches
    left, y = MARGIN_INCHES / WIDTH_INCHES, 1 - (0.24 if words else 0.36) / height
    figure.text(left, y, title, size=14, weight="bold", color=INK, va="center")
    figure.text(left, 1 - 0.5 / height, words, size=10, color=FAINT, va="center")
    axes = figure.add_axes((0, 1 - 0.72 / height, 1, 0.72 / height))
    axes.set(xlim=(0, WIDTH_INCHES), ylim=(0, 0.72))
    axes.axis("off")
    x = WIDTH_INCHES - MARGIN_INCHES / 2 - 3.55
    for name, colour in (("player", PLAYER_COLOUR), ("jamd", OWN_COLOUR)):
        for i, velocity in enumerate((30, 65, 100, 127)):
            axes.add_patch(Rectangle((x + 0.14 * i, 0.29), 0.125, 0.14, color=_shade(colour, velocity)))
        axes.text(x + 0.66, 0.36, name, size=11, color=INK, va="center")
        x += 1.4
    axes.text(x - 0.1, 0.36, "soft → loud", size=9, color=FAINT, va="center")


def _row(
    figure: Figure,
    layout: _Layout,
    row: int,
    player: Sequence[Note],
    own: Sequence[Note],
    turns: Sequence[Span],
) -> None:
    """One system: its bars, its keys, its turns and its notes."""
    left_beats, right_beats = layout.beats_of(row)
    beats_per_inch = layout.beats_per_inch
    bottom = layout.height_inches - HEAD_INCHES - (row + 1) * (layout.row_inches + GAP_INCHES) + 0.36
    axes = figure.add_axes(
        (
            MARGIN_INCHES / WIDTH_INCHES,
            bottom / layout.height_inches,
            (right_beats - left_beats) / beats_per_inch / WIDTH_INCHES,
            layout.row_inches / layout.height_inches,
        )
    )
    axes.set(xlim=(left_beats, right_beats), ylim=(layout.lowest - 0.5, layout.highest + 0.5))
    axes.set_facecolor(PAPER)
    _keys(axes, layout, left_beats, beats_per_inch)
    _grid(axes, layout, row)
    for number, span in _numbered(turns):
        if span.start_beats < right_beats and span.end_beats > left_beats and span.turn in COLOURS:
            _turn(axes, layout, span, number, left_beats, right_beats, beats_per_inch)
    for notes, colour in ((player, PLAYER_COLOUR), (own, OWN_COLOUR)):
        here = [n for n in notes if n.start_beats < right_beats and n.end_beats > left_beats]
        _notes(axes, here, colour, beats_per_inch)


def _keys(axes: Axes, layout: _Layout, left_beats: float, beats_per_inch: float) -> None:
    """The rows of the black keys shaded, a keyboard at the left, and the Cs by name."""
    pitches = range(layout.lowest, layout.highest + 1)
    width = 0.2 * beats_per_inch
    for pitch in pitches:
        if pitch % 12 in BLACK_KEYS:
            axes.axhspan(pitch - 0.5, pitch + 0.5, color="#f3f1ea", linewidth=0, zorder=0)
        elif pitch % 12 in (0, 5):
            axes.axhline(pitch - 0.5, color="#dcd8cc", linewidth=0.9 if pitch % 12 == 0 else 0.5, zorder=1)
    keyboard = Rectangle(
        (left_beats - width, layout.lowest - 0.5),
        width,
        len(pitches),
        facecolor="white",
        edgecolor=INK,
        linewidth=0.7,
        clip_on=False,
    )
    axes.add_patch(keyboard)
    for pitch in pitches:
        if pitch % 12 in BLACK_KEYS:
            key = Rectangle((left_beats - width, pitch - 0.42), 0.6 * width, 0.84, color=INK, clip_on=False)
            axes.add_patch(key)
            axes.plot(
                [left_beats - 0.4 * width, left_beats], [pitch] * 2, color="#b9b6ad", lw=0.5, clip_on=False
            )
        elif pitch % 12 in (0, 5) and pitch > layout.lowest:
            axes.plot(
                [left_beats - width, left_beats], [pitch - 0.5] * 2, color="#b9b6ad", lw=0.5, clip_on=False
            )
    octaves = [pitch for pitch in pitches if pitch % 12 == 0]
    axes.set_yticks(octaves, [f"C{pitch // 12 - 1}" for pitch in octaves])
    axes.tick_params(axis="y", length=0, pad=0.2 * 72 + 4, labelsize=10, labelcolor=INK)


def _grid(axes: Axes, layout: _Layout, row: int) -> None:
    """Bar lines with their numbers, and the beats as faint lines where there is room for them."""
    every = 1 if layout.bars_per_row <= 16 else 4 * ceil(layout.bars_per_row / 64)
    bottom, top = axes.get_ylim()
    first, last = layout.rows[row : row + 2]
    lines = [layout.line_beats(bar) for bar in range(first, last + 1)]
    axes.vlines(lines, bottom, top, color="#a9a69c", linewidth=0.9 / every, zorder=2, clip_on=False)
    if every == 1:
        beats = list(_beats(layout.bars, *layout.beats_of(row)))
        axes.vlines(beats, bottom, top, color="#e3dfd4", linewidth=0.7, zorder=1)
    numbered = [bar for bar in range(first, last) if (bar - layout.rows[0]) % every == 0]
    axes.set_xticks(
        [layout.line_beats(bar) for bar in numbered], [str(bar - layout.rows[0] + 1) for bar in numbered]
    )
    axes.tick_params(axis="x", length=0, pad=4, labelsize=10, labelcolor=FAINT)
    for side in axes.spines.values():
        side.set(color="#a9a69c", linewidth=0.7)


def _beats(bars: Bars, left_beats: float, right_beats: float) -> Iterator[float]:
    """The beats within bars, those of an upbeat too, that lie between these two."""
    bar = bars.bar_of(floor(STEPS_PER_BEAT * left_beats))
    while (line := bars.bar_line(bar) / STEPS_PER_BEAT) < right_beats:
        metre = bars.at(bars.bar_line(bar)).metre
        next_line = bars.bar_line(bar + 1) / STEPS_PER_BEAT
        for number in range(1, metre.beats):
            if left_beats < (beat := line + number * 4 / metre.unit) < next_line:
                yield beat
        bar += 1


def _numbered(turns: Sequence[Span]) -> list[tuple[int, Span]]:
    """The spans with how many of their kind there have been."""
    counts: dict[Turn, int] = {}
    numbered = []
    for span in turns:
        counts[span.turn] = counts.get(span.turn, 0) + 1
        numbered.append((counts[span.turn], span))
    return numbered


def _turn(
    axes: Axes,
    layout: _Layout,
    span: Span,
    number: int,
    left_beats: float,
    right_beats: float,
    beats_per_inch: float,
) -> None:
    """A tint over the turn's bars, and above them a band with its word, where the word fits."""
    colour = COLOURS[span.turn]
    start, end = max(span.start_beats, left_beats), min(span.end_beats, right_beats)
    axes.axvspan(start, end, color=colour, alpha=0.055, linewidth=0, zorder=0.5)
    pitches_per_inch = (layout.highest - layout.lowest + 1) / layout.row_inches
    bottom, height = layout.highest + 0.5, 0.2 * pitches_per_inch
    axes.add_patch(Rectangle((start, bottom), end - start, height, color=colour, linewidth=0, clip_on=False))
    inches = (end - start) / beats_per_inch
    word = f"{span.turn} {number}" if inches > 0.75 else str(number) if inches > 0.3 else ""
    text = "white" if span.turn is Turn.CALL else "black"
    axes.text(
        start + 0.08 * beats_per_inch,
        bottom + 0.47 * height,
        word,
        size=9,
        weight="bold",
        color=text,
        va="center",
    )


def _shade(colour: str, velocity: int) -> tuple[float, float, float]:
    """Softer is nearer to the paper; the softest note still stands out from it."""
    depth = 0.3 + 0.7 * min(1.0, velocity / 110)
    red, green, blue = (
        depth * c + (1 - depth) * p for c, p in zip(to_rgb(colour), to_rgb(PAPER), strict=True)
    )
    return red, green, blue


def _notes(axes: Axes, notes: Sequence[Note], colour: str, beats_per_inch: float) -> None:
    """Each note a bar in the shade of its velocity, with a dark edge where it is struck."""
    thinnest, edge = 0.02 * beats_per_inch, 0.025 * beats_per_inch
    red, green, blue = to_rgb(colour)
    dark = (0.55 * red, 0.55 * green, 0.55 * blue)
    boxes, edges = [], []
    for note in notes:
        end = max(note.end_beats, note.start_beats + thinnest)
        boxes.append(_box(note.start_beats, end, note.pitch))
        edges.append(_box(note.start_beats, min(end, note.start_beats + edge), note.pitch))
    shades = [_shade(colour, note.velocity) for note in notes]
    axes.add_collection(PolyCollection(boxes, facecolors=shades, edgecolors=[dark], linewidths=0.4, zorder=3))
    axes.add_collection(PolyCollection(edges, facecolors=[dark], linewidths=0, zorder=4))


def _box(start: float, end: float, pitch: int) -> list[tuple[float, float]]:
    return [(start, pitch - 0.42), (start, pitch + 0.42), (end, pitch + 0.42), (end, pitch - 0.42)]
