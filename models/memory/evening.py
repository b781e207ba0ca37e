"""What both parts played in one evening, as arrays: small to keep, quick to read.

Pitches are those that sounded, whatever the key was taken for: a mind that hears in C moves them by itself
(see `past`), and one that does not can use them as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from jamd.models.features import Place
from jamd.music.note import Frame

Array = npt.NDArray[Any]
PLAYER, OWN = 0, 1
Heard = tuple[Frame, Frame, Place]
"""A step as it was: the player's frame, jamd's own, and where it lay."""


@dataclass(frozen=True, slots=True)
class Evening:
    """S steps with N notes, in order of their steps. `places` (S, 2): step in the bar, steps per bar. `step`
    (N,) of each note, `notes` (N, 3): part, MIDI pitch, velocity, which is 0 for a note that sounds on;
    `offsets` (N,) in steps."""

    places: Array
    step: Array
    notes: Array
    offsets: Array

    @property
    def steps(self) -> int:
        return len(self.places)


TYPES = {"places": np.uint16, "step": np.uint32, "notes": np.uint8, "offsets": np.float16}
"""Of each array of an Evening, by its name."""


def evening_of(heard: Sequence[Heard]) -> Evening:
    """Steps as they were heard."""
    rows = [
        (step, part, pitch, velocity, offset)
        for step, (player, own, _) in enumerate(heard)
        for part, frame in ((PLAYER, player), (OWN, own))
        for pitch, velocity, offset in [
            *((onset.pitch, onset.velocity, onset.offset_steps) for onset in frame.onsets),
            *((pitch, 0, 0.0) for pitch in sorted(frame.held, reverse=True)),
        ]
    ]
    places = [(place.step_in_bar, place.steps_per_bar) for _, _, place in heard]
    table = np.array(rows, np.float64).reshape(-1, 5)
    return Evening(
        np.array(places, TYPES["places"]).reshape(-1, 2),
        table[:, 0].astype(TYPES["step"]),
        table[:, 1:4].astype(TYPES["notes"]),
        table[:, 4].astype(TYPES["offsets"]),
    )


def joined(one: Evening, other: Evening) -> Evening:
    """The one and then the other, as one evening."""
    return Evening(
        np.concatenate([one.places, other.places]),
        np.concatenate([one.step, other.step + TYPES["step"](one.steps)]),
        np.concatenate([one.notes, other.notes]),
        np.concatenate([one.offsets, other.offsets]),
    )


def last_of(evening: Evening, most_steps: int) -> Evening:
    """At most so many steps, the last: whole bars, unless not one of them begins there."""
    first = max(0, evening.steps - most_steps)
    if not first:
        return evening
    (lines,) = np.nonzero(evening.places[first:, 0] == 0)
    first += int(lines[0]) if len(lines) else 0
    note = int(np.searchsorted(evening.step, first))
    return Evening(
        evening.places[first:],
        evening.step[note:] - TYPES["step"](first),
        evening.notes[note:],
        evening.offsets[note:],
    )


def fault_of(evening: Evening) -> str:
    """What is wrong with an evening that comes from a file; nothing if it is sound."""
    shapes = {"places": (evening.steps, 2), "step": (len(evening.step),)}
    shapes |= {"notes": (len(evening.step), 3), "offsets": (len(evening.step),)}
    for name, shape in shapes.items():
        array = getattr(evening, name)
        if array.shape != shape or array.dtype != TYPES[name]:
            return f"{name} is {array.dtype}{list(array.shape)} and not {np.dtype(TYPES[name])}{list(shape)}"
    step, notes = evening.step.astype(np.int64), evening.notes
    if len(step) and (int(step[-1]) >= evening.steps or (np.diff(step) < 0).any()):
        return "notes are out of order"
    if (notes[:, PLAYER] > OWN).any() or (notes > 127).any() or not np.isfinite(evening.offsets).all():
        return "notes are out of range"
    return ""
