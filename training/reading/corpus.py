"""Any amount of music to learn from and to be scored by: read, and split."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from jamd.counted import counted
from jamd.training.cache.cache import Cache
from jamd.training.reading import packing, reading
from jamd.training.reading.lookup import Outline, Reader
from jamd.training.reading.ranks import Ranks
from jamd.training.reading.store import Pieces, Store
from jamd.training.recordings import beats
from jamd.training.recordings.recording import Recording, Skipped

MEMORY_BYTES = 256 * 2**20
"""Of pieces held in memory, those not asked for longest going first: all of a small corpus."""

Say = Callable[[str], None]
Track = Callable[..., Iterable[Any]]
"""`rich.progress.track`, or what shows nothing."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """All pieces; of them those to learn from, and those held out for scoring: the same ones for both where
    there were too few to `spare` any. All are empty where no recording holds music. `named`: a folder's name
    says which are held out."""

    all: Pieces
    teach: Pieces
    held_out: Pieces
    spare: bool
    named: bool
    skipped: tuple[Skipped, ...]


def read_corpus(
    recordings: Sequence[Recording],
    workers: int,
    annotations: Mapping[str, beats.Annotation] | None = None,
    folder: Path | None = None,
    assume_grid: bool = False,
    track: Track = lambda found, **_: found,
    say: Say = lambda line: None,
    most_bytes: int = MEMORY_BYTES,
) -> Corpus:
    """The recordings as pieces, each once, those to hold out told by `reading.is_held_out`.

    `folder` is the cache's; without one, what `most_bytes` of memory do not hold is parsed again each time it
    is asked for. Processes that have met in `group.together` share the reading by way of that folder; all
    must call this. Why a recording is left out is said as it is found. Raises JamdError when a process that
    reads is killed, or the processes have different recordings.
    """
    jobs = reading.jobs_of(recordings, annotations)
    any_folder = any(not reading.HELD_OUT_FOLDERS.isdisjoint(recording.folders) for recording in recordings)
    store = Store(jobs, Reader(folder, assume_grid), most_bytes)
    cache = Cache(folder) if folder else None
    ranks = Ranks(together=folder is not None)
    wrote = cache.wrote if cache else []
    numbers = ranks.numbers(len(jobs))
    teach: list[int] = []
    held_out: list[int] = []
    skipped: list[Skipped] = []
    with closing(reading.scan([jobs[number] for number in numbers], workers, store.reader, cache)) as scanned:
        mine = _taken(store, numbers, track(scanned, total=len(numbers), description="reading"))
        everyones = ranks.everyones(jobs, mine, wrote)
        for number, found in enumerate(reading.without_copies(jobs, everyones)):
            if isinstance(found, Skipped):
                skipped.append(found)
                say(f"skipped: {found.reason}")
                continue
            store.note(number, found)
            held = reading.is_held_out(recordings[number], found.sha256, any_folder)
            (held_out if held else teach).append(number)
    if folder:
        missing = store.locate(Cache(folder, wrote))
        if missing:
            say(f"{counted(missing, 'piece')} not kept: each is parsed again whenever it is drawn")
    spare = bool(teach and held_out)
    both = teach + held_out
    parts = both, *((teach, held_out) if spare else (both, both))
    every, first, second = (Pieces(store, np.array(part, np.int64)) for part in parts)
    return Corpus(every, first, second, spare, any_folder, tuple(skipped))


def _taken(
    store: Store, numbers: Iterable[int], found: Iterable[Outline | Skipped]
) -> Iterator[Outline | Skipped]:
    """What was found, without the pieces: as many as there is room for are held in memory."""
    for number, each in zip(numbers, found, strict=True):
        if isinstance(each, Outline) and each.body is not None:
            if store.memory.bytes < store.memory.most_bytes:
                job = store.jobs[number]
                store.memory.hold(number, packing.unpacked(each.body, job.recording.name, each.sha256))
            each = replace(each, body=None)
        yield each
