"""Conversations drawn at random from pieces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jamd.training.batches import floor
from jamd.training.batches.batches import Batch, Conversation, batch_of, converse
from jamd.training.reading.store import Pieces
from jamd.training.recordings.pieces import QuantisedPiece


class Sampler:
    """Draws conversations from pieces. Long pieces are drawn more often, but by less than their length says:
    the many short songs shall not drown.

    Each sequence of a training has a number, and the seed and that number alone decide what it is: so a
    resumed training goes on with what would have come, and several processes share one without talking.
    """

    def __init__(
        self,
        pieces: Sequence[QuantisedPiece],
        steps: int,
        seed: int,
        augment: bool = True,
        emphasis: Sequence[float] | None = None,
    ) -> None:
        """`emphasis` is how much more often than others each piece is drawn."""
        self.pieces, self.steps, self.seed, self.augment = pieces, steps, seed, augment
        if isinstance(pieces, Pieces):
            lengths_steps = pieces.lengths_steps  # without loading any
        else:
            lengths_steps = np.array([piece.steps for piece in pieces], np.int64)
        chances = lengths_steps.astype(np.float64) ** 0.8
        self.chances = np.cumsum(chances * (1.0 if emphasis is None else np.asarray(emphasis)))
        self.chances /= self.chances[-1]

    def conversation(self, number: int) -> Conversation:
        """A stretch of a piece from any bar on; where nothing but rests, or jamd's own part, come within it,
        from a bar on in which a note begins. Raises ValueError for a piece without any."""
        rng = np.random.default_rng((self.seed, number))
        piece = self.pieces[int(self.chances.searchsorted(rng.random(), side="right"))]
        bar = int(rng.integers(len(piece.bar_lines) - 1))
        if rng.random() < 0.5:  # where phrases of four bars begin, if the piece has such
            bar -= bar % 4
        conversation = converse(piece, bar, self.steps, rng, self.augment)
        if conversation is None:
            struck = floor.bars_struck(piece)
            if not len(struck):
                raise ValueError(f"{piece.name} holds nothing to learn from")
            conversation = converse(piece, int(rng.choice(struck)), self.steps, rng, self.augment)
        assert conversation is not None
        return conversation

    def draw(self, numbers: Sequence[int]) -> Batch:
        return batch_of([self.conversation(number) for number in numbers])
