"""Scales by name, as sets of pitch classes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jamd.errors import UsageError
from jamd.music.notename import semitones_of

PitchClasses = frozenset[int]

SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "harmonic-minor": (0, 2, 3, 5, 7, 8, 11),
    "melodic-minor": (0, 2, 3, 5, 7, 9, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "locrian": (0, 1, 3, 5, 6, 8, 10),
    "pentatonic": (0, 2, 4, 7, 9),
    "minor-pentatonic": (0, 3, 5, 7, 10),
    "blues": (0, 3, 5, 6, 7, 10),
    "whole-tone": (0, 2, 4, 6, 8, 10),
    "diminished": (0, 2, 3, 5, 6, 8, 9, 11),
}
PROFILES = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}
"""How well each pitch class fits a key, from its tonic on, to listeners (Krumhansl and Kessler 1982)."""
TONICS = {
    "major": ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"),
    "minor": ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B"),
}
"""The keys as they are usually written."""
OFTEN = 0.06
"""A pitch class that takes this share of the notes belongs to the scale, whatever the key signature says."""


def tonic_of(name: str) -> int:
    """The pitch class of a note's name: C, F#, Bb, Es, H. Raises UsageError."""
    semitones = semitones_of(name)
    if semitones is None:
        raise UsageError(
            f"{name!r} is no key; name its tonic like C, F#, Bb, Es or H, or say auto; --scale says minor"
        )
    return semitones % 12


def scale_of(tonic: str, scale: str) -> PitchClasses:
    """The pitch classes of a scale, both by name. Raises UsageError."""
    return frozenset((tonic_of(tonic) + step) % 12 for step in SCALES[scale])


def scale_heard(counts: npt.ArrayLike) -> PitchClasses:
    """The scale that music with these pitch-class counts (12,) is in: that of the key signature which holds
    most of its notes, and what else is played often."""
    heard = np.asarray(counts, np.float64)
    if heard.sum() == 0:
        return frozenset(range(12))
    major = np.array(SCALES["major"])
    signature = max(range(12), key=lambda tonic: heard[(major + tonic) % 12].sum())
    often = np.flatnonzero(heard / heard.sum() >= OFTEN)
    return frozenset(((major + signature) % 12).tolist()) | frozenset(often.tolist())


def key_heard(weights: npt.ArrayLike) -> str:
    """The key in which pitch classes have these weights (12,), how long they sound for one: the one whose
    profile they follow best. "" where they follow none: where all are alike."""
    heard = np.asarray(weights, np.float64)
    if np.ptp(heard) == 0:
        return ""
    keys = [(mode, tonic) for mode in PROFILES for tonic in range(12)]
    fits = [np.corrcoef(np.roll(PROFILES[mode], tonic), heard)[0, 1] for mode, tonic in keys]
    mode, tonic = keys[int(np.argmax(fits))]
    return f"{TONICS[mode][tonic]} {mode}"
