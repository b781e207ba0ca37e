"""jamd as a partner: whose turn it is, what it asks of its model, and what it does when that fails."""

from __future__ import annotations

import logging
from collections.abc import Callable

from jamd.clock import Clock
from jamd.engine.account import Account, Recorder
from jamd.engine.part import Part
from jamd.engine.snapshot import Turn
from jamd.engine.told import Told
from jamd.engine.turns import Change, Form, Turns
from jamd.mind.minds import Minds
from jamd.mind.posts import Failed, Predicted
from jamd.models.features import Place
from jamd.music.lead import early_steps
from jamd.music.note import STEPS_PER_BEAT, Frame
from jamd.music.swing import Swing
from jamd.music.transport import Transport

PATIENCE_SECONDS = 0.1
"""How long a frame may be overdue before the answer is given up."""
MOST_LATE_STEPS = 32
"""The same where there is no answer to give up: steps that jamd plays without a new frame."""
FAULTS_IN_A_ROW = 2
"""For a mind that fails this often without one whole answer in between another stands in."""
log = logging.getLogger(__name__)


class Partner:
    """Takes turns with the player."""

    def __init__(
        self,
        clock: Clock,
        transport: Transport,
        form: Form,
        part: Part,
        minds: Minds,
        recorder: Recorder,
    ) -> None:
        self.transport = transport
        """Where the grid lies; the engine keeps it up to date."""
        self.step = 0
        """The step that is open."""
        self.looked = 0
        """Whether jamd begins with a step has been asked up to this one."""
        self.account = Account(recorder.turn)
        self.turns, self.part = Turns(form), part
        self.minds = minds
        self._clock = clock
        self._swing = Swing()
        self._told = Told()
        self._late_steps = self._faults_in_a_row = 0
        self._again: str | None = None  # "loop" or "vary": what the next answer is
        self._paused = False

    # The player's time

    def played(self, position_steps: float, step: int) -> None:
        """The player struck a note at this position, heard as this step."""
        if not (self.turns.turn is Turn.ANSWER and self.looping):
            self._change(self.turns.played(position_steps, step, self.transport))

    def close(self, player: Frame) -> Frame:
        """The open step is over, in which the player did this; returns what jamd did."""
        step, own = self.step, self.part.close(self.step)
        self._swing.hear(self.transport.step_in_bar(step) % STEPS_PER_BEAT, player)
        self.part.swing_share = self._swing.share
        self.step += 1
        self._told.sounded(bool(player.sounding or own.sounding))
        self._hear(step, player, own)
        self._swap()
        begins, self.looked = self.step > self.looked, max(self.looked, self.step)
        self._change(self.turns.closed(step, self.transport, not player.sounding, begins))
        if self.turns.rolling:
            self._plan()
        return own

    def look(self, frame_of: Callable[[int], Frame]) -> None:
        """Ask whether jamd begins with the next step, so long before it that a late synth is told in time.
        Some steps are not closed by then, and are what is known of them. Notes that come in these later are
        of the call, too, but no part of what is answered."""
        self.looked += 1
        first, turns = self.looked, self.turns
        before = [frame_of(step) for step in range(self.step, first)]
        if self._comes_again(first):
            self._change(turns.answer(first, len(self.part.last)))
            return
        change = turns.begins(first, self.transport, [not frame.sounding for frame in before])
        if change is Change.ANSWER_BEGINS:
            for step, frame in enumerate(before, self.step):
                self._hear(step, frame, self.part.own(step))
                self._told.early(step, frame)
        self._change(change)
        if change is Change.PLAYING_BEGINS:
            self._plan()

    def _hear(self, step: int, player: Frame, own: Frame) -> None:
        """The model hears a step, once."""
        heard = self._told.once(step, player, self.turns.turn is Turn.WAIT)
        if heard is not None:
            self.minds.hear((heard, own, self._place(step)))

    def _comes_again(self, first: int) -> bool:
        """Whether an answer that is whole ends here and another one follows it."""
        turns, part = self.turns, self.part
        whole = turns.turn is Turn.ANSWER and turns.end_step == first == part.expected_step
        return whole and self._again is not None and bool(part.last)

    def rest(self) -> None:
        """Nobody has the floor: the time stands still, or begins somewhere."""
        self._paused = False
        if self.turns.turn is not Turn.WAIT:
            self.turns.rest()
            self.account.changed(Change.ANSWER_INTERRUPTED, self.turns, self.step)
        self.cut()
        if self.looping:
            self._ask_again()  # it goes on from the next bar line

    def pause(self) -> None:
        """The time stands still: nothing sounds, and nothing is sent until it goes on."""
        self._paused = True
        self.part.hush(self.transport)

    def go_on(self) -> None:
        """It goes on, and the turn with it."""
        self._paused = False

    def move(self) -> None:
        """The bar lines are elsewhere. An answer ends, and a call begins anew with them."""
        if self.turns.turn is Turn.ANSWER:
            self.rest()
        elif self.turns.turn is Turn.CALL:
            self.turns.move(self.step, self.transport)
            self.account.moved(self.turns, self.step)

    def _place(self, step: int) -> Place:
        return Place(self.transport.step_in_bar(step), self.transport.metre_at(step).steps_per_bar)

    # Turns

    def _change(self, change: Change | None) -> None:
        match change:
            case Change.ANSWER_BEGINS:
                self._begin_answer()
            case Change.ANSWER_INTERRUPTED | Change.PLAYING_ENDS:
                self.cut()
            case Change.ANSWER_ENDS:
                self._end_answer()
            case Change.PLAYING_BEGINS:
                self.account.turns += 1
                self.part.roll(self.turns.start_step, self.transport)
            case _:
                pass
        if change is not None:
            self.account.changed(change, self.turns, self.step)
        if change is Change.ANSWER_ENDS and self._again is not None and self.part.last:
            self._change(self.turns.answer(self.step, len(self.part.last)))

    def _begin_answer(self) -> None:
        self.account.turns += 1
        turns, part = self.turns, self.part
        again, first = self._again if part.last else None, turns.start_step
        if again is not None:
            turns.end_step = first + len(part.last)
        assert turns.end_step is not None
        if again == "loop":
            part.repeat(first, turns.end_step, self.transport)
            return
        self._again = None
        part.begin(
            self.minds.worker, first, turns.end_step, self.transport, self._place, vary=again == "vary"
        )

    def _end_answer(self) -> None:
        if self.part.expected_step < self.turns.start_step:
            self._give_up("no answer in time")

    def _plan(self) -> None:
        late = self.account.late_frames
        duet = self.turns.turn is Turn.DUET
        ahead = early_steps(self.transport, self.part.early_seconds)
        self.part.plan(self.minds.worker, self.step, self.transport, self._place, duet, self.account, ahead)
        self._late_steps = self._late_steps + 1 if self.account.late_frames > late else 0
        if self._late_steps > MOST_LATE_STEPS:
            self._give_up("no notes in time")

    # What comes from the mind

    def predicted(self, event: Predicted) -> None:
        """A frame has come. The last of an answer ends it."""
        part, end_step = self.part, self.turns.end_step
        if not part.writes(event.answer):
            return
        if self._clock.now() > self.transport.seconds_at(event.step + 1):
            self.account.late_frames += 1
        part.take(event.answer, event.step, event.frame)
        if self.turns.rolling:
            self._faults_in_a_row = 0
        elif event.step + 1 == end_step:
            part.end(end_step)
            self._faults_in_a_row = 0

    def failed(self, event: Failed) -> None:
        """The mind broke off."""
        if event.answer == 0 or self.part.writes(event.answer):
            self._give_up(event.reason)

    def _swap(self) -> None:
        """Another mind that waits goes on while jamd does not play, or where a bar begins."""
        bar_begins = self.transport.step_in_bar(self.step) == 0
        if self.turns.turn in (Turn.WAIT, Turn.CALL) or (self.turns.rolling and bar_begins):
            self.minds.swap()

    def _give_up(self, reason: str) -> None:
        """A mind that fails costs its turn, never the clock or a hanging note; the next gets a new one."""
        log.warning("answer %d given up: %s", self.account.turns, reason)
        self.account.faults += 1
        self.account.last_fault = reason
        self.turns.drop()
        self.cut()
        self._late_steps = 0
        self._faults_in_a_row += 1
        self.minds.replace(again=self._faults_in_a_row > 1)
        if self._faults_in_a_row % FAULTS_IN_A_ROW == 0:
            self.minds.stand_in()

    # The player's hands

    def change_form(self, form: Form) -> None:
        """Take turns like this from now on. Another mode ends what jamd plays."""
        mode = self.turns.form.mode
        self.turns.change(form, self.step, self.transport)
        if form.mode is not mode and self.turns.turn in (Turn.ANSWER, Turn.DUET, Turn.SOLO):
            heard = self.turns.heard
            self._again = None
            self.rest()
            self.turns.heard = heard

    @property
    def looping(self) -> bool:
        return self._again == "loop"

    def loop(self) -> None:
        """Play the last answer again and again from the next bar line on, or no more."""
        self._again = None if self.looping else "loop"
        if self._again is None:
            self.turns.keep()
        self._ask_again()

    def panic(self) -> None:
        """Silence, and nobody has the floor; what was to come again does not."""
        self._again = None
        self.rest()

    def vary(self) -> None:
        """Play a variation of the last answer from the next bar line on."""
        self._again = "vary"
        self._ask_again()

    def _ask_again(self) -> None:
        if self._again is not None and self.part.last:
            self.turns.give(on_bar=True)

    # Time

    @property
    def due_seconds(self) -> float | None:
        """The next instant that matters to jamd's part."""
        if self._paused:
            return None
        due = self.part.due_seconds(self.transport)
        if not self._awaiting:
            return due
        patience = self._patience_seconds()
        return patience if due is None else min(due, patience)

    def advance(self) -> None:
        """Send what is due; lose patience."""
        if self._paused:
            return
        self.part.advance(self.transport)
        if self._awaiting and self._patience_seconds() <= self._clock.now():
            self._give_up("no answer in time")

    @property
    def _awaiting(self) -> bool:
        turns = self.turns
        return (
            turns.turn is Turn.ANSWER
            and turns.end_step is not None
            and self.part.expected_step < turns.end_step
        )

    def _patience_seconds(self) -> float:
        return self.transport.seconds_at(self.part.expected_step) + PATIENCE_SECONDS

    def cut(self) -> None:
        """Stop at once: nothing more of what jamd plays, and nothing of it left sounding."""
        self.part.cut(self.minds.worker, self.step, self.transport)

    def end(self) -> None:
        """The session is over."""
        self.minds.close()
        self.part.silence(self.step, self.transport)
        self.account.ended(self.step)
