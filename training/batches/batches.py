"""Conversations as batches: the network's inputs and targets for what was said in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jamd.models import features
from jamd.models.features import Rolls
from jamd.models.tokens import END, KEYS, UNKNOWN_OFFSET
from jamd.training.batches.conversations import OWN, PLAYER, Conversation, converse

__all__ = ["OWN", "PLAYER", "Batch", "Conversation", "batch_of", "converse"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Batch:
    """What `Seq2Seq.forward` takes, as arrays; see there for the shapes. `frames` is the number scored."""

    heard: features.Floats
    asked: features.Floats
    turns: Ints
    own: Bools
    frame: Ints
    token: Ints
    velocity: Ints
    offset: Ints
    sounding: Bools
    rehearsed: Batch | None = None
    """Of a batch whose last conversations are learned from a teacher, these alone."""

    @property
    def learned(self) -> int:
        """The frames that are not rehearsed."""
        return self.frames - (self.rehearsed.frames if self.rehearsed else 0)

    @property
    def frames(self) -> int:
        return int(self.own.sum())


def batch_of(conversations: Sequence[Conversation]) -> Batch:
    """Conversations as a batch; shorter ones are filled up with silence that is not scored."""
    steps = max(c.steps for c in conversations)
    rolls = Rolls(
        *(
            np.stack([_filled(getattr(c.rolls, name), steps, 1) for c in conversations])
            for name in ("attacks", "holds", "offsets")
        )
    )  # (B, 2, T, KEYS)
    step_in_bar, steps_per_bar = (
        np.stack([_filled(getattr(c, name), steps, 0) for c in conversations])
        for name in ("step_in_bar", "steps_per_bar")
    )
    parts = features.part_features(rolls, _carried(features.loudness(rolls.attacks)))
    counts = features.pitch_classes(rolls.attacks).sum(1)
    for step in range(1, steps):
        counts[:, step] += features.HISTOGRAM_DECAY * counts[:, step - 1]
    place = features.place_features(step_in_bar, steps_per_bar)
    histogram = features.histogram_features(counts)
    heard = _later(np.concatenate([parts[:, PLAYER], parts[:, OWN], place, histogram], -1))
    duet = np.broadcast_to(np.array([c.duet for c in conversations])[:, None], step_in_bar.shape)
    left = np.stack([_filled(c.left_steps(), steps, 0) for c in conversations])
    cue = features.cue_features(step_in_bar, steps_per_bar, duet, left)
    asked = np.concatenate([_later(parts[:, OWN]), cue], -1)

    flat = [(b * steps + a, b * steps + z) for b, c in enumerate(conversations) for a, z in c.turns]
    longest = max(z - a for a, z in flat)
    turns = np.array([a for a, _ in flat])[:, None] + np.arange(longest)
    own = turns < np.array([z for _, z in flat])[:, None]
    turns = np.where(own, turns, turns[:, :1])
    where = turns[own]

    struck, held, late = (
        x[:, OWN].reshape(-1, KEYS)[where] for x in (rolls.attacks, rolls.holds, rolls.offsets)
    )
    present = np.concatenate([((struck > 0) | (held > 0))[:, ::-1], np.ones((len(where), 1), bool)], 1)
    frame, column = np.nonzero(present)  # per frame: keys from the highest down, then END
    key = KEYS - 1 - column
    velocity = np.where(key >= 0, struck[frame, key], 0).astype(np.int64)
    token = np.where(key < 0, END, np.where(velocity > 0, key, KEYS + key))
    offset = np.where(velocity > 0, late[frame, key].astype(np.int64) - 1, UNKNOWN_OFFSET)
    sounding = (rolls.attacks[:, OWN] > 0) | (rolls.holds[:, OWN] > 0)
    before: Bools = np.asarray(_later(sounding).reshape(-1, KEYS)[where], bool)
    return Batch(heard, asked, turns, own, frame, token, np.maximum(velocity - 1, 0), offset, before)


def _filled(array: npt.NDArray[np.generic], steps: int, axis: int) -> npt.NDArray[np.generic]:
    """The array with its steps filled up to `steps` with zeros."""
    missing = [(0, 0)] * array.ndim
    missing[axis] = (0, steps - array.shape[axis])
    return np.pad(array, missing) if missing[axis][1] else array


def _carried(loudness: features.Bytes) -> features.Bytes:
    """Loudness by step (..., T) with every 0 replaced by the last one before it that is not."""
    steps = np.arange(loudness.shape[-1])
    last = np.maximum.accumulate(np.where(loudness > 0, steps, 0), -1)
    return np.take_along_axis(loudness, last, -1)


def _later(rows: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Rows (B, T, ...) moved one step on: what is known at a step is what was heard until the one before."""
    moved = np.zeros_like(rows)
    moved[:, 1:] = rows[:, :-1]
    return moved
