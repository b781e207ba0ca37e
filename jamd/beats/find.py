"""Beat and bar of a recording that was played without a click, found with the whole of it at hand.

partitura, the one light library for it, has Dixon's agents (JNMR 30, 2001), with scipy and lxml behind them:
on 60 pieces of tests/bench/beats.py its F-measure was 0.31 and this one's is above 0.7, in a fifth of the
time. Others want audio, or networks whose weights are to be downloaded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jamd.beats import barlines
from jamd.beats.beatmap import BeatTrack
from jamd.beats.path import Onsets, Path, likeliest
from jamd.music.tempomap import seconds_at
from jamd.smf.midifile import Piece

CHORD_SECONDS = 0.05
"""What begins so soon after a chord's first note belongs to it."""
FEWEST_ONSETS = 16
LONGEST_MEAN_GAP_SECONDS = 3.0
"""Onsets that are further apart have no beat; and as the search takes its time for each second of the piece,
a few notes spread over hours would take minutes."""
NEIGHBOURS = 8
"""An onset is strong by the mean of so many before it and after it."""
STRENGTHS = (-1.35, 1.35, 0.45, 0.6, -0.4, 0.04, 1.65)
"""Logistic regression, sharpened, of whether an onset is on the beat: a constant, then for what `_features`
gives, above what it is around."""
FREE, STEADY = (0.04, 0.3), (0.01, 0.1)
"""How far the tempo wanders from one beat to the next, as a share, alone at the piano and with a band; and
how much it is pulled towards the usual one (`beatpath.likeliest`)."""
ONE_VOICE = 1.3
"""Notes to an onset. Fewer tell so little that wandering beats may follow anything..."""
STEADIER = 0.4
"""...and steady ones are believed where they are likelier by so much (log likelihood a beat)."""
THIRDS, SECOND_THIRDS = 0.35, 0.08
"""A beat is divided in three if onsets return in its thirds so clearly (`ticks.keeps_time`), and more
clearly than in its quarters, and if this share of them is on the second third; in swing few are."""
CERTAINTY = (-1.45, 2.2, 0.86, 4.8, 9.8)
"""Logistic regression of whether found beats are right: a constant, then for what `_sure` gathers. Fitted on
half of the pieces of tests/bench/beats.py, with as many sets' weight for onsets at random."""

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Found:
    """Where the quarter notes are; how likely they are right, 0 to 1; and the beats as one would tap them
    (beats,) in seconds, which are dotted quarters where beats are divided in three."""

    track: BeatTrack
    sure: float
    tapped: FloatArray


@dataclass(frozen=True, slots=True)
class _Notes:
    """The notes of all parts (notes,), by their beginnings; times in seconds. `chord` counts what is struck
    together."""

    start: FloatArray
    end: FloatArray
    pitch: FloatArray
    velocity: FloatArray
    chord: npt.NDArray[np.int64]


def find(piece: Piece) -> Found | None:
    """Beat and bar under what is played, of which only the seconds matter, not where the file has its beats.
    None where too little is played to tell."""
    notes = _notes(piece)
    if not len(notes.chord) or notes.chord[-1] + 1 < FEWEST_ONSETS:
        return None
    onsets = _onsets(notes)
    if onsets.seconds[-1] - onsets.seconds[0] > LONGEST_MEAN_GAP_SECONDS * len(onsets.seconds):
        return None
    path = likeliest(onsets, *FREE)
    if len(notes.start) < ONE_VOICE * len(onsets.seconds):
        steady = likeliest(onsets, *STEADY)
        if steady.score - path.score > STEADIER * len(path.beats):
            path = steady
    places = barlines.places(path.beats, notes.start, notes.end, notes.pitch, notes.velocity)
    track = BeatTrack(path.beats, places)
    if _in_three(path.beats, onsets):
        track = _quarters(track)
    return Found(track, _sure(path, onsets), path.beats)


def _notes(piece: Piece) -> _Notes:
    notes = [note for part in piece.parts for note in part.notes]
    spans = np.array([(note.start_beats, note.end_beats) for note in notes]).reshape(-1)
    start, end = seconds_at(piece.tempos, spans).reshape(-1, 2).T
    pitch, velocity = np.array([(note.pitch, note.velocity) for note in notes], np.float64).reshape(-1, 2).T
    order = np.lexsort((pitch, start))
    chord = np.empty(len(order), np.int64)
    first, which = -np.inf, -1
    for i, at in enumerate(start[order].tolist()):
        if at - first > CHORD_SECONDS:
            first, which = at, which + 1
        chord[i] = which
    return _Notes(start[order], end[order], pitch[order], velocity[order], chord)


def _onsets(notes: _Notes) -> Onsets:
    """What is struck together as one, and how likely it is on the beat by how it is played."""
    size = np.bincount(notes.chord)
    seconds = np.bincount(notes.chord, weights=notes.start) / size
    constant, *weights = STRENGTHS
    above = [feature - _around(feature) for feature in _features(notes, seconds, size)]
    return Onsets(seconds, constant + np.array(weights) @ np.array(above))


def _features(notes: _Notes, seconds: FloatArray, size: npt.NDArray[np.int64]) -> list[FloatArray]:
    """Of each onset (onsets,): the logarithms of the gap after it, of the gap before it and of its number of
    notes; its lowest pitch in octaves; its loudest velocity; and the logarithm of its longest note."""
    lowest = np.full(len(size), 128.0)
    loudest, longest = np.zeros(len(size)), np.zeros(len(size))
    np.minimum.at(lowest, notes.chord, notes.pitch)
    np.maximum.at(loudest, notes.chord, notes.velocity)
    np.maximum.at(longest, notes.chord, notes.end - notes.start)
    gaps = np.log(np.clip(np.diff(seconds), 0.03, 3.0))
    middle = np.median(gaps)
    lengths = np.log(np.clip(longest, 0.03, 4.0))
    return [np.append(gaps, middle), np.append(middle, gaps), np.log(size), lowest / 12, loudest, lengths]


def _around(values: FloatArray) -> FloatArray:
    """The mean of each value's neighbourhood, itself included."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(len(values))
    first, last = np.maximum(at - NEIGHBOURS, 0), np.minimum(at + NEIGHBOURS + 1, len(values))
    return np.asarray((total[last] - total[first]) / (last - first))


def _in_three(beats: FloatArray, onsets: Onsets) -> bool:
    place = _places(beats, onsets)
    quarters, thirds, halves = _resultants(place)
    on_second = np.abs(place % 1.0 - 1 / 3) < 1 / 12
    return bool(thirds > max(THIRDS, halves, quarters) and on_second.mean() > SECOND_THIRDS)


def _quarters(track: BeatTrack) -> BeatTrack:
    """A track of dotted quarters as one of quarters, in bars as most are: those of 2 beats have 3 then, those
    of 4 have 6, and two bars of 3 are one of 9, the least that is whole."""
    count = len(track.onset_seconds)
    lines = np.flatnonzero(track.beat_in_bar == 1)
    lengths, how_often = np.unique(np.diff(lines), return_counts=True)
    bar = int(lengths[how_often.argmax()]) if len(lengths) else int(track.beat_in_bar.max())
    before = -int(np.bincount(lines % bar).argmax()) % bar
    quarters_in_bar = 3 * bar // 2 if bar % 2 == 0 else 3 * bar
    quarters = np.arange(np.ceil(1.5 * before), 1.5 * (before + count - 1) + 0.01)
    seconds = np.interp(quarters / 1.5 - before, np.arange(count), track.onset_seconds)
    return BeatTrack(seconds, quarters.astype(np.int64) % quarters_in_bar + 1)


def _sure(path: Path, onsets: Onsets) -> float:
    """How likely the beats are those of the music, or twice, half or a third as many of them, by how
    well the onsets fit them."""
    place = _places(path.beats, onsets)
    on = np.abs(place - np.round(place)) < 0.12
    strong = onsets.log_odds[on].mean() if on.any() else 0.0
    weak = onsets.log_odds[~on].mean() if not on.all() else 0.0
    evidence = [
        path.score / len(place),
        strong - weak,
        max(_resultants(place)),
        abs(np.exp(2j * np.pi * place).mean()),
    ]
    constant, *weights = CERTAINTY
    return float(np.exp(-np.logaddexp(0, -(constant + np.dot(weights, evidence)))))


def _places(beats: FloatArray, onsets: Onsets) -> FloatArray:
    return np.interp(onsets.seconds, beats, np.arange(len(beats)))


def _resultants(place: FloatArray) -> tuple[float, ...]:
    """How clearly onsets return in the quarters, thirds and halves of a beat (`ticks.keeps_time`)."""
    return tuple(float(abs(np.exp(2j * np.pi * parts * place).mean())) for parts in (4, 3, 2))
