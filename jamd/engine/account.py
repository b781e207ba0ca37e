"""What is kept of a session: a count of what happened, and what was played."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import mido

from jamd.engine.snapshot import Span, Turn
from jamd.engine.turns import Change, Turns
from jamd.music.note import STEPS_PER_BEAT
from jamd.music.transport import Metre

REMEMBERED_TURNS = 1000


class Recorder(Protocol):
    """Takes what was played, by part ("player" or "jamd"), how fast, in which bars and whose turn it was, and
    never blocks."""

    def record(self, part: str, beats: float, message: mido.Message) -> None: ...

    def tempo(self, beats: float, tempo: float) -> None: ...

    def metre(self, beats: float, metre: Metre) -> None: ...

    def turn(self, beats: float, turn: Turn) -> None: ...


@dataclass(slots=True)
class Account:
    """What happened in a session."""

    tell: Callable[[float, Turn], None] = lambda beats, turn: None
    """Is told whose turn it is from a beat on."""
    turns: int = 0
    notes_heard: int = 0
    late_frames: int = 0
    faults: int = 0
    last_fault: str = ""
    spans: deque[Span] = field(default_factory=lambda: deque(maxlen=REMEMBERED_TURNS))
    """Whose turn it was, the latest last; an answer that was interrupted ends there."""

    def changed(self, change: Change, turns: Turns, step: int) -> None:
        """The turn changed while this step was open."""
        spans, start = self.spans, turns.start_step / STEPS_PER_BEAT
        if change is Change.ANSWER_INTERRUPTED:
            start = step / STEPS_PER_BEAT
            if spans and spans[-1].start_beats > start:  # before it began
                spans.pop()
                self.turns -= 1
        ends = change in (Change.ANSWER_BEGINS, Change.ANSWER_INTERRUPTED)
        if spans and (ends or math.isinf(spans[-1].end_beats)):
            spans[-1] = replace(spans[-1], end_beats=start)
        if turns.turn is not Turn.WAIT:
            end = math.inf if turns.end_step is None else turns.end_step / STEPS_PER_BEAT
            spans.append(Span(start, end, turns.turn))
        self.tell(start, turns.turn)

    def moved(self, turns: Turns, step: int) -> None:
        """The call that is open begins elsewhere, with the bars."""
        last, start = self.spans[-1], turns.start_step / STEPS_PER_BEAT
        self.spans[-1] = replace(last, end_beats=min(last.end_beats, max(last.start_beats, start)))
        self.changed(Change.CALL_BEGINS, turns, step)

    def ended(self, step: int) -> None:
        """The session is over."""
        if self.spans and math.isinf(self.spans[-1].end_beats):
            self.spans[-1] = replace(self.spans[-1], end_beats=step / STEPS_PER_BEAT)

    @property
    def take_beats(self) -> float:
        """The beat in which the last call began, or what jamd last played if there was none."""
        begun = next((span for span in reversed(self.spans) if span.turn is not Turn.ANSWER), None)
        if begun is None:
            return self.spans[-1].start_beats if self.spans else 0.0
        return begun.start_beats
