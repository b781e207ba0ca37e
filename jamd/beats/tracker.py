"""Where the beat lies in what is played: a forward filter over tempo and phase, fed note by note.

It is a bar pointer (Whiteley, Cemgil and Godsill, ISMIR 2006; Krebs, Böck and Widmer, ISMIR 2015) whose bar
is one pulse: a grid of probabilities, tempo by phase, that turns as time passes. What is observed is the gap
between two onsets, as in the score models of Raphael (ISMIR 2001) and Cemgil and Kappen (JAIR 18, 2003): how
likely is it that after a note at that place of the beat the next one comes here? That follows from how often
each rhythmic figure is played within a beat. Nothing of the future is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Figures = Mapping[str, float]
"""How often (weights) a pulse is filled so: "x..x" is a dotted eighth and a sixteenth, "x.x" is swung. A run
of quarters is about as likely as one of eighths at half the tempo, so that USUAL_PULSE decides."""

FIGURES: Figures = MappingProxyType(
    {
        "....": 0.20,
        "x...": 0.26,
        "x.x.": 0.20,
        "x.x": 0.12,
        "xxxx": 0.04,
        "xxx": 0.02,
        "..x.": 0.04,
        "..x": 0.03,
        "x..x": 0.03,
        "x.xx": 0.02,
        "xxx.": 0.01,
        "xx.x": 0.005,
        "xx..": 0.005,
        "..xx": 0.005,
        ".xxx": 0.005,
        "...x": 0.005,
    }
)
COMPOUND_FIGURES: Figures = MappingProxyType(
    {
        "...": 0.15,
        "x..": 0.22,
        "x.x": 0.22,
        "xxx": 0.25,
        "xx.": 0.03,
        "..x": 0.03,
        ".xx": 0.01,
        ".x.": 0.01,
        "xxxxxx": 0.03,
        "x.x.xx": 0.02,
        "x..xx.": 0.02,
        "x...xx": 0.01,
    }
)
"""The same for a dotted pulse, as in 6/8."""
TWELFTHS = 12
"""Every place in a figure is a whole number of these."""

PHASES = 48
"""Places in a pulse: 10 ms each at 120 BPM."""
SLOWEST_PULSE, FASTEST_PULSE = 40.0, 320.0
TEMPO_STEP = 0.02
"""Between two tempos of the grid, as a share."""
USUAL_PULSE = 120.0
USUAL_OCTAVES = 0.4
"""Of all pulses that fit, people mean one near two a second: a normal curve over the logarithm of the tempo
(Parncutt, Music Perception 11, 1994; van Noorden and Moelants, JNMR 28, 1999)."""

SPREAD_PULSES = 0.05
"""How far from its place in the figure a note falls: standard deviation."""
STRAY = 0.15
"""The share of gaps that mean nothing: ornaments, slips, rubato."""
LONGEST_PULSES = 8
SHORTEST_GAP, LONGEST_GAP, GAPS = 1 / 16, 8.0, 112
"""Gaps in pulses as the table knows them, in equal steps of their logarithm."""
PHASE_DRIFT, TEMPO_DRIFT = 0.02, 0.01
"""How far the phase wanders in half a second or more, in pulses, and the tempo in a second, as a share."""
NEAR_TEMPO, NEAR_PHASE = 0.04, 0.1
"""What counts as the same tempo (a share) and the same phase (pulses)."""


@dataclass(frozen=True, slots=True)
class Beat:
    """The likeliest pulse at an onset: its tempo (pulses a minute), how much of the pulse has passed by then
    (0 to 1), and how likely tempo and phase are, within NEAR_TEMPO and NEAR_PHASE."""

    tempo: float
    phase: float
    likelihood: float


class BeatTracker:
    """What is known of tempo and phase at the last onset: probabilities (tempos, PHASES).

    An onset costs about 0.3 ms.
    """

    def __init__(self, figures: Figures = FIGURES, usual_pulse: float = USUAL_PULSE) -> None:
        tempos = np.log(FASTEST_PULSE / SLOWEST_PULSE) / TEMPO_STEP
        self.tempos: FloatArray = SLOWEST_PULSE * np.exp(TEMPO_STEP * np.arange(int(tempos) + 1))
        self._per_second = self.tempos / 60.0
        self._first, self._gaps = gap_tables(tuple(figures.items()))
        octaves = np.log2(self.tempos / usual_pulse) / USUAL_OCTAVES
        self._weights = np.exp(-0.5 * octaves**2)[:, None] * self._first
        self._weights /= self._weights.sum()

    def hear(self, gap_seconds: float) -> None:
        """An onset, so long after the one before."""
        self._pass(gap_seconds)
        place = np.log(self._per_second * gap_seconds / SHORTEST_GAP) / GAP_STEP - 0.5
        place = np.clip(place, 0.0, GAPS - 1.001)
        low = place.astype(np.int64)
        share = (place - low)[:, None]
        self._weights *= (1.0 - share) * self._gaps[low] + share * self._gaps[low + 1]
        self._weights /= self._weights.sum()

    def keep_near(self, tempo: float, share: float) -> None:
        """It is no further than this share from that tempo (or from the first or last there is)."""
        tempo = min(max(tempo, self.tempos[0]), self.tempos[-1])
        self._weights[np.abs(np.log(self.tempos / tempo)) > np.log1p(share)] = 0.0
        self._weights /= self._weights.sum()

    def best(self) -> Beat:
        """The likeliest tempo and, at that tempo, the likeliest phase: means over what is near."""
        rows = round(NEAR_TEMPO / TEMPO_STEP)
        near = np.convolve(self._weights.sum(axis=1), np.ones(2 * rows + 1), "same")
        row = int(near.argmax())
        chosen = slice(max(0, row - rows), row + rows + 1)
        by_tempo, by_phase = self._weights[chosen].sum(axis=1), self._weights[chosen].sum(axis=0)
        tempo = np.exp((by_tempo * np.log(self.tempos[chosen])).sum() / by_tempo.sum())
        reach = round(NEAR_PHASE * PHASES)
        around = np.arange(-reach, reach + 1)
        windows = by_phase[(np.arange(PHASES)[:, None] + around) % PHASES]
        column = int(windows.sum(axis=1).argmax())
        likelihood = windows[column].sum()
        phase = (column + (windows[column] * around).sum() / likelihood) / PHASES
        return Beat(float(tempo), float(phase % 1.0), float(likelihood))

    def _pass(self, seconds: float) -> None:
        """Time passes: each tempo turns its phases, and neither is as sure as before."""
        pulses = self._per_second * seconds
        between_tempos = (TEMPO_STEP * pulses) ** 2 / 12.0  # a row stands for all tempos up to the next
        wandered = PHASE_DRIFT**2 * min(1.0, 2.0 * seconds)
        self._weights = self._turned(pulses, between_tempos + wandered)
        share = min(1.0 / 3.0, 0.5 * TEMPO_DRIFT**2 * seconds / TEMPO_STEP**2)
        flow = share * np.diff(self._weights, axis=0)
        self._weights[:-1] += flow
        self._weights[1:] -= flow

    def _turned(self, pulses: FloatArray, variance: FloatArray) -> FloatArray:
        """The weights, each tempo's phases (tempos,) pulses further on and blurred."""
        turns = 2.0 * np.pi * np.arange(PHASES // 2 + 1)
        moved = np.exp(-1j * np.outer(pulses, turns) - 0.5 * np.outer(variance, turns**2))
        weights = np.fft.irfft(np.fft.rfft(self._weights, axis=1) * moved, PHASES, axis=1)
        least: FloatArray = 1e-12 * self._weights.any(axis=1)[:, None]
        return np.maximum(weights, least)


GAP_STEP = np.log(LONGEST_GAP / SHORTEST_GAP) / GAPS


@cache
def gap_tables(figures: tuple[tuple[str, float], ...]) -> tuple[FloatArray, FloatArray]:
    """How likely a first onset is by phase (PHASES,), and an onset by gap before it and phase (GAPS, PHASES):
    densities over the phase and over the logarithm of the gap."""
    places, following = _following(figures)
    twelfths = np.arange(TWELFTHS) / TWELFTHS
    phases = np.arange(PHASES) / PHASES
    first = _bell((phases[:, None] - twelfths + 0.5) % 1.0 - 0.5) @ places
    table = np.empty((GAPS, PHASES))
    ahead = np.arange(following.shape[1]) / TWELFTHS
    for row, gap in enumerate(SHORTEST_GAP * np.exp(GAP_STEP * (np.arange(GAPS) + 0.5))):
        before = (phases - gap + 0.5 / TWELFTHS) % 1.0 - 0.5 / TWELFTHS
        was = _bell((before[:, None] - twelfths + 0.5) % 1.0 - 0.5) * places + 1e-9
        was /= was.sum(axis=1, keepdims=True)
        table[row] = gap * (was @ following * _bell((before + gap)[:, None] - ahead)).sum(axis=1)
        stray = np.exp(-0.5 * np.log(gap / 0.5) ** 2) / np.sqrt(2.0 * np.pi)
        table[row] = (1.0 - STRAY) * table[row] + STRAY * stray
    return 0.3 + 0.7 * first / first.mean(), table


def _following(figures: tuple[tuple[str, float], ...]) -> tuple[FloatArray, FloatArray]:
    """How likely each twelfth of a pulse has an onset (TWELFTHS,), and where the next one after it comes,
    in twelfths from the beginning of its own pulse (TWELFTHS, LONGEST_PULSES * TWELFTHS)."""
    struck = np.zeros((len(figures), TWELFTHS), bool)
    for row, (figure, _) in enumerate(figures):
        for place, sign in enumerate(figure):
            struck[row, place * TWELFTHS // len(figure)] = sign == "x"
    weights = np.array([weight for _, weight in figures])
    weights /= weights.sum()

    def first_after(twelfth: int, weights: FloatArray) -> tuple[FloatArray, float]:
        """Where in the pulse the first onset after this twelfth is, and how likely there is none."""
        later = struck & (np.arange(TWELFTHS) > twelfth)
        some = later.any(axis=1)
        found = np.zeros(TWELFTHS)
        np.add.at(found, later.argmax(axis=1)[some], weights[some])
        return found, float(weights[~some].sum())

    places = weights @ struck
    anew, none_anew = first_after(-1, weights)
    following = np.zeros((TWELFTHS, LONGEST_PULSES, TWELFTHS))
    for twelfth in np.flatnonzero(places):
        given = weights * struck[:, twelfth] / places[twelfth]
        following[twelfth, 0], none = first_after(int(twelfth), given)
        for pulse in range(1, LONGEST_PULSES):
            following[twelfth, pulse] = none * anew
            none *= none_anew
    return places, following.reshape(TWELFTHS, -1)


def _bell(pulses: FloatArray) -> FloatArray:
    """A normal density of this spread (any shape)."""
    density: FloatArray = np.exp(-0.5 * (pulses / SPREAD_PULSES) ** 2) / (
        SPREAD_PULSES * np.sqrt(2.0 * np.pi)
    )
    return density
