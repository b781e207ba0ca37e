"""The alphabet a frame is spelt in: attack or hold of a key, from the highest down, then END.

A frame is a short word: its notes in descending order, each an attack (a note begins) or a hold (it sounds
on from the step before), closed by END. Choosing them one after another, each knowing those above it, is an
exact likelihood over all the chords there are; independent yes-or-no outputs per key cannot play a chord.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

LOWEST_PITCH = 15
KEYS = 100
"""The piano's keys and half an octave on either side, so that any piano music can be moved to C and back
(`jamd.models.key`). MIDI pitches outside are folded in by octaves before the network sees them."""

PIANO = range(21, 109)
"""The MIDI pitches that are answered with: the 88 keys of a piano."""

END = 2 * KEYS
TOKENS = END + 1
"""Attack of key k is token k, hold of key k is token KEYS + k."""

VELOCITY_BINS = 16
OFFSET_BINS = 9
"""Eighths of a step, from half a step early to half a step late."""
UNKNOWN_OFFSET = -1
"""That of an attack in music that has no beats to be early or late of: it is not scored."""

Ints = npt.NDArray[np.int64]


def key_of(pitch: int) -> int:
    """The key, 0 to 99, for a MIDI pitch; outside pitches move by octaves into the range."""
    key = pitch - LOWEST_PITCH
    while key < 0:
        key += 12
    while key >= KEYS:
        key -= 12
    return key


def velocity_bin(velocity: int) -> int:
    """The bin of a MIDI velocity, 1 to 127."""
    return velocity * VELOCITY_BINS // 128


def velocity_of(velocity_bin: int) -> int:
    """The MIDI velocity in the middle of a bin."""
    return velocity_bin * 128 // VELOCITY_BINS + 128 // VELOCITY_BINS // 2


def offset_bin(offset_steps: float) -> int:
    """The bin of an offset in steps, -0.5 to 0.5."""
    eighths = int((offset_steps * (OFFSET_BINS - 1) + 0.5) // 1)
    return min(max(eighths, -(OFFSET_BINS // 2)), OFFSET_BINS // 2) + OFFSET_BINS // 2


def offset_of(offset_bin: int) -> float:
    """The offset in steps in the middle of a bin."""
    return (offset_bin - OFFSET_BINS // 2) / (OFFSET_BINS - 1)
