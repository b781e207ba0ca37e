"""What the model reports to the engine: a frame of an answer, or that it failed."""

from __future__ import annotations

from dataclasses import dataclass

from jamd.music.note import Frame


@dataclass(frozen=True, slots=True)
class Predicted:
    """One frame of the answer with this number, for this step."""

    answer: int
    step: int
    frame: Frame


@dataclass(frozen=True, slots=True)
class Failed:
    """The model broke off the answer with this number (0: while listening)."""

    answer: int
    reason: str
