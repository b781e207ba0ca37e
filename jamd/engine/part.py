"""jamd's part: frames from the model, voiced, sent in time, and taken back when they are not wanted.

Frames are planned and may be planned again until they are voiced: all of an answer as soon as it comes, a
duet's a little ahead of their time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import mido

from jamd.clock import Clock
from jamd.engine.account import Account, Recorder
from jamd.engine.echo import Echo
from jamd.engine.output import Output
from jamd.engine.scheduler import Scheduler
from jamd.engine.voice import Placed, Voice
from jamd.mind.worker import Worker
from jamd.models.features import Place
from jamd.music.note import REST, STEPS_PER_BEAT, Frame
from jamd.music.swing import swung
from jamd.music.transport import Transport

LOOKAHEAD_BEATS, COMMIT_BEATS = 2.0, 0.25
KEPT_STEPS = 1024
"""The longest answer that can be looped or varied."""

PlaceOf = Callable[[int], Place]


@dataclass(frozen=True, slots=True)
class Ahead:
    """How far ahead jamd plans while it plays without an end, and how much of that it never changes."""

    lookahead_beats: float = LOOKAHEAD_BEATS
    commit_beats: float = COMMIT_BEATS

    @property
    def commit_steps(self) -> int:
        return round(self.commit_beats * STEPS_PER_BEAT)

    @property
    def lookahead_steps(self) -> int:
        return max(round(self.lookahead_beats * STEPS_PER_BEAT), self.commit_steps + 2)


AHEAD = Ahead()


class Part:
    """What jamd plays. Belongs to the engine, and knows the grid by the transport it is given.

    `early_seconds` is how long before its instant all is sent, for a synth that is late by as much.
    """

    def __init__(
        self,
        clock: Clock,
        voice: Voice,
        output: Output,
        recorder: Recorder,
        echo: Echo,
        ahead: Ahead = AHEAD,
        early_seconds: float = 0.0,
    ) -> None:
        self.voice, self.ahead, self.early_seconds = voice, ahead, early_seconds
        self.expected_step = 0
        """The first step for which no frame has come yet."""
        self.last: tuple[Frame, ...] = ()
        """The frames of the last answer that was played to its end."""
        self.swing_share: float | None = None
        """Where in the beat the player swings."""
        self._clock, self._output, self._recorder, self._echo = clock, output, recorder, echo
        self._scheduler = Scheduler()
        self._transport: Transport  # since something is played
        self._number = 0  # of the answer or plan that is being written; each has its own
        self._frames: dict[int, Frame] = {}  # planned and played, by step
        self._first = self._next = 0  # the first step of the answer, and the first that is not voiced
        self._until = 0  # what is planned before this step is voiced as it comes
        self._earliest = 0.0  # nothing is played before this position

    def begin(
        self, worker: Worker, first: int, end: int, transport: Transport, place: PlaceOf, vary: bool = False
    ) -> None:
        """Ask for an answer from one step to another; with `vary`, to the last answer and not to the call."""
        self._open(first, end, transport)
        early, clock = self.early_seconds, self._clock
        worker.answer(
            self._number,
            first,
            [place(step) for step in range(first, end)],
            lambda step: self._transport.seconds_at(first + step) - early - clock.now(),
            self.last if vary else None,
        )

    def repeat(self, first: int, end: int, transport: Transport) -> None:
        """Play the last answer once more, as much of it as fits."""
        self._open(first, end, transport)
        for step, frame in zip(range(first, end), (*self.last, *[REST] * (end - first)), strict=False):
            self.take(self._number, step, frame)
        self.end(end)

    def _open(self, first: int, end: int, transport: Transport) -> None:
        self._transport = transport
        self._number += 1
        begun = min(first, self._next)  # what is before was played
        self._frames = {step: frame for step, frame in self._frames.items() if step < begun}
        self._first = self._next = self.expected_step = first
        self._until = end
        # an answer never starts early, nor where it would be too late to be played
        self._earliest = max(float(first), transport.position_at(self._clock.now() + self.early_seconds))

    def roll(self, first: int, transport: Transport) -> None:
        """Play from this step on, with no end known; `plan` after each step."""
        self._open(first, first, transport)

    def plan(
        self,
        worker: Worker,
        open_step: int,
        transport: Transport,
        place: PlaceOf,
        duet: bool,
        account: Account,
        early_steps: int = 0,
    ) -> None:
        """A step begins: voice what is due, and ask for all that is not fixed by now anew. With a late synth,
        what is due is so many steps more."""
        self._transport = transport
        self._earliest = transport.position_at(self._clock.now() + self.early_seconds)
        self._until = max(self._until, open_step + 1 + self.ahead.commit_steps + early_steps)
        if self._next < open_step:
            # Nothing came in time: what sounds sounds on, and the mind is told so.
            account.late_frames += 1
            while self._next < open_step:
                self._frames[self._next] = Frame((), self.voice.sounding)
                self._voice_next()
        self._voice_ready()
        self._number += 1
        end = open_step + self.ahead.lookahead_steps + early_steps
        self.expected_step = self._next
        worker.plan(
            self._number,
            open_step,
            [self._frames.get(step, REST) for step in range(open_step, self._next)],
            [place(step) for step in range(open_step, max(end, self._next + 1))],
            duet,
        )

    def writes(self, number: int) -> bool:
        """Whether this is the answer being written; whatever else comes is of one that is over."""
        return number == self._number

    def take(self, number: int, step: int, frame: Frame) -> None:
        """A frame has come."""
        if number == self._number and step >= self._next:
            self.expected_step = step + 1
            self._frames[step] = frame
            self._voice_ready()

    def end(self, end_step: int) -> None:
        """The answer is whole: it ends here."""
        self._schedule(self.voice.end(end_step))
        self.last = tuple(self._frames.get(step, REST) for step in range(self._first, end_step))[:KEPT_STEPS]

    def _voice_ready(self) -> None:
        while self._next < self._until and self._next in self._frames:
            self._voice_next()

    def _voice_next(self) -> None:
        step = self._next
        self._schedule(self.voice.play(step, self._frames[step], self._earliest, self._swung(step)))
        self._next += 1

    def _swung(self, step: int) -> float | None:
        """Where a step between two beats lies for a player who swings."""
        metre = self._transport.metre_at(step)
        step_in_beat = self._transport.step_in_bar(step) % STEPS_PER_BEAT
        if self.swing_share is None or metre.unit != 4 or step_in_beat == 0:
            return None
        before = self._frames.get(step - 1, REST)
        return step - step_in_beat + swung(step_in_beat, self.swing_share, alone=not before.onsets)

    def _schedule(self, placed: Placed) -> None:
        for position, message in placed:
            self._scheduler.add(position, message)

    def own(self, step: int) -> Frame:
        """What jamd plays in a step that is not planned anew."""
        return self._frames.get(step, REST) if step < self._next else REST

    def planned(self, open_step: int) -> tuple[tuple[int, Frame], ...]:
        """What is meant to be played from the open step on, by step."""
        return tuple((step, frame) for step, frame in sorted(self._frames.items()) if step >= open_step)

    def close(self, step: int) -> Frame:
        """What jamd played in a step that is over."""
        self._frames.pop(step - KEPT_STEPS, None)
        return self.own(step)

    def due_seconds(self, transport: Transport) -> float | None:
        """The instant at which the next message is to be sent, if one is."""
        position = self._scheduler.next_position()
        return None if position is None else transport.seconds_at(position) - self.early_seconds

    def advance(self, transport: Transport) -> None:
        """Send what is due."""
        self._transport = transport
        while (due := self.due_seconds(transport)) is not None and due <= self._clock.now():
            position, message = self._scheduler.pop()
            if self._output.send(message, due):
                self._sent(message, position / STEPS_PER_BEAT)

    def cut(self, worker: Worker, open_step: int, transport: Transport) -> None:
        """Stop at once: nothing more of it, and nothing of it left sounding."""
        self._number += 1
        worker.cancel()
        self._next = min(self._next, open_step + 1)
        self._frames = {step: frame for step, frame in self._frames.items() if step <= open_step}
        self.silence(open_step, transport)

    def silence(self, open_step: int, transport: Transport) -> None:
        """End all that sounds."""
        self._scheduler.clear()
        self.voice.forget()
        self.hush(transport)

    def hush(self, transport: Transport) -> None:
        """End what sounds now; what is to come is still to come."""
        beats = transport.beats_at(self._clock.now())
        for message in self._output.silence():
            self._sent(message, beats)

    def _sent(self, message: mido.Message, beats: float) -> None:
        self._echo.sent(message, self._clock.now())
        self._recorder.record("jamd", beats, message)
