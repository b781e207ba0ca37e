"""Beat tracks: where the beats of a recording are in seconds, and a recording laid on them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from jamd.counted import counted
from jamd.errors import JamdError
from jamd.music.bars import Bars
from jamd.music.note import STEPS_PER_BEAT, Note
from jamd.music.tempomap import Tempos, beats_at, seconds_at
from jamd.music.transport import Metre
from jamd.smf.midifile import Part, Piece

UNKNOWN_BAR_BEATS = 4
"""Where every beat is the first (signature 1/4), nobody could tell where bars begin: they are of four."""
LEAST_SHARE_INSIDE = 0.9
"""Of the notes, between the first beat and the last: fewer, and the track is another recording's."""
EDGE_BEATS = 4
"""Beyond its ends a track goes on in the median length of this many beats."""

LATELY_BEATS = 8
"""So many tell the tempo at either end of a performance."""

Seconds = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BeatTrack:
    """Beats (beats,): when each one is, in seconds, rising; and which beat of its bar it is, from 1 on."""

    onset_seconds: Seconds
    beat_in_bar: npt.NDArray[np.int64]

    @property
    def beats_before(self) -> int:
        """Beats from the first bar line to the first beat of the track, which may begin within a bar."""
        return int(self.beat_in_bar[0]) - 1

    def beats_at(self, seconds: Seconds) -> Seconds:
        """Positions (n,) in beats from the first bar line."""
        onset = self.onset_seconds
        lengths = np.diff(onset)
        inside = np.interp(seconds, onset, np.arange(len(onset)))
        before = np.minimum(seconds - onset[0], 0) / np.median(lengths[:EDGE_BEATS])
        after = np.maximum(seconds - onset[-1], 0) / np.median(lengths[-EDGE_BEATS:])
        return np.asarray(inside + before + after + self.beats_before)

    def metres(self) -> tuple[tuple[float, Metre], ...]:
        """Where the length of the bar changes, in beats, as in `Piece.metres`."""
        lines = [0, *(np.flatnonzero(self.beat_in_bar == 1) + self.beats_before).tolist()]
        lengths = [late - early for early, late in pairwise(dict.fromkeys(lines))]
        if not lengths:
            lengths = [int(self.beat_in_bar.max())]
        elif max(lengths) == 1:
            lengths = [UNKNOWN_BAR_BEATS]
        changes: list[tuple[float, Metre]] = []
        beats = 0
        for length in lengths:
            if not changes or changes[-1][1].beats != length:
                changes.append((float(beats), Metre(length, 4)))
            beats += length
        return tuple(changes)


def align(piece: Piece, track: BeatTrack) -> Piece:
    """The piece with its notes and bars laid on a beat track; what comes before the first bar line goes.

    Raises JamdError when the notes do not lie within the track: it belongs to another recording.
    """
    onset = track.onset_seconds
    beat_seconds = float(np.median(np.diff(onset)))
    inside = notes = 0
    parts = []
    for part in piece.parts:
        spans = np.array([(note.start_beats, note.end_beats) for note in part.notes])
        seconds = seconds_at(piece.tempos, spans.reshape(-1)).reshape(-1, 2)
        starts = seconds[:, 0]
        inside += int(((starts > onset[0] - beat_seconds) & (starts < onset[-1] + beat_seconds)).sum())
        notes += len(starts)
        placed = track.beats_at(seconds.reshape(-1)).reshape(-1, 2).tolist()
        laid = [
            Note(note.pitch, note.velocity, start, end)
            for note, (start, end) in zip(part.notes, placed, strict=True)
            if start >= -0.5 / STEPS_PER_BEAT
        ]
        parts.append(Part(part.name, tuple(laid)))
    if inside < LEAST_SHARE_INSIDE * notes:
        raise JamdError(
            f"only {inside} of {counted(notes, 'note')} lie within it; it is of another recording"
        )
    return Piece(tuple(parts), ((0.0, 60 / beat_seconds),), track.metres())


@dataclass(frozen=True, slots=True)
class Laid:
    """A performance in beats that are its own: the tempo map follows them, and every note keeps its seconds.
    `tempo` is that of the last of them, for whatever follows."""

    piece: Piece
    tempo: float


def lay(piece: Piece, onset_seconds: Seconds, bars: Bars, tempo: float | None = None) -> Laid:
    """The piece laid on quarter notes at these instants (beats,), at least two, and behind the last in this
    tempo or that of the last ones. `bars` count their steps from the first of them.

    What is before the first beat has as many steps as fit best, so that the file begins on the grid.
    """
    beat_seconds = float(np.median(np.diff(onset_seconds)[:LATELY_BEATS]))
    step_seconds = beat_seconds / STEPS_PER_BEAT
    before = int((onset_seconds < -step_seconds / 2).sum())  # beats before the file begins
    onset = onset_seconds[before:]
    lead_steps = max(0, round(float(onset[0]) / step_seconds))
    edges = np.append(onset, onset[-1] + 60 / (tempo or _last_tempo(onset_seconds)))
    micros = np.round(1e6 * np.append(0.0 if lead_steps == 0 else edges[0], edges[1:])).astype(np.int64)
    lead_beats = lead_steps / STEPS_PER_BEAT
    # a tempo in a file is a whole number of microseconds to the beat
    lengths = [(lead_beats + beat, length) for beat, length in enumerate(np.diff(micros).tolist())]
    if lead_steps:
        lengths.insert(0, (0.0, round(int(micros[0]) / lead_beats)))
    tempos = tuple((at, 60e6 / length) for at, length in lengths)
    metres = bars.moved(lead_steps - before * STEPS_PER_BEAT).metres()
    parts = tuple(Part(part.name, _retimed(part.notes, piece.tempos, tempos)) for part in piece.parts)
    return Laid(Piece(parts, tempos, metres), tempos[-1][1])


def _last_tempo(onset_seconds: Seconds) -> float:
    """The mean of the last beats without the longest and the shortest."""
    lengths = np.sort(np.diff(onset_seconds)[-LATELY_BEATS:])
    return float(60 / lengths[1 if len(lengths) > 2 else 0 : -1 if len(lengths) > 2 else None].mean())


def _retimed(notes: tuple[Note, ...], tempos: Tempos, others: Tempos) -> tuple[Note, ...]:
    """Notes under another tempo map, at the same instants."""
    beats = np.array([(note.start_beats, note.end_beats) for note in notes]).reshape(-1)
    placed = beats_at(others, seconds_at(tempos, beats)).reshape(-1, 2).tolist()
    return tuple(
        Note(note.pitch, note.velocity, start, end) for note, (start, end) in zip(notes, placed, strict=True)
    )
