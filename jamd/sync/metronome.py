"""The click: a note on each beat, and a louder one where a bar begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import mido

from jamd.errors import UsageError
from jamd.music.note import STEPS_PER_BEAT
from jamd.music.transport import Metre, Transport

DRUM_CHANNEL = 9
SIDE_STICK = 37
STRONG, WEAK = 112, 72
LENGTH_STEPS = 0.5

Send = Callable[[mido.Message, float | None], object]
"""Sends a message; with the instant at which it was due, if it was due and is not sent out of turn."""


@dataclass(frozen=True, slots=True)
class Click:
    """Which note, and on which channel (from 0)."""

    note: int = SIDE_STICK
    channel: int = DRUM_CHANNEL

    @classmethod
    def parse(cls, text: str) -> Click:
        """NOTE or NOTE:CHANNEL in numbers, the channel from 1 on, as 37:10. Raises UsageError."""
        note, _, channel = text.partition(":")
        if note.isdecimal() and int(note) < 128 and (not channel or channel.isdecimal()):
            number = int(channel or DRUM_CHANNEL + 1)
            if 1 <= number <= 16:
                return cls(int(note), number - 1)
        raise UsageError(f"click {text!r} is no note and channel; write it like 37 or 37:10")


def steps_per_click(metre: Metre) -> int:
    """The steps from one click to the next: a quarter note, in 6/8, 9/8 and 12/8 a dotted one, else in
    eighths an eighth."""
    if metre.unit == 8:
        return 6 if metre.beats % 3 == 0 and metre.beats > 3 else 2
    return STEPS_PER_BEAT if metre.unit <= 4 else STEPS_PER_BEAT * 4 // metre.unit


class Metronome:
    """Clicks on the grid while it runs, or only up to `until_step`: a count-in."""

    def __init__(self, click: Click, send: Send, early_seconds: float, until_step: int | None = None) -> None:
        self._click, self._send, self._early_seconds = click, send, early_seconds
        self._until_step = until_step
        self._next: int | None = None  # the step of the next click
        self._unheard = 0  # the first step that has not clicked yet
        self._off: float | None = None  # the position at which the last one ends

    def due_seconds(self, transport: Transport) -> float | None:
        """The instant of the next message, if there is one."""
        positions = [position for position in (self._next, self._off) if position is not None]
        return transport.seconds_at(min(positions)) - self._early_seconds if positions else None

    def begin(self, open_step: int, transport: Transport) -> None:
        """The grid runs from this step on."""
        self._next = self._at_or_after(max(open_step, self._unheard), transport)

    def stop(self) -> None:
        """The grid stands, and what clicks is over."""
        if self._off is not None:
            self._send(mido.Message("note_off", note=self._click.note, channel=self._click.channel), None)
        self._next = self._off = None

    def advance(self, transport: Transport, seconds: float) -> None:
        """Click what is due."""
        note, channel = self._click.note, self._click.channel
        while (due := self.due_seconds(transport)) is not None and due <= seconds:
            if self._off is not None and (self._next is None or self._off <= self._next):
                self._send(mido.Message("note_off", note=note, channel=channel), due)
                self._off = None
            elif self._next is not None:
                velocity = WEAK if transport.step_in_bar(self._next) else STRONG
                self._send(mido.Message("note_on", note=note, channel=channel, velocity=velocity), due)
                self._off, self._unheard = self._next + LENGTH_STEPS, self._next + 1
                self._next = self._at_or_after(self._next + 1, transport)

    def _at_or_after(self, step: int, transport: Transport) -> int | None:
        per_click = steps_per_click(transport.metre)
        while transport.step_in_bar(step) % per_click:
            step += 1
        return step if self._until_step is None or step < self._until_step else None
