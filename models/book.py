"""What was played tonight, written down step by step, and where each context was met before.

A book is what one true course of events has left. An imagined course shares the book it began with and writes
its own steps into another one, so that a fork costs little and leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from jamd.models.tokens import END, KEYS, key_of
from jamd.note import Frame

Words = npt.NDArray[np.int16]
Ints = npt.NDArray[np.int64]

WORD = 20
"""Tokens kept of a step, END included; what is lower is left out."""
MOST_STEPS = 8192
"""A book forgets what is longer ago: 17 minutes at 120 beats a minute."""
PLACES = 8
"""Of each context the latest places are known."""
CONTEXTS = (
    (16, False), (12, True), (8, False), (6, True), (4, False), (3, True), (2, False), (1, False),
)  # fmt: skip
"""Contexts that are looked up, longest first: so many steps, as they are (False) or by their intervals
(True)."""
MOVED_ONSETS = 2
"""Steps with attacks that a context must have to be known by its intervals."""
_LONGEST = max(steps for steps, _ in CONTEXTS)
_MASK = (1 << 64) - 1
_BASE = 0x9E3779B97F4A7C15
_POWER = [pow(_BASE, n, 1 << 64) for n in range(_LONGEST + 1)]


def word_of(*parts: Frame) -> tuple[int, ...]:
    """A step's tokens, from the highest key down, without END; of parts together, attacks go before holds."""
    attacks = {key_of(onset.pitch) for part in parts for onset in part.onsets}
    holds = {key_of(pitch) for part in parts for pitch in part.held} - attacks
    return tuple(key if key in attacks else KEYS + key for key in sorted(attacks | holds, reverse=True))


class Trail:
    """The last steps of one course, as running polynomials in a number per step, so that the number of the
    last n steps takes one sum. Only attacks count: a note cut short by the end of a turn is still that
    note."""

    def __init__(self) -> None:
        self.plain, self.moved, self.shapes, self.onsets = ([0] * (_LONGEST + 1) for _ in range(4))
        self.steps = self.top = 0
        """`top` is the key of the highest of the last attacks."""

    def copy(self) -> Trail:
        other = Trail()
        other.plain, other.moved = self.plain.copy(), self.moved.copy()
        other.shapes, other.onsets = self.shapes.copy(), self.onsets.copy()
        other.steps, other.top = self.steps, self.top
        return other

    def add(self, word: Sequence[int]) -> None:
        attacks = tuple(token for token in word if token < KEYS)
        top = attacks[0] if attacks else self.top
        shape = hash(tuple(token - top for token in attacks))
        for line, number in ((self.plain, hash(attacks)), (self.moved, hash((shape, top - self.top)))):
            line.append((line[-1] * _BASE + number) & _MASK)
        self.shapes.append(shape)
        self.onsets.append(self.onsets[-1] + bool(attacks))
        for line in (self.plain, self.moved, self.shapes, self.onsets):
            del line[0]
        self.top = top
        self.steps += 1

    def contexts(self) -> list[tuple[int, bool, int]]:
        """(number, by intervals, steps with attacks) of the contexts that end here, longest first."""
        found = []
        plain, moved = self.plain, self.moved
        for n, by_intervals in CONTEXTS:
            onsets = self.onsets[-1] - self.onsets[-1 - n]
            if n > self.steps or (by_intervals and onsets < MOVED_ONSETS):
                continue
            if by_intervals:
                number = moved[-1] + (self.shapes[-n] - moved[-n]) * _POWER[n - 1]
            else:
                number = plain[-1] - plain[-1 - n] * _POWER[n]
            found.append((hash((by_intervals, n, number & _MASK)), by_intervals, onsets))
        return found


class Book:
    """Steps from `first` on: the words of both parts together and of jamd's own, rows of WORD tokens filled
    up with END, the highest key of the last attacks, and the places of contexts."""

    def __init__(self, first: int = 0) -> None:
        self.first = self.stop = first
        self.together = np.full((64, WORD), END, np.int16)
        self.own = self.together.copy()
        self.tops: dict[int, int] = {}
        self.where: dict[int, tuple[int, ...]] = {}
        self.numbers: dict[int, list[int]] = {}

    def copy(self) -> Book:
        other = Book.__new__(Book)
        other.first, other.stop = self.first, self.stop
        other.together, other.own = self.together.copy(), self.own.copy()
        other.tops, other.where, other.numbers = self.tops.copy(), self.where.copy(), self.numbers.copy()
        return other

    @property
    def oldest(self) -> int:
        return max(self.first, self.stop - MOST_STEPS)

    def add(self, together: Sequence[int], own: Sequence[int], top: int, numbers: Iterable[int]) -> None:
        """Write down a step; `numbers` are of the contexts that end with it, `top` its highest key."""
        step = self.stop
        if step - self.first >= len(self.together) < MOST_STEPS:
            more = np.full_like(self.together, END)
            self.together, self.own = np.concatenate([self.together, more]), np.concatenate([self.own, more])
        if step - self.first >= MOST_STEPS:
            self._forget(step - MOST_STEPS)
        row = (step - self.first) % len(self.together)
        for rows, word in ((self.together, together), (self.own, own)):
            kept = word[: WORD - 1]
            rows[row, : len(kept)] = kept
            rows[row, len(kept) :] = END
        self.tops[step] = top
        self.numbers[step] = list(numbers)
        for number in self.numbers[step]:
            self.where[number] = (*self.where.get(number, ())[1 - PLACES :], step + 1)
        self.stop = step + 1

    def _forget(self, step: int) -> None:
        del self.tops[step]
        for number in self.numbers.pop(step):
            places = self.where.get(number, ())
            if places and places[0] == step + 1:
                if len(places) > 1:
                    self.where[number] = places[1:]
                else:
                    del self.where[number]

    def words(self, steps: Ints, own: bool) -> Words:
        """The words of steps, (..., WORD)."""
        return (self.own if own else self.together)[(steps - self.first) % len(self.together)]
