"""The benchmarks of Boulanger-Lewandowski et al. (2012): rolls of 88 keys, scored in nats per frame.

A roll tells which keys sound in a frame and nothing else, so each frame is a chord of attacks in a part of
jamd's own, without a player, a place in the bar, or dynamics. The nats are of the keys alone, and exact. All
pieces are scored side by side.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jamd.errors import JamdError, UsageError
from jamd.models.bundle import Weights
from jamd.models.features import NOWHERE, Cue, Rolls, rolls_of
from jamd.models.likelihood import frame_nats
from jamd.models.markov import LEVELS
from jamd.models.mind import Mind
from jamd.models.tokens import PIANO
from jamd.music.note import REST, Frame, Onset
from jamd.training.batches.batches import Conversation
from jamd.training.fitting.counting import count

Floats = npt.NDArray[np.float64]
Roll = tuple[Frame, ...]
"""One piece, frame by frame."""

VELOCITY = 64
MOST_ENTRIES = 10_000_000
"""A table that is not kept may be large."""


def splits(path: Path) -> list[str]:
    """The names of the splits in a benchmark file. Raises JamdError."""
    with _opened(path) as arrays:
        return sorted(name.removesuffix("_packed") for name in arrays if name.endswith("_packed"))


def read_split(path: Path, split: str) -> list[Roll]:
    """The pieces of one split of a benchmark file, `SPLIT_packed` (bits along the 88 keys, from MIDI 21) and
    `SPLIT_offsets` (where pieces begin, and the last one's end). Raises JamdError."""
    packed, offsets = f"{split}_packed", f"{split}_offsets"
    with _opened(path) as arrays:
        if packed not in arrays or offsets not in arrays:
            raise UsageError(f"{path} has no split {split!r}; it has: {', '.join(splits(path)) or 'none'}")
        bits, bounds = arrays[packed], arrays[offsets]
    if bits.dtype != np.uint8 or bits.ndim != 2 or bits.shape[1] * 8 < len(PIANO):
        raise JamdError(f"{path}: {packed} should hold frames of 88 keys as np.packbits makes them")
    frames = np.unpackbits(bits, axis=1, count=len(PIANO)).astype(bool)
    if (
        bounds.ndim != 1
        or not np.issubdtype(bounds.dtype, np.integer)
        or len(bounds) < 2
        or bounds[0] != 0
        or bounds[-1] != len(frames)
        or (np.diff(bounds) < 1).any()
    ):
        raise JamdError(f"{path}: {offsets} should rise from 0 to the number of frames, {len(frames)}")
    return [roll_of(frames[a:b]) for a, b in pairwise(bounds.tolist())]


@contextmanager
def _opened(path: Path) -> Iterator[Mapping[str, npt.NDArray[Any]]]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if not isinstance(arrays, np.lib.npyio.NpzFile):
                raise ValueError("it holds one array")
            yield arrays
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise JamdError(f"{path} is not a readable benchmark file ({error})") from error


def roll_of(sounding: npt.NDArray[np.bool_]) -> Roll:
    """Frames (frames, 88) as chords of attacks."""
    return tuple(
        Frame(tuple(Onset(PIANO.start + int(key), VELOCITY) for key in np.flatnonzero(frame)[::-1]))
        for frame in sounding
    )


@dataclass(frozen=True, slots=True)
class FrameNats:
    """Nats per frame, pooled over all frames, and with the first frame of each piece left out."""

    all_frames: float
    first_left_out: float
    frames: int
    pieces: int


def score(mind: Mind, rolls: Sequence[Roll], report: Callable[[int], None] = lambda _: None) -> FrameNats:
    """What a mind gives each frame after all those before it. `report` is told of frames done."""
    by_piece = nats_of(mind, rolls, report)
    total, first = sum(nats.sum() for nats in by_piece), sum(nats[0] for nats in by_piece)
    frames = sum(map(len, by_piece))
    left = frames - len(by_piece)
    return FrameNats(
        float(total / frames), float((total - first) / left) if left else float("nan"), frames, len(by_piece)
    )


def nats_of(
    mind: Mind, rolls: Sequence[Roll], report: Callable[[int], None] = lambda _: None
) -> list[Floats]:
    """The nats of each frame, (frames,) for each piece, all pieces as courses of one thought."""
    order = sorted(range(len(rolls)), key=lambda piece: -len(rolls[piece]))  # those that end first go last
    nats = [np.zeros(len(roll)) for roll in rolls]
    thought = mind.start().fork([0] * len(order))
    thought.begin()
    for step in range(len(rolls[order[0]])):
        going = sum(len(rolls[piece]) > step for piece in order)
        if going < thought.courses:
            thought = thought.fork(range(going))
        frames = [rolls[piece][step] for piece in order[:going]]
        befores = [rolls[piece][step - 1] if step else REST for piece in order[:going]]
        spelling = thought.spell(befores, [Cue(NOWHERE)] * going)
        for piece, cost in zip(order, frame_nats(spelling, frames, touch=False)[0], strict=False):
            nats[piece][step] = cost
        thought.hear([REST] * going, frames, [NOWHERE] * going)
        report(going)
    return nats


def conversation_of(roll: Roll) -> Conversation:
    """A piece as a turn of jamd's own, for what learns from conversations."""
    rolls = rolls_of([REST] * len(roll) + list(roll))
    both = Rolls(*(rows.reshape(2, len(roll), -1) for rows in (rolls.attacks, rolls.holds, rolls.offsets)))
    nowhere = (np.full(len(roll), here) for here in (NOWHERE.step_in_bar, NOWHERE.steps_per_bar))
    return Conversation(both, *nowhere, turns=[(0, len(roll))], open_end=True)


def markov_of(rolls: Sequence[Roll]) -> Weights:
    """The tables of a Markov chain that learned these pieces. How far it leans on short contexts is fitted on
    each tenth piece, with counts of the others. Without pieces it gives every token the same chance."""
    conversations = [conversation_of(roll) for roll in rolls]
    others = [conversation for i, conversation in enumerate(conversations) if i % 10]
    blend = np.ones((LEVELS, 2), np.float32)
    if conversations:
        from jamd.training.fitting.blending import fit_blend  # of all that evaluates, this alone needs torch

        blend = fit_blend(count(others or conversations, MOST_ENTRIES), conversations[::10])
    return {**count(conversations, MOST_ENTRIES), "blend": blend}
