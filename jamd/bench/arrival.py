"""When another process hears the notes that jamd sends: what left in time may arrive late."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from jamd.bench.lateness import NOTE_ON, Sent, answers
from jamd.clock import seconds_now
from jamd.errors import JamdError

PATIENCE_SECONDS = 30.0
"""For a program that is started or asked beside busy ones."""
ON_THE_WAY_SECONDS = 0.5
"""What takes longer is not heard."""
CLOCK_READINGS = 20


@dataclass(frozen=True, slots=True)
class Arrival:
    """A note-on or note-off as another program heard it."""

    seconds: float
    is_on: bool
    pitch: int


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard of what was sent."""

    late_seconds: tuple[float, ...]
    """How late each note was, after the instant at which it was to be sent."""
    answer_seconds: tuple[float, ...]
    """The same of the first note of each answer, after its bar line."""
    missing: int
    """Notes that were sent and not heard."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """How the other program's clock goes beside this one: so much is added to its instants, and what that
    may be wrong by. On Linux, macOS and Windows all programs read one clock, and nothing is added."""

    added_seconds: float
    within_seconds: float


def compared(readings: Sequence[tuple[float, float, float]]) -> Clocks:
    """From readings of this clock, the other, and this again: of one clock, the other's lies between. Else it
    was read half-way, in the quickest reading."""
    before, other, after = min(readings, key=lambda reading: reading[2] - reading[0])
    within = (after - before) / 2
    if all(first <= theirs <= last for first, theirs, last in readings):
        return Clocks(0.0, 0.0)
    return Clocks((before + after) / 2 - other, within)


def matched(sent: Sequence[Sent], heard: Sequence[Arrival]) -> list[float | None]:
    """When each of the notes was heard, None for those that were not. A cable changes no order; what was
    heard and never sent is passed over, and so is what comes too late to be it."""
    places: dict[tuple[bool, int], deque[int]] = defaultdict(deque)
    for place, note in enumerate(sent):
        places[note.is_on, note.pitch].append(place)
    found: list[float | None] = [None] * len(sent)
    last = -1
    for arrival in heard:
        waiting = places[arrival.is_on, arrival.pitch]
        while waiting and (
            waiting[0] <= last or arrival.seconds - sent[waiting[0]].actual_seconds > ON_THE_WAY_SECONDS
        ):
            waiting.popleft()
        if waiting and sent[waiting[0]].actual_seconds <= arrival.seconds:
            last = waiting.popleft()
            found[last] = arrival.seconds
    return found


def heard_of(
    sent: Sequence[Sent], arrivals: Sequence[Arrival], bar_lines_seconds: Sequence[float], bar_seconds: float
) -> Heard:
    """What was heard of the notes that were sent; `bar_seconds` is how long an answer may be waited for."""
    pairs = [
        (note.intended_seconds, seconds)
        for note, seconds in zip(sent, matched(sent, arrivals), strict=True)
        if note.is_on
    ]
    heard = [(intended, seconds) for intended, seconds in pairs if seconds is not None]
    return Heard(
        tuple(seconds - intended for intended, seconds in heard),
        tuple(answers([seconds for _, seconds in heard], bar_lines_seconds, bar_seconds)),
        len(pairs) - len(heard),
    )


class Listener:
    """A program of its own that listens at an input."""

    def __init__(self, process: subprocess.Popen[str], port: str, clocks: Clocks) -> None:
        self._process, self.port, self.clocks = process, port, clocks

    def take(self) -> list[Arrival]:
        """What it heard since the last time, by this program's clock."""
        added = self.clocks.added_seconds
        return [
            Arrival(seconds + added, status == NOTE_ON, pitch)
            for seconds, status, pitch in _ask(self._process, "take")
        ]


@contextmanager
def listening(backend: str, name: str) -> Iterator[Listener]:
    """Another program listens at the input of this very name. Raises JamdError when it does not."""
    command = [sys.executable, "-P", "-m", "jamd.bench.listener", backend, name]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            said = _answer(process)
            if "why_not" in said:
                raise JamdError(said["why_not"])
            readings = []
            for _ in range(CLOCK_READINGS):
                before = seconds_now()
                other = _ask(process, "clock")
                readings.append((before, other, seconds_now()))
            yield Listener(process, said["port"], compared(readings))
        finally:
            process.kill()


def _ask(process: subprocess.Popen[str], word: str) -> Any:
    assert process.stdin is not None
    try:
        print(word, file=process.stdin, flush=True)
    except OSError as error:
        raise JamdError("the program that listens has ended") from error
    return _answer(process)


def _answer(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    too_long = threading.Timer(PATIENCE_SECONDS, process.kill)
    too_long.start()
    try:
        line = process.stdout.readline()
    finally:
        too_long.cancel()
    if not line:
        raise JamdError("the program that listens has ended")
    return json.loads(line)
