"""The picture of an evaluation: the main measures as bars with intervals, beside the real value."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jamd.models.bundle import SUFFIX
from jamd.system.files import write_whole
from jamd.training.judging.judge import REAL, Row
from jamd.training.judging.tables import TABLES
from jamd.view.plot import FAINT, INK, PAPER
from jamd.view.style import drawable, house_style, picture
from jamd.view.view import OWN_COLOUR

MAIN = (
    "nats_per_frame",
    "nats_per_frame_memory",
    "nats_answer",
    "nats_answer_memory",
    "true_over_foil",
    "told_by_call",
    "f1_8_beats",
    "pitch_class_score",
    "coupling",
    "copied",
    "density",
)
ACROSS = 4
PANEL_INCHES = (3.4, 2.7)
HEADINGS = {column.name: column for columns in TABLES.values() for column in columns}


def draw(path: Path, rows: Sequence[Row], title: str) -> None:
    """Draw the rows' main measures, those that any has a value of, to the PNG file `path`; those of the real
    answers are lines across."""
    real = next((row for row in rows if row.name == REAL), None)
    shown = [name for name in MAIN if any(_has(row, name) for row in rows)]
    down = max(1, -(-len(shown) // ACROSS))
    with house_style():
        size = (ACROSS * PANEL_INCHES[0], down * PANEL_INCHES[1] + 0.4)
        figure = Figure(figsize=size, dpi=120, facecolor=PAPER, layout="constrained")
        figure.suptitle(title + "; dashed: the real answers" * (real is not None), color=INK)
        panels = figure.subplots(down, ACROSS, squeeze=False).ravel()
        for panel, name in zip(panels, shown, strict=False):
            _panel(panel, name, rows, real)
        for panel in panels[len(shown) :]:
            panel.axis("off")
        drawn = picture(figure, "png")
    write_whole(path, drawn)


def _has(row: Row, name: str) -> bool:
    return name in row.figures and bool(np.isfinite(row.figures[name].value))


def _panel(axes: Axes, name: str, rows: Sequence[Row], real: Row | None) -> None:
    having = [row for row in rows if _has(row, name)]
    figures = [row.figures[name] for row in having]
    values = np.array([figure.value for figure in figures])
    sides = np.array([[f.value - f.low, f.high - f.value] for f in figures]).reshape(-1, 2).T
    sides = np.nan_to_num(np.maximum(sides, 0.0))
    places = np.arange(len(having))
    axes.set_facecolor(PAPER)
    colours = [OWN_COLOUR if row.kind == "model" else FAINT for row in having]
    axes.barh(places, values, xerr=sides, color=colours, ecolor=INK, height=0.6)
    names = [drawable(Path(row.name).name.removesuffix(SUFFIX)) for row in having]
    axes.set_yticks(places, names, fontsize=7)
    axes.set_ylim(len(rows) - 0.4, -0.6)  # the first row on top, and one bar as thick as several
    if real is not None and _has(real, name):
        axes.axvline(real.figures[name].value, color=INK, linestyle="--", linewidth=1)
    axes.set_title(HEADINGS[name].heading, fontsize=9, color=INK)
    axes.set_xlabel(HEADINGS[name].unit, fontsize=7, color=FAINT)
    axes.tick_params(axis="x", labelsize=7)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
