"""An evaluation as tables: which measures there are, what they are called, and rows of them to be printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.table import Table

from jamd.printable import cell
from jamd.training.judging.judge import NAN, Figure, Row


@dataclass(frozen=True, slots=True)
class Column:
    """One measure: its name in JSON, its heading, what it is, in one line, and what its numbers are."""

    name: str
    heading: str
    meaning: str
    unit: str


FRAME, STEP = "nats a frame; less is better", "nats a step; less is better"
CASES, SCORE, AREA = "share of cases; more is better", "0 to 1; more is better", "0 to 1; 1 is alike"

TABLES: dict[str, tuple[Column, ...]] = {
    "Nats per frame (lower is better)": (
        Column("nats_per_frame", "all frames", "pooled over all frames; by the network alone", FRAME),
        Column("nats_per_frame_first_out", "first out", "the same, each piece's first frame left out", FRAME),
        Column("nats_per_frame_memory", "memory, all frames", "with the session memory", FRAME),
        Column(
            "nats_per_frame_first_out_memory", "memory, first out", "the same, first frames left out", FRAME
        ),
    ),
    "What came next: nats a step, keys only (lower is better)": (
        Column("nats_answer", "answer", "the real answer, given the call; by the network alone", STEP),
        Column("nats_answer_memory", "answer, memory", "the same with the session memory", STEP),
        Column("nats_duet", "duet", "all other tracks, given the lead track; by the network alone", STEP),
        Column("nats_duet_memory", "duet, memory", "the same with the session memory", STEP),
        Column(
            "true_over_foil",
            "true over foil",
            "share of cases in which the real answer costs fewer nats a note than another piece's; as played",
            CASES,
        ),
        Column(
            "told_by_call",
            "told by the call",
            "share of cases in which hearing the call saves more nats of the real answer than of the other",
            CASES,
        ),
        Column(
            "milliseconds_per_step",
            "ms a step",
            "median, hearing and answering, everything included",
            "ms a step",
        ),
    ),
    "Answers against what really came next": (
        Column("f1_4_beats", "F1 4 beats", "MIREX cardinality score, first 4 beats", SCORE),
        Column("f1_8_beats", "F1 8 beats", "MIREX cardinality score, first 8 beats", SCORE),
        Column(
            "pitch_class_score",
            "pitch classes",
            "overlap of pitch-class histograms with the real answer's",
            SCORE,
        ),
        Column(
            "coupling",
            "coupling",
            "pitch-class overlap with the own call less that with other calls",
            "difference of overlaps; more is better",
        ),
        Column(
            "copied",
            "copied",
            "longest run of onset groups that stands in the call, as a share of it",
            "share of the answer",
        ),
        Column(
            "density", "density", "notes, as a share of the real answers'", "times the real answers' notes"
        ),
        Column("empty", "empty", "share of answers without a note", "share of answers"),
        Column(
            "training_windows",
            "in training",
            "share of 16-step windows that stand in the training music",
            "share of windows",
        ),
        Column(
            "training_run",
            "longest copy",
            "longest run of onset groups in the training music; mean",
            "onset groups",
        ),
    ),
    "Distance to real answers (scale, groove: difference of means) and overlap areas (1 is alike)": (
        Column(
            "scale_distance",
            "scale",
            "share of notes in the best of 24 scales, less the real answers'",
            "difference of shares; 0 is alike",
        ),
        Column(
            "groove_distance",
            "groove",
            "likeness of adjacent bars' rhythms, less the real answers'",
            "difference of likeness; 0 is alike",
        ),
        Column("area_pitch", "pitch", "overlap area; Gaussian densities, Scott's rule", AREA),
        Column("area_pitch_class", "pitch class", "overlap of histograms", AREA),
        Column("area_range", "range", "overlap area of the answers' ranges", AREA),
        Column("area_notes", "notes", "overlap area of the answers' numbers of notes", AREA),
        Column("area_inter_onset", "inter-onset", "overlap area of the steps between onsets", AREA),
    ),
}
"""What is not a mean over cases has no interval: overlap areas, the longest of all, milliseconds."""


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
                table.add_row(cell(row.name), *cells)
        made.append(table)
    return made


def _cell(figure: Figure) -> str:
    if np.isnan(figure.value):
        return "n/a"
    value = f"{figure.value:.3f}" if abs(figure.value) < 10 else f"{figure.value:.2f}"
    if not np.isfinite(figure.low):
        return value
    return f"{value}\n[dim]{figure.low:.2f} to {figure.high:.2f}[/]"
