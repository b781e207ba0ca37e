"""Contexts as numbers: what has just been played, hashed to 64 bits.

A step is the sum of a random number per token (Zobrist hashing), so it does not matter in which order the
notes come; the last n steps are a polynomial in these numbers. All sums wrap at 64 bits. The numbers are the
same on every machine and for ever, for tables of them travel in bundles.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jamd.models.tokens import END, KEYS

Uints = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]


def mix(x: Uints) -> Uints:
    """Numbers scattered over all 64 bits, one to one: the finaliser of SplitMix64 (Steele et al. 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)), np.uint64)


def both(a: Uints, b: Uints) -> Uints:
    """One number for two, in this order."""
    return mix(mix(a) + b)


TOKEN_NUMBER = mix(np.arange(1, END + 1, dtype=np.uint64))
"""A number per attack and hold, (END,)."""


def step_number(attacks: Bools, holds: Bools) -> Uints:
    """The number of a step from its rows (..., KEYS); silence is 0."""
    struck, held = np.asarray(attacks, np.uint64), np.asarray(holds, np.uint64)
    return np.asarray(struck @ TOKEN_NUMBER[:KEYS] + held @ TOKEN_NUMBER[KEYS:])


def windows(newest_first: Uints, orders: tuple[int, ...]) -> Uints:
    """The last n steps as a number for each n of `orders`, (..., orders), from step numbers (..., steps)."""
    base = np.uint64(0x9E3779B97F4A7C15)
    powers = np.cumprod(np.full(newest_first.shape[-1], base, np.uint64))
    sums = np.cumsum(mix(newest_first) * powers, -1, dtype=np.uint64)
    return np.asarray(sums[..., [n - 1 for n in orders]])
