"""Earlier evenings, as the session memory knows them: what was played at each step, and where each context
was met. Nothing in it changes, so that all thoughts of a mind share it.

No network hears it. An evening is not the beginning of the next: pointers do not go from one to another,
and bars and turns are not counted back into it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from jamd.models.key import shifts_to_c
from jamd.models.memory.book import TOPS, WORD, Attacks, contexts_of
from jamd.models.memory.evening import OWN, Evening
from jamd.models.memory.pointers import MOST_MISSES
from jamd.models.tokens import END, KEYS, key_of

Ints = npt.NDArray[Any]

MOST_PAST_STEPS = 32_768
"""What is kept of earlier evenings: 68 minutes of playing at 120 beats a minute."""
BREAK: Attacks = (-1, 0)
"""A step that is like no other, of which there are so many after each evening that no pointer gets past."""
_BREAKS = MOST_MISSES + 1
_KEY_OF = np.array([key_of(pitch) for pitch in range(128)])


@dataclass(frozen=True, slots=True)
class Past:
    """The `words` of S steps, of both parts together and of jamd's own, (2, S, WORD), their attacks, and the
    contexts met, in order of their `numbers` and with the `places` of each in order of time."""

    words: Ints = field(default_factory=lambda: np.empty((2, 0, WORD), np.int16))
    attacks: Sequence[Attacks] = ()
    numbers: Sequence[int] = ()
    places: Sequence[int] = ()

    @property
    def stop(self) -> int:
        """The step after its last one."""
        return len(self.attacks)

    def met(self, number: int, most: int) -> Sequence[int]:
        """The places where a context was met, the latest first, at most so many."""
        first = bisect_left(self.numbers, number)
        last = bisect_right(self.numbers, number, first)
        return self.places[max(first, last - most) : last][::-1]


NOTHING = Past()


def past_of(evenings: Sequence[Evening], in_c: bool) -> Past:
    """Evenings one after another, the latest last; `in_c` when the mind hears everything moved to C."""
    attacks: list[Attacks] = []
    pages, numbers, places = [], [], []
    for evening in evenings:
        words, by_step = _words_of(evening, in_c)
        begun = len(attacks)
        found, number, end = contexts_of(by_step)
        tops = np.array([top for _, top in found])
        numbers.append(number)
        places.append((begun + end + 1) * TOPS + tops[end])
        attacks += [*found, *[BREAK] * _BREAKS]
        pages += [words, np.full((2, _BREAKS, WORD), END, np.int16)]
    if not pages:
        return NOTHING
    all_numbers, all_places = np.concatenate(numbers), np.concatenate(places)
    order = np.lexsort((all_places, all_numbers))
    return Past(np.concatenate(pages, 1), attacks, all_numbers[order].tolist(), all_places[order].tolist())


def _words_of(evening: Evening, in_c: bool) -> tuple[Ints, list[list[int]]]:
    """The words of an evening's steps, (2, S, WORD) as in `book.Pages`, and those of both parts together as
    `book.word_of` has them."""
    step, pitch = evening.step.astype(np.int64), evening.notes[:, 1].astype(np.int64)
    struck = evening.notes[:, 2] > 0
    if in_c:
        classes = np.zeros((evening.steps, 12), np.float32)
        np.add.at(classes, (step[struck], pitch[struck] % 12), 1)
        pitch += shifts_to_c(classes)[step]
        pitch += 12 * (pitch < 0) - 12 * (pitch > 127)
    key = _KEY_OF[pitch]
    words = np.full((2, evening.steps, WORD), END, np.int16)
    by_step: list[list[int]] = []
    for kind, of_kind in enumerate((np.ones(len(key), bool), evening.notes[:, 0] == OWN)):
        # of a key that is struck and sounds on, the attack counts
        order = np.lexsort((~struck[of_kind], -key[of_kind], step[of_kind]))
        at, keys, attack = (array[of_kind][order] for array in (step, key, struck))
        new = np.ones(len(at), bool)
        new[1:] = (at[1:] != at[:-1]) | (keys[1:] != keys[:-1])
        at, token = at[new], (keys + KEYS * ~attack)[new]
        begins = np.searchsorted(at, np.arange(evening.steps + 1))
        rank = np.arange(len(at)) - begins[at]
        fits = rank < WORD - 1
        words[kind, at[fits], rank[fits]] = token[fits]
        if kind == 0:
            tokens, ends = token.tolist(), begins.tolist()
            by_step = [tokens[first:last] for first, last in pairwise(ends)]
    return words, by_step
