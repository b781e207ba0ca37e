"""The votes of pointers for the next token of a frame, and a mind's scores with them.

The chance of a token is p(t) + the votes for t, over 1 + all votes; a vote is exp(weights of its pointer's
record) times p(t) to a power. So a vote counts in units in which the mind itself has one. Pointers vote as
long as they were right about the notes above.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from jamd.models.memory.book import WORD
from jamd.models.memory.pointers import KINDS, Pointer, strength
from jamd.models.mind import Spelling
from jamd.models.tokens import END, KEYS, TOKENS, key_of
from jamd.music.note import Frame

Floats = npt.NDArray[Any]
Ints = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]

ONSETS_FROM = np.array([1, 2, 3, 4, 6, 9, 13, 20, 32])
"""Where the classes of a pointer's attacked steps in a row begin, each after the class of what is less."""
SURE_ONSETS = 9
DOUBT = -2.0
"""Added to the logarithm of a vote for a frame's first token by a pointer into an earlier evening that was
not right in SURE_ONSETS attacks in a row yet. The weights are fitted on one evening; of many, more places go
the same way for a few notes by chance. A player's other tunes cost 0.026 nats a step without doubt, and
are worth 0.017 with it (tests/bench_profile.py)."""
SHARE_CLASSES = 10
MISS_CLASSES = 3
STANDINGS = 2
"""Of a pointer within the step being spelt: nothing said yet, right so far."""
SIZES = (
    KINDS * STANDINGS,
    (len(ONSETS_FROM) + 1) * STANDINGS,
    SHARE_CLASSES * MISS_CLASSES,
    3 * STANDINGS,
    2 * STANDINGS,
)
"""Classes of each feature of a vote: the pointer's kind, the attacked steps in a row it was right, its share
of right steps with the misses since, the kind of the token, whether its record is the best there is. Tried
without gain: steps in a row, age, the number of other votes, votes of pointers that were wrong above."""
STARTS = np.concatenate([[0], np.cumsum(SIZES)])[:-1]
POWERS = 3 * STANDINGS
BEYOND = 1e6
"""No weight is nearly as large."""
LARGEST = 16.0
"""The largest logarithm of a vote, so that all stays finite."""
IMPOSSIBLE = -60.0
"""A logarithm of the mind's own chance from which on nothing votes for it."""
_TOKEN_KIND = np.repeat([0, 1, 2], [KEYS, KEYS, 1])
_OFF = -1
"""A token that was moved off the keyboard."""


@dataclass(frozen=True, slots=True)
class MemoryWeights:
    """What a bundle's header keeps under "memory": a weight for each class of each feature, (sum of SIZES,),
    and the power of the mind's own chance in a vote by kind of token and standing, (POWERS,)."""

    table: tuple[float, ...]
    powers: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.table) != sum(SIZES) or len(self.powers) != POWERS:
            raise ValueError(
                f"a memory has {sum(SIZES)} weights and {POWERS} powers, "
                f"not {len(self.table)} and {len(self.powers)}"
            )
        for weight in (*self.table, *self.powers):
            if not isinstance(weight, float | int) or not abs(weight) < BEYOND:
                raise ValueError(f"a memory's weights are numbers below {BEYOND:g}")


class Table:
    """The weights as they are summed, each by standing: of a record by the classes of its kind, onsets and
    share, whether it is the best of its course, and of each token its own weight and power."""

    def __init__(self, weights: MemoryWeights, echo: float) -> None:
        by_feature = np.split(np.array(weights.table), STARTS[1:])
        self.kind, self.onsets, token, best = (by_feature[i].reshape(-1, STANDINGS) for i in (0, 1, 3, 4))
        self.share = by_feature[2][:, None]
        self.best = best.T
        self.token = token.T[:, _TOKEN_KIND]
        self.power = np.array(weights.powers).reshape(-1, STANDINGS).T[:, _TOKEN_KIND]
        self.echo = echo / max(2 - echo, 1e-6)
        self.doubt = np.zeros_like(self.onsets)
        self.doubt[: ONSETS_FROM.searchsorted(SURE_ONSETS, "right"), 0] = DOUBT


@dataclass(frozen=True, slots=True)
class Votes:
    """Votes for the next token, (votes,) each: the course, the token, the logarithm of the mind's own chance
    of it, the class of each feature, (votes, len(SIZES)), and of the power."""

    course: Ints
    token: Ints
    log_chance: Floats
    features: Ints
    power: Ints


@dataclass(frozen=True, slots=True)
class Records:
    """The pointers of all courses one after another, (V,) each, those of a course together and the best
    first: where they point, whether into an earlier evening, and the classes of kind, onsets, and share with
    misses."""

    course: Ints
    step: Ints
    past: Bools
    moved: Ints
    kind: Ints
    onsets: Ints
    share: Ints


def records_of(pointers: Sequence[Sequence[Pointer]], begun: int = 0) -> Records:
    """The pointers of each course; tonight began with the step `begun`."""
    rows = [
        (course, p.step, p.moved, p.kind, p.onsets, p.misses, int(p.share * SHARE_CLASSES))
        for course, each in enumerate(pointers)
        for p in sorted(each, key=strength, reverse=True)
    ]
    course, step, moved, kind, onsets, misses, share = np.array(rows, np.int64).reshape(-1, 7).T
    share = np.minimum(share, SHARE_CLASSES - 1) * MISS_CLASSES + np.minimum(misses, MISS_CLASSES - 1)
    return Records(course, step, step < begun, moved, kind, ONSETS_FROM.searchsorted(onsets, "right"), share)


class RememberingSpelling:
    """One frame per course being chosen; see `mind.Spelling`. Velocity and offset are the mind's own."""

    def __init__(
        self, table: Table, inner: Spelling, records: Records, words: Ints, befores: Sequence[Frame]
    ) -> None:
        """`words` (V, WORD) are what the pointers of the records point at."""
        self.inner, self.table, self.records = inner, table, records
        self.course, moved = records.course, records.moved
        words = words.astype(np.int64)
        (rows,) = np.nonzero(moved)
        if len(rows):
            before, by = words[rows], moved[rows, None]
            key = before % KEYS + by
            off = (key < 0) | (key >= KEYS)
            words[rows] = np.where(before == END, END, np.where(off, _OFF, before + by))
        self.words = _votable(words, self.course, befores)
        self.record = table.kind[records.kind] + table.onsets[records.onsets] + table.share[records.share]
        if records.past.any():
            self.record += records.past[:, None] * table.doubt[records.onsets]
        self.voters = np.arange(len(words))  # those that were right about all notes so far
        self.spelt = 0
        self._look()

    def _look(self) -> None:
        """What each pointer votes for next, and with what weight but for the mind's own chance."""
        self.standing = standing = min(self.spelt, 1)
        # of a word that is longer than those that are kept, no pointer knows the rest, and none is left here
        self.next = token = self.words[:, min(self.spelt, WORD - 1)]
        self.cells = self.course * TOKENS + token
        self.best = np.ones(len(token), np.int64)
        self.best[1:] = self.course[1:] != self.course[:-1]
        self.power = self.table.power[standing].take(token)
        self.weight = self.record[:, standing] + self.table.token[standing].take(token)
        self.weight += self.table.best[standing].take(self.best)

    def votes(self, scores: Floats) -> Votes:
        """The votes as they are fitted, given the mind's own scores (courses, TOKENS)."""
        top = scores.max(1)
        whole = top + np.log(np.exp(scores - top[:, None]).sum(1))
        log_chance = scores.ravel().take(self.cells) - whole.take(self.course)
        which = np.flatnonzero(log_chance > IMPOSSIBLE)
        voters, token, standing = self.voters[which], self.next[which], self.standing
        power = _TOKEN_KIND[token] * STANDINGS + standing
        features = [
            self.records.kind[voters] * STANDINGS + standing,
            STARTS[1] + self.records.onsets[voters] * STANDINGS + standing,
            STARTS[2] + self.records.share[voters],
            STARTS[3] + power,
            STARTS[4] + self.best[which] * STANDINGS + standing,
        ]
        return Votes(self.course[which], token, log_chance[which], np.stack(features, 1), power)

    def logits(self) -> Floats:
        scores = self.inner.logits()
        cells = self.cells
        if not len(cells):
            return scores
        out = scores - scores.max(1, keepdims=True)
        sums = np.exp(out).sum(1)
        log_chance = out.ravel().take(cells) - np.log(sums).take(self.course)
        votes = np.exp(np.minimum(self.power * np.maximum(log_chance, IMPOSSIBLE) + self.weight, LARGEST))
        votes *= log_chance > IMPOSSIBLE
        voted = self.table.echo * np.bincount(cells, votes, out.size).take(cells)
        out.ravel()[cells] += np.log1p(voted * np.exp(-np.maximum(log_chance, IMPOSSIBLE)))
        return out

    def velocity_logits(self, tokens: Ints) -> Floats:
        return self.inner.velocity_logits(tokens)

    def offset_logits(self, velocities: Ints) -> Floats:
        return self.inner.offset_logits(velocities)

    def add(self, tokens: Ints, velocities: Ints, offsets: Ints) -> None:
        self.inner.add(tokens, velocities, offsets)
        right = np.flatnonzero((self.next == tokens.take(self.course)) & (self.next != END))
        self.voters, self.course, self.words, self.record = (
            array.take(right, 0) for array in (self.voters, self.course, self.words, self.record)
        )
        self.spelt += 1
        self._look()


def _votable(words: Ints, course: Ints, befores: Sequence[Frame]) -> Ints:
    """Words (V, WORD) without what cannot be in the next frames of their courses: holds of what does not
    sound in `befores`, and notes moved off the keyboard."""
    possible = np.zeros((len(befores), TOKENS + 1), np.bool_)  # the last is for _OFF
    possible[:, :KEYS] = possible[:, END] = True
    for index, frame in enumerate(befores):
        for pitch in frame.sounding:
            possible[index, KEYS + key_of(pitch)] = True
    can_be = possible.ravel().take(course[:, None] * (TOKENS + 1) + words % (TOKENS + 1))
    if can_be.all():
        return words
    order = (~can_be).argsort(1, kind="stable")
    row = np.arange(len(words))[:, None]
    return np.asarray(np.where(can_be[row, order], words[row, order], END))
