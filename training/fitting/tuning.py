"""A model that goes on to learn from one player: what it is shown, how long, and how far it is moved.

Half of what it is shown is the player's, half what it used to play itself (see `selfplay`). How far it then
goes from what it was towards what it learned is chosen on music that it was not shown: along the straight
line between the two weights what is forgotten grows late and what is won comes early (Wortsman et al.,
Robust fine-tuning of zero-shot models, CVPR 2022).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from jamd.models.bundle import Weights
from jamd.training.batches.batches import Batch, batch_of
from jamd.training.batches.conversations import Conversation
from jamd.training.batches.sampler import Sampler
from jamd.training.fitting import fit
from jamd.training.recordings.pieces import QuantisedPiece

SHARE_REHEARSED = 0.5
LEARNING_RATE = 2e-3
AVERAGE = 0.99
CHECKS, PATIENCE = 48, 20
"""Scorings of what is watched over a training, and how many in a row may bring nothing better: the losses of
one that ends early are a curve too."""
FEWEST_UPDATES = 60
MOST_FORGOTTEN = 0.018
"""Of the nats on what the model used to play, the share by which they may rise. On 65 pieces by others they
rose by 0.8 to 1.4 times what they rose by there: with four players by 1.3 to 1.5 % in all."""
WAYS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
SCORED_TOGETHER = 16

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Mixed:
    """The player's music and what is rehearsed, in turns by chance: the sequence's number decides."""

    own: Sampler
    rehearsed: Sequence[Conversation]
    seed: int

    def is_rehearsed(self, number: int) -> bool:
        return bool(np.random.default_rng((self.seed, number, 1)).random() < SHARE_REHEARSED)

    def draw(self, numbers: Sequence[int]) -> Batch:
        rehearsed = [
            self.rehearsed[number % len(self.rehearsed)] for number in numbers if self.is_rehearsed(number)
        ]
        own = [self.own.conversation(number) for number in numbers if not self.is_rehearsed(number)]
        return replace(batch_of([*own, *rehearsed]), rehearsed=batch_of(rehearsed) if rehearsed else None)


def updates_for(sequences: float, batch: int) -> int:
    """How many updates suit so many sequences of the player's: some twenty-five passes over half an hour,
    fewer over more, and two over whatever is most."""
    return round(max(FEWEST_UPDATES, 32 * math.sqrt(sequences), 2 * sequences / batch / SHARE_REHEARSED))


def asked_of(pieces: Sequence[QuantisedPiece], steps: int, most_each: int = 64) -> list[list[Conversation]]:
    """Each piece as the conversations it is scored on: as many as cover it, always the same."""
    asked = []
    for piece in pieces:
        sampler = Sampler([piece], steps, seed=0, augment=False)
        count = min(most_each, math.ceil(piece.steps / steps))
        asked.append([sampler.conversation(number) for number in range(count)])
    return asked


@torch.no_grad()
def costs(
    model: nn.Module, asked: Sequence[Sequence[Conversation]], device: torch.device
) -> tuple[Floats, Floats]:
    """The own steps of each group of conversations, and what they cost in nats: (groups,) each."""
    model.eval()
    steps, nats = np.zeros(len(asked)), np.zeros(len(asked))
    for group, conversations in enumerate(asked):
        by_length = sorted(conversations, key=lambda conversation: conversation.steps)
        for first in range(0, len(by_length), SCORED_TOGETHER):
            batch = batch_of(by_length[first : first + SCORED_TOGETHER])
            steps[group] += batch.frames
            nats[group] += sum(float(value) for value in fit.nats(model, batch, device))
    return steps, nats


def between(start: Weights, learned: Weights, way: float) -> dict[str, npt.NDArray[np.float32]]:
    """The weights this share of the way from the start to what was learned."""
    return {
        name: np.asarray(start[name] + np.float32(way) * (learned[name] - start[name]), np.float32)
        for name in start
    }


def how_far(
    start: Weights,
    learned: Weights,
    watched: Callable[[Weights], float],
    kept: Callable[[Weights], float],
) -> float:
    """Which share of the way to go: where the nats a step of what is `watched` are fewest, among those ways
    on which the nats of what shall be `kept` rise by `MOST_FORGOTTEN` at most; 0 where none is better than
    the start. The nats are taken to fall and then to rise along the way."""
    best, fewest, most = 0.0, watched(start), kept(start) * (1 + MOST_FORGOTTEN)
    for way in WAYS:
        weights = between(start, learned, way)
        if kept(weights) > most:
            continue
        nats = watched(weights)
        if nats < fewest:
            best, fewest = way, nats
        elif best:
            break
    return best
