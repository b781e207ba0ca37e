"""`markov`: the baseline. Counts of what came next after the last steps, with back-off to ever less
context.

A token is predicted from a chain of contexts, from "what follows this note in a chord" up to "what follows
these notes of the chord after these six steps"; each level leans on the one before it as far as it has seen
little (after Witten and Bell 1991, with the leaning fitted). The steps of both parts count as one stream in
an answer; see `LEVELS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from jamd.models.contexts import TOKEN_NUMBER, Uints, both, mix, step_number, windows
from jamd.models.features import Cue, Place, Rolls, rolls_of
from jamd.models.tokens import END, KEYS, OFFSET_BINS, TOKENS, VELOCITY_BINS
from jamd.music.note import Frame

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

ORDERS = (1, 2, 3, 4, 6)
"""Steps of the contexts of whole steps."""
LEVELS = 6 + len(ORDERS)
"""From the least context to the most: the note above; that and the place in the bar; that and the note below
it in the step before; all these; the notes above and the note below; the note above and the last step; the
notes above and the last steps."""
LEVEL_NUMBER = mix(np.arange(1, LEVELS + 1, dtype=np.uint64))
TOKEN_BITS = np.uint64(0xFF)
"""The low byte of a table's key is the token, the rest its context."""


@dataclass(frozen=True, slots=True)
class Context:
    """Where E tokens stand: `above` (E,) is the key of the note before in the step's word, KEYS for none;
    `prefix` (E,) the sum of the tokens so far; `below` (E,) the highest key under `above` that sounded in
    jamd's step before, -1 for none; `place` (E,); `windows` (E, ORDERS) the last steps."""

    above: Ints
    prefix: Uints
    below: Ints
    place: Ints
    windows: Uints

    def numbers(self) -> Uints:
        """A number per level, (E, LEVELS), with room for the token in the low byte."""
        above, below, place = (x.astype(np.uint64) for x in (self.above, self.below + 1, self.place))
        near, nothing = above * np.uint64(KEYS + 1) + below, np.zeros_like(above)
        steps = list(self.windows.T)
        notes = [above, above, near, near, self.prefix, above, *[self.prefix] * len(ORDERS)]
        around = [nothing, place, nothing, place, near, steps[0], *steps]
        known = both(np.stack(notes, -1), np.stack(around, -1))
        return mix(known + LEVEL_NUMBER) & ~TOKEN_BITS


def place_number(step_in_bar: npt.ArrayLike, steps_per_bar: npt.ArrayLike) -> Ints:
    return np.asarray(step_in_bar, np.int64) * 1024 + np.asarray(steps_per_bar, np.int64)


def last_steps(newest_first: Uints, own_before: Uints, duet: Bools) -> Uints:
    """The windows (..., ORDERS) of a context, from step numbers of both parts together (..., steps). In a
    duet it matters which notes were jamd's own, so its own step before, (...,), is known besides."""
    own = np.where(duet, both(own_before, np.full_like(own_before, 1)), np.uint64(0))
    return windows(newest_first, ORDERS) + own[..., None]


def key_below(sounding: Bools) -> Ints:
    """For rows (..., KEYS), the highest key lower than c that sounds, for c from 0 to KEYS: (..., KEYS +
    1)."""
    here = np.where(sounding, np.arange(KEYS), -1)
    none = np.full((*sounding.shape[:-1], 1), -1)
    return np.concatenate([none, np.maximum.accumulate(here, -1)], -1)


class Markov:
    """The mind in the tables that `jamd.training.fitting.counting.count` makes."""

    def __init__(
        self,
        keys: Uints,
        counts: npt.NDArray[np.uint16],
        velocities: npt.NDArray[np.uint32],
        offsets: npt.NDArray[np.uint32],
        blend: Floats,
    ) -> None:
        """`keys` (N,) are sorted, a context and a token each, and `counts` (N,) how often they met;
        `velocities` (VELOCITY_BINS + 1, VELOCITY_BINS) and `offsets` (OFFSET_BINS + 1, OFFSET_BINS) count the
        bins that follow a bin (0: none before). `blend` (LEVELS, 2) says how much a level leaves to the one
        before it: as if that had been seen so often, and so often again for every different token seen.
        Raises ValueError when they are not such tables."""
        shapes = velocities.shape, offsets.shape
        if shapes != ((VELOCITY_BINS + 1, VELOCITY_BINS), (OFFSET_BINS + 1, OFFSET_BINS)):
            raise ValueError(f"the tables of velocities and offsets have the shapes {shapes}")
        if blend.shape != (LEVELS, 2) or not bool((blend > 0).all()):
            raise ValueError(f"a blend is {LEVELS} pairs of numbers above 0")
        if keys.dtype != np.uint64 or keys.shape != counts.shape or bool((keys[1:] <= keys[:-1]).any()):
            raise ValueError("the table of contexts is not sorted 64-bit numbers with a count each")
        self.keys = keys
        self.tokens = (keys & TOKEN_BITS).astype(np.int64)
        if len(keys) and self.tokens.max() >= TOKENS:
            raise ValueError(f"the table of contexts has tokens beyond {TOKENS - 1}")
        self.blend = blend.astype(np.float64)
        self.counts = counts.astype(np.float64)
        self.counted = np.concatenate([[0.0], np.cumsum(self.counts)])
        # one more than was seen of each bin, so that none is impossible
        self.velocities, self.offsets = (
            np.log((seen + 1.0) / (seen + 1.0).sum(1, keepdims=True)).astype(np.float32)
            for seen in (velocities, offsets)
        )

    def start(self) -> MarkovThought:
        return MarkovThought(self, np.zeros((1, max(ORDERS)), np.uint64), np.zeros((1, 2), np.int64))

    def chances(self, context: Context) -> npt.NDArray[np.float64]:
        """The chance of each token, (E, TOKENS), all above 0."""
        numbers = context.numbers()
        first, stop = self.keys.searchsorted(numbers), self.keys.searchsorted(numbers | TOKEN_BITS)
        kinds, seen = stop - first, self.counted[stop] - self.counted[first]  # (E, LEVELS)
        left = self.blend[:, 0] + self.blend[:, 1] * kinds
        passed_on = left / (seen + left)
        # a level's share is what all finer levels pass on to it and it keeps
        down = np.cumprod(passed_on[:, ::-1], -1)[:, ::-1]
        per_count = np.concatenate([down[:, 1:], np.ones((len(down), 1))], -1) / (seen + left)
        lengths = kinds.ravel()
        total = np.cumsum(lengths)
        entries = np.arange(total[-1]) + np.repeat(first.ravel() - (total - lengths), lengths)
        rows = np.repeat(np.arange(len(numbers)), kinds.sum(1))
        votes = self.counts[entries] * np.repeat(per_count.ravel(), lengths)
        sums = np.bincount(rows * TOKENS + self.tokens[entries], votes, len(numbers) * TOKENS)
        return np.asarray(sums.reshape(-1, TOKENS) + down[:, :1] / TOKENS)


@dataclass(slots=True)
class MarkovThought:
    """What was heard: step numbers (courses, steps), newest first, and the last attack's velocity and offset
    bin, each + 1, (courses, 2); 0: no attack yet."""

    mind: Markov
    steps: Uints
    touch: Ints

    @property
    def courses(self) -> int:
        return len(self.steps)

    def hear(self, players: Sequence[Frame], owns: Sequence[Frame], places: Sequence[Place]) -> None:
        player, own = rolls_of(players), rolls_of(owns)
        self.steps = np.concatenate([together(player, own)[:, None], self.steps[:, :-1]], 1)
        for part in (player, own):
            struck = part.attacks > 0
            course = struck.any(-1).nonzero()[0]
            lowest = struck.argmax(-1)[course]
            self.touch[course, 0] = part.attacks[course, lowest]
            self.touch[course, 1] = part.offsets[course, lowest]

    def begin(self) -> None:
        """A turn changes nothing here."""

    def spell(self, befores: Sequence[Frame], cues: Sequence[Cue]) -> MarkovSpelling:
        rolls = rolls_of(befores)
        duet = np.array([cue.duet for cue in cues])
        own = step_number(rolls.attacks > 0, rolls.holds > 0)
        return MarkovSpelling(
            self.mind,
            (rolls.attacks > 0) | (rolls.holds > 0),
            place_number([c.place.step_in_bar for c in cues], [c.place.steps_per_bar for c in cues]),
            last_steps(self.steps, own, duet),
            self.touch.copy(),
        )

    def fork(self, chosen: Sequence[int]) -> MarkovThought:
        return replace(self, steps=self.steps[list(chosen)], touch=self.touch[list(chosen)])


def together(player: Rolls, own: Rolls) -> Uints:
    """The number of a step of both parts together, (...,)."""
    attacks = (player.attacks > 0) | (own.attacks > 0)
    return step_number(attacks, ((player.holds > 0) | (own.holds > 0)) & ~attacks)


class MarkovSpelling:
    """One frame per course being chosen; see `mind.Spelling`."""

    def __init__(self, mind: Markov, sounding: Bools, place: Ints, steps: Uints, touch: Ints) -> None:
        self.mind, self.sounding, self.place, self.steps, self.touch = mind, sounding, place, steps, touch
        self.below = key_below(sounding)
        self.rows = np.arange(len(sounding))
        self.above = np.full(len(sounding), KEYS)
        self.prefix = np.zeros(len(sounding), np.uint64)
        self.ended = np.zeros(len(sounding), np.bool_)

    def logits(self) -> Floats:
        below = self.below[self.rows, self.above]
        context = Context(self.above, self.prefix, below, self.place, self.steps)
        lower = np.arange(KEYS) < np.where(self.ended, 0, self.above)[:, None]
        end = np.ones((len(lower), 1), np.bool_)
        allowed = np.concatenate([lower, lower & self.sounding, end], 1)
        return np.where(allowed, np.log(self.mind.chances(context)), -np.inf).astype(np.float32)

    def velocity_logits(self, tokens: Ints) -> Floats:
        return self.mind.velocities[self.touch[:, 0]]

    def offset_logits(self, velocities: Ints) -> Floats:
        return self.mind.offsets[self.touch[:, 1]]

    def add(self, tokens: Ints, velocities: Ints, offsets: Ints) -> None:
        tokens = np.asarray(tokens)
        note, attack = tokens != END, tokens < KEYS
        self.ended |= ~note
        self.above = np.where(note, tokens % KEYS, self.above)
        self.prefix = self.prefix + np.where(note, TOKEN_NUMBER[np.where(note, tokens, 0)], np.uint64(0))
        for column, bins in enumerate((velocities, offsets)):
            self.touch[:, column] = np.where(attack, np.asarray(bins) + 1, self.touch[:, column])
