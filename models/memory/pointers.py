"""Pointers into the past: places that went as the music goes now, and how right each has been.

A pointer is set where the last steps were met before (as they are, or moved to another pitch), one, two and
four bars back, at the beginning of the call when a turn begins, and at the beginnings of earlier turns. It
goes on through what it gets wrong, until that is too much, as the match models of data compressors do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jamd.models.memory.book import Attacks

POINTERS = 16
ENOUGH = 8
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
SHARE_WEIGHT = 4
"""A habit of being right counts as much as so many attacked steps in a row."""

Found = tuple[int, int, int, int]
"""Where a pointer is to be set: step, moved, kind and onsets."""


@dataclass(slots=True)
class Pointer:
    """The `step` whose word is the vote; how many keys it is `moved`; why it was set, its `kind`; how many
    attacked steps in a row it was right (`onsets`), the steps in a row it was wrong (`misses`), and its
    habitual `share` of right steps."""

    step: int
    moved: int
    kind: int
    onsets: int
    misses: int = 0
    share: float = 0.5

    def copy(self) -> Pointer:
        return Pointer(self.step, self.moved, self.kind, self.onsets, self.misses, self.share)


def strength(pointer: Pointer) -> float:
    """How good its record is."""
    return pointer.onsets + SHARE_WEIGHT * pointer.share


def judged(
    pointers: Sequence[Pointer], came: Attacks, foretold: Callable[[int], Attacks], gone: range
) -> list[Pointer]:
    """The pointers a step on, changed in place: those that are not wrong for too long, nor at steps that are
    `gone`, forgotten. `foretold` tells the attacks of a step."""
    shape, top = came
    kept = []
    for pointer in pointers:
        if pointer.step in gone:
            continue
        said, highest = foretold(pointer.step)
        if said == shape and (not shape or highest + pointer.moved == top):
            if shape:
                pointer.onsets += 1
                pointer.misses = 0
                pointer.share += HABIT * (1 - pointer.share)
        else:
            if pointer.misses == MOST_MISSES:
                continue
            pointer.onsets = 0
            pointer.misses += 1
            pointer.share -= HABIT * pointer.share
        pointer.step += 1
        kept.append(pointer)
    return kept


def put(pointers: list[Pointer], found: Sequence[Found]) -> None:
    """Add to `pointers` those found that are not there yet, the first ones rather than the last and rather
    than the weakest there are."""
    there = {(pointer.step, pointer.moved): pointer for pointer in pointers}
    new = []
    for step, moved, kind, onsets in found:
        same = there.get((step, moved))
        if same is None:
            there[step, moved] = pointer = Pointer(step, moved, kind, onsets)
            new.append(pointer)
        elif kind in (CALL, TURN):
            same.kind = kind
    room, weakest = POINTERS - len(pointers), len(pointers) - 1
    if len(new) > room:
        pointers.sort(key=strength, reverse=True)
    pointers += new[:room]
    for pointer in new[room:]:
        if weakest < 0 or (pointer.kind in (MET, MOVED) and strength(pointers[weakest]) > pointer.onsets + 2):
            break
        pointers[weakest] = pointer
        weakest -= 1
