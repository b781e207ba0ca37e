"""Pieces cut into conversations: who plays which bars, and the network's inputs and targets for it.

Trading gives alternate spans to the player and to jamd, cut at bar lines, or at the phrases of a solo where
they are known; a note belongs to the part in whose span it begins and ends with that span at the latest. A
duet gives one track to one part and the rest to the other. Everything is moved to C, as it will be in
playing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jamd.models import features
from jamd.models.features import Rolls
from jamd.models.head import UNKNOWN
from jamd.models.key import shift_to_c
from jamd.models.tokens import END, KEYS, LOWEST_PITCH, OFFSET_BINS, VELOCITY_BINS
from jamd.training.pieces import QuantisedPiece

SPAN_BARS = (1, 2, 2, 3, 4, 4, 4)
SHARE_OF_DUETS = 0.25
SHARE_OF_PHRASES = 0.5
"""Of the trading in solos whose phrases are known: turns are phrases, the rest is cut at bar lines."""
SHARE_OF_SINGLE_PARTS = 0.2
"""One track alone, as many a keyboard player plays."""
SHARE_OF_WRONG_KEYS = 0.15
"""Moved to a neighbour of C: in playing the key is a guess from what was heard so far."""
WRONG_KEYS = (-5, -2, 2, 5)
SHARE_OF_OPEN_ENDS = 0.1
PLAYER, OWN = 0, 1

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

    @property
    def frames(self) -> int:
        return int(self.own.sum())


@dataclass(slots=True)
class Conversation:
    """One sequence of T steps: rolls of both parts (2, T, KEYS) as `features.rolls_of` spells them, the place
    of each step (T,), and own turns as (first step, step after the last)."""

    rolls: Rolls
    step_in_bar: Ints
    steps_per_bar: Ints
    turns: list[tuple[int, int]]
    duet: bool = False
    open_end: bool = False

    @property
    def steps(self) -> int:
        return len(self.step_in_bar)

    def left_steps(self) -> Ints:
        """Steps left of the own turn at each step, that step included; 0 outside turns and where the end is
        not known."""
        left = np.zeros(self.steps, np.int64)
        for start, end in self.turns:
            left[start:end] = 0 if self.open_end or self.duet else np.arange(end - start, 0, -1)
        return left


def converse(
    piece: QuantisedPiece, first_bar: int, steps: int, rng: np.random.Generator, augment: bool
) -> Conversation | None:
    """A stretch of a piece, from a bar line on, as a conversation; None if it has no own turn or no note."""
    lines = piece.bar_lines
    start = int(lines[first_bar])
    end = min(start + steps, piece.steps)
    low, high = np.searchsorted(piece.step, [start, end])
    part = piece.part[low:high]
    voices = np.unique(part)
    chosen = np.arange(low, high)
    if augment and len(voices) > 1 and rng.random() < SHARE_OF_SINGLE_PARTS:
        chosen = chosen[part == rng.choice(voices)]
    if not len(chosen):
        return None
    duet = len(voices) > 1 and rng.random() < SHARE_OF_DUETS
    step = piece.step[chosen] - start
    stop = np.minimum(piece.end[chosen], end) - start
    velocity = piece.velocity[chosen].astype(np.float64)
    offset = piece.offset[chosen].astype(np.float64)
    key = piece.key[chosen].astype(np.int64)
    key += shift_to_c(np.bincount((key + LOWEST_PITCH) % 12, minlength=12))
    if augment and rng.random() < SHARE_OF_WRONG_KEYS:
        key += rng.choice(WRONG_KEYS)
    key = np.where(key < 0, key + 12, np.where(key >= KEYS, key - 12, key))

    phrases = piece.phrase_steps[(piece.phrase_steps > start) & (piece.phrase_steps < end)] - start
    if len(phrases) > 1 and not duet and rng.random() < SHARE_OF_PHRASES:
        cuts = np.append(phrases, end - start)
    else:
        cuts = _cuts(lines[first_bar:] - start, end - start, rng)
    spans = list(zip([0, *cuts[:-1].tolist()], cuts.tolist(), strict=True))
    first = int(rng.integers(2))
    if duet:
        role = np.where(piece.part[chosen] == voices[0], first, 1 - first)
        turns = spans
    else:
        which = np.searchsorted(cuts, step, side="right")
        role = (which + first) % 2
        stop = np.minimum(stop, cuts[which])
        turns = [span for i, span in enumerate(spans) if (i + first) % 2 == OWN]
    if not turns:
        return None
    if augment and rng.random() < 0.5:
        velocity = np.clip(velocity * rng.uniform(0.74, 1.22), 1, 127)
    if augment and rng.random() < 0.5:  # a live player is never on the grid; the answer need not copy that
        offset = offset + np.where(role == PLAYER, rng.normal(0, 0.1, len(offset)), 0)

    attacks, holds, offsets = (np.zeros((2, steps, KEYS), np.uint8) for _ in range(3))
    attacks[role, step, key] = velocity.astype(np.int64) * VELOCITY_BINS // 128 + 1
    half = OFFSET_BINS // 2
    eighths = np.clip(np.floor(offset * (OFFSET_BINS - 1) + 0.5), -half, half)
    offsets[role, step, key] = eighths + half + 1 if piece.on_grid else 0
    change = np.zeros((2, steps + 1, KEYS), np.int8)
    long = stop > step + 1
    np.add.at(change, (role[long], step[long] + 1, key[long]), 1)
    np.add.at(change, (role[long], stop[long], key[long]), -1)
    holds[:] = (np.cumsum(change[:, :steps], 1) > 0) & (attacks == 0)

    bars = np.searchsorted(lines, np.arange(start, start + steps), side="right") - 1
    bars = np.minimum(bars, len(lines) - 2)
    in_bar = np.arange(start, start + steps) - lines[bars]
    return Conversation(
        Rolls(attacks, holds, offsets),
        in_bar,
        np.diff(lines)[bars],
        turns,
        duet,
        open_end=augment and rng.random() < SHARE_OF_OPEN_ENDS,
    )


def _cuts(lines: npt.NDArray[np.int32], steps: int, rng: np.random.Generator) -> Ints:
    """Where consecutive spans of whole bars end that cover `steps`, the last one cut there."""
    cuts, bar = [0], 0
    while cuts[-1] < steps:
        bar = min(bar + int(rng.choice(SPAN_BARS)), len(lines) - 1)
        cuts.append(min(int(lines[bar]), steps))
    return np.array(cuts[1:], np.int64)


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
    offset = np.where(velocity > 0, late[frame, key].astype(np.int64) - 1, UNKNOWN)
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
