"""Where each context was met in the true course of events: of one size from its first step to its last.

A dictionary would grow for a quarter of an hour, until as much is forgotten as is met, and lie all over the
memory. Here all room is taken at once: a ring of places, each of which knows the place before it whose number
ends in the same bits.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from jamd.models.memory import book
from jamd.models.memory.book import PLACES, TOPS, Attacks, Context


class Index:
    """What `book.Places` is for an imagined course, of the last MOST_STEPS steps."""

    def __init__(self) -> None:
        self._steps, self._contexts = book.MOST_STEPS, len(book.CONTEXTS)
        room = self._steps * self._contexts
        self._stop = 0  # the step after the last one
        self._shapes, self._tops = array("q", [0]) * self._steps, array("B", [0]) * self._steps  # by step
        self._numbers = array("Q", [0]) * room  # of the contexts that ended with each step
        self._before = array("i", [-1]) * room  # the place before, however long ago
        self._mask = (1 << (room - 1).bit_length()) - 1
        self._latest = array("i", [-1]) * (self._mask + 1)  # by the last bits of a number

    def add(self, step: int, attacks: Attacks, contexts: Sequence[Context]) -> None:
        """`contexts` end with this step. What is too long ago is forgotten."""
        row = step % self._steps
        self._stop = step + 1
        self._shapes[row], self._tops[row] = attacks
        numbers, before, latest = self._numbers, self._before, self._latest
        for which, (number, _, _) in enumerate(contexts):
            here, bucket = row * self._contexts + which, number & self._mask
            numbers[here], before[here] = number, latest[bucket]
            latest[bucket] = step * self._contexts + which

    def met(self, number: int) -> list[int]:
        """The latest places where a context was met, the latest first."""
        found: list[int] = []
        room, contexts, numbers = len(self._numbers), self._contexts, self._numbers
        forgotten = (self._stop - self._steps) * contexts
        at = self._latest[number & self._mask]
        while at >= forgotten and at >= 0 and len(found) < PLACES:
            here = at % room
            if numbers[here] == number:
                step = at // contexts
                found.append((step + 1) * TOPS + self._tops[step % self._steps])
            at = self._before[here]
        return found

    def attacks(self, step: int) -> Attacks:
        """The attacks of one of these steps."""
        row = step % self._steps
        return self._shapes[row], self._tops[row]
