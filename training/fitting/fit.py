"""The training loop: one flat function, its order the order of the explanation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from jamd.counted import counted
from jamd.models.networks.head import Words
from jamd.models.tokens import KEYS
from jamd.training.batches.batches import Batch
from jamd.training.fitting.distillation import Asked, Chances, Taught
from jamd.training.runs import processes

CLIP = 1.0
WARM_UP_UPDATES = 200
"""Or a tenth of all updates, whichever is fewer."""
LOWEST_RATE = 0.02
"""Of the full learning rate, at the end of its half cosine."""
SMALL_BATCHES = 0.2
"""The first fifth of a training uses batches of half the size: the number of updates bounds the start."""
CHECKS, MOST_UNCHECKED = 20, 250
"""How often a training is scored at least, so that its losses are a curve, and how many updates may go by
without."""
LEAST_SHARE = 0.02
"""Of one update in the running mean of what is learned; where an epoch has fewer updates than fifty, the mean
is over an epoch."""

KEEPING = 4.0
"""How much more than one of what is learned a nat of what is kept weighs. As much is won as with 1, and half
is forgotten; with 6 less is won."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides the outcome, besides the music and the network."""

    epochs: int = 5
    seed: int = 0
    batch: int = 16
    learning_rate: float = 4e-3
    dropout: float = 0.1
    weight_decay: float = 0.01
    average: float = 0.999
    """The weights kept are a running mean over about 1 / (1 - average) updates (Polyak averaging)."""
    check_updates: int = 250
    """Updates between two scorings of the held-out music."""
    patience: int = 0
    """End after so many scorings in a row without a better one; 0: never before the last epoch."""
    touch: bool = True
    """Whether velocity and offset are learned too."""


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


@dataclass(slots=True)
class State:
    """All that a training is made of at one moment: what a checkpoint saves."""

    model: nn.Module
    averaged: dict[str, Tensor]
    optimiser: torch.optim.AdamW
    sequences: int = 0
    updates: int = 0
    mean_nats: float = math.nan
    best_nats: float = math.inf
    scorings_since_best: int = 0


class Source(Protocol):
    """Where the music comes from: sequence `number` is the same each time it is asked for."""

    def draw(self, numbers: Sequence[int]) -> Batch: ...


Weights = Mapping[str, npt.NDArray[np.float32]]


class Diary(Protocol):
    """What is told of a training as it goes on."""

    def report(self, now: Progress) -> None:
        """After every update."""

    def keep(self, weights: Weights, scores: Scores, updates: int) -> None:
        """The weights are the best so far."""

    def epoch(self, number: int, state: State) -> None:
        """A pass over the music is over."""

    def end(self, state: State) -> None:
        """The training is, for now."""


def begin(model: nn.Module, recipe: Recipe) -> State:
    """A training before its first update."""
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.98), weight_decay=recipe.weight_decay
    )
    return State(model, {name: tensor.clone() for name, tensor in model.state_dict().items()}, optimiser)


def nats(
    model: nn.Module, batch: Batch, device: torch.device, teacher: nn.Module | None = None
) -> tuple[Tensor, ...]:
    """Nats of keys, velocities and offsets of a batch, summed; with a teacher, those of what is not
    rehearsed, and by how much the rehearsed rest differs from what the teacher would play."""
    if teacher is None or batch.rehearsed is None:
        return _asked(model, batch, device, Words)
    with torch.no_grad():
        chances = Chances(*_asked(teacher, batch.rehearsed, device, Asked))
    return _asked(model, batch, device, partial(Taught, chances=chances))


def _asked(
    model: nn.Module, batch: Batch, device: torch.device, spelt: Callable[..., Words]
) -> tuple[Tensor, ...]:
    """What the model makes of a batch whose words are so spelt."""
    names = ("heard", "asked", "turns", "own", "frame", "token", "velocity", "offset", "sounding")
    heard, asked, turns, own, *words = (
        torch.from_numpy(np.ascontiguousarray(getattr(batch, n))).to(device, non_blocking=True) for n in names
    )
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        found: tuple[Tensor, ...] = model(heard, asked, turns, own, spelt(*words))
    return found


@torch.no_grad()
def score(model: nn.Module, batches: Sequence[Batch], device: torch.device, touch: bool = True) -> Scores:
    """The mean over all frames of the batches, dropout off; without `touch`, of the keys alone."""
    model.eval()
    key = velocity = offset = 0.0
    for batch in batches:
        sums = nats(model, batch, device)
        key, velocity, offset = (x + y.item() for x, y in zip((key, velocity, offset), sums, strict=True))
    model.train()
    frames = sum(batch.frames for batch in batches)
    attacks = max(1, sum(int((batch.token < KEYS).sum()) for batch in batches))
    both = velocity + offset if touch else 0.0
    return Scores((key + both) / frames, key / frames, velocity / attacks, offset / attacks)


def fit(
    state: State,
    source: Source,
    questions: Sequence[Batch],
    epoch_sequences: int,
    recipe: Recipe,
    device: torch.device,
    diary: Diary,
    teacher: nn.Module | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Train on from `state` until the recipe's epochs are over, or its patience is, and return True; or until
    `stop` says so in any of the processes, which ends the update in hand, and return False. What is rehearsed
    is learned from the `teacher`.

    `questions` are what the model is scored by; `epoch_sequences` are a pass over the music. The same music,
    recipe and number of threads give the same weights on a CPU, in one go or resumed. KeyboardInterrupt ends
    the training; a loss or weights that are not numbers end it with FloatingPointError, and such weights are
    neither scored nor kept.
    """
    of_sequences = recipe.epochs * epoch_sequences
    warm_up_updates = min(WARM_UP_UPDATES, max(1, of_sequences // recipe.batch // 10))
    spread = processes.spread(state.model)
    state.model.train()

    def check() -> tuple[Scores, bool]:
        own = {name: tensor.clone() for name, tensor in state.model.state_dict().items()}
        state.model.load_state_dict(state.averaged)
        scores = score(state.model, questions, device, recipe.touch)
        state.model.load_state_dict(own)
        # the same on all processes to the last bit, as all must end at the same update
        nats_per_step = processes.total(scores.nats_per_step)[0] / processes.size()
        better = nats_per_step < state.best_nats
        state.scorings_since_best = 0 if better else state.scorings_since_best + 1
        if better:
            state.best_nats = nats_per_step
            weights = {name: tensor.float().cpu().numpy() for name, tensor in state.averaged.items()}
            diary.keep(weights, scores, state.updates)
        return scores, better

    while state.sequences < of_sequences and not impatient(state, recipe):
        done = state.sequences / of_sequences
        size = max(1, recipe.batch // 2 if done < SMALL_BATCHES else recipe.batch)
        numbers = range(state.sequences, state.sequences + size)
        batch = source.draw(processes.share(numbers))
        # Dropout must not depend on what came before, or a resumed training would go another way.
        torch.manual_seed(recipe.seed * 1_000_003 + state.updates * processes.size() + processes.rank())
        key_nats, *touch_nats = nats(spread, batch, device, teacher)
        kept = touch_nats.pop() if len(touch_nats) > 2 else 0.0
        loss = key_nats + sum(touch_nats) if recipe.touch else key_nats + processes.idle(touch_nats)
        frames, learned, own_nats = processes.total(float(batch.frames), float(batch.learned), loss.item())
        loss = loss + KEEPING * kept
        value = own_nats / max(1.0, learned)
        if not math.isfinite(value):
            raise FloatingPointError(f"the loss is {value} after {counted(state.updates, 'update')}")
        state.optimiser.zero_grad(set_to_none=True)
        (loss * (processes.size() / frames)).backward()
        nn.utils.clip_grad_norm_(state.model.parameters(), CLIP)
        warm_up = min(1.0, (state.updates + 1) / warm_up_updates)
        falling = LOWEST_RATE + (1 - LOWEST_RATE) * 0.5 * (1 + math.cos(math.pi * done))
        for parameters in state.optimiser.param_groups:
            parameters["lr"] = recipe.learning_rate * warm_up * falling
        state.optimiser.step()
        average(state, recipe.average)

        epoch = state.sequences // epoch_sequences
        state.sequences += size
        state.updates += 1
        seen = state.mean_nats
        if learned:  # by chance all may be rehearsed
            share = 1.0 if math.isnan(seen) else min(1.0, max(LEAST_SHARE, size / epoch_sequences))
            state.mean_nats = value if share == 1 else (1 - share) * seen + share * value
        last = state.sequences >= of_sequences
        scoring = last or state.updates % recipe.check_updates == 0
        epochs = state.sequences // epoch_sequences  # one batch may be several passes over a few pieces
        # Asked only now and then, because a GPU must be waited for; in between, the next loss tells.
        if (scoring or epochs > epoch) and not sound(state):
            raise FloatingPointError(f"the weights are no numbers after {counted(state.updates, 'update')}")
        scored = check() if scoring else ()
        diary.report(Progress(state.sequences, of_sequences, state.updates, state.mean_nats, *scored))
        if epochs > epoch:
            diary.epoch(epochs, state)
        if processes.total(float(stop()))[0] and not last:  # all must end at the same update
            return False
    return True


def updates_in(sequences: int, batch: int) -> int:
    """How many updates a training on so many sequences has."""
    half = max(1, batch // 2)
    small = math.ceil(SMALL_BATCHES * sequences / half)
    return small + max(0, math.ceil((sequences - small * half) / batch))


def check_updates(sequences: int, batch: int, checks: int = CHECKS) -> int:
    """The updates from one scoring to the next for so many `checks` of a training, or some more."""
    return max(1, min(MOST_UNCHECKED, updates_in(sequences, batch) // checks))


def impatient(state: State, recipe: Recipe) -> bool:
    """Whether too many scorings in a row have brought nothing better."""
    return 0 < recipe.patience <= state.scorings_since_best


def sound(state: State) -> bool:
    """Whether all weights are numbers."""
    return all(bool(tensor.isfinite().all()) for tensor in state.averaged.values())


@torch.no_grad()
def average(state: State, decay: float) -> None:
    """Move the averaged weights towards the new ones; faster at first, when the old ones are still noise."""
    share = 1 - min(decay, (1 + state.updates) / (10 + state.updates))
    new: dict[str, Any] = state.model.state_dict()
    torch._foreach_lerp_(list(state.averaged.values()), [new[name] for name in state.averaged], share)
