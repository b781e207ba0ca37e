"""In which time a file was played: in its own, to a click that it does not know, or freely."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jamd.beats import find, ticks
from jamd.beats.beatmap import LATELY_BEATS, Seconds, lay
from jamd.beats.find import FEWEST_ONSETS, LONGEST_MEAN_GAP_SECONDS, Found
from jamd.errors import UsageError
from jamd.music.bars import Bars
from jamd.music.tempomap import beats_at, seconds_at
from jamd.smf.midifile import Piece

LONGEST_SECONDS = 20 * 60
"""A longer file is not looked through only to say that its beat could be found."""
OWN_BEATS, OWN_SHARE = 0.1, 0.9
"""Found beats are the file's own where such a share of them is so near to those."""
STEADY = 0.04
"""A tempo that changes by a smaller share is told as one."""


@dataclass(frozen=True, slots=True)
class Timed:
    """A piece in the time that was asked for, and what there is to say of it. `tempo` is that of what follows
    it; None where it is the piece's own."""

    piece: Piece
    tempo: float | None
    said: str


def in_time(piece: Piece, tempo: float | str | None, name: str) -> Timed:
    """A piece of this name on beats: its own, without a `tempo`; in so many a minute from the first note on;
    or, for "auto", on those that are found in what is played. Raises UsageError."""
    if tempo is None:
        return Timed(piece, None, _advice(piece, name))
    if isinstance(tempo, str):
        return _found(piece, name)
    first_beats = np.array([piece.notes[0].start_beats])
    beats = seconds_at(piece.tempos, first_beats) + 60 / tempo * np.arange(3)
    metre = Bars.of(piece.metres).changes[0].metre
    laid = lay(piece, beats, Bars.of([(0.0, metre)]), tempo)
    said = f"{name} is taken at {tempo:g} BPM, in {metre}, from its first note on"
    return Timed(laid.piece, laid.tempo, said)


def _advice(piece: Piece, name: str) -> str:
    """A word where the ticks of a file are not its beats, as `jamd train` judges that."""
    last_beats = np.array([max(note.end_beats for note in piece.notes)])
    if seconds_at(piece.tempos, last_beats)[0] > LONGEST_SECONDS or ticks.judged(piece)[1] is None:
        return ""
    return f"{name} was played without a click, and its bars mean nothing; --tempo auto finds its beat"


def _found(piece: Piece, name: str) -> Timed:
    found = find.find(piece)
    if found is None:
        raise UsageError(
            f"--tempo auto finds no beat in {name}: that takes {FEWEST_ONSETS} notes or chords, "
            f"no more than {LONGEST_MEAN_GAP_SECONDS:g} s apart in the mean"
        )
    sure = f"{min(99, round(100 * found.sure))} % sure"
    if _are_its_own(found, piece):
        return Timed(piece, None, f"the beat of {name} is that of its ticks, {sure}")
    track = found.track
    bars = Bars.of(track.metres())
    laid = lay(piece, track.onset_seconds, bars.moved(-4 * track.beats_before))
    tempos, metre = _tempos(track.onset_seconds), bars.changes[-1].metre
    said = f"the beat of {name} is found at {tempos}, in {metre}, {sure}"
    return Timed(laid.piece, laid.tempo, said)


def _are_its_own(found: Found, piece: Piece) -> bool:
    """Whether the found beats are beats of the file, or every second one."""
    starts = np.array([note.start_beats for note in piece.notes])
    places = beats_at(piece.tempos, found.tapped)
    near = np.abs(places - np.round(places)) < OWN_BEATS
    return bool(near.mean() > OWN_SHARE) and ticks.keeps_time(starts, ticks.COARSE_BEATS)


def _tempos(beats: Seconds) -> str:
    """The tempo over some beats at a time, from the slowest to the fastest."""
    window = min(LATELY_BEATS, len(beats) - 1)
    tempos = 60 * window / (beats[window:] - beats[:-window])
    slowest, fastest = tempos.min(), tempos.max()
    if fastest < (1 + STEADY) * slowest:
        return f"{tempos.mean():.0f} BPM"
    return f"{slowest:.0f} to {fastest:.0f} BPM"
