"""MIDI output: whatever is sent goes through here, so that whatever sounds can be silenced."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import mido
import numpy as np

from jamd.clock import Clock
from jamd.music.controllers import ALL_NOTES_OFF, ALL_SOUND_OFF, LETTING_GO, PEDAL

LATE_SECONDS = 0.05
"""A note-on this late is dropped: it would be heard as a wrong note. A note-off never is."""
REMEMBERED = 100_000


class Port(Protocol):
    """What mido's output ports offer."""

    def send(self, message: mido.Message) -> None: ...


class TimedPort(Port, Protocol):
    """A port that is told when a message is to be heard, and sees to it: a page, by its audio clock."""

    def send_at(self, message: mido.Message, seconds: float) -> None: ...


class Lines(Protocol):
    """What takes a trace."""

    def write(self, line: str, /) -> object: ...

    def flush(self) -> object: ...


@dataclass(frozen=True, slots=True)
class Jitter:
    """How late messages left, in milliseconds, over the last 100,000."""

    events: int = 0
    median_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0


class Output:
    """Sends, keeps what is sounding and how late each event left. `trace` gets one JSON line an event."""

    def __init__(
        self, port: Port | TimedPort, clock: Clock, trace: Lines | None = None, early_seconds: float = 0.0
    ) -> None:
        """`early_seconds` is how long before it is to be heard a message is sent."""
        self._port, self._clock, self._trace = port, clock, trace
        self._send_at: Callable[[mido.Message, float], object] | None = getattr(port, "send_at", None)
        self._early_seconds = early_seconds
        self._sounding: dict[tuple[int, int], None] = {}  # channel, pitch; in the order they began
        self._passed: dict[tuple[int, int], int] = {}  # the same of what is passed through: whose channel's
        self._channels: set[int] = set()
        self._lateness = array("d", bytes(8 * REMEMBERED))  # seconds, of what was sent, round and round
        self._sent = 0
        self.notes = self.dropped = 0

    @property
    def sounding(self) -> frozenset[tuple[int, int]]:
        """The (channel, pitch) pairs that were started and not stopped."""
        return frozenset(self._sounding)

    def send(self, message: mido.Message, intended_seconds: float) -> bool:
        """Send one message; False if it was a note-on too late to be played, or the note-off of one."""
        lateness = self._clock.now() - intended_seconds
        if message.type == "note_on":
            if lateness > LATE_SECONDS:
                self.dropped += 1
                return False
            self.notes += 1
        elif message.type == "note_off" and (message.channel, message.note) not in self._sounding:
            return False
        self._send(message, intended_seconds)
        self._lateness[self._sent % REMEMBERED] = lateness
        self._sent += 1
        if self._trace is not None:
            actual = intended_seconds + lateness
            self._trace.write(_line(intended_seconds, actual, message))
        return True

    def _send(self, message: mido.Message, intended_seconds: float | None = None) -> None:
        # Counted as sounding before it leaves: if the port fails half-way, the note-off is still sent.
        if message.type == "note_on":
            self._sounding[message.channel, message.note] = None
            self._channels.add(message.channel)
        self._put(message, intended_seconds)
        if message.type == "note_off":
            self._sounding.pop((message.channel, message.note), None)

    def _put(self, message: mido.Message, intended_seconds: float | None) -> None:
        """To the port, with the instant at which it is to be heard if that is not now."""
        if self._send_at is None or intended_seconds is None:
            self._port.send(message)
        else:
            self._send_at(message, intended_seconds + self._early_seconds)

    def passes(self, message: mido.Message) -> bool:
        """Whether this note was passed on and still sounds."""
        return (message.channel, message.note) in self._passed

    def pass_on(
        self, message: mido.Message, played_on: int | None = None, intended_seconds: float | None = None
    ) -> list[mido.Message]:
        """Send what is not jamd's, such as what the player plays, at once; what was sent. `played_on` is its
        own channel, if it was moved; `intended_seconds` is said of a click, which is sent early, too. What
        silences jamd leaves it sounding, and what lets go of it leaves jamd's."""
        source = message.channel if played_on is None else played_on
        sent, over = [message], set()
        match message.type:
            case "note_on" if message.velocity > 0:
                self._passed[message.channel, message.note] = source
            case "note_on" | "note_off":
                over = {(message.channel, message.note)}
            case "control_change" if message.control in LETTING_GO:
                over = self._passed_by(message.channel, source)
                if message.control == ALL_NOTES_OFF and self._others_sound(message.channel, source):
                    sent = []
            case "control_change" if message.control == ALL_SOUND_OFF:
                over = self._passed_by(message.channel)
        if message.type == "control_change":  # first in words that every synth knows
            sent = [mido.Message("note_off", channel=c, note=pitch) for c, pitch in sorted(over)] + sent
        self._channels.add(message.channel)
        for each in sent:
            self._put(each, intended_seconds)
        for key in over:
            self._passed.pop(key, None)
        return sent

    def _passed_by(self, channel: int, source: int | None = None) -> set[tuple[int, int]]:
        """What was passed to a channel, from all or from one of the player's."""
        return {key for key, its in self._passed.items() if key[0] == channel and source in (None, its)}

    def _others_sound(self, channel: int, source: int) -> bool:
        return any(sounding == channel for sounding, _ in self._sounding) or bool(
            self._passed_by(channel) - self._passed_by(channel, source)
        )

    def panic(self) -> None:
        """Silence all channels, whoever plays on them."""
        self.silence()
        for channel in range(16):
            self._channels.add(channel)
        self._all_off()

    def silence(self) -> list[mido.Message]:
        """Stop every sounding note now; the messages that did it."""
        offs = [mido.Message("note_off", channel=c, note=pitch) for c, pitch in self._sounding]
        now = self._clock.now()
        for off in offs:
            self._send(off)
            if self._trace is not None:
                self._trace.write(_line(now, self._clock.now(), off))
        return offs

    def close(self) -> None:
        """Silence, then pedal up and all-notes-off: explicit note-offs first, many synths know only those."""
        self.silence()
        self._all_off()
        if self._trace is not None:
            self._trace.flush()

    def _all_off(self) -> None:
        for channel, pitch in self._passed:
            self._port.send(mido.Message("note_off", channel=channel, note=pitch))
        self._passed.clear()
        for channel in sorted(self._channels):
            for control in (PEDAL, ALL_NOTES_OFF):
                message = mido.Message("control_change", channel=channel, control=control, value=0)
                self._port.send(message)
                if self._trace is not None:
                    now = self._clock.now()
                    self._trace.write(_line(now, now, message))

    def jitter(self) -> Jitter:
        if not self._sent:
            return Jitter()
        ms = np.array(self._lateness[: self._sent]) * 1000
        median, p99 = np.percentile(ms, [50, 99])
        return Jitter(len(ms), float(median), float(p99), float(ms.max()))


def _line(intended_seconds: float, actual_seconds: float, message: mido.Message) -> str:
    entry = {"intended": intended_seconds, "actual": actual_seconds, "bytes": message.bytes()}
    return json.dumps(entry) + "\n"
