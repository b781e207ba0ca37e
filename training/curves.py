"""The picture of runs: their losses over the epochs, one upon the other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jamd.drawing import house_style, picture
from jamd.files import write_whole
from jamd.plot import FAINT, INK, PAPER
from jamd.training.runs import Run

INCHES, DOTS_PER_INCH = (10.0, 6.0), 120
COLOURS = matplotlib.colormaps["tab10"].colors  # type: ignore[attr-defined]
ROOM = 3.0
"""The axis ends at this multiple of the lowest loss: the first updates of a training, or one that went wrong,
shall not press all else together."""


def draw(path: Path, runs: Sequence[Run], title: str) -> None:
    """Draw the held-out and the learned losses of `runs` to the PNG file `path`. Raises JamdError."""
    with house_style():
        figure = Figure(figsize=INCHES, dpi=DOTS_PER_INCH, facecolor=PAPER, layout="constrained")
        axes = figure.subplots()
        axes.set_facecolor(PAPER)
        seen: list[float] = []
        for number, run in enumerate(runs):
            seen += _curves(axes, run, COLOURS[number % len(COLOURS)])
        if seen:
            lowest, highest = min(seen), min(max(seen), ROOM * min(seen))
            margin = 0.06 * (highest - lowest) or 0.1
            axes.set_ylim(lowest - margin, highest + margin)
        axes.plot([], [], color=FAINT, label="held out; a dot at the lowest")
        axes.plot([], [], color=FAINT, linestyle=":", label="learned from, with dropout, running mean")
        axes.legend(loc="upper right", fontsize=8, framealpha=0.9, facecolor=PAPER, labelcolor=INK)
        axes.set_xlabel("epochs", color=INK)
        axes.set_ylabel("nats a step", color=INK)
        axes.set_title(title, color=INK)
        axes.grid(color="#e3dfd4", linewidth=0.7)
        axes.set_axisbelow(True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        drawn = picture(figure, "png")
    write_whole(path, drawn)


def _curves(axes: Axes, run: Run, colour: object) -> list[float]:
    """The curves of one run; the held-out losses in them."""
    rows = run.losses()
    epochs = np.array([row["epoch"] for row in rows])
    held_out = np.array([row["nats_per_step"] for row in rows])
    learned = np.array([row["learned_nats_per_step"] for row in rows])
    whole = np.isfinite(held_out)
    label = f"{run.name} ({run.about['arch']})"
    marker = "." if len(rows) < 3 else ""  # a line needs two points
    if whole.any():
        at = int(np.argmin(np.where(whole, held_out, np.inf)))
        label += f": {held_out[at]:.3f} at epoch {epochs[at]:.3g}"
        axes.plot([epochs[at]], [held_out[at]], "o", color=colour, markersize=6, zorder=3)
    axes.plot(epochs, held_out, color=colour, marker=marker, linewidth=1.6, label=label)
    axes.plot(epochs, learned, color=colour, marker=marker, linewidth=1.1, linestyle=":")
    return [float(value) for value in held_out[whole]]
