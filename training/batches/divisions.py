"""A stretch of music divided between two parts: traded, as a duet, or as a session was played.

Trading gives alternate spans to the player and to jamd, cut at bar lines, or at the phrases of a solo where
they are known; a note belongs to the part in whose span it begins and ends with that span at the latest. A
duet gives one track to one part and the rest to the other. Everything is moved to C, as it will be in
playing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from jamd.models.key import shift_to_c
from jamd.models.tokens import KEYS, LOWEST_PITCH
from jamd.training.batches import floor
from jamd.training.recordings.pieces import QuantisedPiece

PLAYER, OWN = 0, 1
SPAN_BARS = (1, 2, 2, 3, 4, 4, 4)
SHARE_OF_DUETS = 0.25
SHARE_OF_PHRASES = 0.5
"""Of the trading in solos whose phrases are known: turns are phrases, the rest is cut at bar lines."""
SHARE_OF_SINGLE_PARTS = 0.2
"""One track alone, as many a keyboard player plays."""
SHARE_OF_WRONG_KEYS = 0.15
"""Moved to a neighbour of C: in playing the key is a guess from what was heard so far."""
WRONG_KEYS = (-5, -2, 2, 5)

Turns = list[tuple[int, int]]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Stretch:
    """The notes (notes,) that begin in so many steps of a piece, its bar lines and the beginnings of phrases
    there, all in steps from where the stretch begins. Bar lines go on beyond its end."""

    steps: int
    lines: Ints
    phrases: Ints
    on_grid: bool
    step: Ints
    stop: Ints
    key: Ints
    velocity: Floats
    offset: Floats
    part: Ints

    def of(self, chosen: Bools) -> Stretch:
        """With these notes (notes,) alone."""
        arrays = ("step", "stop", "key", "velocity", "offset", "part")
        return replace(self, **{name: getattr(self, name)[chosen] for name in arrays})

    def moved(self, semitones: int) -> Stretch:
        """Transposed. What leaves the keyboard comes back by an octave."""
        key = self.key + semitones
        return replace(self, key=np.where(key < 0, key + 12, np.where(key >= KEYS, key - 12, key)))


@dataclass(frozen=True, slots=True)
class Division:
    """A stretch of which every note is given to a part: `role` (notes,) is OWN or PLAYER."""

    stretch: Stretch
    role: Ints
    turns: Turns
    duet: bool


def stretch_of(piece: QuantisedPiece, first_bar: int, steps: int) -> Stretch:
    """What begins in at most so many steps of a piece, from a bar line on. Its notes end with it."""
    lines = piece.bar_lines[first_bar:].astype(np.int64)
    start, end = int(lines[0]), min(int(lines[0]) + steps, piece.steps)
    low, high = np.searchsorted(piece.step, [start, end])
    phrases = piece.phrase_steps[(piece.phrase_steps > start) & (piece.phrase_steps < end)]
    return Stretch(
        end - start,
        lines - start,
        phrases.astype(np.int64) - start,
        piece.on_grid,
        piece.step[low:high].astype(np.int64) - start,
        np.minimum(piece.end[low:high], end).astype(np.int64) - start,
        piece.key[low:high].astype(np.int64),
        piece.velocity[low:high].astype(np.float64),
        piece.offset[low:high].astype(np.float64),
        piece.part[low:high].astype(np.int64),
    )


def divided(stretch: Stretch, rng: np.random.Generator, augment: bool) -> Division | None:
    """Any music as a conversation that it has not been: traded, or as a duet. None where there is no note."""
    voices = np.unique(stretch.part)
    if augment and len(voices) > 1 and rng.random() < SHARE_OF_SINGLE_PARTS:
        stretch = stretch.of(stretch.part == rng.choice(voices))
    if not len(stretch.step):
        return None
    duet = len(voices) > 1 and rng.random() < SHARE_OF_DUETS
    stretch = stretch.moved(_semitones_to_c(stretch.key, rng, augment))
    if len(stretch.phrases) > 1 and not duet and rng.random() < SHARE_OF_PHRASES:
        cuts = np.append(stretch.phrases, stretch.steps)
    else:
        cuts = _cuts(stretch.lines, stretch.steps, rng)
    spans = list(zip([0, *cuts[:-1].tolist()], cuts.tolist(), strict=True))
    first = int(rng.integers(2)) if len(spans) > 1 else OWN  # of a single span there is nothing to hear
    if duet:
        return Division(stretch, np.where(stretch.part == voices[0], first, 1 - first), spans, True)
    turns = [span for i, span in enumerate(spans) if (i + first) % 2 == OWN]
    which = np.searchsorted(cuts, stretch.step, side="right")
    cut = replace(stretch, stop=np.minimum(stretch.stop, cuts[which]))
    return Division(cut, (which + first) % 2, turns, False)


def as_played(
    stretch: Stretch, context_part: int, rng: np.random.Generator, augment: bool
) -> Division | None:
    """A session as the conversation that it was, in which the player's turns are the own ones; None where
    only one of the two plays. A note of the player's outside their turns, an upbeat for one, is left out.

    The key is told from what the player played: jamd only followed, and may have followed into a wrong one.
    """
    own = stretch.part != context_part
    if own.all() or not own.any():
        return None
    turns, duet = floor.turns_of(stretch.step[own], stretch.step[~own], stretch.lines, stretch.steps)
    if not turns:
        return None
    stretch = stretch.moved(_semitones_to_c(stretch.key[own], rng, augment))
    starts, ends = np.array(turns).T
    turn = np.searchsorted(starts, stretch.step, side="right") - 1
    inside = (turn >= 0) & (stretch.step < ends[turn])
    stop = np.where(own, np.minimum(stretch.stop, ends[turn]), stretch.stop)
    kept = inside | ~own
    return Division(replace(stretch, stop=stop).of(kept), np.where(own[kept], OWN, PLAYER), turns, duet)


def _semitones_to_c(key: Ints, rng: np.random.Generator, augment: bool) -> int:
    """How far to move music of these keys (notes,) for it to be in C, or now and then beside it."""
    semitones = shift_to_c(np.bincount((key + LOWEST_PITCH) % 12, minlength=12))
    if augment and rng.random() < SHARE_OF_WRONG_KEYS:
        semitones += int(rng.choice(WRONG_KEYS))
    return semitones


def _cuts(lines: Ints, steps: int, rng: np.random.Generator) -> Ints:
    """Where consecutive spans of whole bars end that cover `steps`, the last one cut there."""
    cuts, bar = [0], 0
    while cuts[-1] < steps:
        bar = min(bar + int(rng.choice(SPAN_BARS)), len(lines) - 1)
        cuts.append(min(int(lines[bar]), steps))
    return np.array(cuts[1:], np.int64)
