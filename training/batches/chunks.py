"""Pieces that are learned whole, in a new order each epoch: the benchmarks' rolls."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jamd.models.features import Rolls
from jamd.training.batches.batches import Batch, Conversation, batch_of

WARM_UP_STEPS = 16
"""Of a stretch out of the middle of a piece: they are read but not scored, as no piece is entered there."""


class Chunks:
    """Sequence `number` is a piece, or a stretch of a long one; an epoch is as many as cover all pieces."""

    def __init__(self, conversations: Sequence[Conversation], steps: int, seed: int) -> None:
        self.seed, self.steps = seed, steps
        self.conversations = conversations
        self.pieces = np.repeat(np.arange(len(conversations)), [-(-c.steps // steps) for c in conversations])

    @property
    def epoch_sequences(self) -> int:
        return len(self.pieces)

    def draw(self, numbers: Sequence[int]) -> Batch:
        return batch_of([self.stretch(number) for number in numbers])

    def stretch(self, number: int) -> Conversation:
        epoch, index = divmod(number, self.epoch_sequences)
        order = np.random.default_rng((self.seed, epoch)).permutation(self.pieces)
        whole = self.conversations[int(order[index])]
        # As likely from the piece's first step as any stretch is, so that beginnings are learned too.
        first = np.random.default_rng((self.seed, epoch, index)).integers(
            -self.steps // 2, max(1, whole.steps - self.steps // 2)
        )
        return cut(whole, max(0, min(int(first), whole.steps - self.steps)), self.steps)


def cut(whole: Conversation, first: int, steps: int) -> Conversation:
    """A stretch of a piece that is one own turn."""
    rolls = whole.rolls
    here = slice(first, first + steps)
    parts = Rolls(rolls.attacks[:, here], rolls.holds[:, here], rolls.offsets[:, here])
    places = whole.step_in_bar[here], whole.steps_per_bar[here]
    return Conversation(
        parts, *places, turns=[(WARM_UP_STEPS if first else 0, len(places[0]))], open_end=True
    )
