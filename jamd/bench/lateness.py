"""Latency figures: how late events were by the engine's trace, and their percentiles."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import StringIO

import numpy as np

NOTE_ON, NOTE_OFF = 0x90, 0x80
LATE_SECONDS = 0.01
"""A note this late is heard to be late."""
TENTH = 10


@dataclass(frozen=True, slots=True)
class Sent:
    """A note-on or note-off as it left: when it was to, when it did, on one clock."""

    intended_seconds: float
    actual_seconds: float
    is_on: bool
    pitch: int

    @property
    def late_seconds(self) -> float:
        return self.actual_seconds - self.intended_seconds


def sent_in(trace: StringIO) -> list[Sent]:
    """The notes in what `Output` traced, in the order in which they left."""
    found = []
    for line in trace.getvalue().splitlines():
        event = json.loads(line)
        if (kind := event["bytes"][0] & 0xF0) in (NOTE_ON, NOTE_OFF):
            pitch = event["bytes"][1]
            found.append(Sent(event["intended"], event["actual"], kind == NOTE_ON, pitch))
    return found


def strikes(sent: Iterable[Sent]) -> list[float]:
    """The instants at which notes began, as they left."""
    return [each.actual_seconds for each in sent if each.is_on]


def answers(
    strikes_seconds: Iterable[float], bar_lines_seconds: Iterable[float], within_seconds: float
) -> list[float]:
    """How late the first note of each answer left or was heard, in seconds after the bar line on which it was
    due, from the instants at which notes began. Where none did `within_seconds` of it there was no answer."""
    strikes = np.array(list(strikes_seconds))
    late = []
    for bar_line in bar_lines_seconds:
        after = strikes[(strikes >= bar_line) & (strikes < bar_line + within_seconds)]
        if len(after):
            late.append(float(after.min() - bar_line))
    return late


def figures(seconds: Sequence[float]) -> dict[str, float]:
    """How many there are, and median, 99th and 99.9th percentile and most, in milliseconds."""
    if not seconds:
        return {"n": 0}
    ms = 1000 * np.array(seconds)
    median, p99, p999 = (round(float(x), 3) for x in np.percentile(ms, [50, 99, 99.9]))
    most = round(float(ms.max()), 3)
    return {"n": len(ms), "median_ms": median, "p99_ms": p99, "p999_ms": p999, "max_ms": most}


def drift_ms(seconds: Sequence[float]) -> float | None:
    """How much later the last tenth is than the first, by their medians; None of less than a hundred."""
    tenth = len(seconds) // TENTH
    if tenth < TENTH:
        return None
    return round(1000 * float(np.median(seconds[-tenth:]) - np.median(seconds[:tenth])), 3)
