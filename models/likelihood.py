"""How likely a mind finds music that is given: exact nats, by the same steps as in playing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jamd.models.features import Cue, rolls_of
from jamd.models.mind import Mind, Spelling
from jamd.models.tokens import END, KEYS
from jamd.music.note import REST, Frame

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Talk:
    """What both parts play, step by step, and jamd's turns in it as (first step, step after the last). `cues`
    are those of all steps; outside the turns only their place is read."""

    player: Sequence[Frame]
    own: Sequence[Frame]
    cues: Sequence[Cue]
    turns: Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Nats:
    """What the own frames of the turns cost: sums over `steps` frames with `attacks` attacks."""

    keys: float
    velocity: float
    offset: float
    steps: int
    attacks: int

    @property
    def per_step(self) -> float:
        return (self.keys + self.velocity + self.offset) / max(1, self.steps)


def nats(mind: Mind, talk: Talk) -> Nats:
    """The nats of jamd's own frames in its turns, each given all that both parts played before."""
    thought = mind.start()
    first_steps = {start for start, _ in talk.turns}
    own_steps = {step for start, end in talk.turns for step in range(start, end)}
    sums, attacks = np.zeros(3), 0
    for step, cue in enumerate(talk.cues):
        if step in first_steps:
            thought.begin()
        if step in own_steps:
            before = talk.own[step - 1] if step else REST
            sums += frame_nats(thought.spell([before], [cue]), [talk.own[step]])[:, 0]
            attacks += len(talk.own[step].onsets)
        thought.hear([talk.player[step]], [talk.own[step]], [cue.place])
    keys, velocity, offset = (float(value) for value in sums)
    return Nats(keys, velocity, offset, len(own_steps), attacks)


def frame_nats(spelling: Spelling, frames: Sequence[Frame], touch: bool = True) -> Floats:
    """Nats of keys, velocities and offsets of a frame per course, (3, courses)."""
    rolls = rolls_of(frames)
    present = (rolls.attacks > 0) | (rolls.holds > 0)
    words = [[*np.nonzero(keys)[0][::-1].tolist(), None] for keys in present]
    courses = np.arange(len(frames))
    sums = np.zeros((3, len(frames)))
    for place in range(max(map(len, words))):
        keys = [word[place] if place < len(word) else None for word in words]
        attack = np.array([key is not None and rolls.attacks[i, key] > 0 for i, key in enumerate(keys)])
        token = np.array(
            [END if key is None else key + (0 if attack[i] else KEYS) for i, key in enumerate(keys)]
        )
        going = np.array([place < len(word) for word in words])
        sums[0, going] += _costs(spelling.logits()[going], token[going])
        velocity, offset = np.zeros(len(frames), np.int64), np.zeros(len(frames), np.int64)
        struck = courses[attack]
        velocity[struck] = rolls.attacks[struck, token[struck]].astype(np.int64) - 1
        offset[struck] = rolls.offsets[struck, token[struck]].astype(np.int64) - 1
        if touch and len(struck):
            asked = np.where(attack, token, 0)
            sums[1, struck] += _costs(spelling.velocity_logits(asked)[struck], velocity[struck])
            sums[2, struck] += _costs(spelling.offset_logits(velocity)[struck], offset[struck])
        spelling.add(token, velocity, offset)
    return sums


def _costs(logits: npt.NDArray[np.float32], chosen: Ints) -> Floats:
    """-log softmax of the chosen columns, by row."""
    rows = logits.astype(np.float64)
    highest = rows.max(-1, keepdims=True)
    total = np.log(np.exp(rows - highest).sum(-1)) + highest[:, 0]
    return np.asarray(total - rows[np.arange(len(rows)), chosen])
