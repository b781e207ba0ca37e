"""What the network is shown of a step: two parts, the place in the bar, the key so far, and its cue.

The same functions serve training (many steps at once) and playing (one of several courses): shapes below
start with `...`, which is (batch, steps) there and (courses,) here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
from jamd.music.note import Frame, Onset

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]

PART = 2 * KEYS + VELOCITY_BINS + 1
"""Attacks by key (0.5 to 1 with velocity), holds by key, the bin of the last loudness, the mean offset."""
POSITIONS = 32
PLACE = 2 * POSITIONS
"""Step in the bar and steps per bar, one-hot each, modulo 32."""
HISTOGRAM = 12
HISTOGRAM_DECAY = 0.98
"""Per step: a note counts half after 34 steps, two bars of 4/4. Without it the key of the call is lost."""
LEFT = 32
CUE = PLACE + 1 + LEFT + 1
"""The place; 1 when the other part may sound too (duet); the steps left of the turn, one-hot: 1 to 32, more.
All zero is an open end. A phrase can only end well when its end is known."""

CLASS_OF_KEY = ((LOWEST_PITCH + np.arange(KEYS))[:, None] % 12 == np.arange(12)).astype(np.float32)

ENCODER_INPUT = 2 * PART + PLACE + HISTOGRAM
DECODER_INPUT = PART + CUE


@dataclass(frozen=True, slots=True)
class Place:
    """Where a step lies in its bar."""

    step_in_bar: int
    steps_per_bar: int


@dataclass(frozen=True, slots=True)
class Cue:
    """What jamd knows of a step before it plays it. `left_steps` of the turn count this step; 0 is an open
    end."""

    place: Place
    duet: bool = False
    left_steps: int = 0


NOWHERE = Place(POSITIONS, POSITIONS)
"""The place of a step in music without bars. It shows as all zeros."""


@dataclass(frozen=True, slots=True)
class Rolls:
    """Frames as rows over the keys, (..., KEYS) each: velocity bin + 1 of attacks, holds, offset bin + 1."""

    attacks: Bytes
    holds: Bytes
    offsets: Bytes


def rolls_of(frames: Sequence[Frame]) -> Rolls:
    """Frames as rolls, (frames, KEYS)."""
    attacks, holds, offsets = (np.zeros((len(frames), KEYS), np.uint8) for _ in range(3))
    for row, frame in enumerate(frames):
        for pitch in frame.held:
            holds[row, key_of(pitch)] = 1
        for onset in frame.onsets:
            key = key_of(onset.pitch)
            attacks[row, key] = velocity_bin(onset.velocity) + 1
            offsets[row, key] = offset_bin(onset.offset_steps) + 1
            holds[row, key] = 0
    return Rolls(attacks, holds, offsets)


def loudness(attacks: Bytes) -> Bytes:
    """The velocity bin + 1 of the loudest attack, (...,); 0 when there is none."""
    return np.asarray(attacks.max(-1))


def part_features(rolls: Rolls, last_loudness: Bytes) -> Floats:
    """One part's rolls (..., KEYS) as inputs (..., PART). `last_loudness` (...,) is that of the last step
    that had an attack, this one included: a touch is kept through rests."""
    attacks = rolls.attacks
    out = np.zeros((*attacks.shape[:-1], PART), np.float32)
    struck = attacks > 0
    out[..., :KEYS] = struck * np.float32(0.5) + attacks * np.float32(0.5 / VELOCITY_BINS)
    out[..., KEYS : 2 * KEYS] = rolls.holds
    bins = np.arange(1, VELOCITY_BINS + 1, dtype=np.uint8)
    out[..., 2 * KEYS : 2 * KEYS + VELOCITY_BINS] = last_loudness[..., None] == bins
    known = rolls.offsets > 0
    eighths = known * (rolls.offsets.astype(np.float32) - 1 - OFFSET_BINS // 2)
    out[..., -1] = eighths.sum(-1) / np.maximum(known.sum(-1), 1) / (OFFSET_BINS - 1)
    return out


def place_features(step_in_bar: npt.ArrayLike, steps_per_bar: npt.ArrayLike) -> Floats:
    """The place of a step in its bar, and the bar's length, as inputs (..., PLACE); NOWHERE is all zeros."""
    here, length = np.asarray(step_in_bar)[..., None], np.asarray(steps_per_bar)[..., None]
    nowhere = (here == NOWHERE.step_in_bar) & (length == NOWHERE.steps_per_bar)
    positions = np.arange(POSITIONS)
    one_hot = np.concatenate([here % POSITIONS == positions, length % POSITIONS == positions], -1)
    return (one_hot & ~nowhere).astype(np.float32)


def cue_features(
    step_in_bar: npt.ArrayLike, steps_per_bar: npt.ArrayLike, duet: npt.ArrayLike, left_steps: npt.ArrayLike
) -> Floats:
    """Cues as inputs (..., CUE)."""
    place = place_features(step_in_bar, steps_per_bar)
    left = np.minimum(np.asarray(left_steps), LEFT + 1)[..., None] == np.arange(1, LEFT + 2)
    return np.concatenate([place, np.asarray(duet, np.float32)[..., None], left], -1, dtype=np.float32)


def pitch_classes(attacks: Bytes) -> Floats:
    """How many notes of each pitch class begin, (..., 12), C first."""
    return np.asarray((attacks > 0) @ CLASS_OF_KEY)


def histogram_features(counts: Floats) -> Floats:
    """Decayed pitch-class counts (..., 12) as shares that sum to at most 1: the key so far."""
    return np.asarray(counts / (counts.sum(-1, keepdims=True) + 1.0), np.float32)


class Ear:
    """The inputs of a session as it goes on, in one or several courses: what the steps before leave behind is
    the pitch-class counts (courses, 12) and the last loudness of each course by part.

    The sums are those of the functions above, note by note: a step has few of them.
    """

    def __init__(self, courses: int = 1) -> None:
        self.counts = np.zeros((courses, HISTOGRAM), np.float32)
        self.loudness = [[0] * courses, [0] * courses]

    def hear(
        self, players: Sequence[Frame], owns: Sequence[Frame], places: Sequence[Place]
    ) -> tuple[Floats, Floats]:
        """A step of both parts: the inputs (courses, ENCODER_INPUT), and 1 for each key that either part
        strikes, and for each that either holds, (courses, 2 * KEYS)."""
        heard = np.zeros((len(players), ENCODER_INPUT), np.float32)
        self.counts = np.float32(HISTOGRAM_DECAY) * self.counts
        for part, frames in enumerate((players, owns)):
            for course, frame in enumerate(frames):
                struck = _write_part(heard[course], part * PART, frame, self.loudness[part], course)
                for key in struck:
                    self.counts[course, (LOWEST_PITCH + key) % 12] += 1
        _write_places(heard, 2 * PART, places)
        heard[:, -HISTOGRAM:] = histogram_features(self.counts)
        keys = np.sign(heard[:, : 2 * KEYS])
        return heard, np.maximum(keys, np.sign(heard[:, PART : PART + 2 * KEYS]), out=keys)

    def ask(self, befores: Sequence[Frame], cues: Sequence[Cue]) -> tuple[Floats, Bools]:
        """The inputs (courses, DECODER_INPUT) for the frames after `befores`, and the keys (courses, KEYS)
        that may be held."""
        asked = np.zeros((len(befores), DECODER_INPUT), np.float32)
        loudness = self.loudness[1]
        for course, (before, cue) in enumerate(zip(befores, cues, strict=True)):
            _write_part(asked[course], 0, before, loudness.copy(), course)
            if cue.duet:
                asked[course, PART + PLACE] = 1
            if cue.left_steps:
                asked[course, PART + PLACE + min(cue.left_steps, LEFT + 1)] = 1
        _write_places(asked, PART, [cue.place for cue in cues])
        return asked, (asked[:, :KEYS] + asked[:, KEYS : 2 * KEYS]) > 0

    def fork(self, chosen: Sequence[int]) -> Ear:
        """A copy whose courses are the chosen ones."""
        other = Ear(0)
        other.counts = self.counts[list(chosen)]
        other.loudness = [[part[course] for course in chosen] for part in self.loudness]
        return other


_ATTACK_INPUT = [float(np.float32(0.5) + bin * np.float32(0.5 / VELOCITY_BINS)) for bin in range(17)]
_KEY_OF = [key_of(pitch) for pitch in range(128)]


def _write_part(row: Floats, at: int, frame: Frame, loudness: list[int], course: int) -> Iterable[int]:
    """`part_features` of one frame, written into `row` from `at` on; the keys it strikes. Its loudness
    replaces that of the last steps."""
    for pitch in frame.held:
        row[at + KEYS + _KEY_OF[pitch]] = 1
    struck: dict[int, Onset] = {}
    if frame.onsets:
        struck = {_KEY_OF[onset.pitch]: onset for onset in frame.onsets}
        loudest = eighths = 0
        for key, onset in struck.items():
            bin = velocity_bin(onset.velocity) + 1
            row[at + key] = _ATTACK_INPUT[bin]
            row[at + KEYS + key] = 0
            loudest = max(loudest, bin)
            eighths += offset_bin(onset.offset_steps) - OFFSET_BINS // 2
        loudness[course] = loudest
        row[at + PART - 1] = eighths / len(struck) / (OFFSET_BINS - 1)
    if loudness[course]:
        row[at + 2 * KEYS + loudness[course] - 1] = 1
    return struck


def _write_places(rows: Floats, at: int, places: Sequence[Place]) -> None:
    """`place_features`, written into `rows` from `at` on."""
    for course, place in enumerate(places):
        if place != NOWHERE:
            rows[course, at + place.step_in_bar % POSITIONS] = 1
            rows[course, at + POSITIONS + place.steps_per_bar % POSITIONS] = 1
