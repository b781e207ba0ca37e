"""A player's recordings made into music for a training that begins with a model, and the outcome judged."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import numpy as np
import torch
from torch import nn

from jamd.counted import counted
from jamd.errors import JamdError
from jamd.models.bundle import Bundle, Weights
from jamd.models.opening import open_mind
from jamd.training.batches.conversations import Conversation
from jamd.training.batches.sampler import Sampler
from jamd.training.batches.split import (
    Pieces,
    Split,
    hashes_of,
    notes_of,
    steps_of,
)
from jamd.training.fitting import fit, networks, selfplay, tuning
from jamd.training.fitting.showing import Track, untracked
from jamd.training.learning.music import Music
from jamd.training.report.report import Comparison, compared

BATCH = 16
OWN, GENERAL = "your held-out pieces", "what it knew before"
KEPT_GROUPS, REHEARSED_GROUPS = range(0, 4), range(4, 14)
"""Of what the start model plays with itself: what judges, and what is rehearsed."""
STEPS = 2 * (1 + len(tuning.WAYS)) + 1 + 2 * 2
"""Scorings that tell the outcome, at most."""
MOST_NAMED = 10_000
"""Pieces that a bundle lists; of more it has one hash."""


@dataclass(frozen=True, slots=True)
class Personal:
    """What a training from `start` is made of: `music` for the loop, and the conversations by which the way
    is chosen (`watched`, `kept`) and the outcome judged (`judging`, by piece, and `kept` again)."""

    start: Bundle
    split: Split
    music: Music
    watched: Sequence[Conversation]
    kept: Sequence[Conversation]
    judging: Sequence[Sequence[Conversation]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The weights that came of it, how much of the way they went, and both comparisons with the start;
    `watched_before` is what the start has on the scale of the run's scores."""

    weights: Weights
    way: float
    watched_before: float
    own: Comparison
    general: Comparison

    @property
    def is_gain(self) -> bool:
        """Whether it is better on the player's held-out music, as far as that tells."""
        return self.own.change_percent.value < 0


def prepared(
    start: Bundle, divided: Split, steps: int, seed: int, device: str, names: bool, track: Track = untracked
) -> Personal:
    """The player's music and the start model's own, ready to learn from. Raises JamdError for a start that
    cannot go on learning."""
    check(start)
    mind = open_mind(Bundle(start.path, _plain(start.header), start.weights), device)
    kept = selfplay.conversations(mind, KEPT_GROUPS, steps, 0, track)[::2]  # each from one side
    rehearsed = selfplay.conversations(mind, REHEARSED_GROUPS, steps, 0, track)
    sampler = Sampler(divided.taught, steps, seed)
    watched = [c for piece in tuning.asked_of(divided.watched, steps) for c in piece]
    judging = tuning.asked_of(divided.judging, steps)
    passed = sequences_in(divided, steps)
    music = Music(
        tuning.Mixed(sampler, rehearsed, seed),
        passed,
        watched,
        lambda: map(sampler.conversation, range(passed)),
        [],
        account(start, divided, names),
        "C",
        True,
        summary(divided),
    )
    return Personal(start, divided, music, watched, kept, judging)


def check(start: Bundle) -> None:
    """Raise JamdError unless a training can go on from this model."""
    if start.header["arch"] not in networks.ARCHITECTURES:
        raise JamdError(
            f"{start.name} counts and does not learn on; begin with another model (--from), or anew"
            " (--from scratch --arch markov)"
        )
    if start.header.get("key") != "C":
        raise JamdError(f"{start.name} learned a benchmark's rolls; begin with another model (--from)")


def _plain(header: Mapping[str, Any]) -> dict[str, Any]:
    """A header without what stands between the music and the network."""
    return {name: value for name, value in header.items() if name not in ("memory", "key")}


def summary(divided: Split) -> str:
    """How the music is used, in one line."""
    parts = (divided.taught, divided.watched, divided.judging)
    notes = [notes_of(part) for part in parts]
    what = ("piece", "pieces") if divided.whole else ("stretch of it", "stretches of it")
    return (
        f"{counted(notes[0], 'note')} to learn from, {notes[1]} to tell when to stop, and {notes[2]} in"
        f" {counted(len(divided.judging), *what)} held out to judge"
    )


def sequences_in(divided: Split, steps: int) -> int:
    """How many sequences are a pass over what is taught, what is rehearsed with it included."""
    return math.ceil(int(steps_of(divided.taught).sum()) / steps / (1 - tuning.SHARE_REHEARSED))


def recipe_for(divided: Split, steps: int, given: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe that suits so much music of a player's, but for what is `given`."""
    passed = sequences_in(divided, steps)
    batch = given.get("batch", BATCH)
    updates = tuning.updates_for(passed * (1 - tuning.SHARE_REHEARSED), batch)
    # the first fifth is of half batches: see fit.SMALL_BATCHES
    epochs = max(1, round(updates * batch / (1 + fit.SMALL_BATCHES) / passed))
    suited = {
        "epochs": epochs,
        "seed": 0,
        "batch": batch,
        "learning_rate": tuning.LEARNING_RATE,
        "dropout": 0.1,
        "weight_decay": 0.0,
        "average": tuning.AVERAGE,
        "patience": tuning.PATIENCE,
    } | dict(given)
    every = fit.check_updates(suited["epochs"] * passed, suited["batch"], tuning.CHECKS)
    return {"check_updates": every, **suited}


def account(start: Bundle, divided: Split, names: bool) -> dict[str, Any]:
    """What was learned from and what was held out, by hash and, if wished, by `names`; and from where it went
    on."""
    before = {"name": start.name, "sha256": sha256(start.path.read_bytes()).hexdigest()}
    return {
        "from": before,
        "learned_from": _told(divided.taught, names),
        "watched": _told(divided.watched, names),
        "held_out": _told(divided.judging, names),
        "learned_before": sorted(known(start.header)),
    }


def _told(pieces: Pieces, names: bool) -> dict[str, Any]:
    """Pieces counted and named by hash. Several stretches of one are one."""
    hashes = sorted(set(hashes_of(pieces)))
    told: dict[str, Any] = {
        "pieces": len(hashes),
        "notes": notes_of(pieces),
        "steps": int(steps_of(pieces).sum()),
        "sha256": sha256("\n".join(hashes).encode()).hexdigest(),
    }
    if len(hashes) <= MOST_NAMED:
        told["hashes"] = hashes
        if names:
            told["names"] = sorted({piece.name for piece in pieces})
    return told


def known(header: Mapping[str, Any]) -> frozenset[str]:
    """The hashes of pieces that a model has learned from, as far as its bundle lists them."""
    data = header.get("data", {})
    told = (data.get(name, {}).get("hashes", []) for name in ("learned_from", "watched"))
    return frozenset(data.get("learned_before", [])).union(*told)


def outcome(
    personal: Personal, best: Bundle, device: torch.device, step: Callable[[str], None] = lambda what: None
) -> Outcome:
    """How far to go towards what was learned, and what that is worth beside the start. `best` is what a run
    has: its best weights, or, where it was judged before, those that came of them. `step` is told of each
    scoring before it, of STEPS at most."""
    start = personal.start
    model = networks.build(start.header["arch"], start.settings, 0.0).to(device)

    def nats_per_step(asked: Sequence[Conversation]) -> Callable[[Weights], float]:
        def score(weights: Weights) -> float:
            step("how far to go")
            steps, nats = tuning.costs(put(model, weights), [asked], device)
            return float(nats.sum() / steps.sum())

        return score

    watched = nats_per_step(personal.watched)
    way, weights = best.header.get("way"), best.weights
    if way is None:
        way = tuning.how_far(start.weights, weights, watched, nats_per_step(personal.kept))
        weights = tuning.between(start.weights, weights, way)
    kept = [[conversation] for conversation in personal.kept]
    own, general = (
        beside(name, model, asked, start.weights, weights, device, step)
        for name, asked in ((OWN, personal.judging), (GENERAL, kept))
    )
    own = replace(own, notes=notes_of(personal.split.judging))
    return Outcome(weights, way, watched(start.weights), own, general)


def put(model: nn.Module, weights: Weights) -> nn.Module:
    """The model with other weights."""
    model.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in weights.items()})
    return model


def beside(
    name: str,
    model: nn.Module,
    asked: Sequence[Sequence[Conversation]],
    before: Weights,
    after: Weights,
    device: torch.device,
    step: Callable[[str], None],
) -> Comparison:
    """Two sets of weights on the same music, by piece."""
    step(name)
    steps, first = tuning.costs(put(model, before), asked, device)
    step(name)
    _, second = tuning.costs(put(model, after), asked, device)
    scored = steps > 0
    return compared(name, steps[scored], first[scored], second[scored])
