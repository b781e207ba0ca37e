"""From MIDI files to quantised pieces, and which of them are held out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from jamd import midifile
from jamd.errors import JamdError, MidiFileError
from jamd.models.tokens import key_of
from jamd.note import STEPS_PER_BEAT, length_steps, quantise

SUFFIXES = {".mid", ".midi", ".kar"}
HELD_OUT_FOLDERS = {"valid", "validation", "val"}
LONGEST_PIECE_STEPS = 200_000
"""Over three hours at 120 BPM: no piece, but a broken file."""


@dataclass(frozen=True, slots=True)
class QuantisedPiece:
    """One piece on the grid. Note arrays are (notes,), in order of `step`; one note per key and step."""

    name: str
    sha256: str
    step: npt.NDArray[np.int32]
    end: npt.NDArray[np.int32]
    key: npt.NDArray[np.int16]
    velocity: npt.NDArray[np.int16]
    offset: npt.NDArray[np.float32]
    part: npt.NDArray[np.int16]
    bar_lines: npt.NDArray[np.int32]
    """The steps on which bars begin, the piece's end included."""

    @property
    def steps(self) -> int:
        return int(self.bar_lines[-1])


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was left out, and why, in one line."""

    path: Path
    reason: str


def find_files(paths: Iterable[Path]) -> list[Path]:
    """MIDI files in files and folders, sorted. Raises JamdError for a path that is not there."""
    found: set[Path] = set()
    for path in paths:
        if path.is_file():
            found.add(path)
        elif path.is_dir():
            for folder, _, names in os.walk(path):
                found.update(Path(folder, name) for name in names if Path(name).suffix.lower() in SUFFIXES)
        else:
            raise JamdError(f"there is no file or folder {path}")
    return sorted(found)


def quantised(piece: midifile.Piece, name: str, sha256: str) -> QuantisedPiece:
    """A piece on the grid. Raises MidiFileError when it is absurdly long."""
    rows = [
        (note.start_beats, note.end_beats, key_of(note.pitch), note.velocity, part)
        for part, voice in enumerate(piece.parts)
        for note in voice.notes
    ]
    table = np.array(rows, np.float64).reshape(-1, 5)
    step, offset = quantise(table[:, 0] * STEPS_PER_BEAT)
    end = step + length_steps(step, table[:, 1] * STEPS_PER_BEAT)
    if end.max(initial=0) > LONGEST_PIECE_STEPS:
        raise MidiFileError(f"{name} is {end.max() / STEPS_PER_BEAT:.0f} beats long; that is not one piece")
    key = table[:, 2].astype(np.int16)
    # One key sounds once at a time, as on a keyboard: the longest of one step stays, the next strike cuts it.
    order = np.lexsort((-end, step, key))
    same_key = np.r_[key[order][1:] == key[order][:-1], False]
    double = np.r_[False, same_key[:-1] & (step[order][1:] == step[order][:-1])]
    order, same_key = order[~double], None
    following = np.r_[np.where(key[order][1:] == key[order][:-1], step[order][1:], np.inf), np.inf]
    end[order] = np.minimum(end[order], following)
    order = order[np.lexsort((key[order], step[order]))]
    return QuantisedPiece(
        name,
        sha256,
        step[order].astype(np.int32),
        end[order].astype(np.int32),
        key[order],
        table[order, 3].astype(np.int16),
        offset[order].astype(np.float32),
        table[order, 4].astype(np.int16),
        _bar_lines(piece, int(end.max())),
    )


def _bar_lines(piece: midifile.Piece, end_step: int) -> npt.NDArray[np.int32]:
    changes = [(int(quantise(beats * STEPS_PER_BEAT)[0]), metre) for beats, metre in piece.metres]
    lines: list[int] = []
    for (first, metre), (last, _) in pairwise([*changes, (end_step, None)]):
        lines += range(first, min(last, end_step), metre.steps_per_bar)  # type: ignore[union-attr]
    return np.array([*lines, end_step], np.int32)


def _read(path: Path) -> QuantisedPiece | Skipped:
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return quantised(midifile.read(path), path.name, digest)
    except (MidiFileError, OSError) as error:
        return Skipped(path, str(error))


def read_all(paths: Sequence[Path], workers: int) -> Iterator[QuantisedPiece | Skipped]:
    """Every file as a piece or as the reason why not, in the order of `paths`; copies are skipped."""
    seen: dict[str, str] = {}
    with ProcessPoolExecutor(workers) as pool:
        for path, piece in zip(paths, pool.map(_read, paths, chunksize=16), strict=True):
            if isinstance(piece, QuantisedPiece) and piece.sha256 in seen:
                yield Skipped(path, f"{path} is a copy of {seen[piece.sha256]}")
            else:
                if isinstance(piece, QuantisedPiece):
                    seen[piece.sha256] = piece.name
                yield piece


def is_held_out(path: Path, sha256: str, any_folder: bool) -> bool:
    """Whether a piece validates and does not teach: its folder says so, else one piece in ten by its hash."""
    if any_folder:
        return not HELD_OUT_FOLDERS.isdisjoint(path.parts)
    return int(sha256[:8], 16) % 10 == 0
