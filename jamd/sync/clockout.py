"""MIDI clock for others to follow: 24 ticks a beat, with start, stop, continue and song position.

MIDI 1.0 Detailed Specification 4.2, "System Real Time Messages": the tick after a start is the first beat's,
and the song position counts sixteenths, of six ticks each.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import mido

from jamd.music.transport import Transport
from jamd.sync.clockin import TICKS_PER_BEAT, TICKS_PER_STEP

SONG_POSITIONS = 1 << 14
LATE_SECONDS = 0.05
"""The grid begins with a note that was played a moment ago: its ticks are sent late, and not left out."""

Send = Callable[[mido.Message], object]


class ClockOut:
    """Ticks at their places on the grid, so that they never drift from it, and at the same pace before it
    begins, so that others know the tempo. `early_seconds` sends each that long before its instant."""

    def __init__(self, send: Send, early_seconds: float = 0.0) -> None:
        self._send, self._early_seconds = send, early_seconds
        self._tick: int | None = None  # the next one on the grid; None while the grid stands
        self._start_tick = 0
        self._free_seconds: float | None = None  # the instant of the next one outside it

    def due_seconds(self, transport: Transport) -> float:
        """The instant of the next tick."""
        if self._tick is None:
            return self._free_seconds or 0.0  # at first at once
        return transport.seconds_at(self._tick / TICKS_PER_STEP) - self._early_seconds

    def begin(self, transport: Transport, seconds: float) -> None:
        """The grid runs from this instant on. The song began with bar 1, `downbeat_step`, or will."""
        position = transport.position_at(seconds + self._early_seconds)
        late_steps = LATE_SECONDS / transport.seconds_per_step
        self._tick = math.ceil(position * TICKS_PER_STEP - 0.5)  # one that was just missed is sent, too
        self._start_tick = transport.downbeat_step * TICKS_PER_STEP
        if 0 <= position - transport.downbeat_step < late_steps:
            self._tick = self._start_tick
        if self._tick > self._start_tick:
            song_step = math.ceil(self._tick / TICKS_PER_STEP) - transport.downbeat_step
            self._tick = self._start_tick + song_step * TICKS_PER_STEP  # where it can be said to be
            self._send(mido.Message("songpos", pos=song_step % SONG_POSITIONS))
            self._send(mido.Message("continue"))

    def stop(self, seconds: float) -> None:
        """The grid stands from this instant on; a second call changes nothing."""
        if self._tick is not None:
            self._tick, self._free_seconds = None, seconds
            self._send(mido.Message("stop"))

    def resume(self, transport: Transport, seconds: float) -> None:
        """Who follows was not there for a while: say where the song is."""
        if self._tick is not None:
            self.stop(seconds)
            self.begin(transport, seconds)

    def advance(self, transport: Transport, seconds: float) -> None:
        """Send the ticks that are due. After a halt of the machine all of them, for they are counted."""
        if self._tick is None and self._free_seconds is None:
            self._free_seconds = seconds
        while (due := self.due_seconds(transport)) <= seconds:
            if self._tick is not None and self._tick == self._start_tick:
                self._send(mido.Message("start"))
            self._send(mido.Message("clock"))
            if self._tick is not None:
                self._tick += 1
            else:
                # before the grid nobody counts: ticks missed are missed
                interval_seconds = 60.0 / transport.tempo / TICKS_PER_BEAT
                self._free_seconds = max(due + interval_seconds, seconds)
