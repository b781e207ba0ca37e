"""Whose turn it is, as a policy apart from the engine: call and response, both at once, or jamd alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from jamd.engine.snapshot import Turn
from jamd.music.note import STEPS_PER_BEAT
from jamd.music.transport import LONGEST_BAR_STEPS, Transport

SOLO_SILENCE_BEATS = 2.0
"""In a solo, jamd carries on after this much silence, unless another is wished."""
DUET_SILENCE_BEATS = 8.0
"""In a duet, jamd rests when the player has rested for so long."""


class Mode(StrEnum):
    """How jamd and the player take turns."""

    ANSWER = "answer"  # call and response
    DUET = "duet"  # both at once
    SOLO = "solo"  # jamd carries on when the player stops, and yields when they play


@dataclass(frozen=True, slots=True)
class Form:
    """When a call is over and how long its answer is, in bars, and whether playing stops an answer.

    A call ends after its bars (None: never for that), or on the beat after `silence_beats` of rest (None:
    never for that), or on the beat after the player gives the floor. `answer_bars` None: as long as the call.
    """

    call_bars: int | None = 2
    answer_bars: int | None = 2
    interrupt: bool = True
    silence_beats: float | None = None
    mode: Mode = Mode.ANSWER


class Change(Enum):
    """What a note or the end of a step changed."""

    CALL_BEGINS = auto()
    ANSWER_INTERRUPTED = auto()  # and a call begins
    ANSWER_BEGINS = auto()
    ANSWER_ENDS = auto()
    PLAYING_BEGINS = auto()  # jamd's, without an end: a duet or a solo
    PLAYING_ENDS = auto()


class Turns:
    """Tells what is to change, from what the player does and the steps that pass.

    A call begins in the bar in which the player plays. `start_step` and `end_step` bound the present turn;
    an end of None is not known yet.
    """

    def __init__(self, form: Form) -> None:
        self.form = form
        self.turn = Turn.WAIT
        self.start_step = 0
        self.end_step: int | None = 0
        self.heard = False
        """Whether the player has played since jamd answered."""
        self._given = 0  # the floor is jamd's on the next multiple of so many steps in the bar
        self._silent_steps = 0
        self._rested = False  # the answer was begun by the player's silence
        self._past = 0  # nothing changes hands before this step

    @property
    def waits(self) -> bool:
        """Whether it takes the player's silence for something to change."""
        return self.form.mode is not Mode.ANSWER or self.form.call_bars is None

    @property
    def rolling(self) -> bool:
        """Whether jamd plays without a known end."""
        return self.turn in (Turn.DUET, Turn.SOLO)

    def played(self, position_steps: float, step: int, transport: Transport) -> Change | None:
        """The player struck a note at this position, heard as this step."""
        self.heard, self._silent_steps = True, 0
        if self.turn in (Turn.CALL, Turn.DUET):
            return None
        change = Change.CALL_BEGINS
        if self.turn is Turn.SOLO:
            change = Change.ANSWER_INTERRUPTED
        elif self.turn is Turn.ANSWER and (self.end_step is None or step < self.end_step):
            # What comes before the bar line belongs to the call that is over; but what is struck well before
            # the end of a rest shows that it is none, though an answer for a late synth is begun by then.
            resumed = self._rested and step < self.start_step
            if not resumed and (not self.form.interrupt or position_steps < self.start_step):
                return None
            change = Change.ANSWER_INTERRUPTED
        bar = transport.bar_of(step)
        self._begin(Turn.CALL, transport.bar_line(bar), None)
        if self.form.mode is Mode.ANSWER and self.form.call_bars is not None:
            self.end_step = transport.bar_line(bar + self.form.call_bars)
        return change

    def give(self, on_bar: bool = False) -> None:
        """The player gives jamd the floor, from the next beat or the next bar line on."""
        if self.turn in (Turn.WAIT, Turn.CALL):
            self._given = LONGEST_BAR_STEPS if on_bar else STEPS_PER_BEAT

    def keep(self) -> None:
        """The player keeps the floor after all."""
        self._given = 0

    def change(self, form: Form, step: int, transport: Transport) -> None:
        """From this step on, another form: a call that has no end by it, or had it, has one now."""
        self.form = form
        if self.turn is not Turn.CALL or form.mode is not Mode.ANSWER or form.call_bars is None:
            return
        if self.end_step is None or self.end_step <= step:
            bar = transport.bar_of(self.start_step) + form.call_bars
            self.end_step = transport.bar_line(max(bar, transport.bar_of(step) + 1))

    def move(self, step: int, transport: Transport) -> None:
        """The bar lines are elsewhere: a call goes on as if it began in the bar that holds this step."""
        if self.turn is Turn.CALL:
            bar = transport.bar_of(step)
            self.start_step = max(self.start_step, transport.bar_line(bar))
            if self.end_step is not None and self.form.call_bars is not None:
                self.end_step = transport.bar_line(bar + self.form.call_bars)

    def answer(self, start_step: int, steps: int) -> Change:
        """jamd has the floor from this step on, for so long."""
        self._begin(Turn.ANSWER, start_step, start_step + steps)
        return Change.ANSWER_BEGINS

    def closed(
        self, step: int, transport: Transport, silent: bool = True, begins: bool = True
    ) -> Change | None:
        """This step, in which the player was `silent` or not, is over and the next is about to begin. What
        `begins` with it may have been asked before."""
        self._silent_steps = self._silent_steps + 1 if silent else 0
        following = step + 1
        if following < self._past:
            return None
        match self.turn:
            case Turn.ANSWER if following == self.end_step:
                self._begin(Turn.WAIT, following, None)
                return Change.ANSWER_ENDS
            case Turn.DUET if _as_long(self._silent_steps, DUET_SILENCE_BEATS):
                self._begin(Turn.WAIT, following, None)
                return Change.PLAYING_ENDS
        return self.begins(following, transport) if begins else None

    def begins(self, first: int, transport: Transport, silence: Sequence[bool] = ()) -> Change | None:
        """Whether jamd begins with this step. In those before it that are not closed yet, the player is in
        `silence` or not, as far as is known."""
        if first < self._past:
            return None
        silent_steps = self._silent_steps
        for silent in silence:
            silent_steps = silent_steps + 1 if silent else 0
        step_in_bar = transport.step_in_bar(first)
        on_beat = step_in_bar % STEPS_PER_BEAT == 0
        given = self._given > 0 and step_in_bar % self._given == 0
        match self.turn, self.form.mode:
            case Turn.WAIT | Turn.CALL, Mode.DUET if self.heard and not _as_long(
                silent_steps, DUET_SILENCE_BEATS
            ):
                self._begin(Turn.DUET, first, None)
                return Change.PLAYING_BEGINS
            case Turn.WAIT | Turn.CALL, Mode.SOLO if given or (on_beat and self._solo_due(silent_steps)):
                self._begin(Turn.SOLO, first, None)
                return Change.PLAYING_BEGINS
            case Turn.WAIT | Turn.CALL, Mode.ANSWER if given:
                self._begin_answer(first, transport, silent_steps)
                return Change.ANSWER_BEGINS
            case Turn.CALL, Mode.ANSWER:
                over = self.end_step is not None and first >= self.end_step and step_in_bar == 0
                silence_beats = self.form.silence_beats
                rested = silence_beats is not None and on_beat and _as_long(silent_steps, silence_beats)
                if over or rested:
                    self._begin_answer(first, transport, silent_steps)
                    self._rested = not over
                    return Change.ANSWER_BEGINS
        return None

    def extend(self, step: int, transport: Transport) -> None:
        """The past is over: nobody takes the floor before this step, and a call that was over by then goes on
        to the next bar line."""
        self._past = step
        if self.turn is Turn.CALL and self.end_step is not None and self.end_step <= step:
            self.end_step = transport.bar_line(transport.bar_of(step) + 1)

    def rest(self) -> None:
        """Nobody's turn: neither call nor answer goes on."""
        self._begin(Turn.WAIT, self.start_step, None)
        self.heard = False

    def drop(self) -> None:
        """Give the answer up: the floor is free. A call goes on, and so does what has no end."""
        if self.turn is Turn.ANSWER:
            self._begin(Turn.WAIT, self.start_step, None)

    def _begin(self, turn: Turn, start_step: int, end_step: int | None) -> None:
        self.turn, self.start_step, self.end_step = turn, start_step, end_step
        self._given, self._rested = 0, False
        if turn in (Turn.ANSWER, Turn.SOLO):
            self.heard = False

    def _begin_answer(self, start: int, transport: Transport, silent_steps: int) -> None:
        self._begin(Turn.ANSWER, start, self._answer_end(start, transport, silent_steps))

    def _solo_due(self, silent_steps: int) -> bool:
        silence_beats = self.form.silence_beats
        return self.heard and _as_long(
            silent_steps, SOLO_SILENCE_BEATS if silence_beats is None else silence_beats
        )

    def _answer_end(self, start: int, transport: Transport, silent_steps: int) -> int:
        """On a bar line, the nearest to so many bars; or as long as the call was without its last rest."""
        if self.form.answer_bars is None and self.turn is Turn.CALL:
            played = start - self.start_step
            if self.end_step is None or start < self.end_step:
                played -= min(silent_steps, played - 1)
            return start + STEPS_PER_BEAT * max(1, math.ceil(played / STEPS_PER_BEAT))
        bars = self.form.answer_bars or self.form.call_bars or 1
        nearest = transport.bar_of(start + transport.metre_at(start).steps_per_bar // 2)
        return transport.bar_line(nearest + bars)


def _as_long(steps: int, beats: float) -> bool:
    return steps >= beats * STEPS_PER_BEAT
