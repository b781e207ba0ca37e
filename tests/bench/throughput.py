"""Whether training waits for its music: `.venv/bin/python -m tests.bench.throughput [PATH...]`.

The same network trains on the same batches, in turn, round after round: fed by the input pipeline, which cuts
each batch when it is asked for it, and from memory, where all lie ready. The first should reach 80 % of the
second's throughput. Without a PATH it makes songs of its own. Run it when nothing else runs.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median

import torch

from jamd.models.networks import seq2seq, wavenet
from jamd.training.batches.batches import Batch
from jamd.training.batches.sampler import Sampler
from jamd.training.fitting import fit
from jamd.training.reading.corpus import read_corpus
from jamd.training.reading.store import Pieces
from jamd.training.recordings import beats, sources
from tests.kit.corpus import write_corpus

BAR = 0.8
WARM_UP_UPDATES = 3


class Memory:
    """Batches that were drawn before."""

    def __init__(self, batches: dict[Sequence[int], Batch]) -> None:
        self.batches = batches

    def draw(self, numbers: Sequence[int]) -> Batch:
        return self.batches[numbers]


class Kept:
    """Draws from a sampler, and keeps what was drawn."""

    def __init__(self, sampler: Sampler) -> None:
        self.sampler = sampler
        self.batches: dict[Sequence[int], Batch] = {}

    def draw(self, numbers: Sequence[int]) -> Batch:
        self.batches[numbers] = self.sampler.draw(numbers)
        return self.batches[numbers]


class Watch:
    """Notes when each update was done; keeps nothing."""

    def __init__(self) -> None:
        self.done: list[tuple[float, int]] = []

    def report(self, now: fit.Progress) -> None:
        self.done.append((time.perf_counter(), now.sequences))

    def keep(self, *_: object) -> None: ...

    def epoch(self, *_: object) -> None: ...

    def seconds_per_sequence(self) -> float:
        """The median over the updates, the first ones and the scored last one left out."""
        updates = self.done[WARM_UP_UPDATES:-1]
        return median((b[0] - a[0]) / (b[1] - a[1]) for a, b in pairwise(updates))


def read(paths: list[Path], cache: Path, most_bytes: int) -> Pieces:
    """The pieces in files and folders, read twice to tell what the cache saves."""
    files = sources.find_files(paths)
    for name in ("cold", "warm"):
        start = time.perf_counter()
        corpus = read_corpus(files, os.cpu_count() or 1, beats.find(paths), cache, most_bytes=most_bytes)
        print(f"reading {len(files)} files, {name} cache: {time.perf_counter() - start:.2f} s")
    return corpus.teach


def main(args: argparse.Namespace) -> int:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as folder:
        paths = args.paths or [write_corpus(Path(folder, "music"), 50)]
        return compare(args, device, read(paths, Path(folder, "cache"), args.held_mib << 20))


def compare(args: argparse.Namespace, device: torch.device, pieces: Pieces) -> int:
    network = {"seq2seq": seq2seq.Seq2Seq, "wavenet": wavenet.WaveNet}[args.arch]
    settings = {"seq2seq": seq2seq.Settings, "wavenet": wavenet.Settings}[args.arch]()
    sampler = Sampler(pieces, args.steps, seed=0)
    questions = [sampler.draw(range(args.batch))]
    recipe = fit.Recipe(epochs=1, batch=args.batch, check_updates=10**9)

    def train(source: fit.Source) -> float:
        torch.manual_seed(0)
        model = network(settings, recipe.dropout).to(device)
        watch = Watch()
        state = fit.begin(model, recipe)
        fit.fit(state, source, questions, args.updates * args.batch, recipe, device, watch)
        return watch.seconds_per_sequence()

    kept = Kept(sampler)
    train(kept)
    pipeline, memory = [], []
    for _ in range(args.rounds):
        pipeline.append(train(sampler))
        memory.append(train(Memory(kept.batches)))
        print(f"pipeline {1 / pipeline[-1]:.1f}, memory {1 / memory[-1]:.1f} sequences a second", flush=True)
    share = median(m / p for m, p in zip(memory, pipeline, strict=True))
    print(
        f"{args.arch} on {device.type}, threads {args.threads}, batches of {args.batch}, {args.steps} steps:"
    )
    print(f"{share:.0%} of the throughput from memory; the bar is {BAR:.0%}")
    return int(share < BAR)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", type=Path)
    parser.add_argument("--arch", default="seq2seq", choices=["seq2seq", "wavenet"])
    parser.add_argument("--batch", default=16, type=int)
    parser.add_argument("--steps", default=192, type=int)
    parser.add_argument("--updates", default=20, type=int, help="to a round")
    parser.add_argument("--rounds", default=3, type=int)
    parser.add_argument("--threads", default=1, type=int)
    parser.add_argument(
        "--held-mib", default=256, type=int, help="of pieces in memory; 0: all from the cache"
    )
    sys.exit(main(parser.parse_args()))
