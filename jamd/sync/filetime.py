"""The time of a file that is played into jamd: its own tempos and its own bars, from its first note on."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import mido
import numpy as np

from jamd.music import tempomap
from jamd.music.bars import Bars, Scored, answered
from jamd.music.note import STEPS_PER_BEAT
from jamd.music.tempomap import Tempos
from jamd.smf.midifile import Piece
from jamd.sync.source import Free


class FileTime(Free):
    """A sync that begins with the file's first note, which is at `first_beats`."""

    name = "the file's tempo"

    def __init__(self, tempos: Tempos, bars: Bars, first_beats: float) -> None:
        begun = [tempo for at, tempo in tempos if at <= first_beats]
        first = bars.at(int(first_beats * STEPS_PER_BEAT))
        super().__init__(Scored(begun[-1], first.metre, anchor_step=first_beats * STEPS_PER_BEAT, bars=bars))
        self.last_bar_seconds = 60 / tempos[-1][1] * bars.changes[-1].metre.steps_per_bar / STEPS_PER_BEAT
        self._changes = deque((at, tempo) for at, tempo in tempos if at > first_beats)

    @classmethod
    def of(cls, piece: Piece, first_seconds: float, tempo: float | None = None) -> FileTime:
        """The time of a piece whose first note is struck at this instant, from the bar with that note on; for
        what follows it, with this tempo."""
        first, last, bars = answered(piece.heard, piece.metres)
        end_beats = bars.bar_line(max(0, bars.bar_of(last)) + 1) / STEPS_PER_BEAT
        tempos = tempomap.followed(piece.tempos, end_beats, tempo)
        first_beats = float(tempomap.beats_at(tempos, np.array([first_seconds]))[0])
        idle = max(0, bars.bar_line(bars.bar_of(min(first, int(first_beats * STEPS_PER_BEAT)))))
        idle_beats = idle / STEPS_PER_BEAT
        moved = [(at - idle_beats, tempo) for at, tempo in tempos]
        return cls(moved, bars.moved(-idle), first_beats - idle_beats)

    @property
    def due_seconds(self) -> float | None:
        """The instant of the next change of tempo."""
        if not (self.running and self._changes):
            return None
        return self.transport.seconds_at(self._changes[0][0] * STEPS_PER_BEAT)

    def advance(self, seconds: float) -> None:
        while (due := self.due_seconds) is not None and due <= seconds:
            _, tempo = self._changes.popleft()
            self.transport = self.transport.at_tempo(tempo, due)

    def played(self, message: mido.Message, seconds: float) -> None:
        if not self.running and message.type == "note_on" and message.velocity > 0:
            self.running = True
            self.transport = replace(self.transport, anchor_seconds=seconds)
