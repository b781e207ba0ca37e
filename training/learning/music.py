"""What a training learns from and is scored by: recordings, or a benchmark's rolls."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from jamd.counted import counted
from jamd.errors import JamdError
from jamd.models.phrases import Hashes, Phrases, filter_of, phrases_of
from jamd.training.batches.batches import Batch, Conversation, batch_of
from jamd.training.batches.chunks import Chunks
from jamd.training.batches.floor import player_alone
from jamd.training.batches.sampler import Sampler
from jamd.training.cache import cache
from jamd.training.fitting.fit import Source
from jamd.training.judging import benchmarks
from jamd.training.judging.cases import Case, cases_of
from jamd.training.reading.corpus import Corpus, read_corpus
from jamd.training.recordings import beats, sources
from jamd.training.recordings.pieces import QuantisedPiece
from jamd.training.recordings.recording import Recording, tally

BENCHMARK_SUFFIX = ".npz"
QUESTIONS = 96
"""At most: held-out songs are asked about once, as they are at every check; a few of them twice over."""
QUESTION_BATCH = 16
SAMPLES = 2
MOST_ASKED = 200
"""Held-out pieces among which calls are looked for."""

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
    """MIDI files, folders and archives, for a model that begins with nothing: see `read`, `anew`."""
    return anew(read(paths, [], cached, False, track, say), steps, seed, emphasis, say)


def read(
    paths: Sequence[Path],
    sessions: Sequence[Recording],
    cached: bool,
    assume_grid: bool,
    track: Track,
    say: Say,
) -> Corpus:
    """The pieces in files, folders and archives, and in `sessions`. Raises JamdError when there are none."""
    found = sources.find(paths)
    for skipped in found.skipped:
        say(f"skipped: {skipped.reason}")
    corpus = read_corpus(
        [*found.recordings, *sessions],
        os.cpu_count() or 1,
        beats.find(paths),
        cache.default_folder() if cached else None,
        assume_grid,
        track,
        say,
    )
    corpus = replace(corpus, skipped=(*found.skipped, *corpus.skipped))
    if len(corpus.skipped) > 1:
        say(tally(corpus.skipped))
    if not corpus.teach:
        raise JamdError(f"no MIDI file with notes in {', '.join(map(str, paths)) or 'the sessions'}")
    return corpus


def anew(corpus: Corpus, steps: int, seed: int, emphasis: Mapping[str, float], say: Say) -> Music:
    """Pieces for a model that begins with nothing. `emphasis` is how much more often pieces in folders of
    these names are drawn."""
    teach, held_out = corpus.teach, corpus.held_out
    if not corpus.spare:  # a handful of pieces: nothing to spare, so the score is only of the fit
        say("too few pieces to hold any out: the scores tell of the pieces learned from")
    weights = [
        math.prod(emphasis.get(part, 1.0) for part in recording.folders) for recording in teach.recordings
    ]
    sampler = Sampler(teach, steps, seed, emphasis=weights)
    # the same questions at every check, and in every training
    check = Sampler(held_out, steps, seed=0, augment=False)
    once = math.ceil(held_out.lengths_steps.sum() / steps)
    questions = min(QUESTIONS, max(once, min(2 * once, QUESTION_BATCH)))
    epoch_sequences = math.ceil(teach.lengths_steps.sum() / steps)
    return Music(
        sampler,
        epoch_sequences,
        [check.conversation(number) for number in range(questions)],
        lambda: map(sampler.conversation, range(epoch_sequences)),
        cases_of(list(held_out.by_hash(MOST_ASKED)), SAMPLES),
        {"learned_from": teach.account(), "held_out": held_out.account(), "emphasis": dict(emphasis)},
        "C",
        True,
        _told(len(teach), counted(teach.notes.sum(), "note"), len(held_out)),
        lambda: filter_of(map(_phrases, teach)),
    )


def _told(pieces: int, amount: str, held_out: int) -> str:
    return f"{counted(pieces, 'piece')}, {amount}, to learn from; {held_out} held out"


def _phrases(piece: QuantisedPiece) -> Hashes:
    piece = player_alone(piece)
    order = np.lexsort((piece.key, piece.step))
    hashes, _ = phrases_of(piece.step[order].astype(np.int64), piece.key[order].astype(np.int64))
    return hashes


def benchmark(path: Path, steps: int, seed: int) -> Music:
    """A file of rolls with the splits `train` and `valid`. Raises JamdError."""
    teach, held_out = (
        [benchmarks.conversation_of(roll) for roll in benchmarks.read_split(path, split)]
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
        _told(len(teach), counted(frames[0], "frame"), len(held_out)),
    )
