"""One recording as a piece: looked up in the cache by what the file holds, or parsed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from jamd.errors import JamdError, MidiFileError
from jamd.models.tokens import KEYS, LOWEST_PITCH
from jamd.music.note import STEPS_PER_BEAT
from jamd.training.cache.cache import Cache, key_of
from jamd.training.reading import packing
from jamd.training.reading.packing import Damaged
from jamd.training.recordings import beats, pieces
from jamd.training.recordings.pieces import QuantisedPiece
from jamd.training.recordings.recording import Recording, Skipped

FORMAT = f"7, {STEPS_PER_BEAT} steps, {KEYS} keys from {LOWEST_PITCH}, {packing.LAYOUT}"
"""Of what the cache keeps for a file. Raise its number with every change to what reading a file gives."""
LARGEST_BYTES = 4 * 2**20
"""Nine times the largest of 4,030 pieces. Reading one takes up to 130 times its size in memory."""


@dataclass(frozen=True, slots=True)
class Reader:
    """How recordings are read: `folder` is the cache's, None for no cache; `assume_grid` takes their beats to
    be those of the music; `bodies` asks for every piece packed, not only for those that are new."""

    folder: Path | None = None
    assume_grid: bool = False
    bodies: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """A recording to read, and where its beats are told if they are."""

    recording: Recording
    annotation: beats.Annotation | None = None


@dataclass(frozen=True, slots=True)
class Outline:
    """What is told of a piece that was read: `body` is the piece packed; `shard` is the one of the cache that
    it lay in, "" where it was parsed just now."""

    sha256: str
    key: str
    steps: int
    notes: int
    body: bytes | None
    shard: str = ""


def _sha256_of(path: Path) -> str:
    return hashlib.sha256(Recording(path).content(LARGEST_BYTES)).hexdigest()


def read_one(job: Job, reader: Reader, known: Cache | None) -> Outline | Skipped:
    """A recording's piece or why there is none, `known` being the cache as it was opened."""
    recording, annotation = job.recording, job.annotation
    try:
        content = recording.content(LARGEST_BYTES)
        sha256 = hashlib.sha256(content).hexdigest()
        with pieces.blaming_the_beats(recording.where):
            files = (annotation.beats, annotation.phrases) if annotation else ()
            beside = [_sha256_of(file) for file in files if file]
        key = key_of(FORMAT, "as given" if reader.assume_grid else "", sha256, *beside)
        number = known.find(key) if known else None
        if known and number is not None:
            body = known.body(number) if reader.bodies else None
            if body is not None or not reader.bodies:
                row = known.row(number)
                return Outline(sha256, key, int(row["steps"]), int(row["notes"]), body, known.shard(number))
        name, where = recording.name, recording.where
        piece = pieces.read(content, where, name, sha256, annotation, reader.assume_grid)
    except MidiFileError as error:
        return Skipped(recording.where, str(error))
    return Outline(sha256, key, piece.steps, len(piece.step), packing.packed(piece))


def piece_of(job: Job, reader: Reader, sha256: str, body: bytes | None) -> QuantisedPiece:
    """The piece that was read before: unpacked, or where that cannot be, parsed again. Raises JamdError when
    the recording is not what it was."""
    if body is not None:
        try:
            return packing.unpacked(body, job.recording.name, sha256)
        except Damaged:
            pass
    again = read_one(job, reader, None)
    if isinstance(again, Skipped) or again.sha256 != sha256 or again.body is None:
        raise JamdError(f"{job.recording.where} has changed since the training began")
    return packing.unpacked(again.body, job.recording.name, sha256)
