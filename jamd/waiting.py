"""How one thread waits for what others bring it."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")


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
