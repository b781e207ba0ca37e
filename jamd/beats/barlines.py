"""Which beats begin bars, and how long the bars are, in a recording whose beats were found.

Each beat is as likely a first one as what is played on it says: longer, lower, louder, fuller than at its
neighbours, and another harmony than before. A hidden Markov model counts through bars of 2, 3 or 4 beats and
seldom changes (the bar pointer of Whiteley, Cemgil and Godsill, ISMIR 2006, over beats).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BARS = (2, 3, 4)
USUAL = (0.15, 0.3, 0.55)
"""How often bars have so many beats."""
CHANGE = 1e-4
"""How likely a bar is another length than the one before, or is cut short: someone counted wrong."""
NEAR_BEATS = 0.15
"""An onset is on the beat that is so near."""
AROUND_BEATS = 6
"""A beat is strong by the mean of so many before it and after it."""
FIRSTS = 0.32
"""The share of beats that begin a bar."""
WEIGHTS = (-0.9, -0.2, -1.5, -0.6, 0.6, 2.9, 1.6)
"""Logistic regression of whether a beat does: a constant, then for what `accents` gives."""

FloatArray = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def places(
    beats: FloatArray, start: FloatArray, end: FloatArray, pitch: FloatArray, velocity: FloatArray
) -> Ints:
    """The place of each beat in its bar (beats,), from 1 on. Beats, rising, and notes (notes,) in seconds."""
    constant, *weights = WEIGHTS
    return count(constant + accents(beats, start, end, pitch, velocity) @ np.array(weights))


def accents(
    beats: FloatArray, start: FloatArray, end: FloatArray, pitch: FloatArray, velocity: FloatArray
) -> FloatArray:
    """What is played on each of the beats, against what is played around it: (beats, features). Beats and
    notes (notes,) are in seconds."""
    count = len(beats)
    place = np.interp(start, beats, np.arange(count), left=-1, right=-1)
    until = np.interp(end, beats, np.arange(count))
    nearest = np.round(place).astype(np.int64)
    on = (np.abs(place - nearest) < NEAR_BEATS) & (nearest >= 0)
    which = nearest[on]
    loudest, longest = np.zeros(count), np.zeros(count)
    lowest = np.full(count, np.nan)
    np.maximum.at(loudest, which, velocity[on])
    np.maximum.at(longest, which, np.minimum((until - place)[on], 4.0))
    np.fmin.at(lowest, which, pitch[on])
    size = np.bincount(which, minlength=count).astype(np.float64)
    loudest[size == 0] = np.nan
    features = [
        np.log1p(size),
        size > 0,
        lowest / 12,
        loudest / 40,
        np.sqrt(longest),
        new_harmony(place, until, pitch, count),
    ]
    return np.stack([_above(np.asarray(feature, np.float64)) for feature in features], 1)


def new_harmony(place: FloatArray, until: FloatArray, pitch: FloatArray, count: int) -> FloatArray:
    """How unlike the pitch classes sounding in the beat are to those of the beat before: 0 to 1, (beats,)."""
    chroma = np.zeros((count + 1, 12))
    first = np.floor(place + NEAR_BEATS).astype(np.int64)
    for ahead in range(4):
        beat = first + ahead
        share = np.clip(np.minimum(until, beat + 1.0) - np.maximum(place, beat), 0, 1)
        inside = (beat >= 0) & (beat < count) & (share > 0)
        np.add.at(chroma, (beat[inside], pitch[inside].astype(np.int64) % 12), share[inside])
    chroma /= np.linalg.norm(chroma, axis=1, keepdims=True) + 1e-9
    unlike = 1 - (chroma[1:count] * chroma[: count - 1]).sum(1)
    return np.concatenate([[0.5], unlike])


def _above(values: FloatArray) -> FloatArray:
    """By how much values (n,) are above the mean of those around them, nan where there is none counting 0."""
    known = ~np.isnan(values)
    window = np.ones(2 * AROUND_BEATS + 1)
    total = np.convolve(np.where(known, values, 0.0), window, "full")[
        AROUND_BEATS : AROUND_BEATS + len(values)
    ]
    number = np.convolve(known, window, "full")[AROUND_BEATS : AROUND_BEATS + len(values)]
    return np.where(known, values - total / np.maximum(number, 1), 0.0)


def count(log_odds: FloatArray) -> Ints:
    """The place of each beat in its bar (beats,), from 1 on, from the log odds (beats,) that it is 1."""
    first = -np.logaddexp(0, -log_odds) - np.log(FIRSTS)
    other = -np.logaddexp(0, log_odds) - np.log(1 - FIRSTS)
    states = [(bar, place) for bar in range(len(BARS)) for place in range(BARS[bar])]
    places = np.array([place for _, place in states])
    change = np.full((len(states), len(states)), -np.inf)
    for i, (bar, place) in enumerate(states):
        for j, (then, next_place) in enumerate(states):
            if then == bar and next_place == (place + 1) % BARS[bar]:
                change[i, j] = 0.0
            elif next_place == 0:
                change[i, j] = np.log(CHANGE * USUAL[then])
    score = np.log([USUAL[bar] / BARS[bar] for bar, _ in states])
    ways: list[Ints] = []
    for at, (on, off) in enumerate(zip(first.tolist(), other.tolist(), strict=True)):
        if at:
            total = score[:, None] + change
            ways.append(total.argmax(0))
            score = total.max(0)
        score = score + np.where(places == 0, on, off)
    chosen = [int(score.argmax())]
    for way in reversed(ways):
        chosen.append(int(way[chosen[-1]]))
    return places[chosen[::-1]] + 1
