"""Foreign bytes by the hundred thousand: `python -m tests.fuzz.fuzz [TARGET...] [--cases N] [--seed N]`.

Each case is a seed of `tests/fuzz/corpus/TARGET` with random damage (`mutations`), fed to a reader
(`fuzz_targets`). What fails, takes long or takes much memory is made as small as it goes and put beside the
seeds, from where `test_fuzz.py` tries it again ever after. A case depends on the seed, the target, its number
and the corpus alone. Exit status 1 when anything was found.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is loaded

import argparse
import gc
import hashlib
import math
import multiprocessing
import re
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

from tests.fuzz.targets import TARGETS, Refused, Target, at_home

CORPUS = Path(__file__).parent / "corpus"
ODD = ("odd-", "found-")
"""What begins with these words in the corpus is damaged itself."""
CASES = 100_000
MOST_CPU_SECONDS = 1.0
"""For one case, of a few kilobytes. Most take a thousandth."""
MOST_GROWTH_BYTES = 64 * 2**20
"""Of the process, from the first case of a target to its largest."""
MOST_ADDRESSES_BYTES = 2 * 2**30
"""More than that is not to be had: what asks for it fails at once."""
STUCK_SECONDS = 60.0
"""Without a new case, a process hangs where no signal reaches it, or has died."""
GATHERED_CASES = 250
MOST_FOUND = 8
"""Findings of a target: then it is left."""


TOLD_SECONDS = 0.2
TAKEN, REFUSED = "taken", "refused"

Shared = Any
"""A number that other processes see."""


class Slow(BaseException):
    """A case that takes too long."""


@dataclass(slots=True)
class Tally:
    """What came of the cases of one target. `found` are findings by their signature, each a case."""

    name: str
    cases: int = 0
    taken: int = 0
    cpu_seconds: float = 0.0
    slowest_seconds: float = 0.0
    growth_bytes: int = 0
    found: dict[str, bytes] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """What came of more cases of the same target."""
        self.cases += other.cases
        self.taken += other.taken
        self.cpu_seconds += other.cpu_seconds
        self.slowest_seconds = max(self.slowest_seconds, other.slowest_seconds)
        self.growth_bytes = max(self.growth_bytes, other.growth_bytes)
        self.found |= other.found


def seeds_of(name: str) -> list[bytes]:
    """What the cases of a target are made of: what is whole in its corpus, in order of the files' names."""
    files = sorted((CORPUS / name).iterdir())
    return [path.read_bytes() for path in files if not path.name.startswith(ODD)]


def case_of(target: Target, seeds: Sequence[bytes], seed: int, number: int) -> bytes:
    return target.mutate(Random(f"{seed} {target.name} {number}"), seeds)


@contextmanager
def in_time(seconds: float) -> Iterator[None]:
    """Raise Slow when this takes more of the processor's time: how busy the machine is decides nothing."""

    def late(_number: int, _frame: FrameType | None) -> None:
        raise Slow

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, seconds, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def outcome_of(target: Target, case: bytes, most_peak_bytes: float = math.inf) -> str:
    """TAKEN, REFUSED, or what is wrong with the outcome of a case, as a signature."""
    try:
        with in_time(MOST_CPU_SECONDS):
            outcome = TAKEN if target.feed(case) else REFUSED
    except Refused:
        outcome = REFUSED
    except Slow as error:
        outcome = f"slow in {_place(error)}"
    except Exception as error:
        outcome = f"{type(error).__name__} in {_place(error)}"
    return "memory" if peak_bytes() > most_peak_bytes else outcome


def _place(error: BaseException) -> str:
    """The innermost line of ours that the fault went through; of what was too slow, the function."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [
        frame for frame in frames if not re.search("/site-packages/|/lib/python|/fuzz.py", frame.filename)
    ]
    frame = ours[-1] if ours else frames[-1]
    line = "" if isinstance(error, Slow) else f":{frame.lineno}"
    return f"{Path(frame.filename).name}{line} {frame.name}"


def smallest(fails: Callable[[bytes], bool], case: bytes, most_seconds: float = 20.0) -> bytes:
    """The case with all left out that it fails without."""
    until = time.monotonic() + most_seconds
    size = max(1, len(case) // 2)
    while size:
        at = 0
        while at < len(case):
            shorter = case[:at] + case[at + size :]
            if time.monotonic() > until:
                return case
            if fails(shorter):
                case = shorter
            else:
                at += size
        size //= 2
    return case


def run(
    target: Target,
    seeds: Sequence[bytes],
    numbers: Sequence[int],
    seed: int,
    begins: Callable[[int], None] = lambda number: None,
) -> Tally:
    """Feed the cases of these numbers. `begins` is told each number first."""
    tally = Tally(target.name)
    for case in seeds:
        outcome_of(target, case)  # what is loaded at first use is not counted as theirs
    base_bytes = peak_bytes()
    most_bytes = base_bytes + MOST_GROWTH_BYTES
    begun = time.process_time()
    for number in numbers:
        begins(number)
        if tally.cases % GATHERED_CASES == 0:
            gc.collect()  # an engine and its parts know each other: they wait to be let go of
        case = case_of(target, seeds, seed, number)
        before = time.process_time()
        outcome = outcome_of(target, case, most_bytes)
        tally.slowest_seconds = max(tally.slowest_seconds, time.process_time() - before)
        tally.cases += 1
        tally.taken += outcome == TAKEN
        if outcome not in (TAKEN, REFUSED):
            tally.found.setdefault(outcome, case)
            if outcome == "memory":
                most_bytes = peak_bytes() + MOST_GROWTH_BYTES
            if len(tally.found) == MOST_FOUND:
                break
    tally.cpu_seconds = time.process_time() - begun
    tally.growth_bytes = peak_bytes() - base_bytes
    for outcome, case in tally.found.items():
        if outcome != "memory":  # the peak of a process does not fall, so that no other case could be tried
            tally.found[outcome] = smallest(partial(_fails, target, outcome), case)
    return tally


def _fails(target: Target, outcome: str, case: bytes) -> bool:
    return outcome_of(target, case) == outcome


def _share(target: Target, numbers: Sequence[int], seed: int, at: Shared, pipe: Connection) -> None:
    """A process's share of the cases; `at` tells the others which one is tried."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSES_BYTES, resource.RLIM_INFINITY))
    with at_home():
        pipe.send(run(target, seeds_of(target.name), numbers, seed, partial(setattr, at, "value")))


def run_all(name: str, cases: int, seed: int, processes: int) -> Iterator[tuple[int, Tally | None]]:
    """How many cases have been tried, again and again; at the end with what came of them all."""
    target, fork = TARGETS[name], multiprocessing.get_context("fork")
    shares = []
    for first in range(min(processes, cases)):
        at, (here, there) = fork.Value("q", first, lock=False), fork.Pipe(duplex=False)
        numbers = range(first, cases, processes)
        process = fork.Process(target=_share, args=(target, numbers, seed, at, there), daemon=True)
        process.start()
        there.close()
        shares.append((process, at, here))
    whole = Tally(name)
    for process, at, here in shares:
        before, since = -1, time.monotonic()
        while not here.poll(TOLD_SECONDS):
            yield sum((each.value // processes) + 1 for _, each, _ in shares), None
            if at.value != before:
                before, since = at.value, time.monotonic()
            elif time.monotonic() - since > STUCK_SECONDS:
                process.kill()
        try:
            whole.add(here.recv())
        except EOFError:
            process.join()
            how = f"the process died ({process.exitcode})"
            whole.add(Tally(name, found={how: case_of(target, seeds_of(name), seed, at.value)}))
        process.join()
    yield cases, whole


def keep(name: str, outcome: str, case: bytes, folder: Path) -> Path:
    """Put a finding beside the seeds."""
    path = folder / name / f"found-{hashlib.sha256(outcome.encode()).hexdigest()[:8]}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(case)
    return path


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; without, all")
    parser.add_argument("--cases", type=int, default=CASES, help="of each target (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="other cases for each seed (%(default)s)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="at once (%(default)s)")
    parser.add_argument("--keep", type=Path, default=CORPUS, help="the folder for what is found (the corpus)")
    args = parser.parse_args()
    if unknown := set(args.targets) - TARGETS.keys():
        parser.error(f"no target {', '.join(sorted(unknown))}; there are: {', '.join(TARGETS)}")
    found = 0
    for name in args.targets or TARGETS:
        begun = time.monotonic()
        for tried, whole in run_all(name, args.cases, args.seed, args.processes):
            seconds = time.monotonic() - begun
            line = f"{name:10} {tried:7,} cases {tried / seconds:6.0f}/s"
            if whole is None:
                if sys.stderr.isatty():
                    print(f"\r{line}", end="", file=sys.stderr, flush=True)
                continue
            print(
                f"\r{line} in {seconds:.1f} s ({whole.cpu_seconds:.1f} s of CPU), {whole.taken:,} taken, "
                f"slowest {1000 * whole.slowest_seconds:.0f} ms, "
                f"memory +{whole.growth_bytes / 2**20:.1f} MiB",
                flush=True,
            )
            for outcome, case in whole.found.items():
                print(f"  {outcome}: {keep(name, outcome, case, args.keep)} ({len(case)} bytes)", flush=True)
            found += len(whole.found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
