"""Answers judged side by side: every measure's value over the cases, with an interval, and tables of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rich.markup import escape
from rich.table import Table

from jamd.training import copying, measures
from jamd.training.cases import Case
from jamd.training.measures import Floats, Passage

RESAMPLES = 1000
SEED = 0
NAN = float("nan")

COPY, FOIL, REAL = "copy the call", "a real answer of another piece", "the real answer"
"""The rows for orientation."""


@dataclass(frozen=True, slots=True)
class Column:
    """One measure: its name in JSON, its heading, and what it is, in one line."""

    name: str
    heading: str
    meaning: str


TABLES: dict[str, tuple[Column, ...]] = {
    "Nats per frame (lower is better)": (
        Column("nats_per_frame", "all frames", "pooled over all frames; by the network alone"),
        Column("nats_per_frame_first_out", "first out", "the same, each piece's first frame left out"),
        Column("nats_per_frame_memory", "memory, all frames", "with the session memory"),
        Column("nats_per_frame_first_out_memory", "memory, first out", "the same, first frames left out"),
    ),
    "What came next: nats a step, keys only (lower is better)": (
        Column("nats_answer", "answer", "the real answer, given the call; by the network alone"),
        Column("nats_answer_memory", "answer, memory", "the same with the session memory"),
        Column("nats_duet", "duet", "all other tracks, given the lead track; by the network alone"),
        Column("nats_duet_memory", "duet, memory", "the same with the session memory"),
        Column(
            "true_over_foil",
            "true over foil",
            "share of cases in which the real answer costs fewer nats a note than another piece's; as played",
        ),
        Column("milliseconds_per_step", "ms a step", "median, hearing and answering, everything included"),
    ),
    "Answers against what really came next": (
        Column("f1_4_beats", "F1 4 beats", "MIREX cardinality score, first 4 beats"),
        Column("f1_8_beats", "F1 8 beats", "MIREX cardinality score, first 8 beats"),
        Column(
            "pitch_class_score", "pitch classes", "overlap of pitch-class histograms with the real answer's"
        ),
        Column("coupling", "coupling", "pitch-class overlap with the own call less that with other calls"),
        Column("copied", "copied", "longest run of onset groups that stands in the call, as a share of it"),
        Column("density", "density", "notes, as a share of the real answers'"),
        Column("empty", "empty", "share of answers without a note"),
        Column(
            "training_windows", "in training", "share of 16-step windows that stand in the training music"
        ),
        Column("training_run", "longest copy", "longest run of onset groups in the training music; mean"),
    ),
    "Distance to real answers (scale, groove: difference of means) and overlap areas (1 is alike)": (
        Column("scale_distance", "scale", "share of notes in the best of 24 scales, less the real answers'"),
        Column("groove_distance", "groove", "likeness of adjacent bars' rhythms, less the real answers'"),
        Column("area_pitch", "pitch", "overlap area; Gaussian densities, Scott's rule"),
        Column("area_pitch_class", "pitch class", "overlap of histograms"),
        Column("area_range", "range", "overlap area of the answers' ranges"),
        Column("area_notes", "notes", "overlap area of the answers' numbers of notes"),
        Column("area_inter_onset", "inter-onset", "overlap area of the steps between onsets"),
    ),
}
"""Overlap areas and milliseconds have no intervals: they are not means over cases."""


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
    return {name: figure(tally) for name, tally in tallies.items()} | _areas(answers, truths)


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


def tables(rows: Sequence[Row]) -> list[Table]:
    """The rows as tables to be printed, without the columns that no row has."""
    made = []
    for title, columns in TABLES.items():
        shown = [column for column in columns if any(column.name in row.figures for row in rows)]
        if not shown:
            continue
        table = Table("", *(column.heading for column in shown), title=title, title_justify="left")
        for row in rows:
            if any(column.name in row.figures for column in shown):
                cells = [_cell(row.figures.get(column.name, Figure(NAN))) for column in shown]
                table.add_row(escape(row.name), *cells)
        made.append(table)
    return made


def _cell(figure: Figure) -> str:
    if np.isnan(figure.value):
        return "n/a"
    value = f"{figure.value:.3f}" if abs(figure.value) < 10 else f"{figure.value:.1f}"
    if not np.isfinite(figure.low):
        return value
    return f"{value}\n[dim]{figure.low:.2f} to {figure.high:.2f}[/]"
