"""MIDI input: messages are stamped on their port's thread and wait for the engine's."""

from __future__ import annotations

import mido

from jamd.clock import Clock
from jamd.engine.events import (
    Clocked,
    Event,
    Inbox,
    Received,
    Unheeded,
)
from jamd.sync.clockin import MESSAGES as CLOCK_MESSAGES

MOST_WAITING, MOST_ENDS_WAITING = 10_000, 50_000
"""Messages that may wait for the engine, however long it is held up: so many until a note-on is left out, and
more until anything is, lest a key that was let go be held for ever."""

OLDEST_SECONDS = 0.25
"""So old may a message be that was stamped elsewhere; one that claims more is taken for as old."""


class Intake:
    """The callbacks of MIDI inputs, and the inbox that they fill."""

    def __init__(self, clock: Clock) -> None:
        self.inbox = Inbox()
        self.overrun = 0
        """Messages that were left out, as too many were waiting."""
        self._clock = clock
        self._unheeded = False  # a clock was said to be

    def receive(self, message: mido.Message) -> None:
        """The MIDI input's callback, on its thread: stamp and pass on, nothing else."""
        if message.type not in CLOCK_MESSAGES:
            most = MOST_WAITING if message.type == "note_on" else MOST_ENDS_WAITING
            self._put(Received(self._clock.now(), message), most)
        elif not self._unheeded:
            self._unheeded = True
            self.inbox.put(Unheeded())

    def receive_at(self, message: mido.Message, seconds: float) -> None:
        """The same of what was stamped where it was played, a little before: a page's keys."""
        now = self._clock.now()
        most = MOST_WAITING if message.type == "note_on" else MOST_ENDS_WAITING
        self._put(Received(min(max(seconds, now - OLDEST_SECONDS), now), message), most)

    def receive_clock(self, message: mido.Message) -> None:
        """The same of an input with a master's clock, of which all else is passed over."""
        if message.type in CLOCK_MESSAGES:
            self._put(Clocked(self._clock.now(), message), MOST_ENDS_WAITING)

    def receive_both(self, message: mido.Message) -> None:
        """The same of an input that both come in by."""
        (self.receive_clock if message.type in CLOCK_MESSAGES else self.receive)(message)

    def _put(self, event: Event, most: int) -> None:
        if self.inbox.qsize() < most:
            self.inbox.put(event)
        else:
            self.overrun += 1
