"""A report's pictures: its losses as curves, and its calls with their answers as piano rolls."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from jamd.music.note import Note
from jamd.training.report.curve import Curve
from jamd.training.report.report import Answered, Notes
from jamd.training.report.section import plain
from jamd.view.plot import BLACK_KEYS, FAINT, INK, PAPER
from jamd.view.style import house_style, picture
from jamd.view.view import OWN_COLOUR, PLAYER_COLOUR

CURVES_INCHES = (8.0, 3.6)
PANEL_INCHES, HEAD_INCHES, DOTS_PER_INCH = (3.3, 2.4), 0.35, 120
COLUMNS = (
    ("call", "the call", PLAYER_COLOUR),
    ("real", "what really came", PLAYER_COLOUR),
    ("before", "answered before", OWN_COLOUR),
    ("after", "answered after", OWN_COLOUR),
)
FEWEST_PITCHES = 18
LONGEST_TITLE, TITLE_END = 40, 12
"""In letters: so many fit below a panel, and the last ones say which bar it is."""


def curves(curve: Curve) -> bytes:
    """A run's losses over its updates as an SVG, with the level of the model before as a line."""
    with house_style():
        figure = Figure(figsize=CURVES_INCHES, facecolor=PAPER, layout="constrained")
        axes = figure.subplots()
        axes.set_facecolor(PAPER)
        for values, label, look in (
            (curve.learned, "learned from, with dropout", {"color": FAINT, "linestyle": ":"}),
            (curve.held_out, "held out", {"color": OWN_COLOUR, "linewidth": 2}),
        ):
            there = np.isfinite(values)  # between two scorings there is no held-out loss
            marker = "." if there.sum() < 3 else ""  # a line needs two points
            axes.plot(curve.updates[there], values[there], marker=marker, label=label, **look)
        axes.plot(
            curve.updates[curve.best], curve.held_out[curve.best], "o", color=OWN_COLOUR, label="the lowest"
        )
        if np.isfinite(curve.start):
            axes.axhline(curve.start, color=PLAYER_COLOUR, ls="--", lw=1.4, label="the model before")
        margin = 0.06 * (curve.highest - curve.lowest) or 0.1
        axes.set_ylim(curve.lowest - margin, curve.highest + margin)
        axes.set_xlabel("updates", color=INK)
        axes.set_ylabel("nats a step", color=INK)
        axes.legend(fontsize=9, facecolor=PAPER, labelcolor=INK)
        axes.grid(color="#e3dfd4", linewidth=0.7)
        axes.set_axisbelow(True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        return picture(figure, "svg")


def rolls(calls: Sequence[Answered]) -> bytes | None:
    """The calls as a PNG: a row for each with the call, what really came, and the answers before and after.
    None without calls."""
    if not calls:
        return None
    across, down = len(COLUMNS), len(calls)
    size = (across * PANEL_INCHES[0], down * PANEL_INCHES[1] + HEAD_INCHES)
    with house_style():
        figure = Figure(figsize=size, dpi=DOTS_PER_INCH, facecolor=PAPER, layout="constrained")
        panels = figure.subplots(down, across, squeeze=False)
        for number, (row, call) in enumerate(zip(panels, calls, strict=True), 1):
            lowest, highest = _pitches(call)
            for axes, (part, _, colour) in zip(row, COLUMNS, strict=True):
                _panel(axes, call, lowest, highest)
                _notes(axes, getattr(call, part), colour)
            row[0].set_xlabel(f"{number} {_short(call.title)}", loc="left", size=9, color=INK)
        for axes, (_, heading, colour) in zip(panels[0], COLUMNS, strict=True):
            axes.set_title(heading, size=12, weight="bold", color=colour)
        return picture(figure, "png")


def _short(title: str) -> str:
    title = plain(title)
    if len(title) <= LONGEST_TITLE:
        return title
    return f"{title[: LONGEST_TITLE - TITLE_END - 3]}...{title[-TITLE_END:]}"


def _pitches(call: Answered) -> tuple[int, int]:
    """The lowest and the highest to show, alike in all the panels of a row."""
    pitches = [n.pitch for notes in (call.call, call.real, call.before, call.after) for n in notes] or [60]
    short = max(0, FEWEST_PITCHES - (max(pitches) - min(pitches) + 3))
    return max(0, min(pitches) - 1 - short // 2), min(127, max(pitches) + 1 + short - short // 2)


def _panel(axes: Axes, call: Answered, lowest: int, highest: int) -> None:
    """Keys, beats and bars, without notes."""
    bar_beats = call.metre.beats * 4 / call.metre.unit
    axes.set_facecolor(PAPER)
    axes.set(xlim=(0, call.beats), ylim=(lowest - 0.5, highest + 0.5))
    for pitch in range(lowest, highest + 1):
        if pitch % 12 in BLACK_KEYS:
            axes.axhspan(pitch - 0.5, pitch + 0.5, color="#f3f1ea", linewidth=0, zorder=0)
    for beat in np.arange(0, call.beats, 4 / call.metre.unit):
        axes.axvline(beat, color="#e3dfd4", linewidth=0.6, zorder=1)
    bars = np.arange(0, call.beats, bar_beats)
    for bar in bars:
        axes.axvline(bar, color="#a9a69c", linewidth=0.9, zorder=2)
    axes.set_xticks(bars, [str(number + 1) for number in range(len(bars))])
    octaves = [pitch for pitch in range(lowest, highest + 1) if pitch % 12 == 0]
    axes.set_yticks(octaves, [f"C{pitch // 12 - 1}" for pitch in octaves])
    axes.tick_params(length=0, labelsize=8, labelcolor=FAINT)
    for side in axes.spines.values():
        side.set(color="#a9a69c", linewidth=0.7)


def _notes(axes: Axes, notes: Notes, colour: str) -> None:
    """Each note a bar, the softer the paler, and a little short: the next one of its pitch begins anew."""
    if not notes:
        axes.text(0.5, 0.5, "nothing", transform=axes.transAxes, ha="center", color=FAINT)
        return
    axes.barh(
        [note.pitch for note in notes],
        [(note.end_beats - note.start_beats) * 0.95 for note in notes],
        left=[note.start_beats for note in notes],
        height=0.94,
        color=[to_rgba(colour, _depth(note)) for note in notes],
        linewidth=0,
        zorder=3,
    )


def _depth(note: Note) -> float:
    return 0.35 + 0.65 * min(1.0, note.velocity / 110)
