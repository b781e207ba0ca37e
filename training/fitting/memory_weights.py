"""Fitting the session memory: the weights under which held-out music is likeliest, the mind itself
unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from jamd.models.features import Cue, Place
from jamd.models.memory.book import word_of
from jamd.models.memory.memory import Remembering
from jamd.models.memory.votes import (
    LARGEST,
    POWERS,
    SIZES,
    MemoryWeights,
    RememberingSpelling,
)
from jamd.models.mind import Mind
from jamd.models.tokens import END, LOWEST_PITCH, key_of, offset_bin, offset_of, velocity_bin, velocity_of
from jamd.music.note import REST, Frame, Onset
from jamd.training.batches.batches import OWN, PLAYER, Conversation
from jamd.training.fitting.showing import Track, untracked

Floats = npt.NDArray[np.float32]
UPDATES = 300
CHUNK_VOTES = 60_000
PULL = 1e-3
"""Of the weights towards 0, in nats a step per weight squared: classes that never came stay there."""


@dataclass(frozen=True, slots=True)
class Questions:
    """The T tokens that came, each with the votes there were before it: V votes in all, in order of `row`.
    `chance` (T,) is the mind's own of what came; of the votes `features` (V, len(SIZES)), `power` (V,),
    `log_chance` (V,) and whether they were `right` (V,)."""

    frames: float
    chance: Floats
    row: npt.NDArray[np.int64]
    features: npt.NDArray[np.int16]
    power: npt.NDArray[np.int8]
    log_chance: Floats
    right: npt.NDArray[np.bool_]


def frames_of(conversation: Conversation, part: int) -> list[Frame]:
    """One part's frames."""
    rolls = conversation.rolls
    frames = []
    for attacks, holds, offsets in zip(
        rolls.attacks[part], rolls.holds[part], rolls.offsets[part], strict=True
    ):
        onsets = tuple(
            Onset(
                LOWEST_PITCH + int(k),
                velocity_of(int(attacks[k]) - 1),
                offset_of(max(1, int(offsets[k])) - 1),
            )
            for k in np.flatnonzero(attacks)[::-1]
        )
        held = np.flatnonzero((holds > 0) & (attacks == 0))
        frames.append(Frame(onsets, frozenset((LOWEST_PITCH + held).tolist())))
    return frames


def spelt(frame: Frame) -> list[tuple[int, int, int]]:
    """A frame's tokens with the bins of velocity and offset, END last."""
    attacks = {key_of(o.pitch): (velocity_bin(o.velocity), offset_bin(o.offset_steps)) for o in frame.onsets}
    bins = [(token, *attacks.get(token, (0, 0))) for token in word_of(frame)]
    return [*bins, (END, 0, 0)]


def questions_of(
    mind: Mind, conversations: Sequence[Conversation], most_courses: int = 16, track: Track = untracked
) -> Questions:
    """Play conversations through and keep every vote on jamd's own frames. Those whose turns begin at the
    same steps go side by side."""
    groups: dict[tuple[int, ...], list[Conversation]] = {}
    for conversation in sorted(conversations, key=lambda c: c.steps):
        groups.setdefault(tuple(start for start, _ in conversation.turns), []).append(conversation)
    together = [
        group[i : i + most_courses] for group in groups.values() for i in range(0, len(group), most_courses)
    ]
    return joined([_ask(mind, each) for each in track(together, description="what the memory would say")])


def joined(asked: Sequence[Questions]) -> Questions:
    """Questions one after another."""
    before = np.cumsum([0, *(len(q.chance) for q in asked)])
    arrays = (
        np.concatenate([getattr(q, name) for q in asked])
        for name in ("features", "power", "log_chance", "right")
    )
    return Questions(
        sum(q.frames for q in asked),
        np.concatenate([q.chance for q in asked]),
        np.concatenate([q.row + n for q, n in zip(asked, before[:-1], strict=True)]),
        *arrays,
    )


def _ask(mind: Mind, conversations: Sequence[Conversation]) -> Questions:
    nothing = MemoryWeights((0.0,) * sum(SIZES), (0.0,) * POWERS)
    thought = Remembering(mind, nothing).start().fork([0] * len(conversations))
    players, owns = ([frames_of(c, part) for c in conversations] for part in (PLAYER, OWN))
    mine = [{step for turn in c.turns for step in range(*turn)} for c in conversations]
    left = [c.left_steps() for c in conversations]
    begins = {start for start, _ in conversations[0].turns}
    courses = list(range(len(conversations)))
    asked: list[Questions] = []
    for step in range(max(c.steps for c in conversations)):
        running = [k for k, c in enumerate(courses) if step < conversations[c].steps]
        if len(running) < len(courses):
            thought, courses = thought.fork(running), [courses[k] for k in running]
        if step in begins:
            thought.begin()
        places = [
            Place(int(conversations[c].step_in_bar[step]), int(conversations[c].steps_per_bar[step]))
            for c in courses
        ]
        if any(step in mine[c] for c in courses):
            befores = [owns[c][step - 1] if step else REST for c in courses]
            cues = [
                Cue(place, conversations[c].duet, int(left[c][step]))
                for c, place in zip(courses, places, strict=True)
            ]
            words = [spelt(owns[c][step]) if step in mine[c] else [] for c in courses]
            asked += _votes_on(thought.spell(befores, cues), words)
        thought.hear([players[c][step] for c in courses], [owns[c][step] for c in courses], places)
    return joined(asked)


def _votes_on(
    spelling: RememberingSpelling, words: Sequence[Sequence[tuple[int, int, int]]]
) -> list[Questions]:
    """The votes on every token of a frame; an empty word is of a course that is not asked."""
    asked = []
    for position in range(max(len(word) for word in words)):
        logits = spelling.inner.logits().astype(np.float64)
        votes = spelling.votes(logits)
        bins = np.array([word[position] if position < len(word) else (END, 0, 0) for word in words])
        live = np.array([k for k, word in enumerate(words) if position < len(word)])
        chances = np.exp(logits - logits.max(1, keepdims=True))
        row = np.full(len(words), -1)
        row[live] = np.arange(len(live))
        on_live = row[votes.course] >= 0
        course = votes.course[on_live]
        asked.append(
            Questions(
                sum(position + 1 == len(word) for word in words),
                (chances[live, bins[live, 0]] / chances[live].sum(1)).astype(np.float32),
                row[course],
                votes.features[on_live].astype(np.int16),
                votes.power[on_live].astype(np.int8),
                votes.log_chance[on_live].astype(np.float32),
                votes.token[on_live] == bins[course, 0],
            )
        )
        spelling.velocity_logits(bins[:, 0])
        spelling.offset_logits(bins[:, 1])
        spelling.add(*bins.T)
    return asked


def nats_per_step(questions: Questions, weights: MemoryWeights | None, echo: float = 1.0) -> float:
    """Nats a step of what came, keys only: with the memory, or of the mind alone."""
    if weights is None:
        return -float(np.log(questions.chance).sum()) / questions.frames
    table, powers = (torch.tensor(w, dtype=torch.float32) for w in (weights.table, weights.powers))
    with torch.no_grad():
        return _nats(_tensors(questions), table, powers, echo / (2 - echo)).item()


def fit_memory(questions: Questions, updates: int = UPDATES, track: Track = untracked) -> MemoryWeights:
    """The weights under which what came was likeliest."""
    chunks = [_tensors(chunk) for chunk in _chunks(questions)]
    table = torch.zeros(sum(SIZES))
    table[: SIZES[0]] = -3.0  # at first a vote is a twentieth of the mind's own
    powers = torch.full((POWERS,), 0.3)
    weights = [table.requires_grad_(), powers.requires_grad_()]
    optimiser = torch.optim.Adam(weights, lr=0.1)
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, updates)
    order = np.random.default_rng(0)
    for update in track(range(updates), description="how far to trust it"):
        if update % len(chunks) == 0:
            turn = order.permutation(len(chunks))
        tensors = chunks[turn[update % len(chunks)]]
        loss = (
            _nats(tensors, weights[0], weights[1])
            + PULL * torch.stack([(w**2).mean() for w in weights]).sum()
        )
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        rate.step()
    table_values, power_values = (tuple(round(x, 3) for x in w.detach().tolist()) for w in weights)
    return MemoryWeights(table_values, power_values)


def _chunks(questions: Questions) -> list[Questions]:
    """Questions in chunks of some CHUNK_VOTES, the T tokens dealt out in turn."""
    q = questions
    count = max(1, len(q.row) // CHUNK_VOTES)
    chunks = []
    for number in range(count):
        mine = q.row % count == number
        chance = q.chance[number::count]
        frames = q.frames * len(chance) / len(q.chance)
        votes = (x[mine] for x in (q.features, q.power, q.log_chance, q.right))
        chunks.append(Questions(frames, chance, q.row[mine] // count, *votes))
    return chunks


def _tensors(questions: Questions) -> tuple[torch.Tensor, ...]:
    q = questions
    arrays = (q.chance, q.row, q.features, q.power, q.log_chance, q.right)
    chance, row, features, power, log_chance, right = (torch.from_numpy(a) for a in arrays)
    return chance, row, features.int(), power.int(), log_chance, right, torch.tensor(q.frames)


def _nats(
    tensors: tuple[torch.Tensor, ...], table: torch.Tensor, powers: torch.Tensor, scale: float = 1.0
) -> torch.Tensor:
    chance, row, features, power, log_chance, right, frames = tensors
    weight = F.embedding_bag(features, table[:, None], mode="sum")[:, 0]
    votes = scale * (weight + powers[power] * log_chance).clamp(max=LARGEST).exp()
    none = torch.zeros_like(chance)
    for_it = none.index_add(0, row, votes * right)
    all_votes = none.index_add(0, row, votes)
    return -((chance + for_it).log() - torch.log1p(all_votes)).sum() / frames
