"""The likeliest beats under a whole recording's onsets, by Viterbi.

The bar pointer of `jamd.beats.tracker`, its tables of rhythmic figures included, as a semi-Markov chain over
the lengths of beats: what begins within a beat is weighed with the beat as a whole, and where one ends the
tempo may change (Krebs, Böck and Widmer, ISMIR 2015, change it there too).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from jamd.beats import tracker

FRAME_SECONDS = 0.0125
SLOWEST_BEAT, FASTEST_BEAT = 40.0, 300.0
TEMPO_STEP = 0.03
"""Between two tempos of the search, as a share."""
SLACK_SECONDS, SLACK_BEATS = 0.008, 0.01
"""How far a beat is longer or shorter than its tempo's: standard deviation."""
FRAMES_OFF = (-1, 0, 1)
BEAT_WIDTH = 0.06
"""How near to the beat an accent counts as on it: standard deviation, in beats."""
ON_BEAT = 1 / 3
"""The share of onsets that are."""
MOST_LOG_ODDS = 3.0
CHUNK_FRAMES = 4096

FloatArray = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Onsets:
    """Chords and single notes (n,), rising: when, and the log odds that each is on a beat."""

    seconds: FloatArray
    log_odds: FloatArray


@dataclass(frozen=True, slots=True)
class Path:
    """The likeliest beats (beats,) in seconds, from the last before the first onset to the first after the
    last; and the log likelihood of the onsets with them."""

    beats: FloatArray
    score: float


def likeliest(onsets: Onsets, drift: float, pull: float) -> Path:
    """The beats under these onsets. From each to the next the tempo wanders by the share `drift` (standard
    deviation) and is pulled towards the usual one, `pull` times as much as at the first. For ten minutes it
    takes a second or two, and 8 MB."""
    return _Search(onsets, drift, pull).run()


class _Search:
    """The tables of a search. Beats are as many frames long as `lengths` (tempos, FRAMES_OFF) says."""

    def __init__(self, onsets: Onsets, drift: float, pull: float) -> None:
        steps = int(np.log(FASTEST_BEAT / SLOWEST_BEAT) / TEMPO_STEP) + 1
        periods = 60 / FASTEST_BEAT / FRAME_SECONDS * np.exp(TEMPO_STEP * np.arange(steps))[:, None]
        self.lengths: Ints = np.round(periods).astype(np.int64) + np.array(FRAMES_OFF)
        self.shortest, self.longest = int(self.lengths.min()), int(self.lengths.max())
        self.lead = self.longest + 1
        self.origin_seconds = float(onsets.seconds[0]) - 2 * self.lead * FRAME_SECONDS
        self.frames: Ints = np.round((onsets.seconds - self.origin_seconds) / FRAME_SECONDS).astype(np.int64)
        self.end = int(self.frames[-1]) + self.lead
        self.gaps = np.concatenate([[1.0], np.maximum(np.diff(onsets.seconds), 1e-3)])
        _, table = tracker.gap_tables(tuple(tracker.FIGURES.items()))
        self.table = np.log(np.maximum(table, 1e-9)).astype(np.float32)
        # An accent is likelier on the beat than anywhere, no accent is less likely.
        on = -np.logaddexp(0, -onsets.log_odds) - np.log(ON_BEAT)
        off = -np.logaddexp(0, onsets.log_odds) - np.log(1 - ON_BEAT)
        self.off = np.clip(off, -MOST_LOG_ODDS, MOST_LOG_ODDS).astype(np.float32)
        self.on_rather = np.clip(on, -MOST_LOG_ODDS, MOST_LOG_ODDS).astype(np.float32) - self.off
        away = (np.arange(tracker.PHASES) / tracker.PHASES + 0.5) % 1.0 - 0.5
        self.bell = np.exp(-0.5 * (away / BEAT_WIDTH) ** 2).astype(np.float32)
        octaves = np.log2(60 / (periods * FRAME_SECONDS) / tracker.USUAL_PULSE) / tracker.USUAL_OCTAVES
        self.usual = (-0.5 * octaves**2).astype(np.float32)  # (tempos, 1)
        slack = SLACK_SECONDS / FRAME_SECONDS + SLACK_BEATS * periods
        self.length_score = pull * self.usual + _log_shares(-0.5 * ((self.lengths - periods) / slack) ** 2)
        self.reach = int(np.ceil(3.5 * drift / TEMPO_STEP))
        changes = TEMPO_STEP * np.arange(-self.reach, self.reach + 1) / drift
        self.change_score = _log_shares(-0.5 * changes**2)

    def run(self) -> Path:
        """Beats that end on each frame, a block of them at a time: as many as the shortest beat has, so that
        none of them begins where another one ends."""
        tempos, width, last_onset = len(self.lengths), 2 * self.reach + 1, int(self.frames[-1])
        ways = np.zeros((self.end, tempos), np.int8)  # length and change of tempo in one
        entered = np.repeat(self.usual.T, self.lead, 0)  # the best until a frame, by the next beat's tempo
        final = (-np.inf, 0, 0)
        for first in range(self.lead, self.end, CHUNK_FRAMES):
            last = min(first + CHUNK_FRAMES, self.end)
            heard = self._heard(first - self.longest, last - self.shortest)
            entered = np.concatenate([entered[-self.lead :], np.empty((last - first, tempos), np.float32)])
            for begin in range(first, last, self.shortest):
                frames = np.arange(begin, min(begin + self.shortest, last))
                since = frames[:, None, None] - self.lengths - first
                values = entered[since + self.lead, np.arange(tempos)[:, None]] + self.length_score
                values += heard[since + self.longest, self.lengths - self.shortest]
                length = values.argmax(2)
                value = np.take_along_axis(values, length[:, :, None], 2)[:, :, 0]
                padded = np.full((len(frames), tempos + 2 * self.reach), -np.inf, np.float32)
                padded[:, self.reach : self.reach + tempos] = value
                changed = sliding_window_view(padded, width, axis=1) + self.change_score
                change = changed.argmax(2)
                best = np.take_along_axis(changed, change[:, :, None], 2)[:, :, 0]
                entered[frames - first + self.lead] = best
                ways[frames] = length * width + change
                for row in np.flatnonzero(frames > last_onset).tolist():
                    tempo = int(value[row].argmax())
                    final = max(final, (float(value[row, tempo]), begin + row, tempo))
        score, frame, tempo = final
        found = [frame]
        while frame > self.frames[0] + 1:
            frame -= int(self.lengths[tempo, ways[frame, tempo] // width])
            found.append(frame)
            tempo += int(ways[frame, tempo] % width) - self.reach
        return Path(self.origin_seconds + FRAME_SECONDS * np.array(found[::-1], np.float64), score)

    def _heard(self, first: int, last: int) -> Singles:
        """The log likelihood of what begins within a beat, by the frame on which that beat begins and by its
        length: (last - first, lengths)."""
        low, high = np.searchsorted(self.frames, [first, last + self.longest])
        frames, gaps = self.frames[low:high], self.gaps[low:high]
        on_rather, off = self.on_rather[low:high, None], self.off[low:high, None]
        lengths = range(self.shortest, self.longest + 1)
        scores = np.empty((last - first, len(lengths)), np.float32)
        for length in lengths:
            place = np.log(gaps / (length * FRAME_SECONDS) / tracker.SHORTEST_GAP) / tracker.GAP_STEP
            row = np.clip(place, 0, tracker.GAPS - 1).astype(np.int64)
            column = np.round(np.arange(length) * tracker.PHASES / length).astype(int) % tracker.PHASES
            values = (self.table[row] + off + on_rather * self.bell)[:, column]
            begins = (frames[:, None] - np.arange(length) - first).ravel()
            inside = (begins >= 0) & (begins < last - first)
            weights = values.ravel()[inside]
            scores[:, length - self.shortest] = np.bincount(begins[inside], weights, last - first)
        return scores


def _log_shares(scores: npt.NDArray[np.floating[Any]]) -> Singles:
    """The scores less the logarithm of their sum over the last axis, so that they are of probabilities."""
    return np.asarray(scores - np.log(np.exp(scores).sum(-1, keepdims=True)), np.float32)
