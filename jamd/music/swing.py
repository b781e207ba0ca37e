"""Swing: where in the beat the player puts the second of two eighth notes, and jamd then, too.

The grid hears a note two thirds into the beat as a late third sixteenth or an early fourth; a model that was
taught by many hands takes it for either. So where the player swings is measured, and jamd's off-beats are put
there. A swing is written as a share of the beat: 1/2 is even, 2/3 is the triplet, 3/4 a dotted eighth
(Friberg and Sundström, "Swing ratios and ensemble timing in jazz performance", Music Perception 2002).
"""

from __future__ import annotations

from collections import deque

import numpy as np

from jamd.music.note import STEPS_PER_BEAT, Frame

EARLIEST, LATEST = 0.42, 0.80
"""Between these shares of the beat an onset is an off-beat eighth."""
ON_BEAT = 0.17
"""So far from the beat an onset is still on it."""
EVEN = 0.54
"""A swing up to this is none: hands are not exact."""
LEAST, MOST = 6, 24
"""Off-beats that must have been heard, and that are remembered."""
SPREAD = 0.12
"""Between the quartiles: what is wider is no swing but sixteenths."""


class Swing:
    """Measures the player's swing from their frames, step by step."""

    def __init__(self) -> None:
        self.share: float | None = None
        """Of the beat, where the off-beat falls; None where the player is even or not heard enough."""
        self._beat: list[float] = []  # where the present beat's onsets fall, in beats from its beginning
        self._shares: deque[float] = deque(maxlen=MOST)

    def hear(self, step_in_beat: int, player: Frame) -> None:
        """A step is over in which the player did this."""
        if step_in_beat == 0:
            self._close_beat()
        if player.onsets:
            # a chord is one onset
            offset_steps = float(np.mean([onset.offset_steps for onset in player.onsets]))
            self._beat.append((step_in_beat + offset_steps) / STEPS_PER_BEAT)

    def _close_beat(self) -> None:
        between = [share for share in self._beat if ON_BEAT < share < 1 - ON_BEAT]
        self._beat.clear()
        if len(between) != 1 or not EARLIEST < between[0] < LATEST:
            return
        self._shares.append(between[0])
        if len(self._shares) < LEAST:
            return
        low, middle, high = np.percentile(self._shares, [25, 50, 75])
        self.share = float(middle) if middle > EVEN and high - low < SPREAD else None


def swung(step_in_beat: int, share: float, alone: bool) -> float:
    """Where a step of the beat falls, in steps from its beginning. `alone`: the step before it has no onset,
    so that a last sixteenth is the off-beat, too."""
    off_beat = share * STEPS_PER_BEAT
    match step_in_beat:
        case 0:
            return 0.0
        case 1:
            return off_beat / 2
        case 3 if not alone:
            return (off_beat + STEPS_PER_BEAT) / 2
    return off_beat
