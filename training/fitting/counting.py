"""Counting music for the `markov` mind: every token of jamd's own frames, in each context it stands in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jamd.models.contexts import TOKEN_NUMBER, Uints, step_number
from jamd.models.features import Rolls
from jamd.models.markov import (
    LEVELS,
    ORDERS,
    TOKEN_BITS,
    Context,
    Ints,
    key_below,
    last_steps,
    place_number,
    together,
)
from jamd.models.tokens import END, KEYS, OFFSET_BINS, VELOCITY_BINS
from jamd.training.batches.batches import OWN, PLAYER, Conversation

MOST_ENTRIES = 780_000
"""At 10 bytes each; with the rest of the bundle under 8 MB."""
CHUNK_EVENTS = 500_000


@dataclass(frozen=True, slots=True)
class Events:
    """The E tokens of a conversation's own frames: where each stands, what it is, and for the attacks the bin
    of velocity and offset, each + 1 (0: not known), now and of the attack before, (E,)."""

    context: Context
    token: Ints
    velocity: tuple[Ints, Ints]
    offset: tuple[Ints, Ints]


def own_steps(turns: list[tuple[int, int]]) -> Ints:
    return np.concatenate([np.arange(start, stop) for start, stop in turns])


def events_of(conversation: Conversation) -> Events:
    """Every token of the own turns, in order, END of each frame included."""
    rolls = conversation.rolls
    parts = [Rolls(rolls.attacks[part], rolls.holds[part], rolls.offsets[part]) for part in (PLAYER, OWN)]
    own = parts[OWN]
    at = own_steps(conversation.turns)
    struck, held = own.attacks > 0, (own.holds > 0) & (own.attacks == 0)
    present = np.concatenate([(struck | held)[at, ::-1], np.ones((len(at), 1), np.bool_)], 1)
    frame, column = np.nonzero(present)  # per frame: keys from the highest down, then END
    step, key = at[frame], KEYS - 1 - column
    attack = (key >= 0) & struck[step, key]
    token = np.where(key < 0, END, np.where(attack, key, KEYS + key))
    first = np.r_[True, frame[1:] != frame[:-1]]

    number = np.where(token < END, TOKEN_NUMBER[np.minimum(token, END - 1)], np.uint64(0))
    before = np.cumsum(number, dtype=np.uint64) - number
    start = np.maximum.accumulate(np.where(first, np.arange(len(first)), 0))
    above = np.where(first, KEYS, np.r_[KEYS, key[:-1]])
    numbers = together(parts[PLAYER], own)
    ago = np.arange(len(numbers))[:, None] - np.arange(1, max(ORDERS) + 1)
    newest_first = np.where(ago >= 0, numbers[np.maximum(ago, 0)], np.uint64(0))
    sounding = np.zeros_like(struck)
    sounding[1:] = (struck | held)[:-1]
    own_before = np.r_[np.zeros(1, np.uint64), step_number(struck, held)[:-1]]
    duet = np.full(len(numbers), conversation.duet)
    context = Context(
        above,
        before - before[start],
        key_below(sounding)[step, above],
        place_number(conversation.step_in_bar, conversation.steps_per_bar)[step],
        last_steps(newest_first, own_before, duet)[step],
    )

    def now_and_before(rows: str) -> tuple[Ints, Ints]:
        """An attack's bin + 1, and that of the attack before: in the frame, else the lowest of the last
        heard."""
        heard = np.zeros(len(numbers) + 1, np.int64)
        known = np.zeros(len(numbers) + 1, np.int64)
        for part in parts:
            begun = part.attacks > 0
            (there,) = begun.any(-1).nonzero()
            heard[there + 1] = getattr(part, rows)[there, begun[there].argmax(-1)]
            known[there + 1] = there + 1
        now = np.where(attack, getattr(own, rows)[step, key], 0).astype(np.int64)
        before_step = heard[np.maximum.accumulate(known)][step]
        in_frame = np.maximum.accumulate(np.where(attack | first, np.arange(len(now)), 0))
        above_it = np.r_[0, in_frame[:-1]]
        return now, np.where(~first & attack[above_it], now[above_it], before_step)

    return Events(context, token, now_and_before("attacks"), now_and_before("offsets"))


@dataclass(slots=True)
class _Counts:
    """Distinct keys, sorted, and how often each came."""

    keys: Uints
    counts: Ints

    def plus(self, keys: Uints, counts: Ints) -> _Counts:
        if not len(keys):
            return self
        both_keys, where = np.unique(np.concatenate([self.keys, keys]), return_inverse=True)
        sums = np.bincount(where, np.concatenate([self.counts, counts]))
        return _Counts(both_keys, sums.astype(np.int64))


def count(
    conversations: Iterable[Conversation], most_entries: int = MOST_ENTRIES
) -> dict[str, npt.NDArray[np.generic]]:
    """The tables of a `Markov` by the names of its arguments. Contexts seen least often go first when there
    are more entries than `most_entries`."""
    tables = [_Counts(np.zeros(0, np.uint64), np.zeros(0, np.int64)) for _ in range(LEVELS)]
    velocities = np.zeros((VELOCITY_BINS + 1, VELOCITY_BINS), np.int64)
    offsets = np.zeros((OFFSET_BINS + 1, OFFSET_BINS), np.int64)
    waiting: list[Uints] = []
    events_waiting = 0

    def settle() -> None:
        keys = np.concatenate(waiting) if waiting else np.zeros((0, LEVELS), np.uint64)
        for level in range(LEVELS):
            distinct, counts = np.unique(keys[:, level], return_counts=True)
            tables[level] = tables[level].plus(distinct, counts)

    for conversation in conversations:
        events = events_of(conversation)
        waiting.append(events.context.numbers() | events.token.astype(np.uint64)[:, None])
        events_waiting += len(events.token)
        for table, (now, before) in ((velocities, events.velocity), (offsets, events.offset)):
            known = now > 0
            np.add.at(table, (before[known], now[known] - 1), 1)
        if events_waiting > CHUNK_EVENTS:
            settle()
            waiting, events_waiting = [], 0
    settle()
    keys = np.concatenate([table.keys for table in tables])
    counts = np.concatenate([table.counts for table in tables])
    order = np.argsort(keys)
    keys, counts = _pruned(keys[order], counts[order], most_entries)
    return {
        "keys": keys,
        "counts": np.minimum(counts, np.iinfo(np.uint16).max).astype(np.uint16),
        "velocities": velocities.astype(np.uint32),
        "offsets": offsets.astype(np.uint32),
    }


def _pruned(keys: Uints, counts: Ints, most_entries: int) -> tuple[Uints, Ints]:
    """The entries of the contexts seen most often, whole contexts, at most so many entries."""
    if len(keys) <= most_entries:
        return keys, counts
    _, context, sizes = np.unique(keys & ~TOKEN_BITS, return_inverse=True, return_counts=True)
    seen = np.bincount(context, counts)
    often, entries = np.unique(-seen, return_inverse=True)
    kept_up_to = np.searchsorted(np.cumsum(np.bincount(entries, sizes)), most_entries, side="right")
    if kept_up_to == 0:
        raise ValueError(f"{most_entries} entries do not hold even the commonest context")
    keep = seen[context] >= -often[kept_up_to - 1]
    return keys[keep], counts[keep]
