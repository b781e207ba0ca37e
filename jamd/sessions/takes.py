"""Keeping a take: the last call with its answer, as a MIDI file of its own beside the session."""

from __future__ import annotations

import logging
import threading
from array import array
from collections.abc import Callable
from functools import partial
from pathlib import Path

import mido

from jamd.engine.account import Recorder
from jamd.engine.snapshot import Turn
from jamd.errors import JamdError
from jamd.music.bars import Bars
from jamd.music.note import STEPS_PER_BEAT
from jamd.music.transport import Metre
from jamd.smf.read import ONE_BYTE
from jamd.smf.write import Event, Track, encode
from jamd.system.fallback import write

REMEMBERED = 20_000
"""Messages of each part."""
MOST_WAITING = 8
"""Takes: each holds a copy of what is remembered."""
MESSAGE_BYTES = 3
"""The most that a channel's message has."""

EARLY_BEATS = 0.5 / STEPS_PER_BEAT
"""A note so little before a bar line is heard as on it."""

log = logging.getLogger(__name__)


class _Lately:
    """The last messages of a part, in room that is taken at once, however long the night."""

    def __init__(self) -> None:
        self._beats, self._bytes = array("d", bytes(8 * REMEMBERED)), bytearray(MESSAGE_BYTES * REMEMBERED)
        self.count = 0

    def add(self, beats: float, message: mido.Message) -> None:
        """Remember a message of a channel; others make no music."""
        if not hasattr(message, "channel"):
            return
        row = self.count % REMEMBERED
        self._beats[row] = beats
        spelt = bytes(message.bin()).ljust(MESSAGE_BYTES, b"\0")
        self._bytes[MESSAGE_BYTES * row : MESSAGE_BYTES * (row + 1)] = spelt
        self.count += 1

    def copy(self) -> _Lately:
        other = _Lately.__new__(_Lately)
        other._beats, other._bytes, other.count = self._beats[:], self._bytes[:], self.count
        return other

    def since(self, beats: float) -> list[Event]:
        """All that is remembered from this beat on, in the order in which it came."""
        rows = [number % REMEMBERED for number in range(max(0, self.count - REMEMBERED), self.count)]
        return [(self._beats[row], self._message(row)) for row in rows if self._beats[row] >= beats]

    def _message(self, row: int) -> mido.Message:
        spelt = self._bytes[MESSAGE_BYTES * row : MESSAGE_BYTES * (row + 1)]
        return mido.Message.from_bytes(spelt[: MESSAGE_BYTES - (spelt[0] & 0xF0 in ONE_BYTE)])


class Takes:
    """A recorder that passes all on to another, and remembers the last of it for a take."""

    def __init__(self, recorder: Recorder, session: Callable[[], Path], tempo: float, metre: Metre) -> None:
        """`session` tells where the session's file is: it may have to move."""
        self._recorder, self._session, self._tempo = recorder, session, tempo
        self._metre = (0.0, metre)  # and since which beat
        self._parts = {part: _Lately() for part in ("player", "jamd")}
        self._writing = threading.Lock()
        self._waiting: list[Callable[[], None]] = []
        self._thread: threading.Thread | None = None
        self._refused = False  # which was said
        self._saved: tuple[float, ...] = ()  # what is written is of

    def record(self, part: str, beats: float, message: mido.Message) -> None:
        self._parts[part].add(beats, message)
        self._recorder.record(part, beats, message)

    def tempo(self, beats: float, tempo: float) -> None:
        self._tempo = tempo
        self._recorder.tempo(beats, tempo)

    def metre(self, beats: float, metre: Metre) -> None:
        self._metre = (beats, metre)
        self._recorder.metre(beats, metre)

    def turn(self, beats: float, turn: Turn) -> None:
        self._recorder.turn(beats, turn)

    def save(self, from_beats: float) -> threading.Thread:
        """Keep all from this beat on, on the thread that is returned: the one for all takes. What is being
        written is not written twice, and a slow disk makes no more than a few of them wait."""
        with self._writing:
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="jamd-take", daemon=True)
                begin = self._thread.start
            else:
                begin = None
            thread = self._thread
            saved = (from_beats, *(lately.count for lately in self._parts.values()))
            if len(self._waiting) >= MOST_WAITING:
                if not self._refused:
                    log.warning("a take is not kept: %d others are being written", MOST_WAITING)
                self._refused = True
            elif saved != self._saved:
                self._saved, self._refused = saved, False
                parts = {part: lately.copy() for part, lately in self._parts.items()}
                since_beats, metre = self._metre
                bars = Bars.of([(since_beats - from_beats, metre)])
                self._waiting.append(partial(self._write, parts, from_beats, self._tempo, bars))
        if begin is not None:
            begin()
        return thread

    def _serve(self) -> None:
        """Write what waits, and end."""
        while True:
            with self._writing:
                if not self._waiting:
                    self._thread, self._saved = None, ()
                    return
                write_take = self._waiting.pop(0)
            write_take()

    def _write(self, parts: dict[str, _Lately], from_beats: float, tempo: float, bars: Bars) -> None:
        tracks = [Track(part, _ended(_since(from_beats, lately))) for part, lately in parts.items()]
        try:
            content = encode(tracks, [(0.0, tempo)], bars.metres())
            path = write(_free(self._session()), content)
        except (JamdError, OSError) as error:
            log.warning("the take is not kept: %s", error)
        else:
            log.warning("take kept in %s", path)


def _since(from_beats: float, lately: _Lately) -> list[Event]:
    """What came from this beat on, in order. A first note may be played a little early; what is only let go
    here was struck before."""
    since: list[Event] = []
    struck: set[tuple[int, int]] = set()
    for beats, message in sorted(lately.since(from_beats - EARLY_BEATS), key=lambda event: event[0]):
        if message.type in ("note_on", "note_off"):
            key = (message.channel, message.note)
            if message.type == "note_on" and message.velocity > 0:
                struck.add(key)
            elif key not in struck:
                continue
        since.append((max(0.0, beats - from_beats), message))
    return since


def _ended(events: list[Event]) -> list[Event]:
    """With every note that still sounds ended at the last beat."""
    sounding: dict[tuple[int, int], None] = {}
    for _, message in events:
        if message.type == "note_on" and message.velocity > 0:
            sounding[message.channel, message.note] = None
        elif message.type in ("note_on", "note_off"):
            sounding.pop((message.channel, message.note), None)
    end = events[-1][0] + 0.25 if events else 0.0
    return events + [(end, mido.Message("note_off", channel=c, note=pitch)) for c, pitch in sounding]


def _free(session: Path) -> Path:
    """The name of the next take of a session."""
    number = 1
    while (path := session.with_name(f"{session.stem} take {number}{session.suffix}")).exists():
        number += 1
    return path
