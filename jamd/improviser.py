"""The improviser listens through a mind and writes answers with it, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from jamd.models.features import Place
from jamd.models.mind import Mind
from jamd.models.sampling import Knobs, spell
from jamd.note import REST, Frame


class Improviser:
    """One player's ear and imagination. What was heard and what is imagined are kept apart: an answer is
    written ahead of time as if it were already played, and only what is really played is heard for good."""

    def __init__(self, mind: Mind, knobs: Knobs, seed: int | None = None) -> None:
        self.mind, self.knobs = mind, knobs
        self._rng = np.random.default_rng(seed)
        self._memory = mind.start()

    def hear(self, player: Frame, own: Frame, place: Place) -> None:
        """One step of both parts, as it was played."""
        self._memory = self.mind.hear(self._memory, player, own, place)

    def answer(self, places: Sequence[Place]) -> Iterator[Frame]:
        """The frames of an answer that lies on `places`. It comes in on the first of them, so it is never
        empty."""
        memory = self._memory
        turn = self.mind.begin(memory)
        before = REST
        for step, place in enumerate(places):
            turn, word = self.mind.word(memory, turn, before, place, False)
            frame = spell(word, self.knobs, self._rng, attack=step == 0)
            yield frame
            before = frame
            memory = self.mind.hear(memory, REST, frame, place)
