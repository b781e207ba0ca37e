"""MIDI files read by several processes, and kept; which of them are held out."""

from __future__ import annotations

import hashlib
import multiprocessing
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from jamd.errors import JamdError, MidiFileError
from jamd.models.tokens import KEYS, LOWEST_PITCH
from jamd.note import STEPS_PER_BEAT
from jamd.training import beats, cache, pieces
from jamd.training.pieces import QuantisedPiece
from jamd.training.sources import Recording, Skipped

HELD_OUT_FOLDERS = {"valid", "validation", "val"}
FORMAT = f"2, {STEPS_PER_BEAT} steps, {KEYS} keys from {LOWEST_PITCH}"
"""Of what the cache keeps for a file. Raise its number with every change to what reading a file gives."""

LARGEST_BYTES = 4 * 2**20
"""Nine times the largest of 4,030 pieces. Reading one takes up to fifty times its size in memory."""
CHUNK_FILES = 1024
FEW_FILES = 8
"""So few are read sooner than another process has started."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A recording that has yet to be parsed, and the key under which to keep the outcome in a folder."""

    recording: Recording
    annotation: beats.Annotation | None
    sha256: str
    key: str
    folder: Path | None
    assume_grid: bool


def _digest(recording: Recording) -> str:
    """SHA-256 of a file of bearable size."""
    return hashlib.sha256(recording.content(LARGEST_BYTES)).hexdigest()


def _look_up(
    recording: Recording, annotation: beats.Annotation | None, folder: Path | None, assume_grid: bool
) -> QuantisedPiece | Skipped | _Source:
    """A piece from the cache, or what it takes to parse it."""
    try:
        sha256 = _digest(recording)
        with pieces.blaming_the_beats(recording.where):
            files = (annotation.beats, annotation.phrases) if annotation else ()
            beside = [_digest(Recording(file)) for file in files if file]
        key = cache.key_of(FORMAT, "as given" if assume_grid else "", sha256, *beside)
    except MidiFileError as error:
        return Skipped(recording.where, str(error))
    arrays = cache.get(folder, key) if folder else None
    if arrays is None:
        return _Source(recording, annotation, sha256, key, folder, assume_grid)
    scalars = {
        "on_grid": bool(arrays["on_grid"]),
        "found": bool(arrays["found"]),
        "sure": float(arrays["sure"]),
    }
    return QuantisedPiece(recording.name, sha256, **{**arrays, **scalars})


def _parse(source: _Source) -> QuantisedPiece | Skipped:
    """The piece in a file, kept in the cache."""
    recording = source.recording
    try:
        content = recording.content(LARGEST_BYTES)
        piece = pieces.read(
            content, recording.where, recording.name, source.sha256, source.annotation, source.assume_grid
        )
    except MidiFileError as error:
        return Skipped(recording.where, str(error))
    if source.folder:
        names = [f.name for f in fields(piece) if f.name not in ("name", "sha256")]
        cache.put(source.folder, source.key, {name: np.asarray(getattr(piece, name)) for name in names})
    return piece


def _ignore_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that reads on


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
    seen: dict[str, str] = {}
    pool: ProcessPoolExecutor | None = None
    with ExitStack() as stack:
        for first in range(0, len(recordings), CHUNK_FILES):
            chunk = recordings[first : first + CHUNK_FILES]
            known = [
                _look_up(recording, (annotations or {}).get(recording.stem), folder, assume_grid)
                for recording in chunk
            ]
            todo = [source for source in known if isinstance(source, _Source)]
            if pool is None and workers > 1 and len(todo) > FEW_FILES:
                spawn = multiprocessing.get_context("spawn")  # a fork would copy locks that threads hold
                pool = ProcessPoolExecutor(workers, spawn, _ignore_interrupt)
                stack.callback(pool.shutdown, cancel_futures=True)
            parsed = iter(pool.map(_parse, todo, chunksize=16) if pool else map(_parse, todo))
            for recording, found in zip(chunk, known, strict=True):
                try:
                    piece = next(parsed) if isinstance(found, _Source) else found
                except BrokenProcessPool as error:
                    raise JamdError(
                        "a process that read recordings was killed; was the memory full?"
                    ) from error
                if isinstance(piece, QuantisedPiece) and piece.sha256 in seen:
                    piece = Skipped(recording.where, f"{recording.where} is a copy of {seen[piece.sha256]}")
                elif isinstance(piece, QuantisedPiece):
                    seen[piece.sha256] = piece.name
                yield piece
    if folder:
        cache.trim(folder)


def is_held_out(recording: Recording, sha256: str, any_folder: bool) -> bool:
    """Whether a piece validates and does not teach: its folder says so, else one piece in ten by its hash."""
    if any_folder:
        return not HELD_OUT_FOLDERS.isdisjoint(recording.folders)
    return int(sha256[:8], 16) % 10 == 0
