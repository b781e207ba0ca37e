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

from jamd.models.book import word_of
from jamd.models.mind import Spelling
from jamd.models.pointers import KINDS, SHARE_WEIGHT, Pointer
from jamd.models.tokens import END, KEYS, TOKENS
from jamd.note import Frame

Floats = npt.NDArray[Any]
Ints = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]

ONSETS = np.array([1, 2, 3, 4, 6, 9, 13, 20, 32])
"""Where the classes of a pointer's attacked steps in a row begin, each after the class of what is less."""
SHARE_CLASSES = 10
MISS_CLASSES = 3
STANDINGS = 2
"""Of a pointer within the step being spelt: nothing said yet, right so far."""
SIZES = (
    KINDS * STANDINGS,
    (len(ONSETS) + 1) * STANDINGS,
    SHARE_CLASSES * MISS_CLASSES,
    3 * STANDINGS,
    2 * STANDINGS,
)
"""Classes of each feature of a vote: the pointer's kind, the attacked steps in a row it was right, its share
of right steps with the misses since, the kind of the token, whether its record is the best there is. Tried
without gain: steps in a row, age, the number of other votes, votes of pointers that were wrong above."""
STARTS = np.concatenate([[0], np.cumsum(SIZES)])[:-1]
POWERS = 3 * STANDINGS
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


class Table:
    """Weights by feature, as they are summed: those of a record by standing, those of a token by kind."""

    def __init__(self, weights: MemoryWeights, echo: float) -> None:
        by_feature = np.split(np.array(weights.table), STARTS[1:])
        self.kind, self.onsets, self.token, self.best = (
            by_feature[i].reshape(-1, STANDINGS) for i in (0, 1, 3, 4)
        )
        self.share = by_feature[2][:, None]
        self.power = np.array(weights.powers).reshape(-1, STANDINGS)
        self.echo = echo / max(2 - echo, 1e-6)


@dataclass(frozen=True, slots=True)
class Votes:
    """Votes for the next token, (votes,) each: the course, the token, the logarithm of the mind's own chance
    of it, the class of each feature, (votes, len(SIZES)), and of the power."""

    course: Ints
    token: Ints
    log_chance: Floats
    features: Ints
    power: Ints


def records_of(pointers: Sequence[Sequence[Pointer]]) -> Ints:
    """The pointers of each course as rows of numbers (6, V): course, step, moved, and the classes of kind,
    onsets, and share with misses. Those of a course go together, the best first."""
    rows = [
        (course, p.step, p.moved, p.kind, p.onsets, p.misses, p.share)
        for course, each in enumerate(pointers)
        for p in each
    ]
    numbers = np.array(rows, np.float64).reshape(-1, 7).T
    course, onsets, misses, share = numbers[0], numbers[4], numbers[5], numbers[6]
    order = np.lexsort((-onsets - SHARE_WEIGHT * share, course))
    numbers[4] = np.searchsorted(ONSETS, onsets, "right")
    numbers[5] = np.minimum((share * SHARE_CLASSES).astype(np.int64), SHARE_CLASSES - 1) * MISS_CLASSES
    numbers[5] += np.minimum(misses, MISS_CLASSES - 1)
    return numbers[:6, order].astype(np.int64)


class RememberingSpelling:
    """One frame per course being chosen; see `mind.Spelling`. Velocity and offset are the mind's own."""

    def __init__(
        self, table: Table, inner: Spelling, records: Ints, words: Ints, befores: Sequence[Frame]
    ) -> None:
        """`records` (6, V) are as from `records_of`, and `words` (V, WORD) what those pointers point at."""
        self.inner, self.table = inner, table
        self.course, _, moved, *self.classes = records
        (rows,) = np.nonzero(moved)
        if len(rows):
            before, by = words[rows], moved[rows, None]
            after = before % KEYS + by
            off = (after < 0) | (after >= KEYS)
            words[rows] = np.where(before == END, END, np.where(off, _OFF, before + by))
        # what can be next; the last is for notes moved off the keyboard
        possible = np.zeros((len(befores), TOKENS + 1), np.bool_)
        possible[:, :KEYS] = possible[:, END] = True
        for index, frame in enumerate(befores):
            for token in word_of(frame):
                possible[index, KEYS + token % KEYS] = True
        can_be = possible.ravel().take(self.course[:, None] * (TOKENS + 1) + words % (TOKENS + 1))
        self.keys = np.where(words == END, -1, np.where(can_be, words % KEYS, KEYS))
        self.words = words
        self.above = np.full(len(befores), KEYS)
        self.standing = 0
        self.voters = np.arange(len(words))
        kind, onset, share = self.classes
        self.record = table.kind[kind] + table.onsets[onset] + table.share[share]
        self._look()

    def _look(self) -> None:
        """Find what each pointer has below the last note, and which is the best of its course."""
        below = self.keys < self.above[self.course, None]
        self.next = self.words[np.arange(len(below)), below.argmax(-1)].astype(np.int64)
        self.best = np.ones(len(below), np.int64)
        self.best[1:] = self.course[1:] != self.course[:-1]

    def _votes(self, scores: Floats, whole: Floats) -> tuple[Ints, Ints, Floats]:
        """The pointers that vote, (V,), and of each the cell of its token in `scores` (courses, TOKENS) and
        the logarithm of the mind's own chance of it. `whole` (courses,) are the logarithms of the sums of the
        exponentials of `scores`."""
        cells = self.course * TOKENS + self.next
        log_chance = scores.ravel().take(cells) - whole.take(self.course)
        votes = np.flatnonzero(log_chance > IMPOSSIBLE)
        return votes, cells[votes], log_chance[votes]

    def votes(self, scores: Floats) -> Votes:
        """The votes as they are fitted, given the mind's own scores (courses, TOKENS)."""
        top = scores.max(1)
        whole = top + np.log(np.exp(scores - top[:, None]).sum(1))
        which, _, log_chance = self._votes(scores, whole)
        kind, onset, share = (each[self.voters[which]] for each in self.classes)
        token, standing = self.next[which], self.standing
        power = _TOKEN_KIND[token] * STANDINGS + standing
        features = [
            kind * STANDINGS + standing,
            STARTS[1] + onset * STANDINGS + standing,
            STARTS[2] + share,
            STARTS[3] + power,
            STARTS[4] + self.best[which] * STANDINGS + standing,
        ]
        return Votes(self.course[which], token, log_chance, np.stack(features, 1), power)

    def logits(self) -> Floats:
        scores = self.inner.logits()
        if not len(self.course):
            return scores
        out = scores - scores.max(1, keepdims=True)
        chances = np.exp(out)
        sums = chances.sum(1)
        which, cells, log_chance = self._votes(out, np.log(sums))
        table, standing = self.table, self.standing
        kind = _TOKEN_KIND.take(self.next[which])
        weight = table.power[:, standing].take(kind) * log_chance
        weight += table.token[:, standing].take(kind)
        weight += self.record[which, standing] + table.best[self.best[which], standing]
        votes = table.echo * np.exp(np.minimum(weight, LARGEST))
        voted = np.bincount(cells, votes, out.size).take(cells)
        out.ravel()[cells] = np.log(chances.ravel().take(cells) + sums.take(self.course[which]) * voted)
        return out

    def velocity_logits(self, tokens: Ints) -> Floats:
        return self.inner.velocity_logits(tokens)

    def offset_logits(self, velocities: Ints) -> Floats:
        return self.inner.offset_logits(velocities)

    def add(self, tokens: Ints, velocities: Ints, offsets: Ints) -> None:
        self.inner.add(tokens, velocities, offsets)
        right = np.flatnonzero((self.next == tokens.take(self.course)) & (self.next != END))
        self.voters, self.course, self.words, self.keys, self.record = (
            array.take(right, 0) for array in (self.voters, self.course, self.words, self.keys, self.record)
        )
        self.above = np.where(tokens == END, -1, tokens % KEYS)
        self.standing = 1
        self._look()
