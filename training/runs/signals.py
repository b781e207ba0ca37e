"""Ending a training early: what Ctrl-C, SIGTERM and SIGHUP do to it, and how far it had come."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from jamd.models.bundle import Bundle
from jamd.system.terminal import let_go_of_closed, terminals
from jamd.training.runs.runs import Run

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
AGAIN_SECONDS = 1.0
"""What comes sooner is the same wish again: `timeout` and launchers send each signal twice."""
LONGEST_HELD_SECONDS = 20.0
"""For what may not be cut off: a disk that hangs longer than that need not be waited for."""

STARTING, READING, REHEARSING, LEARNING, COUNTING, JUDGING, REMEMBERING, WRITING, TELLING = PHASES = (
    "starting",
    "reading the recordings",
    "playing with itself",
    "learning",
    "counting",
    "judging",
    "fitting the session memory",
    "writing the model",
    "writing the report",
)


class Asked:
    """Whether the training was asked to end. Work is cut off by KeyboardInterrupt, but for what looks at
    `stop` itself (`patiently`) and for what is `held`."""

    def __init__(self) -> None:
        self.number: int | None = None
        """Of the signal that was obeyed last."""
        self._at = self._held_since = -math.inf
        self._patient = self._holding = self._waiting = False
        self._shown_on = terminals()

    def hear(self, number: int, _: FrameType | None = None) -> None:
        """A signal has come."""
        let_go_of_closed(self._shown_on)
        now = time.monotonic()
        if now - self._at < AGAIN_SECONDS:
            return
        self._at, self.number = now, number
        if self._holding and now - self._held_since > LONGEST_HELD_SECONDS:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        if self._holding or (self._patient and not self._waiting):
            self._waiting = True
            return
        raise KeyboardInterrupt

    def stop(self) -> bool:
        """Whether to end in order, for those who ask."""
        return self._waiting

    @contextmanager
    def patiently(self) -> Iterator[None]:
        """Within the block `stop` is looked at often; only who is asked a second time is cut off."""
        self._patient = True
        try:
            yield
        finally:
            self._patient = self._waiting = False

    @contextmanager
    def held(self, forget: bool = False) -> Iterator[None]:
        """The block is not cut off: what is asked meanwhile is done after it, or forgotten, as it is the
        end."""
        self._holding, self._held_since = True, time.monotonic()
        try:
            yield
        finally:
            self._holding, waiting, self._waiting = False, self._waiting, False
        if waiting and not forget:
            raise KeyboardInterrupt


@contextmanager
def asked_by_signals() -> Iterator[Asked]:
    """Until the block ends, signals ask. One that is ignored (nohup) is left alone, but for Ctrl-C's."""
    asked = Asked()
    numbers = [getattr(signal, name) for name in SIGNALS if hasattr(signal, name)]
    numbers = [n for n in numbers if n == signal.SIGINT or signal.getsignal(n) in (None, signal.SIG_DFL)]
    before = {number: signal.signal(number, asked.hear) for number in numbers}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(slots=True)
class Standing:
    """How far a training has come: what it is `doing`, its run once there is one, and the model that it has
    `given` so far, if any. `decided`: what becomes of the model is; it is `written` or left out."""

    asked: Asked = field(default_factory=Asked)
    doing: str = STARTING
    run: Run | None = None
    given: Callable[[], Bundle | None] = lambda: None
    decided: bool = False
    written: bool = False

    def begin(self, doing: str) -> None:
        """Another phase."""
        self.doing = doing
