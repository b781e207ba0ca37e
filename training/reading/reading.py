"""MIDI files read by several processes, and kept; which of them are held out."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, closing
from functools import lru_cache
from multiprocessing.connection import Connection
from pathlib import Path

from jamd.errors import JamdError
from jamd.training.cache.cache import Cache
from jamd.training.cache.shards import Entry
from jamd.training.reading.lookup import (
    LARGEST_BYTES,
    Job,
    Outline,
    Reader,
    piece_of,
    read_one,
)
from jamd.training.recordings import beats
from jamd.training.recordings.pieces import QuantisedPiece
from jamd.training.recordings.recording import Recording, Skipped

__all__ = ["LARGEST_BYTES", "is_held_out", "jobs_of", "read_all", "scan", "without_copies"]

HELD_OUT_FOLDERS = {"valid", "validation", "val"}
CHUNK_FILES = 16
"""Of what a process is given at once: tenths of a second's work for most music, so that progress moves."""
CHUNKS_WAITING = 2
"""For each process, so that none waits for work; it bounds what was read and has not been asked for yet."""
FEW_FILES = 8
MOMENT_SECONDS = 0.3
START_SECONDS = 0.5
"""So few are parsed, and as many as there is time for are looked up, sooner than a process has started."""


def jobs_of(
    recordings: Iterable[Recording], annotations: Mapping[str, beats.Annotation] | None = None
) -> list[Job]:
    """The recordings with their beat tracks, which are known by the file's stem (`beats.find`)."""
    return [Job(recording, (annotations or {}).get(recording.stem)) for recording in recordings]


def scan(
    jobs: Sequence[Job], workers: int, reader: Reader, known: Cache | None
) -> Generator[Outline | Skipped, None, None]:
    """What is in every recording, in order, copies too; what is new is put into the cache, which was opened
    as `known`. Raises JamdError when a process that reads is killed."""
    used: set[str] = set()
    try:
        for found in _in_turn(jobs, workers, reader, known):
            if known and isinstance(found, Outline):
                if found.shard:
                    used.add(found.shard)
                elif found.body is not None:
                    known.put(Entry(found.key, found.body, found.steps, found.notes))
            yield found
    finally:  # what was read before Ctrl-C is kept too
        if known:
            known.use(used)
            known.flush(used)
            known.trim(used)


def _in_turn(
    jobs: Sequence[Job], workers: int, reader: Reader, known: Cache | None
) -> Iterator[Outline | Skipped]:
    """By this process for as long as that is quickest, then by others."""
    begun, parsed = time.monotonic(), 0
    for number, job in enumerate(jobs):
        if workers > 1 and (parsed == FEW_FILES or time.monotonic() - begun > START_SECONDS):
            yield from _by_others(jobs[number:], workers, reader)
            return
        found = read_one(job, reader, known)
        parsed += not (isinstance(found, Outline) and found.shard)
        yield found


def _by_others(jobs: Sequence[Job], workers: int, reader: Reader) -> Iterator[Outline | Skipped]:
    spawn = multiprocessing.get_context("spawn")  # a fork would copy locks that threads hold
    size = max(1, min(CHUNK_FILES, len(jobs) // (4 * workers)))
    with ExitStack() as stack:
        theirs, ours = spawn.Pipe(duplex=False)
        stack.callback(theirs.close)
        pool = ProcessPoolExecutor(workers, spawn, _ignore_interrupt, (theirs,))
        stack.callback(pool.shutdown, cancel_futures=True)
        stack.callback(ours.close)  # before the pool ends: nobody reads on for one who left
        waiting: deque[Future[list[Outline | Skipped]]] = deque()
        try:
            for first in range(0, len(jobs), size):
                waiting.append(pool.submit(_read_chunk, jobs[first : first + size], reader))
                if len(waiting) == CHUNKS_WAITING * workers:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        except BrokenProcessPool as error:
            time.sleep(MOMENT_SECONDS)  # what ended them may be a signal that is for us too
            raise JamdError("a process that read recordings was killed; was the memory full?") from error


_asked: Connection | None = None
"""In a process that reads for another one: closed at the other end when that one wants no more."""


def _ignore_interrupt(asked: Connection) -> None:
    """Ctrl-C is for the process that asked; when that one ends, however it does, so does this."""
    global _asked
    _asked = asked
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_outlive_nobody, daemon=True).start()


def _outlive_nobody() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)


def _read_chunk(jobs: Sequence[Job], reader: Reader) -> list[Outline | Skipped]:
    known = _opened(reader.folder) if reader.folder else None
    found: list[Outline | Skipped] = []
    for job in jobs:
        if _asked and _asked.poll():  # nothing is ever sent, so this is its end
            break
        found.append(read_one(job, reader, known))
    return found


@lru_cache(maxsize=1)
def _opened(folder: Path) -> Cache:
    """The cache as it was when this process first asked."""
    return Cache(folder)


def without_copies(jobs: Iterable[Job], found: Iterable[Outline | Skipped]) -> Iterator[Outline | Skipped]:
    """What was found, each file's content once: the first of `jobs` that has it stays."""
    first: dict[bytes, str] = {}
    for job, each in zip(jobs, found, strict=True):
        if isinstance(each, Outline):
            digest, recording = bytes.fromhex(each.sha256), job.recording
            if digest in first:
                each = Skipped(recording.where, f"{recording.where} is a copy of {first[digest]}")
            else:
                first[digest] = recording.name
        yield each


def read_all(
    recordings: Sequence[Recording],
    workers: int,
    annotations: Mapping[str, beats.Annotation] | None = None,
    folder: Path | None = None,
    assume_grid: bool = False,
) -> Iterator[QuantisedPiece | Skipped]:
    """Every file as a piece or as the reason why not, in the order of `recordings`; copies are
    skipped.

    `annotations` are beat tracks by a file's stem (`beats.find`); `folder` is the cache's, None for no cache.
    Raises JamdError when a process that reads is killed.
    """
    jobs = jobs_of(recordings, annotations)
    reader = Reader(folder, assume_grid, bodies=True)
    with closing(scan(jobs, workers, reader, Cache(folder) if folder else None)) as found:
        for job, each in zip(jobs, without_copies(jobs, found), strict=True):
            yield each if isinstance(each, Skipped) else piece_of(job, reader, each.sha256, each.body)


def is_held_out(recording: Recording, sha256: str, any_folder: bool) -> bool:
    """Whether a piece validates and does not teach: its folder says so, else one piece in ten by its hash."""
    if any_folder:
        return not HELD_OUT_FOLDERS.isdisjoint(recording.folders)
    return int(sha256[:8], 16) % 10 == 0
