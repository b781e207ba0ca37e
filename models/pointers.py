"""Pointers into the past: places that went as the music goes now, and how right each has been.

A pointer is set where the last steps were met before (as they are, or moved to another pitch), one, two and
four bars back, at the beginning of the call when a turn begins, and at the beginnings of earlier turns. It
goes on through what it gets wrong, until that is too much, as the match models of data compressors do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from jamd.models.book import Book, Trail

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

POINTERS = 24
ENOUGH = 12
"""Places found, so many that shorter contexts are not looked up."""
MET, MOVED, CALL, TURN, BARS = range(5)
"""Why a pointer was set."""
KINDS = 5
BARS_BACK = (1, 2, 4)
TURNS_BACK = 6
MOST_MISSES = 4
"""Steps in a row that a pointer may get wrong."""
HABIT = 0.2
"""How fast a pointer's share of right steps follows what it does."""


class Course:
    """One course of events: its own book, and the one it shares with where it was forked from, up to where
    its own begins.

    `call` is the step where the bars begin in which the player has been heard since jamd was, `turns` are the
    beginnings of earlier turns of both."""

    def __init__(self, own: Book, shared: Book | None = None, trail: Trail | None = None) -> None:
        self.own, self.shared, self.trail = own, shared, trail or Trail()
        self.call: int | None = None
        self.turns: list[int] = []

    def fork(self) -> Course:
        if self.shared is None:
            other = Course(Book(self.own.stop), self.own, self.trail.copy())
        else:
            other = Course(self.own.copy(), self.shared, self.trail.copy())
        other.call, other.turns = self.call, self.turns.copy()
        return other

    @property
    def now(self) -> int:
        return self.own.stop

    @property
    def oldest(self) -> int:
        """The first step that is still known."""
        if self.shared is None:
            return self.own.oldest
        return self.shared.oldest if self.shared.oldest < self.own.first else self.own.oldest

    def places(self, number: int) -> tuple[int, ...]:
        """Where a context was met: the steps after it, the latest last."""
        places = self.own.where.get(number, ())
        if self.shared is None:
            return places
        # what the true course hears after the fork is not known here
        return tuple(s for s in self.shared.where.get(number, ()) if s < self.own.first) + places

    def top(self, step: int) -> int:
        """The highest key of the last attacks at a step."""
        book = self.shared if self.shared is not None and step < self.own.first else self.own
        return book.tops[step]

    def words(self, steps: Ints, own: bool) -> npt.NDArray[np.int16]:
        """The words of steps, (steps, WORD)."""
        if self.shared is None:
            return self.own.words(steps, own)
        there = steps < self.own.first
        words = self.shared.words(np.minimum(steps, self.own.first - 1), own)
        if not there.all():
            words[~there] = self.own.words(steps[~there], own)
        return words


class Pointers:
    """Arrays (courses, POINTERS): the `step` whose word is the vote, -1 for no pointer; how many keys it is
    `moved`; its `kind`; how many attacked steps in a row it was right (`onsets`), its habitual `share` of
    right steps, and the steps in a row it was wrong (`misses`)."""

    def __init__(self, courses: int) -> None:
        shape = (courses, POINTERS)
        self.step = np.full(shape, -1)
        self.moved, self.kind, self.onsets, self.misses = (np.zeros(shape, np.int64) for _ in range(4))
        self.share = np.zeros(shape)

    def fork(self, chosen: Sequence[int]) -> Pointers:
        other = Pointers(0)
        for name, array in vars(self).items():
            setattr(other, name, array[list(chosen)])
        return other

    def judge(self, right: Bools, telling: Bools, attacked: Bools) -> None:
        """Go on by a step: `right` (courses, POINTERS) were those whose attacks came; `telling` where there
        was an attack, heard or foretold; `attacked` (courses, 1) where one was heard."""
        self.onsets = np.where(right, self.onsets + attacked, 0)
        self.share = self.share + np.where(telling, HABIT * (right - self.share), 0.0)
        self.misses = np.where(right, np.where(telling, 0, self.misses), self.misses + 1)
        self.step = np.where((self.step >= 0) & (self.misses <= MOST_MISSES), self.step + 1, -1)

    def put(self, course: int, found: Sequence[tuple[int, int, int, int]]) -> None:
        """Set pointers (step, moved, kind, onsets) that are not there yet, the first ones rather than
        the last and rather than the weakest there are."""
        step, moved = self.step[course], self.moved[course]
        there = {at: slot for slot, at in enumerate(zip(step.tolist(), moved.tolist(), strict=True))}
        new = []
        for pointer in found:
            at, kind = pointer[:2], pointer[2]
            if at not in there:
                there[at] = -1
                new.append(pointer)
            elif kind in (CALL, TURN) and there[at] >= 0:
                self.kind[course, there[at]] = kind
        if not new:
            return
        strength = np.where(step < 0, -1.0, self.onsets[course] + 4 * self.share[course])
        slots = np.argsort(strength, kind="stable")[: len(new)]
        for slot, (to, by, kind, onsets) in zip(slots.tolist(), new, strict=False):
            if kind in (MET, MOVED) and strength[slot] > onsets + 2:
                break
            self.step[course, slot], self.moved[course, slot], self.kind[course, slot] = to, by, kind
            self.onsets[course, slot], self.misses[course, slot] = onsets, 0
            self.share[course, slot] = 0.5
