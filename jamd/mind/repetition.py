"""How far the music of an evening only comes back as an echo of jamd's own, and what it costs to go on so.

What was played is the best guess of what comes, for a network and for a memory alike, and the answer nearest
to its call is chosen. So two programs that answer each other end on one bar: each time that it comes back
makes it surer (an urn to which each ball is put back doubled, Eggenberger and Polya 1923). Here echoes are
counted: bars of jamd's own that stood before, and bars of the player's that jamd was the first to play. A
player who repeats a riff of their own makes none.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from jamd.models.features import Place
from jamd.models.sampling import Tired
from jamd.music.note import Frame

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

LATELY_BARS = 32
"""Bars with notes in them that are looked back at: half a minute of each part at 120 BPM."""
KNOWN_BARS = 256
"""So many different bars are known, the latest."""
FREE, ALL = 0.25, 0.75
"""The share of echoes up to which nothing is the matter, and from which on all is worn out."""
FREE_RHYTHM, ALL_RHYTHM = 0.4, 0.9
"""The same of rhythms alone. Where jamd goes along with the player's rhythm, half of the bars are echoes."""
LONGEST_BAR_STEPS = 64
"""Of a longer bar the rest is not compared."""
HEAT = 0.8
"""How much hotter all is chosen where there is nothing but echoes."""
STALE = 6.0
"""What speaks against an answer of nothing but bars that stood before, there."""
RHYTHM_NATS = 3.0
"""What it costs to strike a note where all bars had one that went like this one so far, or none where none
had, if all is echo."""
FEWEST_ALIKE = 3
"""So many bars that went like this one so far are a habit."""


Tune = tuple[tuple[int, int], ...]
"""A bar: where notes begin, in steps, and the highest pitch there."""


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


class Rut:
    """Counts echoes, bar by bar: of tunes, which are rhythms with their highest pitches, and of rhythms."""

    def __init__(self) -> None:
        self._open: tuple[list[tuple[int, int]], list[tuple[int, int]]] = [], []  # the player's, jamd's
        self._stop = 0  # of the open bars
        self._tunes, self._rhythms = Known(), Known()
        self._echoes: deque[bool] = deque(maxlen=LATELY_BARS)
        self._echoed: deque[Bools | None] = deque(maxlen=LATELY_BARS)  # rhythms, where they are echoes

    def hear(self, player: Frame, own: Frame, place: Place) -> None:
        """One step of both parts."""
        self._stop = place.step_in_bar + 1
        for bar, frame in zip(self._open, (player, own), strict=True):
            if place.step_in_bar == 0:
                bar.clear()
            if frame.onsets:
                bar.append((place.step_in_bar, max(onset.pitch for onset in frame.onsets)))
        if place.step_in_bar + 1 == place.steps_per_bar:
            for bar, is_own in zip(self._open, (False, True), strict=True):
                if bar:
                    self._close(tuple(bar), is_own)

    def _close(self, tune: Tune, own: bool) -> None:
        self._echoes.append(self._tunes.is_echo(tune, own))
        steps = tuple(step for step, _ in tune)
        rhythm = None
        if self._rhythms.is_echo(steps, own):
            rhythm = np.zeros(LONGEST_BAR_STEPS, np.bool_)
            rhythm[[step for step in steps if step < LONGEST_BAR_STEPS]] = True
        self._echoed.append(rhythm)

    @property
    def depth(self) -> float:
        """0 where there are few echoes of tunes, 1 where there is little else."""
        return float(beyond(sum(self._echoes) / LATELY_BARS))

    def follow(self, courses: int) -> Following | None:
        """Courses that go on with jamd's bar; None while nothing is the matter."""
        echoed = [rhythm for rhythm in self._echoed if rhythm is not None]
        rhythm_depth = float(beyond(len(echoed) / LATELY_BARS, FREE_RHYTHM, ALL_RHYTHM))
        if not (self.depth or rhythm_depth):
            return None
        rhythms = np.array(echoed, np.bool_).reshape(-1, LONGEST_BAR_STEPS)
        begun = np.isin(np.arange(self._stop), [step for step, _ in self._open[1]])
        alike = (rhythms[:, : self._stop] == begun[:LONGEST_BAR_STEPS]).all(-1)
        return Following(rhythms, np.tile(alike, (courses, 1)), (self.depth, rhythm_depth), self._tunes)


class Following:
    """Courses that are being written: which of the echoed `rhythms` (bars, steps) each has followed in its
    bar so far, `alike` (courses, bars)."""

    def __init__(self, rhythms: Bools, alike: Bools, depths: tuple[float, float], tunes: Known) -> None:
        """The `depths` are those of tunes and of rhythms."""
        self._rhythms, self._alike, self._tunes = rhythms, alike, tunes
        self._depth, self._rhythm_depth = depths

    def fork(self, chosen: Sequence[int]) -> Following:
        depths = self._depth, self._rhythm_depth
        return Following(self._rhythms, self._alike[list(chosen)], depths, self._tunes)

    def tired(self, place: Place) -> Tired:
        """What each course is tired of on this step."""
        self._begin(place)
        here = self._here(place)
        alike = self._alike.sum(1)
        nats = RHYTHM_NATS * self._rhythm_depth * (alike >= FEWEST_ALIKE) / np.maximum(1, alike)
        struck, silent = ((self._alike & such).sum(1) for such in (here, ~here))
        return Tired(nats * struck, nats * silent, 1 + HEAT * self._depth)

    def add(self, frames: Sequence[Frame], place: Place) -> None:
        """A step was written in each course."""
        self._begin(place)
        struck = np.array([bool(frame.onsets) for frame in frames])
        self._alike = self._alike & (struck[:, None] == self._here(place))

    def _begin(self, place: Place) -> None:
        if place.step_in_bar == 0:
            self._alike = np.ones_like(self._alike)

    def _here(self, place: Place) -> Bools:
        if place.step_in_bar < LONGEST_BAR_STEPS:
            return self._rhythms[:, place.step_in_bar]
        return np.zeros(len(self._rhythms), np.bool_)

    def staleness(self, written: Sequence[Sequence[Frame]], places: Sequence[Place]) -> Floats:
        """What speaks against each answer (answers,): its bars that stood before, if all is echo."""
        return np.array([STALE * self._depth * self._stood(frames, places) for frames in written])

    def _stood(self, frames: Sequence[Frame], places: Sequence[Place]) -> float:
        bars = tunes_of(frames, places)
        return sum(self._tunes.knows(bar) for bar in bars) / max(1, len(bars))


def tunes_of(frames: Sequence[Frame], places: Sequence[Place]) -> list[Tune]:
    """The whole bars among these frames, those with notes."""
    tunes, bar = [], list[tuple[int, int]]()
    for frame, place in zip(frames, places, strict=False):
        if place.step_in_bar == 0:
            bar = []
        if frame.onsets:
            bar.append((place.step_in_bar, max(onset.pitch for onset in frame.onsets)))
        if place.step_in_bar + 1 == place.steps_per_bar and bar:
            tunes.append(tuple(bar))
    return tunes


def beyond(share: Any, free: float = FREE, all_: float = ALL) -> Any:
    """How far a share of echoes is beyond what is free, 0 to 1."""
    return np.clip((share - free) / (all_ - free), 0, 1)
