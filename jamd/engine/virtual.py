"""Virtual time: an engine over a script of what it receives, as fast as it can work."""

from __future__ import annotations

from collections.abc import Iterable

from jamd.engine.events import (
    Clocked,
    Event,
    Inbox,
    Received,
    Stop,
)


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
