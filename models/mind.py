"""What every mind offers, whatever network is inside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from jamd.models.features import Cue, Place
from jamd.music.note import Frame

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


class Spelling(Protocol):
    """One frame per course being chosen, from its highest note down to END; see `jamd.models.tokens`."""

    def logits(self) -> Floats:
        """Scores of the next token, (courses, TOKENS), minus infinity where a token cannot follow."""

    def velocity_logits(self, tokens: Ints) -> Floats:
        """Scores of the velocity bins, (courses, VELOCITY_BINS), of the attacks `tokens`, (courses,)."""

    def offset_logits(self, velocities: Ints) -> Floats:
        """Scores of their offset bins, (courses, OFFSET_BINS), once their velocity bins are chosen."""

    def add(self, tokens: Ints, velocities: Ints, offsets: Ints) -> None:
        """Put down the next token of each course; velocity and offset are those of an attack, in bins.
        A course that has put down END may be given END again."""


class Thought(Protocol):
    """What has been heard, in one or several courses of events side by side: the candidates of an answer, or
    pieces being scored. Sequences are as long as there are courses."""

    @property
    def courses(self) -> int: ...

    def hear(self, players: Sequence[Frame], owns: Sequence[Frame], places: Sequence[Place]) -> None:
        """Take in one more step of both parts."""

    def begin(self) -> None:
        """jamd's turn begins here."""

    def spell(self, befores: Sequence[Frame], cues: Sequence[Cue]) -> Spelling:
        """jamd's next frame, yet to be chosen. `befores` are its own frames of the step before."""

    def fork(self, chosen: Sequence[int]) -> Thought:
        """A copy whose courses are the chosen ones, in that order: [0] * 8 are eight copies of the first.
        What the copy hears is not heard here, so an answer can be imagined while the true course goes on."""


class Mind(Protocol):
    """A model that can be asked what to play next."""

    def start(self) -> Thought:
        """Nothing heard yet, in one course."""
