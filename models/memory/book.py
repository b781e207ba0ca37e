"""What was played tonight, written down step by step, and where each context was met before.

An imagined course shares what was heard before it began and writes down only its own steps, so that a fork
costs little and leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from jamd.models.tokens import END, KEYS, key_of
from jamd.music.note import Frame

Ints = npt.NDArray[Any]

WORD = 20
"""Tokens kept of a step, END included; what is lower is left out."""
MOST_STEPS = 8192
"""What is longer ago is forgotten: 17 minutes at 120 beats a minute."""
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
_SOUGHT = [
    (n, by_intervals, _POWER[n - by_intervals], hash((n, by_intervals))) for n, by_intervals in CONTEXTS
]
_NO_ATTACK = hash(()), hash((0, 0))
_KEY_OF = [key_of(pitch) for pitch in range(128)]

Attacks = tuple[int, int]
"""The attacks of a step: their shape, whatever their pitch, as a number that is 0 without any, and their
highest key, or that of the last there were."""
Context = tuple[int, bool, int]
"""A context's number, whether it goes by intervals, and its steps with attacks."""


def word_of(*parts: Frame) -> list[int]:
    """A step's tokens, from the highest key down, without END; of parts together, attacks go before holds."""
    attacks = {_KEY_OF[onset.pitch] for part in parts for onset in part.onsets}
    holds = {_KEY_OF[pitch] for part in parts for pitch in part.held} - attacks
    if not holds:
        return sorted(attacks, reverse=True)
    return [key if key in attacks else KEYS + key for key in sorted(attacks | holds, reverse=True)]


def _step_of(word: Sequence[int], last_top: int) -> tuple[int, int, int, int]:
    """A step's attacks, their shape and highest key, and the numbers by which contexts know it: as it is, and
    by its interval to the attacks before, the highest of which was `last_top`."""
    attacks = tuple([token for token in word if token < KEYS])
    if not attacks:
        return 0, last_top, *_NO_ATTACK
    top = attacks[0]
    shape = hash(tuple([token - top for token in attacks])) or 1
    return shape, top, hash(attacks), hash((shape, top - last_top))


class Trail:
    """The last steps of one course, as running polynomials in a number per step, so that the number of the
    last n steps takes one sum. Only attacks count: a note cut short by the end of a turn is still that
    note."""

    def __init__(self) -> None:
        self.plain, self.moved, self.shapes, self.onsets = ([0] * (_LONGEST + 1) for _ in range(4))
        self.steps = self.top = 0
        """`top` is the key of the highest of the last attacks."""

    def copy(self) -> Trail:
        other = Trail.__new__(Trail)
        other.plain, other.moved = self.plain.copy(), self.moved.copy()
        other.shapes, other.onsets = self.shapes.copy(), self.onsets.copy()
        other.steps, other.top = self.steps, self.top
        return other

    def add(self, word: Sequence[int]) -> Attacks:
        """One more step."""
        shape, top, hashed, hashed_moved = _step_of(word, self.top)
        self.top = top
        plain, moved, shapes, onsets = self.plain, self.moved, self.shapes, self.onsets
        plain.append((plain[-1] * _BASE + hashed) & _MASK)
        moved.append((moved[-1] * _BASE + hashed_moved) & _MASK)
        shapes.append(shape)
        onsets.append(onsets[-1] + (shape != 0))
        del plain[0], moved[0], shapes[0], onsets[0]
        self.steps += 1
        return shape, top

    def contexts(self) -> list[Context]:
        """The contexts that end here, longest first: none without an attack. Where nothing begins, the
        pointers that there are say all there is to say, and rests are like all other rests."""
        if not self.shapes[-1]:
            return []
        plain, moved, shapes, onsets, steps = self.plain, self.moved, self.shapes, self.onsets, self.steps
        found = []
        for n, by_intervals, power, salt in _SOUGHT:
            attacked = onsets[-1] - onsets[-1 - n]
            if n > steps or (by_intervals and attacked < MOVED_ONSETS):
                continue
            if by_intervals:
                number = moved[-1] + (shapes[-n] - moved[-n]) * power
            else:
                number = plain[-1] - plain[-1 - n] * power
            found.append((number + salt & _MASK, by_intervals, attacked))
        return found


def contexts_of(words: Sequence[Sequence[int]]) -> tuple[list[Attacks], Ints, Ints]:
    """What a `Trail` makes of S steps, all at once: the attacks of each, and of all contexts that end in them
    their numbers and the steps they end with, (contexts,) each."""
    attacks, hashed, top = list[Attacks](), list[tuple[int, int, int]](), 0
    for word in words:
        shape, top, plain, moved = _step_of(word, top)
        attacks.append((shape, top))
        hashed.append((shape & _MASK, plain & _MASK, moved & _MASK))
    # before the first step there is nothing, which no context reaches
    before = np.zeros((_LONGEST, 3), np.uint64)
    shapes, as_is, by_rise = np.concatenate([before, np.array(hashed, np.uint64).reshape(-1, 3)]).T
    onsets = np.cumsum(shapes != 0)
    steps = np.flatnonzero(shapes)
    numbers, ends = [], []
    for n, by_intervals, _, salt in _SOUGHT:
        here = steps[steps - _LONGEST + 1 >= n]
        if by_intervals:
            here = here[onsets[here] - onsets[here - n] >= MOVED_ONSETS]
        each = [*[by_rise] * (n - 1), shapes] if by_intervals else [as_is] * n
        number = np.full(len(here), salt & _MASK, np.uint64)
        for back, of_step in enumerate(each):
            number += of_step[here - back] * np.uint64(_POWER[back])
        numbers.append(number)
        ends.append(here - _LONGEST)
    return attacks, np.concatenate(numbers), np.concatenate(ends)


TOPS = 128
"""A place is one number: the step after a context times this, plus the highest key of its last attacks."""


class Places:
    """Where an imagined course met each context, the latest last, and the attacks of each step."""

    def __init__(self) -> None:
        self.of: dict[int, tuple[int, ...]] = {}
        self._attacks: dict[int, Attacks] = {}
        self._numbers: dict[int, list[int]] = {}  # of the contexts that ended with each step

    def copy(self) -> Places:
        other = Places()
        other.of, other._attacks = self.of.copy(), self._attacks.copy()
        other._numbers = self._numbers.copy()
        return other

    def add(self, step: int, attacks: Attacks, contexts: Sequence[Context]) -> None:
        """`contexts` end with this step. What is too long ago is forgotten."""
        of, place = self.of, (step + 1) * TOPS + attacks[1]
        self._attacks[step] = attacks
        self._attacks.pop(step - MOST_STEPS, None)
        self._numbers[step] = numbers = [number for number, _, _ in contexts]
        for number in numbers:
            places = of.get(number)
            of[number] = (place,) if places is None else (*places[1 - PLACES :], place)
        for number in self._numbers.pop(step - MOST_STEPS, ()):
            places = of.get(number, ())
            if places and places[0] // TOPS == step - MOST_STEPS + 1:
                if len(places) > 1:
                    of[number] = places[1:]
                else:
                    del of[number]

    def met(self, number: int) -> Sequence[int]:
        """The latest places where a context was met, the latest first."""
        return self.of.get(number, ())[::-1]

    def attacks(self, step: int) -> Attacks | None:
        """The attacks of a step that is known here."""
        return self._attacks.get(step)


class Pages:
    """The words of the steps from `first` to `stop`, in several courses of as many: of both parts together
    and of jamd's own, (2, courses, rows, WORD), filled up with END."""

    def __init__(self, courses: int, first: int = 0, rows: int = 64) -> None:
        self.first = self.stop = first
        self.words = np.full((2, courses, rows, WORD), END, np.int16)

    def fork(self, chosen: Sequence[int]) -> Pages:
        other = Pages.__new__(Pages)
        other.first, other.stop = self.first, self.stop
        other.words = self.words[:, chosen]
        return other

    @property
    def oldest(self) -> int:
        return max(self.first, self.stop - MOST_STEPS)

    def rows(self, steps: Ints) -> Ints:
        """Where steps stand in these arrays."""
        return (steps - self.first) % self.words.shape[2]

    def add(self, together: Sequence[list[int]], own: Sequence[list[int]]) -> None:
        """One more step of each course."""
        rows = self.words.shape[2]
        if self.stop - self.first >= rows < MOST_STEPS:
            self.words = np.concatenate([self.words, np.full_like(self.words, END)], 2)
            rows *= 2
        row = (self.stop - self.first) % rows
        self.words[:, :, row] = END
        for words, heard in zip(self.words, (together, own), strict=True):
            for course, word in enumerate(heard):
                if word:
                    words[course, row, : min(len(word), WORD - 1)] = word[: WORD - 1]
        self.stop += 1
