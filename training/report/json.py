"""A report as JSON, which has no NaN, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from math import isfinite
from typing import Any

from jamd.errors import JamdError
from jamd.music.note import Note
from jamd.music.transport import Metre
from jamd.training.judging.judge import NAN, Figure
from jamd.training.recordings.sources import Skipped
from jamd.training.report.report import Answered, Comparison, Read, Report

FORMAT = 1
FIGURES = ("before", "after", "change_percent")
PARTS = ("call", "real", "before", "after")
PLAIN = (
    "model",
    "start_model",
    "created",
    "seconds",
    "device",
    "machine",
    "command",
    "recipe",
    "verdict",
)
"""Fields that are in JSON what they are here."""


def to_json(report: Report) -> dict[str, Any]:
    """A report as a JSON document; numbers that are none are null."""
    return {
        "format": FORMAT,
        **{name: getattr(report, name) for name in (*PLAIN, "play")},
        "start_nats_per_step": _number(report.start_nats_per_step),
        "read": [asdict(row) for row in report.read],
        "skipped": [{"where": file.where, "reason": file.reason} for file in report.skipped],
        "comparisons": [
            {
                "name": comparison.name,
                "pieces": comparison.pieces,
                "notes": comparison.notes,
                **{name: _figure(getattr(comparison, name)) for name in FIGURES},
            }
            for comparison in report.comparisons
        ],
        "losses": [{name: _number(value) for name, value in row.items()} for row in report.losses],
        "answered": [
            {
                "title": call.title,
                "metre": str(call.metre),
                "beats": call.beats,
                **{part: [_note(note) for note in getattr(call, part)] for part in PARTS},
            }
            for call in report.answered
        ],
    }


def from_json(document: Any, where: str) -> Report:
    """The report in a JSON document, which lay `where`. Raises JamdError for one that is damaged or newer."""
    try:
        if document["format"] > FORMAT:
            raise JamdError(f"{where} was written by a newer jamd")
        return Report(
            **{name: document[name] for name in PLAIN},
            play=document.get("play", ""),  # the first reports had none
            start_nats_per_step=_read_number(document["start_nats_per_step"]),
            read=tuple(Read(**row) for row in document["read"]),
            skipped=tuple(Skipped(**file) for file in document["skipped"]),
            comparisons=tuple(map(_comparison, document["comparisons"])),
            losses=tuple(
                {name: _read_number(value) for name, value in row.items()} for row in document["losses"]
            ),
            answered=tuple(map(_answered, document["answered"])),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise JamdError(f"{where} is damaged ({error!r})") from error


def _comparison(row: Mapping[str, Any]) -> Comparison:
    figures = {
        name: Figure(*(_read_number(row[name][side]) for side in ("value", "low", "high")))
        for name in FIGURES
    }
    return Comparison(row["name"], row["pieces"], notes=row.get("notes", 0), **figures)


def _answered(row: Mapping[str, Any]) -> Answered:
    parts = {part: tuple(Note(*note) for note in row[part]) for part in PARTS}
    return Answered(row["title"], Metre.parse(row["metre"]), row["beats"], **parts)


def _figure(figure: Figure) -> dict[str, float | None]:
    """In full: `Figure.as_dict` rounds."""
    return {side: _number(getattr(figure, side)) for side in ("value", "low", "high")}


def _note(note: Note) -> tuple[int, int, float, float]:
    return note.pitch, note.velocity, note.start_beats, note.end_beats


def _number(value: float) -> float | None:
    return value if isfinite(value) else None


def _read_number(value: float | None) -> float:
    return NAN if value is None else value
