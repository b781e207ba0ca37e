"""Bars that were played before, who was the first to play them, and how many of lately only echo jamd's."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from jamd.models.features import Place
from jamd.music.note import Frame

Bools = npt.NDArray[np.bool_]

LATELY_BARS = 32
"""Bars with notes in them that are looked back at: half a minute of each part at 120 BPM."""
KNOWN_BARS = 256
"""So many different bars are known, the latest."""

Bar = list[tuple[int, Frame]]
"""Where notes begin, in steps, and what is struck there."""
Tune = tuple[tuple[int, int], ...]
"""Where notes begin, in steps, and the highest pitch there."""


class Known:
    """Bars by who was the first to play them."""

    def __init__(self) -> None:
        self._jamds: OrderedDict[Hashable, bool] = OrderedDict()  # whether jamd was

    def knows(self, bar: Hashable) -> bool:
        return bar in self._jamds

    def is_echo(self, bar: Hashable, own: bool) -> bool:
        """Whether this bar, jamd's `own` or the player's, is an echo of jamd's. It is known from now on."""
        by_jamd = self._jamds.get(bar)
        self._jamds[bar] = own if by_jamd is None else by_jamd
        self._jamds.move_to_end(bar)
        if len(self._jamds) > KNOWN_BARS:
            self._jamds.popitem(last=False)
        return by_jamd is not None if own else by_jamd is True


class Echoes:
    """What the bars of lately were like in one regard (tune, rhythm, pitches), where that was an echo."""

    def __init__(self, free: float, all_: float) -> None:
        self.known, self._free, self._all = Known(), free, all_
        self._lately: deque[Any] = deque(maxlen=LATELY_BARS)  # None where it was none

    def close(self, bar: Hashable, own: bool) -> None:
        self._lately.append(bar if self.known.is_echo(bar, own) else None)

    def table(self, width: int) -> Bools:
        """Of echoes that are numbers below `width`, which each has, (echoes, width). Others are left out."""
        echoes = [echo for echo in self._lately if echo is not None]
        table = np.zeros((len(echoes), width), np.bool_)
        for row, echo in zip(table, echoes, strict=True):
            row[[number for number in echo if number < width]] = True
        return table

    @property
    def depth(self) -> float:
        """0 where there are few, 1 where there is little else."""
        share = sum(echo is not None for echo in self._lately) / LATELY_BARS
        return float(np.clip((share - self._free) / (self._all - self._free), 0, 1))


def tune_of(bar: Bar) -> Tune:
    return tuple((step, max(onset.pitch for onset in frame.onsets)) for step, frame in bar)


def pitches_of(bar: Bar) -> frozenset[int]:
    return frozenset(onset.pitch for _, frame in bar for onset in frame.onsets)


def tunes_of(frames: Sequence[Frame], places: Sequence[Place]) -> list[Tune]:
    """The whole bars among these frames, those with notes."""
    tunes, bar = [], Bar()
    for frame, place in zip(frames, places, strict=False):
        if place.step_in_bar == 0:
            bar = []
        if frame.onsets:
            bar.append((place.step_in_bar, frame))
        if place.step_in_bar + 1 == place.steps_per_bar and bar:
            tunes.append(tune_of(bar))
    return tunes
