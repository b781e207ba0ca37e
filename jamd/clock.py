"""Where the seconds come from, and how one thread waits for what others bring it, or for an instant."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Protocol, TypeVar

T = TypeVar("T")

COARSE_SECONDS = 0.001
AWAKE_SECONDS = 0.001
"""So long before an instant the engine is awake. To wake takes a system 0.1 to 0.5 ms, and more when the
processor slept; who is awake already sends at the instant itself."""


class Queue(SimpleQueue[T]):
    """What was put in comes out, for one thread that waits for it. Signal handlers may put in, too, and take
    their time: Python's own queue, in C, waits for ever when one takes longer than was left to wait."""

    def __init__(self) -> None:
        self._came = threading.Lock()
        self._came.acquire()

    def put(self, item: T, block: bool = True, timeout: float | None = None) -> None:
        super().put(item)
        if self._came.locked():
            with suppress(RuntimeError):  # another was quicker
                self._came.release()

    def get(self, block: bool = True, timeout: float | None = None) -> T:
        until_seconds = None if timeout is None else time.perf_counter() + timeout
        while block and self.empty():
            left = -1.0 if until_seconds is None else until_seconds - time.perf_counter()
            if until_seconds is not None and left <= 0:
                break
            self._came.acquire(timeout=left)
        return super().get(block=False)


class Clock(Protocol):
    """Seconds from any fixed beginning, never running backwards."""

    def now(self) -> float: ...


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

    def wait(self, inbox: Queue[T], until_seconds: float | None) -> T | None:
        """What comes next, or None once `until_seconds` has come; without it, wait for it."""
        if until_seconds is None:
            return inbox.get()
        with suppress(Empty):
            return inbox.get(timeout=max(0.0, until_seconds - AWAKE_SECONDS - seconds_now()))
        while inbox.empty():
            if seconds_now() >= until_seconds:
                return None
        return inbox.get_nowait()
