"""A piano's two hands told apart where they share one part: which notes the right plays and which the left.

Of the notes struck together the lowest are the left hand's, the others the right's. Where to cut is chosen
for the whole piece by dynamic programming, so that hands are not spread wider than they reach, and move
little: what Parncutt et al. (Music Perception 14, 1997) let fingers cost, made as simple as hands allow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from jamd.music.note import Note
from jamd.smf.midifile import Part, Piece

SPAN_SEMITONES = 14
"""What one hand reaches: a ninth."""
REACH_SEMITONES, STIR_COST = 7, 0.1
"""So far from its middle a hand plays without a jump, at this share of what a jump costs."""
CHORD_BEATS = 0.06
"""What begins so soon after a chord's first note is struck with it."""
HOMES = (48.0, 70.0)
"""Where the left hand and the right one rest: the pitches they drift back to."""
HOME_BEATS = 8.0
HOME_COST = 0.05
"""For a semitone away from home, of what a semitone of jump costs."""
SPAN_COST = 4.0
CROSSING_COST = 1.0
"""For a semitone that the right hand is below the left one."""
FEWEST_NOTES = 24
LEAST_SPREAD = 24
"""Semitones from the tenth to the ninetieth percentile: closer, one hand may have played it all."""
LEAST_TOGETHER = 0.15
"""Of the chords, with what sounds on from before: wider than one hand reaches."""
LEAST_SHARE = 0.08
"""Of the notes, in each hand."""

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Chord:
    """What is struck together, from the lowest up, and when, in beats."""

    beats: float
    notes: tuple[Note, ...]


def apart(piece: Piece) -> Piece:
    """The piece with a right hand and a left hand, in this order, if it is one part that two hands played;
    else as it is."""
    if len(piece.parts) != 1 or not needs_two(piece.parts[0].notes):
        return piece
    right, left = split(piece.parts[0].notes)
    if min(len(right), len(left)) < LEAST_SHARE * len(piece.parts[0].notes):
        return piece
    name = piece.parts[0].name
    return replace(piece, parts=(Part(f"{name} right".strip(), right), Part(f"{name} left".strip(), left)))


def needs_two(notes: Sequence[Note]) -> bool:
    """Whether one hand could not have played these notes: they lie far apart, and often together."""
    if len(notes) < FEWEST_NOTES:
        return False
    low, high = np.percentile([note.pitch for note in notes], [10, 90])
    if high - low < LEAST_SPREAD:
        return False
    wide = 0
    sounding: list[Note] = []
    chords = _chords(notes)
    for chord in chords:
        sounding = [note for note in sounding if note.end_beats > chord.beats + CHORD_BEATS]
        sounding += chord.notes
        pitches = [note.pitch for note in sounding]
        wide += max(pitches) - min(pitches) > SPAN_SEMITONES
    return wide >= LEAST_TOGETHER * len(chords)


def split(notes: Sequence[Note]) -> tuple[tuple[Note, ...], tuple[Note, ...]]:
    """The notes of the right hand and of the left one, each in order of their beginnings.

    A state of the search is how many notes of the chord the left hand takes. Each keeps where its hands came
    to on the cheapest way to it, so the search is not exact; it is linear in the chords.
    """
    chords = _chords(notes)
    costs, at = np.zeros(1), np.array([HOMES])  # (states,), (states, hands)
    ways: list[npt.NDArray[np.int64]] = []
    before = chords[0].beats if chords else 0.0
    for chord in chords:
        rest = np.exp(-(chord.beats - before) / HOME_BEATS)
        before = chord.beats
        at = rest * at + (1 - rest) * np.array(HOMES)
        centres, spans = _places(chord)
        moved = np.where(np.isnan(centres)[None], at[:, None], centres[None])  # (before, states, hands)
        moves = np.abs(moved - at[:, None])
        jumps = np.maximum(moves - REACH_SEMITONES, 0) + STIR_COST * np.minimum(moves, REACH_SEMITONES)
        crossing = np.maximum(moved[:, :, 0] - moved[:, :, 1], 0)
        away = HOME_COST * np.abs(moved - np.array(HOMES)).sum(2)
        total = costs[:, None] + jumps.sum(2) + CROSSING_COST * crossing + away + SPAN_COST * spans
        way = total.argmin(0)
        states = np.arange(len(way))
        ways.append(way)
        costs, at = total[way, states], moved[way, states]
        costs = costs - costs.min()
    taken = int(costs.argmin())
    right: list[Note] = []
    left: list[Note] = []
    for chord, way in zip(reversed(chords), reversed(ways), strict=True):
        left += chord.notes[:taken]
        right += chord.notes[taken:]
        taken = int(way[taken])
    return tuple(sorted(right, key=_order)), tuple(sorted(left, key=_order))


def _places(chord: _Chord) -> tuple[FloatArray, FloatArray]:
    """By how many of a chord's notes the left hand takes: the middle of what each hand plays (states, hands),
    nan where nothing; and by how many semitones that is more than hands reach (states,)."""
    pitches = [float(note.pitch) for note in chord.notes]
    centres = np.full((len(pitches) + 1, 2), np.nan)
    spans = np.zeros(len(pitches) + 1)
    for taken in range(len(pitches) + 1):
        for hand, held in enumerate((pitches[:taken], pitches[taken:])):
            if held:
                centres[taken, hand] = (held[0] + held[-1]) / 2
                spans[taken] += max(0.0, held[-1] - held[0] - SPAN_SEMITONES)
    return centres, spans


def _chords(notes: Sequence[Note]) -> list[_Chord]:
    chords: list[list[Note]] = []
    for note in sorted(notes, key=_order):
        if not chords or note.start_beats - chords[-1][0].start_beats > CHORD_BEATS:
            chords.append([])
        chords[-1].append(note)
    return [_Chord(c[0].start_beats, tuple(sorted(c, key=lambda note: note.pitch))) for c in chords]


def _order(note: Note) -> tuple[float, int]:
    return note.start_beats, note.pitch
