"""A session kept while it is played: a MIDI file that is whole at every moment, whatever ends the program."""

from __future__ import annotations

import logging
import math
import threading
from bisect import bisect_right
from contextlib import suppress
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Self

import mido

from jamd.engine.snapshot import Turn
from jamd.errors import JamdError
from jamd.music.transport import Metre
from jamd.sessions.trackfile import Full, Roomy, roomy
from jamd.smf.write import (
    Event,
    TrackWriter,
    file_of,
    metre_event,
    tempo_event,
)
from jamd.system.fallback import elsewhere, leave, write_again

KEPT = frozenset({"note_on", "note_off", "control_change", "pitchwheel", "aftertouch", "polytouch"})
PERIOD_SECONDS = 0.5
"""From the first unwritten event to the next writing: with a slow disk too, a second at most is lost."""
RETRY_SECONDS = 5.0
CLOSE_SECONDS = 5.0
"""A disk that hangs must not keep the program from ending."""
ROOM_FROM_BYTES = 1 << 16
"""A longer file is not written anew each time: twice a second, that would be 33 GB in eight hours."""
ROOM_BYTES = 1 << 15
"""In each track, for what is added meanwhile: some minutes of music."""
MOST_WAITING = 100_000
"""Events not yet taken in. A disk that hangs must not fill the memory either."""

_beats = itemgetter(0)
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Take:
    """One track of the file. The newest events are held back for a period, lest an earlier one still come."""

    writer: TrackWriter
    held_back: list[Event] = field(default_factory=list)
    arrived: list[Event] = field(default_factory=list)

    def settle(self) -> None:
        """Write for good what was held back and all that belongs before it; hold back what has arrived."""
        until = max(map(_beats, self.held_back), default=-math.inf)
        events = sorted(self.held_back + self.arrived, key=_beats)
        settled = bisect_right(events, until, key=_beats)
        for event in events[:settled]:
            self.writer.add(*event)
        self.held_back, self.arrived = events[settled:], []

    def tail(self) -> TrackWriter:
        """What is held back, written for this time only."""
        tail = self.writer.tail()
        for event in self.held_back:
            tail.add(*event)
        return tail


class Recorder:
    """Keeps a session at `path`, from a thread of its own. Every file it leaves has its hanging notes ended.

    `record`, `tempo`, `metre` and `turn` only hand over and never block: they are for the thread that plays.
    Where the file cannot be written (its disk is full, its folder may not be made again) all of it goes to a
    place of last resort, and stays there; where there is none either, that is complained of once and tried
    again. The music goes on. Where nothing is played no file is left.
    """

    def __init__(
        self, path: Path, tempo: float, metre: Metre, period_seconds: float = PERIOD_SECONDS
    ) -> None:
        self.path = self._wanted = path.absolute()
        """Where the session is."""
        self.is_kept = False
        """Whether all that was played up to the last writing is in the file."""
        self._period_seconds = period_seconds
        self._takes = {name: _Take(TrackWriter.named(name)) for name in ("tempo", "player", "jamd")}
        for event in (tempo_event(0.0, tempo), metre_event(0.0, metre)):
            self._takes["tempo"].writer.add(*event)
        self._inbox: SimpleQueue[tuple[_Take, Event] | None] = SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="recorder", daemon=True)
        self._played = False
        self._unsaved = False
        self._complained = False
        self._lost = 0
        self._roomy: Roomy | None = None  # the file, if there is room in it

    def start(self) -> None:
        """Begin to write what is recorded."""
        self._thread.start()

    def close(self) -> None:
        """Write the rest."""
        self._closing.set()
        self._inbox.put(None)
        if self._thread.is_alive():
            self._thread.join(CLOSE_SECONDS)
            if self._thread.is_alive():
                _log.warning("not all of the session is in %s: the disk does not answer", self.path)
        if not self.is_kept:
            leave(self.path)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def record(self, part: str, beats: float, message: mido.Message) -> None:
        """Keep a message of `player` or `jamd`. What makes no music (clock, sysex) is passed over."""
        if message.type in KEPT:
            self._hand_over(part, (beats, message))

    def tempo(self, beats: float, tempo: float) -> None:
        """Keep a change of tempo (BPM)."""
        self._hand_over("tempo", tempo_event(beats, tempo))

    def metre(self, beats: float, metre: Metre) -> None:
        """Keep a change of metre."""
        self._hand_over("tempo", metre_event(beats, metre))

    def turn(self, beats: float, turn: Turn) -> None:
        """Keep whose turn it is from here on, as a marker, which other programs show."""
        self._hand_over("tempo", (beats, mido.MetaMessage("marker", text=turn)))

    def _hand_over(self, part: str, event: Event) -> None:
        if self._inbox.qsize() < MOST_WAITING:
            self._inbox.put((self._takes[part], event))
        else:
            self._lost += 1

    def _keep(self) -> None:
        """The thread: asleep until something is played, and then for a period, to write it all at once."""
        self._await()
        while not self._closing.wait(self._period_seconds):
            self.save()
            self._await()
        self._complained = False  # what fails now is lost, which is worth a second line
        self.save()

    def _await(self) -> None:
        with suppress(Empty):
            self._take_in(self._inbox.get(timeout=RETRY_SECONDS if self._unsaved else None))

    def _take_in(self, arrival: tuple[_Take, Event] | None) -> None:
        if arrival is None:
            return
        take, event = arrival
        take.arrived.append(event)
        self._played |= event[1].type == "note_on"
        self._unsaved = True

    def save(self) -> None:
        """Write all that has come so far, if anything has and a note is among it."""
        for _ in range(self._inbox.qsize()):
            self._take_in(self._inbox.get())
        at_the_end = self._closing.is_set() and (self._roomy is not None or self._is_gone())
        if not (self._played and (self._unsaved or at_the_end)):
            self._unsaved = False
            return
        for take in self._takes.values():
            take.settle()
        try:
            self._write()
        except JamdError as error:
            if not self._complained:
                _log.warning("the session is not being kept: %s", error)
            self._complained = True
            self.is_kept = False
            return
        self._unsaved = self._complained = False
        self.is_kept = True
        if self._lost:
            _log.warning("%d events of the session were not kept: the disk was too slow", self._lost)
            self._lost = 0

    def _write(self) -> None:
        """Into the room that there is, or all of it. Raises JamdError."""
        tails = [take.tail() for take in self._takes.values()]
        last_ticks = max(tail.ticks for tail in tails)
        for tail in tails:
            tail.release(last_ticks)
        settled = [take.writer.content for take in self._takes.values()]
        tracks = list(zip(settled, [tail.content for tail in tails], strict=True))
        if self._roomy is not None and not self._closing.is_set():
            with suppress(Full, OSError):
                self._roomy.add(tracks)
                return
        self._roomy = None
        if sum(map(len, settled)) >= ROOM_FROM_BYTES and not self._closing.is_set():
            content, places = roomy(tracks, ROOM_BYTES)
            self._put(content)
            with suppress(OSError):
                self._roomy = Roomy(self.path, places, len(content))
            return
        for tail in tails:
            tail.end(last_ticks)
        self._put(file_of(tracks))

    def _put(self, content: bytes) -> None:
        """All of it where it is, else where it should be, else where it can be. Raises JamdError."""
        try:
            write_again(self.path, content)
            return
        except JamdError as error:
            refused = error
        self.path = self._moved(content, refused)
        _log.warning("%s; the session is kept in %s", refused, self.path)

    def _moved(self, content: bytes, refused: JamdError) -> Path:
        if self.path != self._wanted:
            with suppress(JamdError):
                write_again(self._wanted, content)
                return self._wanted
        return elsewhere(self._wanted, content, refused)

    def _is_gone(self) -> bool:
        """Whether somebody has taken the file away since it was written."""
        try:
            return not self.path.exists()
        except OSError:
            return True
