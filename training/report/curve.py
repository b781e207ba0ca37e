"""A run's losses as curves to be drawn, and which levels a drawing of them shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from jamd.music.measures import Floats

ROOM = 3.0
"""A drawing ends at this multiple of the lowest held-out loss: how a training that began from nothing fell in
its first updates shall not press all else together."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Nats a step over updates, (rows,) each, NaN where there is no number; `start` is the level of the model
    that was there before, NaN where unknown. A drawing goes from `lowest` to `highest`."""

    updates: Floats
    learned: Floats
    held_out: Floats
    start: float
    lowest: float
    highest: float

    @property
    def best(self) -> int:
        """The row of the lowest held-out loss."""
        return int(np.nanargmin(self.held_out))


def curve_of(losses: Sequence[Mapping[str, float]], start_nats_per_step: float) -> Curve | None:
    """The curve of a run's rows; None where no held-out loss is a number."""
    updates, learned, held_out = (
        np.array([row[name] for row in losses], np.float64)
        for name in ("updates", "learned_nats_per_step", "nats_per_step")
    )
    learned, held_out = (np.where(np.isfinite(values), values, np.nan) for values in (learned, held_out))
    if np.isnan(held_out).all():
        return None
    told = np.concatenate([held_out, [start_nats_per_step]])
    told = told[np.isfinite(told)]
    lowest = float(np.nanmin([*learned, *told]))
    highest = min(float(np.nanmax([*learned, *told])), ROOM * float(told.min()))
    return Curve(updates, learned, held_out, start_nats_per_step, lowest, highest)
