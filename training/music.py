"""What a training learns from and is scored by: recordings, or a benchmark's rolls."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from jamd.errors import JamdError
from jamd.models.phrases import Hashes, Phrases, filter_of, phrases_of
from jamd.training import beats, cache, framewise, reading, sources
from jamd.training.batches import Batch, Conversation, batch_of
from jamd.training.cases import Case, cases_of
from jamd.training.chunks import Chunks
from jamd.training.fit import Source
from jamd.training.pieces import QuantisedPiece
from jamd.training.sampler import Sampler
from jamd.training.sources import Skipped

BENCHMARK_SUFFIX = ".npz"
QUESTIONS = 96
"""At most: a few held-out songs are asked about twice over, not a hundred times."""
QUESTION_BATCH = 16
SAMPLES = 2

Track = Callable[..., Any]
"""`rich.progress.track`, or what shows nothing."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Music:
    """`source` gives sequences to learn from, `epoch_sequences` of which are a pass over all; `held_out` is
    what scores are taken on; `conversations` are as many of both kinds as Markov counts; `cases` are calls to
    answer as samples; `phrases` are those learned from. `key` is what bundles say of it: "C", or "as is"."""

    source: Source
    epoch_sequences: int
    held_out: Sequence[Conversation]
    learned: Callable[[], Iterable[Conversation]]
    cases: Sequence[Case]
    account: Mapping[str, Any]
    key: str
    touch: bool
    summary: str
    phrases: Callable[[], Phrases | None] = lambda: None

    def questions(self) -> list[Batch]:
        """The held-out music as batches, those of one length together."""
        by_length = sorted(self.held_out, key=lambda c: c.steps)
        return [batch_of(by_length[i : i + QUESTION_BATCH]) for i in range(0, len(by_length), QUESTION_BATCH)]


def recordings(
    paths: Sequence[Path],
    steps: int,
    seed: int,
    emphasis: Mapping[str, float],
    cached: bool,
    track: Track,
    say: Say,
) -> Music:
    """MIDI files and folders of them. `emphasis` is how much more often pieces in folders of these names are
    drawn. Raises JamdError when none has notes."""
    files = sources.find_files(paths)
    annotations = beats.find(paths)
    any_folder = any(not reading.HELD_OUT_FOLDERS.isdisjoint(file.folders) for file in files)
    folder = cache.default_folder() if cached else None
    found = reading.read_all(files, os.cpu_count() or 1, annotations, folder)
    teach: list[QuantisedPiece] = []
    weights: list[float] = []
    held_out: list[QuantisedPiece] = []
    skipped: list[Skipped] = []
    for file, piece in zip(files, track(found, total=len(files), description="reading"), strict=True):
        if isinstance(piece, Skipped):
            skipped.append(piece)
            say(f"skipped: {piece.reason}")
        elif reading.is_held_out(file, piece.sha256, any_folder):
            held_out.append(piece)
        else:
            teach.append(piece)
            weights.append(math.prod(emphasis.get(part, 1.0) for part in file.folders))
    if len(skipped) > 1:
        say(sources.tally(skipped))
    if not teach and not held_out:
        raise JamdError(f"no MIDI file with notes in {', '.join(map(str, paths))}")
    if not teach or not held_out:  # a handful of pieces: nothing to spare, so the score is only of the fit
        teach = held_out = [*teach, *held_out]
        weights = [1.0] * len(teach)
        say("too few pieces to hold any out: the scores tell of the pieces learned from")
    sampler = Sampler(teach, steps, seed, emphasis=weights)
    # the same questions at every check, and in every training
    check = Sampler(held_out, steps, seed=0, augment=False)
    questions = min(QUESTIONS, 2 * math.ceil(sum(piece.steps for piece in held_out) / steps))
    epoch_sequences = math.ceil(sum(piece.steps for piece in teach) / steps)
    notes = sum(len(piece.step) for piece in teach)
    return Music(
        sampler,
        epoch_sequences,
        [check.conversation(number) for number in range(questions)],
        lambda: map(sampler.conversation, range(epoch_sequences)),
        cases_of(held_out, SAMPLES),
        {"learned_from": _account(teach), "held_out": _account(held_out), "emphasis": dict(emphasis)},
        "C",
        True,
        f"{len(teach)} pieces, {notes} notes, to learn from; {len(held_out)} held out",
        lambda: filter_of(map(_phrases, teach)),
    )


def _phrases(piece: QuantisedPiece) -> Hashes:
    order = np.lexsort((piece.key, piece.step))
    hashes, _ = phrases_of(piece.step[order].astype(np.int64), piece.key[order].astype(np.int64))
    return hashes


def _account(read: Sequence[QuantisedPiece]) -> dict[str, object]:
    """What a set of pieces was, without their names: counts, and one hash over the files' hashes."""
    digest = sha256("\n".join(sorted(piece.sha256 for piece in read)).encode()).hexdigest()
    return {
        "pieces": len(read),
        "notes": sum(len(piece.step) for piece in read),
        "steps": sum(piece.steps for piece in read),
        "sha256": digest,
    }


def benchmark(path: Path, steps: int, seed: int) -> Music:
    """A file of rolls with the splits `train` and `valid`. Raises JamdError."""
    teach, held_out = (
        [framewise.conversation_of(roll) for roll in framewise.read_split(path, split)]
        for split in ("train", "valid")
    )
    source = Chunks(teach, steps, seed)
    frames = [sum(piece.steps for piece in split) for split in (teach, held_out)]
    return Music(
        source,
        source.epoch_sequences,
        held_out,
        lambda: teach,
        [],
        {
            "benchmark": path.name,
            "sha256": sha256(path.read_bytes()).hexdigest(),
            "learned_from": {"pieces": len(teach), "frames": frames[0]},
            "held_out": {"pieces": len(held_out), "frames": frames[1]},
        },
        "as is",
        False,
        f"{len(teach)} pieces, {frames[0]} frames, to learn from; {len(held_out)} held out",
    )
