"""The engine: one loop on one thread that owns all the music, from what is heard to what is played.

Everything reaches it through the inbox: what was received, what was predicted, what was commanded. It waits
for the next of these or for the next instant that matters, whichever comes first, and never polls.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import mido

from jamd.clock import Clock, Inbox
from jamd.clockin import MESSAGES as CLOCK_MESSAGES
from jamd.clockin import ClockIn
from jamd.echo import Echo
from jamd.errors import JamdError
from jamd.events import Clocked, Event, Failed, Panic, Predicted, Received, Stop
from jamd.models.features import Place
from jamd.note import REST, STEPS_PER_BEAT, Frame
from jamd.output import Output
from jamd.pianoroll import PianoRoll
from jamd.scheduler import Scheduler
from jamd.snapshot import Snapshot, Span, Turn
from jamd.transport import Transport
from jamd.turns import Change, Form, Turns
from jamd.voice import Placed, Voice
from jamd.worker import Post, Worker

LEAD_SECONDS = 0.03
"""How long before a step the one before it is closed, so that an answer is begun before its bar line. Never
more than half a step: until then a note still belongs to the step that is being closed."""
PATIENCE_SECONDS = 0.1
"""How long a frame may be overdue before the answer is given up."""
FAULTS_IN_A_ROW = 3
"""A mind that fails this often without one whole answer in between ends the session."""
QUIET_STEPS = 32
"""After this much silence of both, the mind is spared more of it: it never learned from long rests."""
SHOWN_STEPS = 128
REMEMBERED_TURNS = 1000

log = logging.getLogger(__name__)


class Recorder(Protocol):
    """Takes what was played, by part ("player" or "jamd"), and never blocks."""

    def record(self, part: str, beats: float, message: mido.Message) -> None: ...


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


class Engine:
    """Owns transport, rolls, turns, voice and scheduler; is handed clock, output, recorder and worker.

    With `started` False the grid begins with the player's first note: beat 1 of bar 1. `make_worker` is
    called again after a fault: a mind that failed is not trusted with its memory. With `clock_in` the grid is
    the master's, and runs while the master does.
    """

    def __init__(
        self,
        clock: Clock,
        transport: Transport,
        form: Form,
        voice: Voice,
        output: Output,
        recorder: Recorder,
        make_worker: Callable[[Post], Worker],
        started: bool = False,
        clock_in: ClockIn | None = None,
    ) -> None:
        self.inbox = Inbox()
        self.account = Account()
        self.snapshot = Snapshot(tempo=transport.tempo, metre=transport.metre)
        self._clock, self._transport, self._started = clock, transport, started
        self._clock_in = clock_in
        self._turns, self._voice, self._output, self._recorder = Turns(form), voice, output, recorder
        self._make_worker = make_worker
        self._worker = make_worker(self.inbox.put)
        self._scheduler = Scheduler()
        self._echo = Echo()
        self._roll = PianoRoll()
        self._step = 0  # the step that is open
        self._quiet_steps = 0
        self._faults_in_a_row = 0
        self._answer = 0  # the number of the answer being played; each has its own
        self._own: dict[int, Frame] = {}  # frames of the answer, by step
        self._expected_step = 0  # the first step of the answer that has not come yet
        self._shown: deque[tuple[Frame, Frame]] = deque(maxlen=SHOWN_STEPS)

    def receive(self, message: mido.Message) -> None:
        """The MIDI input's callback, on its thread: stamp and pass on, nothing else."""
        if message.type not in CLOCK_MESSAGES:
            self.inbox.put(Received(self._clock.now(), message))

    def receive_clock(self, message: mido.Message) -> None:
        """The same of an input with a master's clock, of which all else is passed over."""
        if message.type in CLOCK_MESSAGES:
            self.inbox.put(Clocked(self._clock.now(), message))

    def receive_both(self, message: mido.Message) -> None:
        """The same of an input that both come in by."""
        self.receive(message)
        self.receive_clock(message)

    def stop(self) -> None:
        """End the session; from any thread or a signal handler."""
        self.inbox.put(Stop())

    def run(self) -> None:
        """Play until Stop. Whatever happens, every note that was started is stopped."""
        try:
            while not isinstance(event := self._clock.wait(self.inbox, self._deadline()), Stop):
                if event is not None:
                    self._handle(event)
                self._advance()
        finally:
            self._worker.close()
            self._silence()
            self._output.close()

    def _deadline(self) -> float | None:
        """The next instant that matters, in seconds; None before the grid has begun."""
        instants = [self._close_seconds()] if self._started else []
        position = self._scheduler.next_position()
        if position is not None:
            instants.append(self._transport.seconds_at(position))
        if self._awaiting():
            instants.append(self._patience_seconds())
        if self._clock_in is not None and self._clock_in.gone_seconds is not None:
            instants.append(self._clock_in.gone_seconds)
        return min(instants, default=None)

    def _handle(self, event: Event) -> None:
        match event:
            case Received(seconds, message):
                self._received(message, seconds)
            case Clocked(seconds, message):
                self._clocked(message, seconds)
            case Predicted(answer, step, frame) if answer == self._answer:
                self._predicted(step, frame)
            case Failed(answer, reason) if answer in (0, self._answer):
                self._give_up(reason)
            case Panic():
                self._interrupt()
            case _:
                pass  # from an answer that is over

    def _advance(self) -> None:
        """Do what is due: send messages, close steps, lose patience."""
        self._miss_clock()
        while (position := self._scheduler.next_position()) is not None:
            if self._transport.seconds_at(position) > self._clock.now():
                break
            self._send(*self._scheduler.pop())
        while self._started and self._close_seconds() <= self._clock.now():
            self._close_step()
        if self._awaiting() and self._patience_seconds() <= self._clock.now():
            self._give_up("no answer in time")

    # The player

    def _received(self, message: mido.Message, seconds: float) -> None:
        is_on = message.type == "note_on" and message.velocity > 0
        is_off = message.type == "note_off" or (message.type == "note_on" and not is_on)
        if self._echo.is_own(message, seconds) and not (is_off and self._roll.holds(message.note)):
            return
        if is_on and not self._started:
            self._start(seconds)
        if is_on and not self._started:
            return  # while the master stands, playing is practising
        position = self._transport.position_at(seconds) if self._started else float(self._step)
        self._roll.receive(message, position)
        self._recorder.record("player", position / STEPS_PER_BEAT, message)
        if is_on:
            self.account.notes_heard += 1
            step = max(self._step, self._transport.step_at(seconds))
            self._change(self._turns.played(position, step, self._transport))

    # The grid

    def _start(self, seconds: float) -> None:
        """The player's first note is beat 1 of bar 1, unless a master says where it is."""
        if self._clock_in is None:
            self._started = True
            self._transport = replace(self._transport, anchor_seconds=seconds)
        elif self._clock_in.join(seconds):
            self._follow()

    def _clocked(self, message: mido.Message, seconds: float) -> None:
        """The master ticked, or said what it does. Its tempo and its bar lines are ours from now on."""
        if self._clock_in is not None:
            self._clock_in.receive(message, seconds)
            self._follow()

    def _follow(self) -> None:
        assert self._clock_in is not None
        moved, before = self._clock_in.transport, self._transport
        self._transport = moved
        if self._clock_in.running != self._started:
            self._started = self._clock_in.running
            self._rest()
        elif moved.downbeat_step != before.downbeat_step:
            self._rest()

    def _rest(self) -> None:
        """Nobody has the floor: the master stopped, or begins somewhere."""
        cut = self._turns.turn is not Turn.WAIT
        self._turns.rest()
        if cut:
            self._note_span(Change.ANSWER_INTERRUPTED)
        self._interrupt()
        self._show()

    def _miss_clock(self) -> None:
        """Stand still when the master's clock is gone."""
        clock_in = self._clock_in
        if clock_in is None or (gone := clock_in.gone_seconds) is None or gone > self._clock.now():
            return
        log.warning("the clock is gone; waiting for it")
        clock_in.lose()
        self._follow()

    def _close_seconds(self) -> float:
        """The instant at which the open step is closed."""
        lead_seconds = min(LEAD_SECONDS, self._transport.seconds_per_step / 2)
        return self._transport.seconds_at(self._step + 1) - lead_seconds

    def _close_step(self) -> None:
        step = self._step
        self._step += 1
        player, own = self._roll.close(step), self._own.pop(step, REST)
        self._quiet_steps = 0 if player.sounding or own.sounding else self._quiet_steps + 1
        if self._quiet_steps < QUIET_STEPS or self._turns.turn is not Turn.WAIT:
            self._worker.hear(player, own, self._place(step))
        self._shown.append((player, own))
        self._change(self._turns.closed(step, self._transport))
        self._show()

    def _place(self, step: int) -> Place:
        return Place(self._transport.step_in_bar(step), self._transport.metre.steps_per_bar)

    def _change(self, change: Change | None) -> None:
        match change:
            case Change.ANSWER_BEGINS:
                self._begin_answer()
            case Change.ANSWER_INTERRUPTED:
                self._interrupt()
            case Change.ANSWER_ENDS if self._expected_step < self._turns.end_step:
                self._give_up("no answer in time")
            case _:
                pass
        if change is not None:
            self._note_span(change)
            self._show()

    def _note_span(self, change: Change) -> None:
        turns, spans = self._turns, self.account.spans
        start = turns.start_step / STEPS_PER_BEAT
        if change is Change.ANSWER_INTERRUPTED:
            start = self._step / STEPS_PER_BEAT
            spans[-1] = replace(spans[-1], end_beats=start)
        if turns.turn is not Turn.WAIT:
            spans.append(Span(start, turns.end_step / STEPS_PER_BEAT, turns.turn))

    # The answer

    def _begin_answer(self) -> None:
        first, end = self._turns.start_step, self._turns.end_step
        self._answer += 1
        self.account.turns += 1
        self._expected_step = first
        self._own.clear()
        transport, clock = self._transport, self._clock  # as they are now: the tempo of a turn is its own
        self._worker.answer(
            self._answer,
            first,
            [self._place(step) for step in range(first, end)],
            lambda step: transport.seconds_at(first + step) - clock.now(),
        )

    def _awaiting(self) -> bool:
        return self._turns.turn is Turn.ANSWER and self._expected_step < self._turns.end_step

    def _patience_seconds(self) -> float:
        return self._transport.seconds_at(self._expected_step) + PATIENCE_SECONDS

    def _predicted(self, step: int, frame: Frame) -> None:
        if self._clock.now() > self._transport.seconds_at(step + 1):
            self.account.late_frames += 1
        self._expected_step = step + 1
        self._own[step] = frame
        self._schedule(self._voice.play(step, frame, earliest_step=self._turns.start_step))
        if self._expected_step == self._turns.end_step:
            self._schedule(self._voice.end(self._turns.end_step))
            self._faults_in_a_row = 0

    def _schedule(self, placed: Placed) -> None:
        for position, message in placed:
            self._scheduler.add(position, message)

    def _send(self, position_steps: float, message: mido.Message) -> None:
        if self._output.send(message, self._transport.seconds_at(position_steps)):
            self._sent(message, position_steps / STEPS_PER_BEAT)

    def _sent(self, message: mido.Message, beats: float) -> None:
        self._echo.sent(message, self._clock.now())
        self._recorder.record("jamd", beats, message)

    def _interrupt(self) -> None:
        """Stop the answer at once: nothing more of it, and nothing of it left sounding."""
        self._answer += 1  # whatever is still on its way belongs to an answer that is over
        self._worker.cancel()
        self._own = {step: frame for step, frame in self._own.items() if step <= self._step}
        self._silence()

    def _silence(self) -> None:
        self._scheduler.clear()
        self._voice.end(self._step)
        beats = self._transport.beats_at(self._clock.now())
        for message in self._output.silence():
            self._sent(message, beats)

    def _give_up(self, reason: str) -> None:
        """A mind that fails costs its turn, never the clock or a hanging note; the next gets a new one."""
        log.warning("answer %d given up: %s", self.account.turns, reason)
        self.account.faults += 1
        self.account.last_fault = reason
        self._turns.drop()
        self._interrupt()
        self._worker.close()
        self._faults_in_a_row += 1
        if self._faults_in_a_row == FAULTS_IN_A_ROW:
            raise JamdError(f"the model failed {FAULTS_IN_A_ROW} times in a row; last: {reason}")
        self._worker = self._make_worker(self.inbox.put)

    def _show(self) -> None:
        self.snapshot = Snapshot(
            turn=self._turns.turn,
            turns=self.account.turns,
            tempo=self._transport.tempo,
            metre=self._transport.metre,
            downbeat_step=self._transport.downbeat_step,
            position_steps=float(self._step),
            first_step=self._step - len(self._shown),
            player=tuple(player for player, _ in self._shown),
            own=tuple(own for _, own in self._shown),
        )
