"""How far a `markov` mind leans on short contexts, fitted to music that it did not count."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch

from jamd.models.markov import LEVELS, TOKEN_BITS
from jamd.models.tokens import TOKENS
from jamd.training.batches.batches import Conversation
from jamd.training.fitting.counting import events_of

BLEND_RANGE = 0.01, 10_000.0
"""What half precision can hold."""


def fit_blend(
    tables: dict[str, npt.NDArray[np.generic]], held_out: Iterable[Conversation], updates: int = 150
) -> npt.NDArray[np.float32]:
    """The `blend` of a `Markov` with these tables under which held-out music is likeliest, (LEVELS, 2)."""
    keys, counts = tables["keys"], tables["counts"]
    counted = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    rows: list[npt.NDArray[np.float32]] = []
    for conversation in held_out:
        events = events_of(conversation)
        numbers = events.context.numbers()
        first, stop = keys.searchsorted(numbers), keys.searchsorted(numbers | TOKEN_BITS)
        wanted = numbers | events.token.astype(np.uint64)[:, None]
        found = np.minimum(keys.searchsorted(wanted), len(keys) - 1)
        hits = np.where(keys[found] == wanted, counts[found], 0)
        rows.append(np.stack([counted[stop] - counted[first], stop - first, hits]).astype(np.float32))
    seen, kinds, hit = torch.from_numpy(np.concatenate(rows, 1)).unbind()  # (E, LEVELS) each
    logs = torch.tensor([[0.0, 1.0]]).repeat(LEVELS, 1).requires_grad_()
    optimiser = torch.optim.Adam([logs], lr=0.1)
    for _ in range(updates):
        once, per_kind = logs.exp().unbind(1)
        chance = torch.full((len(seen),), 1 / TOKENS)
        for level in range(LEVELS):
            left = once[level] + per_kind[level] * kinds[:, level]
            chance = (hit[:, level] + left * chance) / (seen[:, level] + left)
        loss = -chance.log().mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        with torch.no_grad():
            logs.clamp_(*np.log(BLEND_RANGE))
    return np.asarray(logs.detach().exp().numpy())
