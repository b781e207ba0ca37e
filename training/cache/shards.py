"""A shard: many entries of a cache in one file, which is written once and never changed.

First an index, a row for each entry, then the entries. The file's name is the SHA-256 of the index, and the
index holds that of each entry, so a shard that was cut short or damaged cannot pass for a whole one, and two
writers that write the same name write the same bytes. Nothing in it is ever run.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

SUFFIX = ".shard"
ROW = np.dtype(
    [
        ("key", "<u8", 4),
        ("digest", "<u8", 4),
        ("offset", "<u8"),
        ("size", "<u4"),
        ("steps", "<u4"),
        ("notes", "<u4"),
    ]
)
"""Of the index: an entry's key and the SHA-256 of its bytes, 32 bytes each; where it lies in the file; and
what is asked of all pieces before any of them is loaded."""
Rows = npt.NDArray[Any]
_MAGIC = b"jamd-s1\n"
_HEAD_BYTES = len(_MAGIC) + 8


@dataclass(frozen=True, slots=True)
class Entry:
    """The bytes of a piece under a key (64 hex digits), its length and its number of notes."""

    key: str
    body: bytes
    steps: int
    notes: int


def words_of(sha256: str) -> npt.NDArray[np.uint64]:
    """64 hex digits as they stand in a row, (4,)."""
    return np.frombuffer(bytes.fromhex(sha256), "<u8")


def encoded(entries: Sequence[Entry]) -> tuple[str, bytes]:
    """A shard's name and its bytes."""
    rows = np.zeros(len(entries), ROW)
    offset = _HEAD_BYTES + rows.nbytes
    for row, entry in zip(rows, entries, strict=True):
        digest = np.frombuffer(hashlib.sha256(entry.body).digest(), "<u8")
        row["key"], row["digest"], row["offset"] = words_of(entry.key), digest, offset
        row["size"], row["steps"], row["notes"] = len(entry.body), entry.steps, entry.notes
        offset += len(entry.body)
    index = _MAGIC + len(rows).to_bytes(8, "little") + rows.tobytes()
    return hashlib.sha256(index).hexdigest() + SUFFIX, b"".join([index, *(entry.body for entry in entries)])


def index_of(path: Path) -> Rows | None:
    """The index of a shard, (entries,) of ROW; None where the shard is damaged or not whole. Raises
    OSError."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(_HEAD_BYTES)
        if len(head) < _HEAD_BYTES:
            return None
        count = int.from_bytes(head[len(_MAGIC) :], "little")
        if count * ROW.itemsize > size:
            return None
        index = head + file.read(count * ROW.itemsize)
    if not head.startswith(_MAGIC) or hashlib.sha256(index).hexdigest() + SUFFIX != path.name:
        return None
    if len(index) != _HEAD_BYTES + count * ROW.itemsize:
        return None
    rows = np.frombuffer(index, ROW, offset=_HEAD_BYTES)
    ends = len(index) + np.cumsum(rows["size"], dtype=np.uint64)
    whole = size == (int(ends[-1]) if count else len(index)) and (rows["offset"] + rows["size"] == ends).all()
    return rows if whole else None


def body_of(path: Path, row: Any) -> bytes | None:
    """An entry's bytes; None where they are gone. A shard that is found to be damaged is deleted: the rest of
    it is not to be trusted, and would be found damaged again and again."""
    try:
        with path.open("rb") as file:
            file.seek(int(row["offset"]))
            body = file.read(int(row["size"]))
    except OSError:
        return None
    if hashlib.sha256(body).digest() == row["digest"].tobytes():
        return body
    with suppress(OSError):
        os.unlink(path)
    return None
