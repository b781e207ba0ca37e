"""Whether a file's ticks are the beats of its music, or only tell when notes were played."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jamd.beats import find
from jamd.beats.find import Found
from jamd.music.tempomap import beats_at
from jamd.smf.midifile import Piece

GRID_BEATS = (1, 1 / 2, 1 / 4, 1 / 5, 1 / 12, 1 / 16)
"""Periods in which onsets on a grid return, as fine as scores have it; 1/12 holds sixteenths and triplets."""
COARSE_BEATS = GRID_BEATS[:3]
LEAST_RESULTANT = 0.25
"""Below it the onsets of a piece keep no time: see `keeps_time`."""
ALL_RETURN = 0.95
"""Enough however few there are."""
BY_CHANCE = 0.01
"""How often onsets without beats, however few, are taken for such with beats."""
SURE = 0.8
"""Of found beats: from here on they are right (at some level) nine times in ten, and how early or late a note
is says something: in tests/bench/beats.py offsets are wrong by 0.1 steps, below by 0.2; chance is 0.25."""
SAME_BEATS = (1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4, 1, 3 / 2, 2, 3, 4)
SAME_SHARE = 0.02
"""A found beat that has so many of the file's beats, or within this share of it, agrees with them."""

Floats = npt.NDArray[np.float64]


def keeps_time(start_beats: Floats, periods: tuple[float, ...] = GRID_BEATS) -> bool:
    """Whether onsets (notes,) return in one of these periods, as those of a recording without beats do not.

    The measure is the mean resultant length of the onsets' angles in a period, |mean exp(2πi x / period)|
    (Mardia and Jupp, Directional Statistics, 2.3.1): 1 where all lie on its grid, near 0 where they lie
    anywhere. The largest over the periods was at least 0.30 in score-like sets and at most 0.24 in GiantMIDI.
    Of few onsets it must be larger: Rayleigh's test (6.3.1) says that n of them which lie anywhere reach R
    with a probability of exp(-n R²).
    """
    angles = np.exp(2j * np.pi * start_beats[:, None] / np.array(periods))
    onsets = len(np.unique(np.round(start_beats * 20)))
    least = max(LEAST_RESULTANT, np.sqrt(np.log(len(GRID_BEATS) / BY_CHANCE) / onsets))
    return bool(np.abs(angles.mean(0)).max() >= min(least, ALL_RETURN))


def judged(piece: Piece) -> tuple[bool, Found | None]:
    """Whether onsets return on the grid of the file's ticks; and the beats that were found in what is played,
    where these are better than the ticks."""
    starts = np.array([note.start_beats for part in piece.parts for note in part.notes])
    timed = keeps_time(starts)
    # Fine grids alone may be an accident: at a steady 100 BPM eighths lie on fifths of beats at 120.
    found = None if keeps_time(starts, COARSE_BEATS) else find.find(piece)
    if found is None or (timed and (found.sure < SURE or _agree(found.tapped, piece))):
        return timed, None
    return timed, found


def _agree(tapped_seconds: Floats, piece: Piece) -> bool:
    """Whether found beats are as long as the file's, or in a simple ratio to them."""
    length = np.median(np.diff(beats_at(piece.tempos, tapped_seconds)))
    return bool((np.abs(length / np.array(SAME_BEATS) - 1) < SAME_SHARE).any())
