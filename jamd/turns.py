"""Whose turn it is: call and response on the bar lines, as a policy apart from the engine."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from jamd.snapshot import Turn
from jamd.transport import Transport


@dataclass(frozen=True, slots=True)
class Form:
    """How long a call and its answer are, in bars, and whether playing stops an answer."""

    call_bars: int = 2
    answer_bars: int = 2
    interrupt: bool = True


class Change(Enum):
    """What a note or the end of a step changed."""

    CALL_BEGINS = auto()
    ANSWER_INTERRUPTED = auto()  # and a call begins
    ANSWER_BEGINS = auto()
    ANSWER_ENDS = auto()


class Turns:
    """The player's call lasts its bars, the answer follows on the bar line, then whoever plays calls again.

    A call begins in the bar in which the player plays. `start_step` and `end_step` bound the present turn.
    """

    def __init__(self, form: Form) -> None:
        self.form = form
        self.turn = Turn.WAIT
        self.start_step = self.end_step = 0

    def played(self, position_steps: float, step: int, transport: Transport) -> Change | None:
        """The player struck a note at this position, heard as this step."""
        if self.turn is Turn.CALL:
            return None
        change = Change.CALL_BEGINS
        if self.turn is Turn.ANSWER and step < self.end_step:
            # A last note just before the bar line belongs to the call that is over.
            if not self.form.interrupt or position_steps < self.start_step:
                return None
            change = Change.ANSWER_INTERRUPTED
        self.turn = Turn.CALL
        bar = transport.bar_of(step)
        self.start_step, self.end_step = (
            transport.bar_line(bar),
            transport.bar_line(bar + self.form.call_bars),
        )
        return change

    def closed(self, step: int, transport: Transport) -> Change | None:
        """This step is over and the next one is about to begin."""
        if self.turn is Turn.WAIT or step + 1 != self.end_step:
            return None
        if self.turn is Turn.ANSWER:
            self.turn = Turn.WAIT
            return Change.ANSWER_ENDS
        self.turn = Turn.ANSWER
        self.start_step = self.end_step
        bar = transport.bar_of(self.start_step)
        self.end_step = transport.bar_line(bar + self.form.answer_bars)
        return Change.ANSWER_BEGINS

    def rest(self) -> None:
        """Nobody's turn: neither call nor answer goes on."""
        self.turn = Turn.WAIT

    def drop(self) -> None:
        """Give the answer up: the floor is free. A call goes on."""
        if self.turn is Turn.ANSWER:
            self.turn = Turn.WAIT
