"""What a training has to say for itself: what it read, what became better or worse, and how sure that is.

Figures and words only: `files` writes it down, `html` and `terminal` lay it out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jamd.counted import counted
from jamd.music.measures import Floats
from jamd.music.note import Note
from jamd.music.transport import Metre
from jamd.training.judging.judge import NAN, RESAMPLES, SEED, Figure
from jamd.training.recordings.pieces import QuantisedPiece
from jamd.training.recordings.sources import Skipped

TICKS, BEAT_TRACK, NO_BEAT = "its ticks", "a beat track", "none"
"""How the beat of a recording was known; one that was looked for says how sure it is: see `read_of`."""
SMALLEST_PERCENT = 0.05
"""What would be written as 0.0 %."""

Notes = tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Read:
    """A recording that was read: how much it holds, how its beat was known, and what it was used for. `bars`
    is None where it has none to count."""

    name: str
    notes: int
    bars: int | None
    beat: str
    held_out: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Nats a step on some held-out music, by the model that was there before and by the new one, and the
    change in percent: below zero the new one is better. Of one piece there are no intervals. `notes` is how
    many are in the music, 0 where that is not known."""

    name: str
    pieces: int
    before: Figure
    after: Figure
    change_percent: Figure
    notes: int = 0

    @property
    def amount(self) -> str:
        """How much music it was."""
        notes = f", {counted(self.notes, 'note')}" if self.notes else ""
        return counted(self.pieces, "piece") + notes


@dataclass(frozen=True, slots=True)
class Answered:
    """A held-out call, what really came next, and what the model answered before and after. The beats of
    `call` count from its first bar line, those of the three answers from the bar line after the call."""

    title: str
    metre: Metre
    beats: float
    """The length of the call, and of each answer."""
    call: Notes
    real: Notes
    before: Notes
    after: Notes


@dataclass(frozen=True, slots=True)
class Report:
    """A training's report. `losses` are the rows of its run; `start_nats_per_step` is what the model it began
    with, or is compared with, has on the same scale, NaN where that is unknown."""

    model: str
    start_model: str
    created: str
    """As ISO 8601 has it."""
    seconds: float
    device: str
    machine: str
    command: str
    recipe: Mapping[str, Any]
    read: tuple[Read, ...]
    skipped: tuple[Skipped, ...]
    comparisons: tuple[Comparison, ...]
    losses: tuple[Mapping[str, float], ...]
    start_nats_per_step: float
    answered: tuple[Answered, ...]
    verdict: str
    play: str = ""
    """What `jamd listen --model` calls the new model; "" where it was not written."""


def read_of(piece: QuantisedPiece, name: str, beat_track: bool, held_out: bool) -> Read:
    """The row of a piece, which the user knows as `name`. `beat_track`: it lies on the beats of one."""
    if beat_track:
        beat = BEAT_TRACK
    elif piece.found:
        beat = f"found, {100 * piece.sure:.0f} % sure"
    else:
        beat = TICKS if piece.on_grid else NO_BEAT
    # without a beat, bar lines are only where ticks would have them
    bars = None if beat == NO_BEAT else max(0, len(piece.bar_lines) - 1)
    notes = int(piece.learned.sum())  # not what jamd played in a session
    return Read(name, notes, bars, beat, held_out)


def compared(name: str, steps: Floats, before_nats: Floats, after_nats: Floats) -> Comparison:
    """Two models on the same pieces: their nats over all steps, and by how many percent they differ.

    `steps` and both sums of nats are (pieces,). Pieces that either model gave no number for are left out of
    both. Intervals hold 95 % of 1000 resamples of the pieces, always the same ones; every resample takes a
    piece with both its sums, so what makes a piece hard for both widens no interval of the change. Raises
    ValueError when the arrays are not of one length or a piece has no steps.
    """
    table = np.array([steps, before_nats, after_nats], np.float64)  # (3, pieces)
    if (table[0] <= 0).any():
        raise ValueError("every piece needs steps")
    table = table[:, np.isfinite(table).all(0)]
    pieces = table.shape[1]
    if not pieces:
        return Comparison(name, 0, Figure(NAN), Figure(NAN), Figure(NAN))
    drawn = np.random.default_rng(SEED).integers(pieces, size=(RESAMPLES, pieces))
    sums = np.column_stack([table.sum(1), table[:, drawn].sum(2)])  # (3, 1 + resamples): the whole one first
    over, before, after = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        changes = 100 * (after / before - 1)
    figures = [_figure(values, pieces) for values in (before / over, after / over, changes)]
    return Comparison(name, pieces, *figures)


def _figure(values: Floats, pieces: int) -> Figure:
    """The first of the values, and between which bounds 95 % of the others lie."""
    if pieces < 2 or not np.isfinite(values).all():  # one piece says nothing of how pieces differ
        return Figure(float(values[0]) if np.isfinite(values[0]) else NAN)
    low, high = np.percentile(values[1:], [2.5, 97.5])
    return Figure(float(values[0]), float(low), float(high))


def is_better(comparison: Comparison) -> bool:
    """Whether the new model is better beyond doubt: its whole interval is."""
    return comparison.change_percent.high < 0


def verdict(comparisons: Sequence[Comparison], start_model: str, written_as: str | None) -> str:
    """What came of it, in one line. The first comparison is the one that matters; `written_as` names the new
    model's file, None where the old model is kept."""
    told = [_first_told(comparisons[0])] if comparisons else ["nothing was held out to compare on"]
    told += [_told(comparison) for comparison in comparisons[1:]]
    kept = f"written as {written_as}" if written_as else f"{start_model} is kept"
    return f"{', '.join(told)}: {kept}"


def _first_told(comparison: Comparison) -> str:
    change, name = comparison.change_percent, comparison.name
    if np.isnan(change.value):
        return f"no figures on {name}"
    if np.isnan(change.low):
        way = "better" if change.value < 0 else "worse" if change.value > 0 else "different"
        return f"{_percent(change.value)} {way} on {name}, but one piece alone cannot tell that from chance"
    if is_better(comparison):
        return f"better on {name} by {_percent(change.value)} ({_sizes(change)}, of {comparison.amount})"
    if change.low > 0:
        return f"worse on {name} by {_percent(change.value)} ({_sizes(change)}, of {comparison.amount})"
    return f"not better on {name} for sure ({interval(change, 1)} %, of {comparison.amount})"


def _told(comparison: Comparison) -> str:
    change, name = comparison.change_percent, comparison.name
    if np.isnan(change.value):
        return f"no figures on {name}"
    if np.isnan(change.low) or change.low <= 0 <= change.high:
        return f"{name} {signed(change.value)} %, which may be chance"
    return f"{name} {_percent(change.value)} {'better' if change.value < 0 else 'worse'} ({_sizes(change)})"


def _percent(value: float) -> str:
    size = abs(value)
    return f"{size:.1f} %" if size >= SMALLEST_PERCENT else "less than 0.1 %"


def _sizes(figure: Figure) -> str:
    """The bounds of a change that is for the better or for the worse throughout, the lesser first."""
    least, most = sorted((abs(figure.low), abs(figure.high)))
    return f"{least:.1f} to {most:.1f} %"


def signed(value: float, places: int = 1) -> str:
    """A number with its sign."""
    return f"{value:+.{places}f}"


def interval(figure: Figure, places: int) -> str:
    """A figure's bounds with their signs."""
    return f"{signed(figure.low, places)} to {signed(figure.high, places)}"
