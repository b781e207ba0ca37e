"""From MIDI files to quantised pieces, and which of them are held out."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from jamd import midifile
from jamd.errors import JamdError, MidiFileError
from jamd.models.tokens import KEYS, LOWEST_PITCH, key_of
from jamd.note import STEPS_PER_BEAT, length_steps, quantise
from jamd.training import beats, cache

SUFFIXES = {".mid", ".midi", ".kar"}
HELD_OUT_FOLDERS = {"valid", "validation", "val"}
FORMAT = f"1, {STEPS_PER_BEAT} steps, {KEYS} keys from {LOWEST_PITCH}"
"""Of what the cache keeps for a file. Raise its number with every change to what reading a file gives."""

LARGEST_BYTES = 4 * 2**20
"""Nine times the largest of 4,030 pieces. Reading one takes up to fifty times its size in memory."""
MOST_NOTES = 200_000
LONGEST_SECONDS = 3 * 3600
LONGEST_PIECE_STEPS = 200_000
"""Of a piece so slow or so fast that its seconds say little."""
MEAN_TEMPOS = (15.0, 500.0)
"""Beats a minute, over a whole piece. Among 4,030 the slowest has 27, the fastest 252: beyond, ticks are not
beats. A moment may be slower: a fermata is often written as 8 BPM."""
GRID_BEATS = (1, 1 / 2, 1 / 4, 1 / 5, 1 / 12, 1 / 16)
"""Periods in which onsets on a grid return, as fine as scores have it; 1/12 holds sixteenths and triplets."""
LEAST_RESULTANT = 0.25
"""Below it the onsets of a piece keep no time: see `keeps_time`."""
CHUNK_FILES = 1024
FEW_FILES = 8
"""So few are read sooner than another process has started."""

Int32s = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class QuantisedPiece:
    """One piece on the grid. Note arrays are (notes,), in order of `step`; one note per key and step."""

    name: str
    sha256: str
    step: Int32s
    end: Int32s
    key: npt.NDArray[np.int16]
    velocity: npt.NDArray[np.int16]
    offset: npt.NDArray[np.float32]
    part: npt.NDArray[np.int16]
    bar_lines: Int32s
    """The steps on which bars begin, the piece's end included."""
    phrase_steps: Int32s = field(default_factory=lambda: np.zeros(0, np.int32))
    """Where phrases of the first part begin, (phrases,), rising; none where unknown."""
    on_grid: bool = True
    """Whether its beats are those of the music. Where not, offsets are noise."""

    @property
    def steps(self) -> int:
        return int(self.bar_lines[-1])


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was left out, and why, in one line: the path, the kind of fault, often a colon and more."""

    path: Path
    reason: str

    @property
    def kind(self) -> str:
        """What is wrong, without the names and numbers of this one file."""
        what = self.reason.removeprefix(f"{self.path} ").partition(":")[0]
        return "is a copy" if what.startswith("is a copy of ") else what


def tally(skipped: Iterable[Skipped]) -> str:
    """How many files were skipped, and how many for each kind of reason, in one line."""
    kinds = Counter(file.kind for file in skipped)
    each = "; ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    return f"{kinds.total()} skipped" + (f": {each}" if each else "")


def find_files(paths: Iterable[Path]) -> list[Path]:
    """MIDI files in files and folders, sorted. Raises JamdError for a path that is not there."""
    found: set[Path] = set()
    for path in paths:
        if path.is_file():
            found.update(() if beats.is_annotation(path) else (path,))
        elif path.is_dir():
            for folder, _, names in os.walk(path):
                found.update(Path(folder, name) for name in names if Path(name).suffix.lower() in SUFFIXES)
        else:
            raise JamdError(f"there is no file or folder {path}")
    return sorted(found)


def keeps_time(start_beats: npt.NDArray[np.float64]) -> bool:
    """Whether onsets (notes,) return in one of `GRID_BEATS`, as those of a recording without beats do not.

    The measure is the mean resultant length of the onsets' angles in a period, |mean exp(2πi x / period)|
    (Mardia and Jupp, Directional Statistics, 2.3.1): 1 where all lie on its grid, near 0 where they lie
    anywhere. The largest over the periods was at least 0.30 in score-like sets and at most 0.24 in GiantMIDI.
    """
    angles = np.exp(2j * np.pi * start_beats[:, None] / np.array(GRID_BEATS))
    return bool(np.abs(angles.mean(0)).max() >= LEAST_RESULTANT)


def quantised(
    piece: midifile.Piece,
    name: str,
    sha256: str,
    phrase_beats: npt.NDArray[np.float64] | None = None,
    on_grid: bool = True,
) -> QuantisedPiece:
    """A piece with notes on the grid, its phrases' beginnings (phrases,) given in beats."""
    rows = [
        (note.start_beats, note.end_beats, key_of(note.pitch), note.velocity, part)
        for part, voice in enumerate(piece.parts)
        for note in voice.notes
    ]
    table = np.array(rows, np.float64).reshape(-1, 5)
    step, offset = quantise(table[:, 0] * STEPS_PER_BEAT)
    end = step + length_steps(step, table[:, 1] * STEPS_PER_BEAT)
    key = table[:, 2].astype(np.int16)
    # One key sounds once at a time, as on a keyboard: the longest of one step stays, the next strike cuts it.
    order = np.lexsort((-end, step, key))
    same_key = np.r_[key[order][1:] == key[order][:-1], False]
    double = np.r_[False, same_key[:-1] & (step[order][1:] == step[order][:-1])]
    order, same_key = order[~double], None
    following = np.r_[np.where(key[order][1:] == key[order][:-1], step[order][1:], np.inf), np.inf]
    end[order] = np.minimum(end[order], following)
    order = order[np.lexsort((key[order], step[order]))]
    end_step = int(end.max())
    phrases = np.unique(quantise((np.zeros(0) if phrase_beats is None else phrase_beats) * STEPS_PER_BEAT)[0])
    return QuantisedPiece(
        name,
        sha256,
        step[order].astype(np.int32),
        end[order].astype(np.int32),
        key[order],
        table[order, 3].astype(np.int16),
        offset[order].astype(np.float32),
        table[order, 4].astype(np.int16),
        _bar_lines(piece, end_step),
        phrases[(phrases >= 0) & (phrases < end_step)].astype(np.int32),
        on_grid,
    )


def _bar_lines(piece: midifile.Piece, end_step: int) -> Int32s:
    changes = [(int(quantise(at * STEPS_PER_BEAT)[0]), metre) for at, metre in piece.metres]
    lines: list[int] = []
    for (first, metre), (last, _) in pairwise([*changes, (end_step, None)]):
        lines += range(first, min(last, end_step), metre.steps_per_bar)  # type: ignore[union-attr]
    return np.array([*lines, end_step], np.int32)


def _check(piece: midifile.Piece, path: Path) -> None:
    """Raise MidiFileError for what is no piece of music, before it fills the memory or misleads the beat."""
    notes = sum(len(part.notes) for part in piece.parts)
    if not notes:
        raise MidiFileError(f"{path} has no notes on its beats")
    if notes > MOST_NOTES:
        raise MidiFileError(f"{path} holds too many notes for one piece: {notes}, more than {MOST_NOTES}")
    end_beats = max(note.end_beats for part in piece.parts for note in part.notes)
    seconds = float(beats.seconds_at(piece, np.array([end_beats]))[0])
    tempo = 60 * end_beats / seconds
    slowest, fastest = MEAN_TEMPOS
    if not slowest <= tempo <= fastest:
        raise MidiFileError(
            f"{path} has an absurd tempo: {tempo:.4g} beats a minute, not {slowest:g} to {fastest:g}"
        )
    if seconds > LONGEST_SECONDS or end_beats * STEPS_PER_BEAT > LONGEST_PIECE_STEPS:
        raise MidiFileError(
            f"{path} lasts too long for one piece: {seconds / 3600:.1f} hours, {end_beats:.0f} beats"
        )


@contextmanager
def _blaming_the_beats(path: Path) -> Iterator[None]:
    try:
        yield
    except JamdError as error:
        raise MidiFileError(f"{path} has an unusable beat track: {error}") from error


def _read(path: Path, annotation: beats.Annotation | None, sha256: str) -> QuantisedPiece:
    piece = midifile.read(path)
    _check(piece, path)
    if annotation is None:
        starts = np.array([note.start_beats for part in piece.parts for note in part.notes])
        return quantised(piece, path.name, sha256, on_grid=keeps_time(starts))
    with _blaming_the_beats(path):
        track = beats.read_beats(annotation.beats)
        phrases = beats.read_phrases(annotation.phrases) if annotation.phrases else np.zeros(0)
        piece = beats.align(piece, track)
    _check(piece, path)
    return quantised(piece, path.name, sha256, track.beats_at(phrases))


@dataclass(frozen=True, slots=True)
class _Source:
    """A file that has yet to be parsed, and the key under which to keep the outcome in a folder."""

    path: Path
    annotation: beats.Annotation | None
    sha256: str
    key: str
    folder: Path | None


def _digest(path: Path) -> str:
    """SHA-256 of a file of bearable size."""
    try:
        if not path.is_file():  # a pipe would keep us waiting
            raise MidiFileError(f"{path} is not a file that can be read")
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise MidiFileError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > LARGEST_BYTES:
        raise MidiFileError(f"{path} is too large for one piece: over {LARGEST_BYTES >> 20} MiB")
    return hashlib.sha256(content).hexdigest()


def _look_up(
    path: Path, annotation: beats.Annotation | None, folder: Path | None
) -> QuantisedPiece | Skipped | _Source:
    """A piece from the cache, or what it takes to parse it."""
    try:
        sha256 = _digest(path)
        with _blaming_the_beats(path):
            files = (annotation.beats, annotation.phrases) if annotation else ()
            key = cache.key_of(FORMAT, sha256, *(_digest(file) for file in files if file))
    except MidiFileError as error:
        return Skipped(path, str(error))
    arrays = cache.get(folder, key) if folder else None
    if arrays is None:
        return _Source(path, annotation, sha256, key, folder)
    return QuantisedPiece(path.name, sha256, **{**arrays, "on_grid": bool(arrays["on_grid"])})


def _parse(source: _Source) -> QuantisedPiece | Skipped:
    """The piece in a file, kept in the cache."""
    try:
        piece = _read(source.path, source.annotation, source.sha256)
    except MidiFileError as error:
        return Skipped(source.path, str(error))
    if source.folder:
        names = [f.name for f in fields(piece) if f.name not in ("name", "sha256")]
        cache.put(source.folder, source.key, {name: np.asarray(getattr(piece, name)) for name in names})
    return piece


def _ignore_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that reads on


def read_all(
    paths: Sequence[Path],
    workers: int,
    annotations: Mapping[str, beats.Annotation] | None = None,
    folder: Path | None = None,
) -> Iterator[QuantisedPiece | Skipped]:
    """Every file as a piece or as the reason why not, in the order of `paths`; copies are skipped.

    `annotations` are beat tracks by a file's stem (`beats.find`); `folder` is the cache's, None for no cache.
    Raises JamdError when a process that reads is killed.
    """
    seen: dict[str, str] = {}
    pool: ProcessPoolExecutor | None = None
    with ExitStack() as stack:
        for first in range(0, len(paths), CHUNK_FILES):
            chunk = paths[first : first + CHUNK_FILES]
            known = [_look_up(path, (annotations or {}).get(path.stem), folder) for path in chunk]
            todo = [source for source in known if isinstance(source, _Source)]
            if pool is None and workers > 1 and len(todo) > FEW_FILES:
                spawn = multiprocessing.get_context("spawn")  # a fork would copy locks that threads hold
                pool = ProcessPoolExecutor(workers, spawn, _ignore_interrupt)
                stack.callback(pool.shutdown, cancel_futures=True)
            parsed = iter(pool.map(_parse, todo, chunksize=16) if pool else map(_parse, todo))
            for path, found in zip(chunk, known, strict=True):
                try:
                    piece = next(parsed) if isinstance(found, _Source) else found
                except BrokenProcessPool as error:
                    raise JamdError(
                        "a process that read recordings was killed; was the memory full?"
                    ) from error
                if isinstance(piece, QuantisedPiece) and piece.sha256 in seen:
                    piece = Skipped(path, f"{path} is a copy of {seen[piece.sha256]}")
                elif isinstance(piece, QuantisedPiece):
                    seen[piece.sha256] = piece.name
                yield piece
    if folder:
        cache.trim(folder)


def is_held_out(path: Path, sha256: str, any_folder: bool) -> bool:
    """Whether a piece validates and does not teach: its folder says so, else one piece in ten by its hash."""
    if any_folder:
        return not HELD_OUT_FOLDERS.isdisjoint(path.parts)
    return int(sha256[:8], 16) % 10 == 0
