"""Measures of an answer against the one that really came: pure functions on notes that lie on the grid.

Each is defined for one answer, or for one answer and one other passage; means and their intervals are taken
in `judge`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jamd.music.note import STEPS_PER_BEAT, Note, length_steps, quantise

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

MAJOR = (0, 2, 4, 5, 7, 9, 11)
NATURAL_MINOR = (0, 2, 3, 5, 7, 8, 10)
SCALES = np.array(
    [[(c - key) % 12 in scale for c in range(12)] for scale in (MAJOR, NATURAL_MINOR) for key in range(12)]
)
"""The 24 major and natural minor scales as pitch classes, (24, 12)."""


@dataclass(frozen=True, slots=True)
class Passage:
    """Notes on the grid, counted from the passage's first step, and the passage's length in `steps`.

    `step`, in which each begins, `end`, in which it sounds no more, and `pitch` are (notes,), in order of
    step, then pitch; no pitch begins twice in a step.
    """

    step: Ints
    end: Ints
    pitch: Ints
    steps: int

    @property
    def notes(self) -> int:
        return len(self.step)


def passage_of(notes: Iterable[Note], steps: int, first_step: int = 0) -> Passage:
    """The notes that begin in the `steps` steps from `first_step` on, quantised, and cut at its end."""
    ends: dict[tuple[int, int], int] = {}
    for note in notes:
        step = int(quantise(note.start_beats * STEPS_PER_BEAT)[0])
        length = int(length_steps(step, note.end_beats * STEPS_PER_BEAT))
        ends[step - first_step, note.pitch] = min(step - first_step + length, steps)
    rows = sorted((step, end, pitch) for (step, pitch), end in ends.items() if 0 <= step < steps)
    table = np.array(rows, np.int64).reshape(-1, 3)
    return Passage(table[:, 0], table[:, 1], table[:, 2], steps)


def cardinality_f1(answer: Passage, truth: Passage, beats: int) -> float:
    """MIREX Patterns for Prediction (2018): the most notes of the truth that one translation in (onset,
    pitch) lays on notes of the answer, less one, as precision and recall, and their harmonic mean.

    Notes that begin within the first `beats` beats count. NaN when the truth has fewer than two there.
    """
    found, true = (p.step < beats * STEPS_PER_BEAT for p in (answer, truth))
    of_answer, of_truth = int(found.sum()), int(true.sum())
    if of_truth < 2:
        return float("nan")
    if of_answer < 2:
        return 0.0
    steps = answer.step[found][:, None] - truth.step[true]
    pitches = answer.pitch[found][:, None] - truth.pitch[true]
    laid = int(np.unique(steps * 256 + pitches, return_counts=True)[1].max()) - 1
    recall, precision = laid / (of_truth - 1), laid / (of_answer - 1)
    return 2 * recall * precision / (recall + precision) if laid else 0.0


def pitch_class_shares(pitch: Ints) -> Floats:
    """The share of pitches that fall on each pitch class, (12,), C first; zeros without pitches."""
    counts = np.bincount(pitch % 12, minlength=12).astype(np.float64)
    return np.asarray(counts / max(1.0, counts.sum()))


def pitch_class_overlap(one: Passage, other: Passage) -> float:
    """The sum of the smaller shares, pitch class by pitch class: 0 to 1."""
    return float(np.minimum(pitch_class_shares(one.pitch), pitch_class_shares(other.pitch)).sum())


def scale_consistency(passage: Passage) -> float:
    """The largest share of the notes that one of the 24 scales holds (muspy). NaN without notes."""
    return float((SCALES @ pitch_class_shares(passage.pitch)).max()) if passage.notes else float("nan")


def groove_consistency(passage: Passage, steps_per_bar: int) -> float:
    """1 less the mean share of steps in which a bar and the next differ as to whether a note begins there
    (muspy, after MusDr). NaN when there are not two bars."""
    bars = passage.steps // steps_per_bar
    if bars < 2:
        return float("nan")
    begins = np.zeros(bars * steps_per_bar, bool)
    begins[passage.step[passage.step < len(begins)]] = True
    grid = begins.reshape(bars, steps_per_bar)
    return 1.0 - float((grid[1:] != grid[:-1]).mean())


def pitch_range(passage: Passage) -> float:
    """Semitones from the lowest note to the highest. NaN without notes."""
    return float(np.ptp(passage.pitch)) if passage.notes else float("nan")


def inter_onsets(passage: Passage) -> Ints:
    """The steps between each step in which notes begin and the next such step."""
    steps = np.unique(passage.step)
    return steps[1:] - steps[:-1]


def coupling(answers: Sequence[Passage], calls: Sequence[Passage]) -> Floats:
    """How much more each answer shares its pitch classes with its own call than, in the mean, with the calls
    of the others, (cases,). NaN for a single case."""
    heard = np.stack([pitch_class_shares(call.pitch) for call in calls])
    shared = np.stack([np.minimum(pitch_class_shares(answer.pitch), heard).sum(1) for answer in answers])
    own, others = np.diagonal(shared), len(calls) - 1
    return own - (shared.sum(1) - own) / others if others else np.full(1, np.nan)


def overlap_area(ones: npt.ArrayLike, others: npt.ArrayLike) -> float:
    """The area below both of two densities (mgeval, Yang and Lerch 2018), 0 to 1.

    Each density is a sum of Gaussians, one to a value, as wide as Scott's rule says: the standard deviation
    times count^(-1/5), but a quarter at least, as all values here are whole. NaN when either is empty.
    """
    samples = [np.asarray(x, np.float64) for x in (ones, others)]
    samples = [x[np.isfinite(x)] for x in samples]
    if not all(map(len, samples)):
        return float("nan")
    widths = [max(0.25, float(x.std()) * len(x) ** -0.2) for x in samples]
    margin = 4 * max(widths)
    low, high = min(x.min() for x in samples) - margin, max(x.max() for x in samples) + margin
    grid = np.linspace(low, high, max(512, int(8 * (high - low) / min(widths))))
    densities = []
    for sample, width in zip(samples, widths, strict=True):
        values, counts = np.unique(sample, return_counts=True)
        bells = np.exp(-0.5 * ((grid[:, None] - values) / width) ** 2)
        densities.append(bells @ counts / (len(sample) * width * np.sqrt(2 * np.pi)))
    return float(np.minimum(*densities).sum() * (grid[1] - grid[0]))
