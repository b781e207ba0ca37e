"""Training: one flat loop, its order the order of the explanation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch

from jamd.models.head import Words
from jamd.models.seq2seq import Seq2Seq, Settings
from jamd.training.batches import Batch, Sampler
from jamd.training.pieces import QuantisedPiece

SEQUENCE_STEPS = 192
BATCH = 16
SMALL_BATCH = 8
"""Used for the first fifth: the start is bound by the number of updates, not by their noise."""
CHECK_EVERY_UPDATES = 250
HELD_OUT_SEQUENCES = 96
WARM_UP_UPDATES = 200
"""Or a tenth of all updates, whichever is fewer."""
CLIP = 1.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides the outcome, besides the music."""

    epochs: int = 5
    seed: int = 0
    learning_rate: float = 4e-3
    dropout: float = 0.1
    settings: Settings = field(default_factory=Settings)


@dataclass(frozen=True, slots=True)
class Scores:
    """Nats a step of own turns on held-out pieces, and what each attack's velocity and offset cost in it."""

    nats_per_step: float
    key_nats_per_step: float
    velocity_nats_per_attack: float
    offset_nats_per_attack: float


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the training stands; `scores` is there when the held-out pieces were just scored."""

    sequences: int
    of_sequences: int
    updates: int
    nats_per_step: float
    scores: Scores | None = None
    best: bool = False


Weights = dict[str, npt.NDArray[np.float32]]


def to_torch(batch: Batch, device: torch.device) -> tuple[torch.Tensor, ...]:
    """A batch's arrays as tensors on a device, in the order of its fields."""
    names = ("heard", "asked", "turns", "own", "frame", "token", "velocity", "offset", "sounding")
    return tuple(torch.from_numpy(np.ascontiguousarray(getattr(batch, n))).to(device) for n in names)


def nats(model: Seq2Seq, batch: Batch, device: torch.device) -> tuple[torch.Tensor, ...]:
    """Nats of keys, velocities and offsets of a batch, summed."""
    heard, asked, turns, own, *words = to_torch(batch, device)
    return model(heard, asked, turns, own, Words(*words))


@torch.no_grad()
def score(model: Seq2Seq, batches: Sequence[Batch], device: torch.device) -> Scores:
    """The mean over all frames of the batches, dropout off."""
    model.eval()
    key = velocity = offset = 0.0
    for batch in batches:
        sums = nats(model, batch, device)
        key, velocity, offset = (x + y.item() for x, y in zip((key, velocity, offset), sums, strict=True))
    model.train()
    frames = sum(batch.frames for batch in batches)
    attacks = max(1, sum(int((batch.token < batch.sounding.shape[1]).sum()) for batch in batches))
    return Scores((key + velocity + offset) / frames, key / frames, velocity / attacks, offset / attacks)


def fit(
    pieces: Sequence[QuantisedPiece],
    held_out: Sequence[QuantisedPiece],
    recipe: Recipe,
    device: torch.device,
    report: Callable[[Progress], None],
    keep: Callable[[Weights, Scores, int], None],
) -> Scores:
    """Train and return the best scores; `keep` is handed the weights each time they are the best so far.

    The same pieces, recipe and number of threads give the same weights on a CPU. KeyboardInterrupt ends the
    training early with the best weights kept; a loss that is not a number ends it with FloatingPointError.
    """
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    model = Seq2Seq(recipe.settings, recipe.dropout).to(device)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.98), weight_decay=0.01
    )
    teach, check = Sampler(pieces, SEQUENCE_STEPS), Sampler(held_out, SEQUENCE_STEPS)
    check_rng = np.random.default_rng(0)  # the same questions at every check, and in every training
    questions = [check.draw(BATCH, check_rng, augment=False) for _ in range(HELD_OUT_SEQUENCES // BATCH)]
    of_sequences = recipe.epochs * math.ceil(sum(piece.steps for piece in pieces) / SEQUENCE_STEPS)
    warm_up_updates = min(WARM_UP_UPDATES, max(1, of_sequences // BATCH // 10))
    sequences = updates = 0
    mean_nats = math.nan
    best: Scores | None = None

    def check_and_keep() -> tuple[Scores, bool]:
        nonlocal best
        scores = score(model, questions, device)
        if better := best is None or scores.nats_per_step < best.nats_per_step:
            best = scores
            state = {name: tensor.cpu().numpy() for name, tensor in model.state_dict().items()}
            keep(state, scores, updates)
        return scores, better

    try:
        while sequences < of_sequences:
            done = sequences / of_sequences
            batch = teach.draw(SMALL_BATCH if done < 0.2 else BATCH, rng)
            warm_up = min(1.0, (updates + 1) / warm_up_updates)
            rate = recipe.learning_rate * warm_up * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
            for group in optimiser.param_groups:
                group["lr"] = rate
            loss = torch.stack(nats(model, batch, device)).sum() / batch.frames
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            value = loss.item()
            if not math.isfinite(value):
                raise FloatingPointError(f"the loss is {value} after {updates} updates")
            optimiser.step()
            sequences += SMALL_BATCH if done < 0.2 else BATCH
            updates += 1
            mean_nats = value if math.isnan(mean_nats) else 0.98 * mean_nats + 0.02 * value
            if updates % CHECK_EVERY_UPDATES == 0 and sequences < of_sequences:
                report(Progress(sequences, of_sequences, updates, mean_nats, *check_and_keep()))
            else:
                report(Progress(sequences, of_sequences, updates, mean_nats))
    except KeyboardInterrupt:
        if best is not None:
            return best
    report(Progress(sequences, of_sequences, updates, mean_nats, *check_and_keep()))
    assert best is not None
    return best
