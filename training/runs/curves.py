"""The picture of runs: their losses over the epochs or the updates, one upon the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from jamd.system.files import write_whole
from jamd.training.runs.runs import Run
from jamd.view.plot import FAINT, INK, PAPER
from jamd.view.style import house_style, picture

INCHES, DOTS_PER_INCH = (10.0, 6.0), 120
COLOURS = matplotlib.colormaps["tab10"].colors  # type: ignore[attr-defined]
ROOM = 3.0
"""Where losses reach more than this multiple of the lowest, the axis is logarithmic: the first updates of a
training, or one that went wrong, shall not press all else together, and a short run lies far above a long
one."""
MUCH_LONGER = 4.0
"""So many times as long a run presses a short one into a corner, unless the axis is logarithmic."""


def draw(path: Path, runs: Sequence[Run], title: str) -> None:
    """Draw the held-out and the learned losses of `runs` to the PNG file `path`. Raises JamdError."""
    with house_style():
        figure = Figure(figsize=INCHES, dpi=DOTS_PER_INCH, facecolor=PAPER, layout="constrained")
        fill(figure.subplots(), runs, title)
        drawn = picture(figure, "png")
    write_whole(path, drawn)


def fill(axes: Axes, runs: Sequence[Run], title: str) -> None:
    """Draw the losses of `runs` there: over the epochs where an epoch is the same music to all of them, else
    over the updates, and by their logarithm where one run is much longer than another."""
    losses = [run.losses() for run in runs]
    music = {_music(run.about["data"]) for run in runs}
    over = "epoch" if len(music) == 1 else "updates"
    axes.set_facecolor(PAPER)
    seen: list[float] = []
    for number, (run, rows) in enumerate(zip(runs, losses, strict=True)):
        seen += _curves(axes, run, rows, over, COLOURS[number % len(COLOURS)])
    if seen:
        _levels(axes, min(seen), max(seen))
    lengths = [rows[-1][over] for rows in losses if rows]
    if lengths and max(lengths) >= MUCH_LONGER * min(lengths) > 0:
        _logarithmic(axes, "x")
    axes.plot([], [], color=FAINT, label="held out; a dot at the lowest")
    axes.plot([], [], color=FAINT, linestyle=":", label="learned from, with dropout, running mean")
    axes.legend(loc="upper right", fontsize=8, framealpha=0.9, facecolor=PAPER, labelcolor=INK)
    axes.set_xlabel("epochs" if over == "epoch" else over, color=INK)
    axes.set_ylabel("nats a step", color=INK)
    axes.set_title(title, color=INK)
    axes.grid(color="#e3dfd4", linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _levels(axes: Axes, lowest: float, highest: float) -> None:
    """Show all losses between these."""
    if highest > ROOM * lowest > 0:
        _logarithmic(axes, "y")
        axes.set_ylim(lowest / 1.1, highest * 1.1)
    else:
        margin = 0.06 * (highest - lowest) or 0.1
        axes.set_ylim(lowest - margin, highest + margin)


def _logarithmic(axes: Axes, which: Literal["x", "y"]) -> None:
    axes.set(**{f"{which}scale": "log"})
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def _music(data: Mapping[str, Any]) -> str:
    """What a run learned from, by its hash: a benchmark file's, or that of the pieces'."""
    return str(data.get("sha256") or data.get("learned_from", {}).get("sha256"))


def _curves(
    axes: Axes, run: Run, rows: Sequence[Mapping[str, float]], over: str, colour: object
) -> list[float]:
    """The curves of one run, each through the rows in which it has a number; the held-out losses in them."""
    at, epochs, held_out, learned = (
        np.array([row[name] for row in rows], np.float64)
        for name in (over, "epoch", "nats_per_step", "learned_nats_per_step")
    )
    scored, told = np.isfinite(held_out), np.isfinite(learned)
    label = f"{run.name} ({run.about['arch']})"
    if scored.any():
        best = int(np.argmin(np.where(scored, held_out, np.inf)))
        label += f": {held_out[best]:.3f} at epoch {epochs[best]:.3g}"
        axes.plot([at[best]], [held_out[best]], "o", color=colour, markersize=6, zorder=3)
    axes.plot(at[scored], held_out[scored], color=colour, marker=_marker(scored), linewidth=1.6, label=label)
    axes.plot(at[told], learned[told], color=colour, marker=_marker(told), linewidth=1.1, linestyle=":")
    return [float(value) for value in held_out[scored]]


def _marker(there: npt.NDArray[np.bool_]) -> str:
    """Few points are shown as such: a line needs two."""
    return "." if there.sum() < 3 else ""
