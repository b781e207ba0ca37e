"""Tapping the tempo: what four taps say."""

from __future__ import annotations

from collections import deque

import numpy as np

from jamd.music.transport import FASTEST_TEMPO, SLOWEST_TEMPO

TAPS = 4
UNEVEN = 0.35
"""A tap whose interval differs from the mean of those before it by a larger share begins anew."""


class Taps:
    """The last taps that belong together."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=TAPS)

    def add(self, seconds: float) -> float | None:
        """One more tap. The seconds from one to the next, once there are four."""
        taps = self._seconds
        if taps and not self._goes_on(seconds):
            latest = taps[-1]
            taps.clear()
            if self._possible(seconds - latest):
                taps.append(latest)
        taps.append(seconds)
        if len(taps) < TAPS:
            return None
        # the slope of a line through all of them: each tap is off by a little
        return float(np.polynomial.polynomial.polyfit(np.arange(TAPS), taps, 1)[1])

    def _goes_on(self, seconds: float) -> bool:
        taps = self._seconds
        interval = seconds - taps[-1]
        if len(taps) < 2:
            return self._possible(interval)
        usual = (taps[-1] - taps[0]) / (len(taps) - 1)
        return abs(interval - usual) <= UNEVEN * usual

    @staticmethod
    def _possible(interval_seconds: float) -> bool:
        return 60.0 / FASTEST_TEMPO <= interval_seconds <= 60.0 / SLOWEST_TEMPO
