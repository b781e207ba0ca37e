"""Answers judged side by side: every measure's value over the cases, with an interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from jamd.music import copying, measures
from jamd.music.measures import Floats, Passage
from jamd.training.judging.cases import Case

RESAMPLES = 1000
SEED = 0
NAN = float("nan")

COPY, FOIL, REAL = "copy the call", "a real answer of another piece", "the real answer"
"""The rows for orientation."""


@dataclass(frozen=True, slots=True)
class Tally:
    """A measure by case, (cases,) each: its value over cases is the sum of their `parts` over that of their
    `wholes`. For a mean, `wholes` are ones. Cases that are NaN are left out.
    """

    parts: Floats
    wholes: Floats

    @classmethod
    def mean(cls, values: Sequence[float] | Floats) -> Tally:
        array = np.asarray(values, np.float64)
        return cls(array, np.ones(len(array)))


@dataclass(frozen=True, slots=True)
class Figure:
    """A value, and the bounds between which it lies in 95 % of resamples of the cases; NaN where there are
    none."""

    value: float
    low: float = NAN
    high: float = NAN

    def as_dict(self) -> dict[str, float | None]:
        """For JSON, which has no NaN."""
        sides = {"value": self.value, "low": self.low, "high": self.high}
        return {name: round(side, 6) if np.isfinite(side) else None for name, side in sides.items()}


@dataclass(frozen=True, slots=True)
class Row:
    """One model, floor or reference and its figures by the names of the columns, those that it has."""

    name: str
    kind: str
    figures: Mapping[str, Figure]

    def as_dict(self) -> dict[str, object]:
        figures = {name: figure.as_dict() for name, figure in self.figures.items()}
        return {"name": self.name, "kind": self.kind, **figures}


def figure(tally: Tally) -> Figure:
    """A tally's value and its bootstrap interval (percentiles of 1000 resamples, always the same ones)."""
    known = ~np.isnan(tally.parts + tally.wholes)
    parts, wholes = tally.parts[known], tally.wholes[known]
    if not wholes.sum():
        return Figure(NAN)
    value = float(parts.sum() / wholes.sum())
    if not np.isfinite(value):
        return Figure(value)
    drawn = np.random.default_rng(SEED).integers(len(parts), size=(RESAMPLES, len(parts)))
    sums = wholes[drawn].sum(1)
    resampled = parts[drawn].sum(1)[sums > 0] / sums[sums > 0]
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Figure(value, float(low), float(high))


def judged(
    answers: Sequence[Passage], cases: Sequence[Case], index: copying.Index | None
) -> dict[str, Figure]:
    """The figures of one answer to each case. Those about copies from training need its index."""
    calls, truths = [case.called for case in cases], [case.truth for case in cases]
    bars = [case.steps_per_bar for case in cases]

    def each(measure: Callable[[Passage, Passage], float], others: Sequence[Passage]) -> Tally:
        return Tally.mean([measure(a, b) for a, b in zip(answers, others, strict=True)])

    def beyond(measure: Callable[[Passage, int], float]) -> Tally:
        """The mean difference; an answer that has no value counts as an answer of none of it."""
        ours, real = (
            np.array([measure(p, bar) for p, bar in zip(passages, bars, strict=True)])
            for passages in (answers, truths)
        )
        return Tally.mean(np.nan_to_num(ours) - real)

    tallies = {
        "f1_4_beats": each(lambda a, b: measures.cardinality_f1(a, b, 4), truths),
        "f1_8_beats": each(lambda a, b: measures.cardinality_f1(a, b, 8), truths),
        "pitch_class_score": each(measures.pitch_class_overlap, truths),
        "coupling": Tally.mean(measures.coupling(answers, calls)),
        "copied": each(copying.copied_share, calls),
        "density": Tally(*(np.array([p.notes for p in ps], np.float64) for ps in (answers, truths))),
        "empty": Tally.mean([float(answer.notes == 0) for answer in answers]),
        "scale_distance": beyond(lambda passage, _: measures.scale_consistency(passage)),
        "groove_distance": beyond(measures.groove_consistency),
    }
    if index is not None:
        windows = [copying.windows_of(answer) for answer in answers]
        runs = copying.longest_runs([copying.groups_of(answer) for answer in answers], index.groups)
        tallies["training_windows"] = Tally.mean([index.share_of(each_window) for each_window in windows])
        tallies["training_run"] = Tally.mean(runs.astype(np.float64))
    figures = {name: figure(tally) for name, tally in tallies.items()} | _areas(answers, truths)
    return figures | ({"training_run_longest": Figure(float(runs.max()))} if index is not None else {})


def _areas(answers: Sequence[Passage], truths: Sequence[Passage]) -> dict[str, Figure]:
    def area(values: Callable[[Passage], Sequence[float] | measures.Ints]) -> Figure:
        ours, real = (np.concatenate([values(p) for p in passages]) for passages in (answers, truths))
        return Figure(measures.overlap_area(ours, real))

    shares = [
        measures.pitch_class_shares(np.concatenate([p.pitch for p in passages]))
        for passages in (answers, truths)
    ]
    return {
        "area_pitch": area(lambda passage: passage.pitch),
        "area_pitch_class": Figure(float(np.minimum(*shares).sum())),
        "area_range": area(lambda passage: [measures.pitch_range(passage)]),
        "area_notes": area(lambda passage: [float(passage.notes)]),
        "area_inter_onset": area(measures.inter_onsets),
    }
