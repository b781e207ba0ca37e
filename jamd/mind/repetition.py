"""Repetition: how much of an evening's music is only an echo of jamd's own, and what it costs to go on so.

What was played is the best guess of what comes, for a network and for a memory alike, and the answer nearest
to its call is chosen. So two programs that answer each other end on one bar: each time that it comes back
makes it surer (an urn to which each ball is put back doubled, Eggenberger and Polya 1923). Here echoes are
counted: bars of jamd's own that stood before, and bars of the player's that jamd was the first to play. A
player who repeats a riff of their own makes none. Bars are compared by tune, by rhythm and by their pitches:
a trill on two notes or a chord that is hammered comes back with one note more or less each time, and no bar
of it stood before note for note.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from jamd.mind.echoes import LATELY_BARS, Bar, Echoes, Known, pitches_of, tune_of, tunes_of
from jamd.models.features import Place
from jamd.models.sampling import Tired
from jamd.models.tokens import KEYS, LOWEST_PITCH
from jamd.music.note import Frame

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

FREE, ALL = 0.25, 0.75
"""The share of echoes up to which nothing is the matter, and from which on all is worn out."""
FREE_RHYTHM, ALL_RHYTHM = 0.4, 0.9
"""The same of rhythms alone. Where jamd goes along with the player's rhythm, half of the bars are echoes."""
FREE_PITCHES, ALL_PITCHES = 0.5, 0.9
"""The same of pitches, in whatever order: where the player's are new, half of the bars at most are echoes."""
LONGEST_BAR_STEPS = 64
"""Of a longer bar the rest is not compared."""
HEAT = 0.8
"""How much hotter all is chosen where there is nothing but echoes."""
STALE = 6.0
"""What speaks against an answer of nothing but bars that stood before, there."""
RHYTHM_NATS = 3.0
"""What it costs to strike a note where all bars had one that went like this one so far, or none where none
had, if all is echo."""
PITCH_NATS = 3.0
"""What it costs a key that is struck in all bars to be the one that is struck, if all pitches are echo."""
FEWEST_ALIKE = 3
"""So many bars that went like this one so far are a habit."""


class Rut:
    """Counts echoes, bar by bar: of tunes, which are rhythms with their highest pitches, of rhythms alone,
    and of the pitches alone."""

    def __init__(self) -> None:
        self._open: tuple[Bar, Bar] = [], []  # the player's, jamd's
        self._stop = 0  # of the open bars
        self._tunes = Echoes(FREE, ALL)
        self._rhythms = Echoes(FREE_RHYTHM, ALL_RHYTHM)
        self._pitches = Echoes(FREE_PITCHES, ALL_PITCHES)

    def hear(self, player: Frame, own: Frame, place: Place) -> None:
        """One step of both parts."""
        self._stop = place.step_in_bar + 1
        for bar, frame in zip(self._open, (player, own), strict=True):
            if place.step_in_bar == 0:
                bar.clear()
            if frame.onsets:
                bar.append((place.step_in_bar, frame))
        if place.step_in_bar + 1 == place.steps_per_bar:
            for bar, is_own in zip(self._open, (False, True), strict=True):
                if bar:
                    self._tunes.close(tune_of(bar), is_own)
                    self._rhythms.close(tuple(step for step, _ in bar), is_own)
                    self._pitches.close(pitches_of(bar), is_own)

    @property
    def depth(self) -> float:
        """0 where there are few echoes of tunes or of pitches, 1 where there is little else."""
        return max(self._tunes.depth, self._pitches.depth)

    def follow(self, courses: int) -> Following | None:
        """Courses that go on with jamd's bar; None while nothing is the matter."""
        depth, rhythm_depth = self.depth, self._rhythms.depth
        if not (depth or rhythm_depth):
            return None
        rhythms = self._rhythms.table(LONGEST_BAR_STEPS)
        begun = np.isin(np.arange(self._stop), [step for step, _ in self._open[1]])
        alike = (rhythms[:, : self._stop] == begun[:LONGEST_BAR_STEPS]).all(-1)
        struck = self._pitches.table(LOWEST_PITCH + KEYS)[:, LOWEST_PITCH:].sum(0)
        of_keys = PITCH_NATS * self._pitches.depth * struck / LATELY_BARS
        known = self._tunes.known
        return Following(rhythms, np.tile(alike, (courses, 1)), of_keys, (depth, rhythm_depth), known)


class Following:
    """Courses that are being written: which of the echoed `rhythms` (bars, steps) each has followed in its
    bar so far, `alike` (courses, bars)."""

    def __init__(
        self, rhythms: Bools, alike: Bools, of_keys: Floats, depths: tuple[float, float], tunes: Known
    ) -> None:
        """`of_keys` are the nats that each key costs, (KEYS,); the `depths` those of all and of rhythms."""
        self._rhythms, self._alike, self._of_keys, self._tunes = rhythms, alike, of_keys, tunes
        self._depth, self._rhythm_depth = depths

    def fork(self, chosen: Sequence[int]) -> Following:
        depths = self._depth, self._rhythm_depth
        return Following(self._rhythms, self._alike[list(chosen)], self._of_keys, depths, self._tunes)

    def tired(self, place: Place) -> Tired:
        """What each course is tired of on this step."""
        self._begin(place)
        here = self._here(place)
        alike = self._alike.sum(1)
        nats = RHYTHM_NATS * self._rhythm_depth * (alike >= FEWEST_ALIKE) / np.maximum(1, alike)
        struck, silent = ((self._alike & such).sum(1) for such in (here, ~here))
        return Tired(nats * struck, nats * silent, self._of_keys, 1 + HEAT * self._depth)

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
