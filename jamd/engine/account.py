"""What is kept of a session: a count of what happened, and what was played."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

import mido

from jamd.engine.snapshot import Span
from jamd.music.transport import Metre

REMEMBERED_TURNS = 1000


class Recorder(Protocol):
    """Takes what was played, by part ("player" or "jamd"), how fast and in which bars, and never blocks."""

    def record(self, part: str, beats: float, message: mido.Message) -> None: ...

    def tempo(self, beats: float, tempo: float) -> None: ...

    def metre(self, beats: float, metre: Metre) -> None: ...


@dataclass(slots=True)
class Account:
    """What happened in a session."""

    turns: int = 0
    notes_heard: int = 0
    late_frames: int = 0
    faults: int = 0
    last_fault: str = ""
    spans: deque[Span] = field(default_factory=lambda: deque(maxlen=REMEMBERED_TURNS))
    """Whose turn it was, the latest last; an answer that was interrupted ends there."""
