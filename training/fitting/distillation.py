"""Distillation: learning from how likely a teacher finds whatever could come, not from what came alone.

Distillation (Hinton, Vinyals and Dean 2015) against forgetting (Li and Hoiem, Learning without Forgetting,
2016): music drawn from the model as it was is learned with that model's own chances, which say far more than
the one note drawn from them.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from jamd.models.networks.head import Words

NEVER = -100.0
"""The logarithm of a chance that is as good as none; of none itself there is no gradient."""


@dataclass(frozen=True, slots=True)
class Chances:
    """A teacher's chances for the last rows of some words: of tokens (rows, TOKENS), and for the attacks
    among them of velocities (attacks, VELOCITY_BINS) and offsets (attacks, OFFSET_BINS)."""

    token: Tensor
    velocity: Tensor
    offset: Tensor


class Asked(Words):
    """Words of which the chances are asked."""

    def cost(
        self, logits: Tensor, attack: Tensor, velocity_logits: Tensor, offset_logits: Tensor
    ) -> tuple[Tensor, ...]:
        """Chances of tokens, velocities and offsets, a row each."""
        return logits.softmax(-1), velocity_logits.softmax(-1), offset_logits.softmax(-1)


class Taught(Words):
    """Words whose last rows are learned from a teacher."""

    def __init__(self, *words: Tensor, chances: Chances) -> None:
        super().__init__(*words)
        self.chances = chances

    def cost(
        self, logits: Tensor, attack: Tensor, velocity_logits: Tensor, offset_logits: Tensor
    ) -> tuple[Tensor, ...]:
        """Nats of what came in the first rows, as ever, and by how much the chances in the last rows differ
        from the teacher's: Kullback-Leibler divergences in nats, summed."""
        rows, attacks = len(logits) - len(self.chances.token), len(attack) - len(self.chances.velocity)
        own = Words(
            self.frame[:rows], *(x[:rows] for x in (self.token, self.velocity, self.offset)), self.sounding
        )
        nats = own.cost(logits[:rows], attack[:attacks], velocity_logits[:attacks], offset_logits[:attacks])
        apart = (
            _divergence(self.chances.token, logits[rows:])
            + _divergence(self.chances.velocity, velocity_logits[attacks:])
            + _divergence(self.chances.offset, offset_logits[attacks:])
        )
        return (*nats, apart)


def _divergence(chances: Tensor, logits: Tensor) -> Tensor:
    """By how much the softmax of the scores differs from the chances, summed over rows."""
    here = logits.log_softmax(-1).clamp(min=NEVER)
    return (chances * (chances.log().clamp(min=NEVER) - here)).sum()
