"""What a model learned from, as far as it takes to notice that an answer is a copy of it.

A phrase is some onset groups on end: which intervals begin together, how far the highest note rises to the
next group, and after how many steps; at whatever pitch. The phrases of the training music go with the bundle
as a Bloom filter (Bloom 1970): from it the music cannot be had back, only the question answered whether a
phrase stood in it, and now and then wrongly with yes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jamd.models.contexts import both, mix

Hashes = npt.NDArray[np.uint64]
Bits = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

GROUPS = 8
"""Onset groups that are a phrase: two bars of a folk tune, one of a fast line."""
PROBES = 4
BITS_PER_PHRASE = 10
"""With four probes 1 phrase in 85 is taken for one that stood there."""
MOST_PHRASES = 2**24
"""Those of some 30 million notes. Of more music the filter holds a fair sample: its size, 20 MB, and the
memory that it takes to make, half a gigabyte, stay what they are."""
PHRASES_AT_ONCE = 2**16
"""Put into the filter: it takes a hundred bytes for each."""
_BASE = np.uint64(0x9E3779B97F4A7C15)


def phrases_of(step: Ints, pitch: Ints) -> tuple[Hashes, Ints]:
    """The phrases of a passage as hashes, (groups - GROUPS + 1,) or none, in order, and the first note of the
    first and of the last group of each, (2, phrases). `step` and `pitch` (notes,) are those of its onsets, by
    step, then pitch upwards."""
    first = np.flatnonzero(np.diff(step, prepend=-1))
    count = len(first) - GROUPS + 1
    if count < 1:
        return np.zeros(0, np.uint64), np.zeros((2, 0), np.int64)
    sizes = np.diff(first, append=len(step))
    top, at = pitch[first + sizes - 1], step[first]
    below = mix((np.repeat(top, sizes) - pitch + 1).astype(np.uint64))
    shape = np.add.reduceat(below, first)
    moved = both(np.diff(top).astype(np.uint64), np.diff(at).astype(np.uint64))
    follows = both(shape[1:], moved)  # a group, and how it was come to
    hashes = mix(shape[:count])
    for ahead in range(GROUPS - 1):
        hashes = hashes * _BASE + follows[ahead : ahead + count]
    return mix(hashes), np.stack([first[:count], first[GROUPS - 1 :]])


@dataclass(frozen=True, slots=True)
class Phrases:
    """The filter: `bits` (bytes,)."""

    bits: Bits

    def hold(self, phrases: Hashes) -> Bools:
        """Which of these phrases the training music has, (phrases,)."""
        places = _places(phrases, len(self.bits))
        return np.asarray((self.bits[places >> 3] >> (places & 7) & 1 > 0).all(0))


def filter_of(many: Iterable[Hashes]) -> Phrases:
    """A filter that holds all these phrases, or those `MOST_PHRASES` of them whose hashes are lowest: which
    they are does not depend on the order."""
    phrases = np.zeros(0, np.uint64)
    waiting: list[Hashes] = []
    count = 0
    for some in many:
        waiting.append(some[some < phrases[-1]] if len(phrases) == MOST_PHRASES else some)
        count += len(waiting[-1])
        if count > MOST_PHRASES // 4:
            phrases, waiting, count = _lowest([phrases, *waiting]), [], 0
    phrases = _lowest([phrases, *waiting])
    size = 1 + len(phrases) * BITS_PER_PHRASE // 8
    marked = np.zeros(8 * size, np.bool_)
    for first in range(0, len(phrases), PHRASES_AT_ONCE):
        marked[_places(phrases[first : first + PHRASES_AT_ONCE], size)] = True
    return Phrases(np.packbits(marked, bitorder="little"))


def _lowest(many: list[Hashes]) -> Hashes:
    """The `MOST_PHRASES` lowest of these, rising, each once."""
    return np.unique(np.concatenate(many))[:MOST_PHRASES].copy()


def _places(phrases: Hashes, size: int) -> Ints:
    """The bits of each phrase, (PROBES, phrases), in a filter of `size` bytes: places a fixed stride apart
    that differs from phrase to phrase (Kirsch and Mitzenmacher 2006)."""
    stride = mix(phrases) | np.uint64(1)
    places = phrases + stride * np.arange(PROBES, dtype=np.uint64)[:, None]
    return (places % np.uint64(8 * size)).astype(np.int64)
