"""Pieces cut into conversations: one part is the player's and heard, the other is jamd's own and learned.

A session has been a conversation already. It is learned from in two ways: as it was played, with the player's
part as the own one and jamd's as the one heard; and the player's part alone, as any other music.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jamd.models.features import Rolls
from jamd.models.tokens import KEYS, OFFSET_BINS, VELOCITY_BINS
from jamd.training.batches import floor
from jamd.training.batches.divisions import (
    OWN,
    PLAYER,
    Division,
    Turns,
    as_played,
    divided,
    stretch_of,
)
from jamd.training.recordings.pieces import QuantisedPiece

__all__ = ["OWN", "PLAYER", "Conversation", "converse"]

SHARE_AS_PLAYED = 0.5
"""Of what is drawn from sessions. As played it shows how the player answers jamd; alone, how the player goes
on from what they played, which is what jamd will hear. Neither is known to be worth more."""
SHARE_OF_OPEN_ENDS = 0.1
Ints = npt.NDArray[np.int64]


@dataclass(slots=True)
class Conversation:
    """One sequence of T steps: rolls of both parts (2, T, KEYS) as `features.rolls_of` spells them, the place
    of each step (T,), and own turns as (first step, step after the last)."""

    rolls: Rolls
    step_in_bar: Ints
    steps_per_bar: Ints
    turns: Turns
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
    """A stretch of a piece, from a bar line on, as a conversation. None only where no note begins in it that
    is there to learn from, never from a bar of `floor.bars_struck` on."""
    if piece.context_part < 0:
        division = divided(stretch_of(piece, first_bar, steps), rng, augment)
    else:
        division = _of_session(piece, first_bar, steps, rng, augment)
    return None if division is None else _spelt(division, steps, rng, augment)


def _of_session(
    piece: QuantisedPiece, first_bar: int, steps: int, rng: np.random.Generator, augment: bool
) -> Division | None:
    """A session as it was played, where both played; else what the player played from that bar on, alone."""
    if rng.random() < SHARE_AS_PLAYED:
        stretch = stretch_of(piece, first_bar, steps)
        division = as_played(stretch, piece.context_part, rng, augment)
        if division is not None:
            return division
    bar = int(floor.bars_of_player(piece)[:first_bar].sum())
    alone = floor.player_alone(piece)
    return divided(stretch_of(alone, bar, steps), rng, augment) if bar < len(alone.bar_lines) - 1 else None


def _spelt(division: Division, steps: int, rng: np.random.Generator, augment: bool) -> Conversation:
    """The notes of both parts as rolls, over `steps` steps: silence fills what the music does not."""
    stretch, role = division.stretch, division.role
    step, stop, key = stretch.step, stretch.stop, stretch.key
    velocity, offset = stretch.velocity, stretch.offset
    if augment and rng.random() < 0.5:
        velocity = np.clip(velocity * rng.uniform(0.74, 1.22), 1, 127)
    if augment and rng.random() < 0.5:  # a live player is never on the grid; the answer need not copy that
        offset = offset + np.where(role == PLAYER, rng.normal(0, 0.1, len(offset)), 0)

    attacks, holds, offsets = (np.zeros((2, steps, KEYS), np.uint8) for _ in range(3))
    attacks[role, step, key] = velocity.astype(np.int64) * VELOCITY_BINS // 128 + 1
    half = OFFSET_BINS // 2
    eighths = np.clip(np.floor(offset * (OFFSET_BINS - 1) + 0.5), -half, half)
    offsets[role, step, key] = eighths + half + 1 if stretch.on_grid else 0
    change = np.zeros((2, steps + 1, KEYS), np.int8)
    long = stop > step + 1
    np.add.at(change, (role[long], step[long] + 1, key[long]), 1)
    np.add.at(change, (role[long], stop[long], key[long]), -1)
    holds[:] = (np.cumsum(change[:, :steps], 1) > 0) & (attacks == 0)

    places = np.arange(steps)
    bars = np.minimum(np.searchsorted(stretch.lines, places, side="right"), len(stretch.lines) - 1) - 1
    return Conversation(
        Rolls(attacks, holds, offsets),
        places - stretch.lines[bars],
        np.diff(stretch.lines)[bars],
        division.turns,
        division.duet,
        open_end=augment and rng.random() < SHARE_OF_OPEN_ENDS,
    )
