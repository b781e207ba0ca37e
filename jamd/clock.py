"""Where the seconds come from, and how the engine waits for the next thing to happen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import Empty
from typing import Protocol

from jamd.events import Clocked, Event, Received, Stop
from jamd.waiting import Queue

Inbox = Queue[Event]

COARSE_SECONDS = 0.001
AWAKE_SECONDS = 0.001
"""So long before an instant the engine is awake. To wake takes a system 0.1 to 0.5 ms, and more when the
processor slept; who is awake already sends at the instant itself."""


class Clock(Protocol):
    """Seconds from any fixed beginning, never running backwards."""

    def now(self) -> float: ...

    def wait(self, inbox: Inbox, until_seconds: float | None) -> Event | None:
        """The next event, or None once `until_seconds` has come; without it, wait for the event."""


def finest() -> Callable[[], float]:
    """The system's clock that never runs backwards. On Windows, Python before 3.13 counts `time.monotonic` in
    steps of 15.6 ms; its other clock is fine."""
    coarse = time.get_clock_info("monotonic").resolution > COARSE_SECONDS
    return time.perf_counter if coarse else time.monotonic


seconds_now = finest()


class SystemClock:
    """Real time."""

    def now(self) -> float:
        return seconds_now()

    def wait(self, inbox: Inbox, until_seconds: float | None) -> Event | None:
        if until_seconds is None:
            return inbox.get()
        with suppress(Empty):
            return inbox.get(timeout=max(0.0, until_seconds - AWAKE_SECONDS - seconds_now()))
        while inbox.empty():
            if seconds_now() >= until_seconds:
                return None
        return inbox.get_nowait()


class ManualClock:
    """Virtual time that jumps from one thing to the next: `jamd render`, and exact tests without sleeping.

    `script` is what is received, in order of its seconds. After its end, and when nothing is due before
    `end_seconds`, the clock says Stop.
    """

    def __init__(self, script: Iterable[Received | Clocked], end_seconds: float) -> None:
        self._seconds = 0.0
        self._script = iter(script)
        self._next = next(self._script, None)
        self._end_seconds = end_seconds

    def now(self) -> float:
        return self._seconds

    def wait(self, inbox: Inbox, until_seconds: float | None) -> Event | None:
        if not inbox.empty():
            return inbox.get()
        until = self._end_seconds if until_seconds is None else min(until_seconds, self._end_seconds)
        if self._next is not None and self._next.seconds <= until:
            event, self._next = self._next, next(self._script, None)
            self._seconds = max(self._seconds, event.seconds)
            return event
        self._seconds = max(self._seconds, until)
        return Stop() if self._seconds >= self._end_seconds else None
