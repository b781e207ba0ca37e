"""What the network is shown of a step: two parts, the place in the bar, and the key so far.

The same functions serve training (many steps at once) and playing (one): shapes below start with `...`,
which is (batch, steps) there and nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jamd.models.tokens import (
    KEYS,
    LOWEST_PITCH,
    OFFSET_BINS,
    VELOCITY_BINS,
    key_of,
    offset_bin,
    velocity_bin,
)
from jamd.note import Frame

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

PART = 2 * KEYS + VELOCITY_BINS + 1
"""Attacks by key (0.5 to 1 with velocity), holds by key, the loudest attack's bin, the mean offset."""
POSITIONS = 32
PLACE = 2 * POSITIONS
"""Step in the bar and steps per bar, one-hot each, modulo 32."""
HISTOGRAM = 12
HISTOGRAM_DECAY = 0.98
"""Per step: a note counts half after 34 steps, two bars of 4/4. Without it the key of the call is lost."""

CLASS_OF_KEY = ((LOWEST_PITCH + np.arange(KEYS))[:, None] % 12 == np.arange(12)).astype(np.float32)

ENCODER_INPUT = 2 * PART + PLACE + HISTOGRAM
DECODER_INPUT = PART + PLACE + 1
"""The last word is 1 when the other part may sound too (duet), 0 in an answer."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a step lies in its bar."""

    step_in_bar: int
    steps_per_bar: int


def roll_of(frame: Frame) -> tuple[Bytes, Bytes, Bytes]:
    """A frame as three rows over the keys, (88,) each: velocity bin + 1 of attacks, holds, offset bin + 1."""
    attacks, holds, offsets = (np.zeros(KEYS, np.uint8) for _ in range(3))
    for pitch in frame.held:
        holds[key_of(pitch)] = 1
    for onset in frame.onsets:
        key = key_of(onset.pitch)
        attacks[key] = velocity_bin(onset.velocity) + 1
        offsets[key] = offset_bin(onset.offset_steps) + 1
        holds[key] = 0
    return attacks, holds, offsets


def part_features(attacks: Bytes, holds: Bytes, offsets: Bytes) -> Floats:
    """One part's rows (..., 88), as `roll_of` gives them, as inputs (..., PART)."""
    out = np.zeros((*attacks.shape[:-1], PART), np.float32)
    struck = attacks > 0
    out[..., :KEYS] = np.where(struck, 0.5 + attacks * (0.5 / VELOCITY_BINS), 0.0)
    out[..., KEYS : 2 * KEYS] = holds
    loudest = attacks.max(-1)
    bins = np.arange(1, VELOCITY_BINS + 1, dtype=np.uint8)
    out[..., 2 * KEYS : 2 * KEYS + VELOCITY_BINS] = loudest[..., None] == bins
    eighths = np.where(struck, offsets.astype(np.float32) - 1 - OFFSET_BINS // 2, 0.0)
    out[..., -1] = eighths.sum(-1) / np.maximum(struck.sum(-1), 1) / (OFFSET_BINS - 1)
    return out


def place_features(step_in_bar: npt.ArrayLike, steps_per_bar: npt.ArrayLike) -> Floats:
    """The place of a step in its bar, and the bar's length, as inputs (..., PLACE)."""
    here = np.asarray(step_in_bar)[..., None] % POSITIONS
    length = np.asarray(steps_per_bar)[..., None] % POSITIONS
    positions = np.arange(POSITIONS)
    return np.concatenate([here == positions, length == positions], -1).astype(np.float32)


def pitch_classes(attacks: Bytes) -> Floats:
    """How many notes of each pitch class begin, (..., 12), C first."""
    return np.asarray((attacks > 0) @ CLASS_OF_KEY)


def histogram_features(counts: Floats) -> Floats:
    """Decayed pitch-class counts (..., 12) as shares that sum to at most 1: the key so far."""
    return np.asarray(counts / (counts.sum(-1, keepdims=True) + 1.0), np.float32)


def heard(player: Frame, own: Frame, place: Place, counts: Floats) -> tuple[Floats, Floats]:
    """The encoder's input (ENCODER_INPUT,) for a step of both parts, and the pitch-class counts after it."""
    rolls = [roll_of(frame) for frame in (player, own)]
    counts = np.float32(HISTOGRAM_DECAY) * counts + sum(pitch_classes(attacks) for attacks, _, _ in rolls)
    parts = [part_features(*roll) for roll in rolls]
    where = place_features(place.step_in_bar, place.steps_per_bar)
    return np.concatenate([*parts, where, histogram_features(counts)]), counts


def asked(before: Frame, place: Place, duet: bool) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """The decoder's input (DECODER_INPUT,) for the frame after `before`, and the keys (88,) it may hold."""
    attacks, holds, offsets = roll_of(before)
    part = part_features(attacks, holds, offsets)
    where = place_features(place.step_in_bar, place.steps_per_bar)
    return np.concatenate([part, where, np.array([duet], np.float32)]), (attacks > 0) | (holds > 0)
