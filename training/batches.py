"""Pieces cut into conversations: who plays which bars, and the network's inputs and targets for it.

Trading gives alternate spans of bars to the player and to jamd; a note belongs to the part in whose span it
begins and ends with that span at the latest. A duet gives one track to one part and the rest to the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jamd.models import features
from jamd.models.tokens import END, KEYS, OFFSET_BINS, VELOCITY_BINS
from jamd.training.pieces import QuantisedPiece

SPAN_BARS = (1, 2, 2, 3, 4, 4, 4)
SHARE_OF_DUETS = 0.25
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
    """One sequence: rolls of both parts (2, T, 88) as `features.roll_of` spells them, and own turns."""

    attacks: features.Bytes
    holds: features.Bytes
    offsets: features.Bytes
    step_in_bar: Ints
    steps_per_bar: Ints
    turns: list[tuple[int, int]]
    duet: bool


def converse(
    piece: QuantisedPiece, first_bar: int, steps: int, rng: np.random.Generator, augment: bool
) -> Conversation | None:
    """A stretch of a piece, from a bar line on, as a conversation; None if it has no own turn."""
    lines = piece.bar_lines
    start = int(lines[first_bar])
    end = min(start + steps, piece.steps)
    spans = _spans(lines[first_bar:] - start, end - start, rng)
    low, high = np.searchsorted(piece.step, [start, end])
    step = piece.step[low:high] - start
    stop = np.minimum(piece.end[low:high], end) - start
    part = piece.part[low:high]
    key = piece.key[low:high].astype(np.int64)
    velocity = piece.velocity[low:high].astype(np.float64)
    offset = piece.offset[low:high].astype(np.float64)

    duet = len(np.unique(part)) > 1 and rng.random() < SHARE_OF_DUETS
    first = int(rng.integers(2))
    if duet:
        lead = part == part.min()
        role = np.where(lead, first, 1 - first)
        turns = spans
    else:
        cuts = np.array([span[1] for span in spans])
        which = np.searchsorted(cuts, step, side="right")
        role = (which + first) % 2
        stop = np.minimum(stop, cuts[which])
        turns = [span for i, span in enumerate(spans) if (i + first) % 2 == OWN]
    if not turns:
        return None
    if augment and len(key):
        key += rng.integers(max(-5, -key.min()), min(6, KEYS - 1 - key.max()) + 1)
        if rng.random() < 0.5:
            velocity = np.clip(velocity * rng.uniform(0.74, 1.22), 1, 127)
        if rng.random() < 0.5:  # a live player is never on the grid; the answer need not copy that
            offset = offset + np.where(role == PLAYER, rng.normal(0, 0.1, len(offset)), 0)

    attacks, holds, offsets = (np.zeros((2, steps, KEYS), np.uint8) for _ in range(3))
    attacks[role, step, key] = velocity.astype(np.int64) * VELOCITY_BINS // 128 + 1
    half = OFFSET_BINS // 2
    eighths = np.clip(np.floor(offset * (OFFSET_BINS - 1) + 0.5), -half, half)
    offsets[role, step, key] = eighths + half + 1
    change = np.zeros((2, steps + 1, KEYS), np.int8)
    long = stop > step + 1
    np.add.at(change, (role[long], step[long] + 1, key[long]), 1)
    np.add.at(change, (role[long], stop[long], key[long]), -1)
    holds[:] = (np.cumsum(change[:, :steps], 1) > 0) & (attacks == 0)

    bars = np.searchsorted(lines, np.arange(start, start + steps), side="right") - 1
    bars = np.minimum(bars, len(lines) - 2)
    in_bar = np.arange(start, start + steps) - lines[bars]
    return Conversation(attacks, holds, offsets, in_bar, np.diff(lines)[bars], turns, duet)


def _spans(lines: npt.NDArray[np.int32], steps: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Consecutive spans of whole bars that cover `steps`, the last one cut there."""
    spans, bar = [], 0
    while lines[bar] < steps:
        following = min(bar + int(rng.choice(SPAN_BARS)), len(lines) - 1)
        spans.append((int(lines[bar]), min(int(lines[following]), steps)))
        bar = following
    return spans


def batch_of(conversations: Sequence[Conversation]) -> Batch:
    """Conversations of one length as a batch."""
    attacks, holds, offsets = (
        np.stack([getattr(c, name) for c in conversations]) for name in ("attacks", "holds", "offsets")
    )  # (B, 2, T, 88)
    place = features.place_features(
        np.stack([c.step_in_bar for c in conversations]), np.stack([c.steps_per_bar for c in conversations])
    )
    parts = features.part_features(attacks, holds, offsets)
    counts = features.pitch_classes(attacks).sum(1)
    for step in range(1, counts.shape[1]):
        counts[:, step] += features.HISTOGRAM_DECAY * counts[:, step - 1]
    histogram = features.histogram_features(counts)
    heard = _later(np.concatenate([parts[:, PLAYER], parts[:, OWN], place, histogram], -1))
    duet = np.broadcast_to(
        np.array([c.duet for c in conversations], np.float32)[:, None, None], (*place.shape[:2], 1)
    )
    asked = np.concatenate([_later(parts[:, OWN]), place, duet], -1)

    steps = attacks.shape[2]
    flat = [(b * steps + a, b * steps + z) for b, c in enumerate(conversations) for a, z in c.turns]
    longest = max(z - a for a, z in flat)
    turns = np.array([a for a, _ in flat])[:, None] + np.arange(longest)
    own = turns < np.array([z for _, z in flat])[:, None]
    turns = np.where(own, turns, turns[:, :1])
    where = turns[own]

    struck, held, late = (x[:, OWN].reshape(-1, KEYS)[where] for x in (attacks, holds, offsets))
    present = np.concatenate([((struck > 0) | (held > 0))[:, ::-1], np.ones((len(where), 1), bool)], 1)
    frame, column = np.nonzero(present)  # per frame: keys from the highest down, then END
    key = KEYS - 1 - column
    velocity = np.where(key >= 0, struck[frame, key], 0).astype(np.int64)
    token = np.where(key < 0, END, np.where(velocity > 0, key, KEYS + key))
    offset = np.where(velocity > 0, late[frame, key].astype(np.int64) - 1, 0)
    before = _later((attacks[:, OWN] > 0) | (holds[:, OWN] > 0)).reshape(-1, KEYS)[where]
    return Batch(heard, asked, turns, own, frame, token, np.maximum(velocity - 1, 0), offset, before)


def _later(rows: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Rows (B, T, ...) moved one step on: what is known at a step is what was heard until the one before."""
    moved = np.zeros_like(rows)
    moved[:, 1:] = rows[:, :-1]
    return moved


class Sampler:
    """Draws conversations from pieces, longer pieces more often, each from a random bar line."""

    def __init__(self, pieces: Sequence[QuantisedPiece], steps: int) -> None:
        self.pieces, self.steps = pieces, steps
        lengths = np.array([piece.steps for piece in pieces], np.float64)
        self.chances = lengths / lengths.sum()

    def draw(self, count: int, rng: np.random.Generator, augment: bool = True) -> Batch:
        conversations: list[Conversation] = []
        while len(conversations) < count:
            piece = self.pieces[rng.choice(len(self.pieces), p=self.chances)]
            bar = int(rng.integers(len(piece.bar_lines) - 1))
            conversation = converse(piece, bar, self.steps, rng, augment)
            if conversation is not None:
                conversations.append(conversation)
        return batch_of(conversations)
