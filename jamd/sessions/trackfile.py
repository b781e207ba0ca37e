"""A file of tracks with room to grow, so that an hour of music is not written again for each second of it.

In each track lies a filler before the end: a meta event that readers pass over. What is new goes into the
filler's data, where nobody looks yet, with a filler of its own behind it; then six bytes, where the old tail
and filler begin, make one filler of these two, and what is new counts. Whatever ends the program between two
of these writings, the file is whole: it has the new or has it not.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jamd.smf.write import file_of

HEAD_BYTES = 6
MOST_ROOM = (1 << 21) - 1
"""What a filler's length can say."""
SECTOR_BYTES = 512
"""What a disk writes at once: the six bytes are never in two of them."""
_END = b"\x00\xff\x2f\x00"


def filler(size: int) -> bytes:
    """What goes before `size` bytes that readers are to pass over."""
    return bytes((0, 0xFF, 0x7F, 0x80 | size >> 14, 0x80 | size >> 7 & 0x7F, size & 0x7F))


@dataclass(slots=True)
class Place:
    """Of a track in the file: where its `tail` begins, where its room does, and how much of it there is."""

    tail: int
    room: int
    left: int
    written: int
    """How much of the track is before its tail."""
    last: bytes
    """The tail itself."""


class Full(Exception):
    """There is no more room in the file, or it is not the one that was written."""


class Roomy:
    """Such a file, at `path`. Tracks are pairs: what is settled, which only grows, and the tail behind it,
    which ends what still sounds; both without the end of the track."""

    def __init__(self, path: Path, places: Sequence[Place], size: int) -> None:
        self._path, self._places, self._size = path, places, size
        status = os.stat(path)
        self._identity = (status.st_dev, status.st_ino)

    def add(self, tracks: Iterable[tuple[bytes | bytearray, bytes | bytearray]]) -> None:
        """Write what is new. Raises Full, and then all is as it was, or OSError."""
        with open(self._path, "r+b", buffering=0) as file:
            status = os.fstat(file.fileno())
            if (status.st_dev, status.st_ino) != self._identity or status.st_size != self._size:
                raise Full  # somebody put another in its place
            moves = [_moved(place, *track) for place, track in zip(self._places, tracks, strict=True)]
            changed = [(place, *move) for place, move in zip(self._places, moves, strict=True) if move]
            for before, _, fresh in changed:
                file.seek(before.room)
                if file.write(fresh) != len(fresh):
                    raise Full  # the disk is
            os.fsync(file.fileno())
            for before, _, _ in changed:
                file.seek(before.tail)
                file.write(filler(before.room - before.tail - HEAD_BYTES))
            os.fsync(file.fileno())
        self._places = [move[0] if move else place for place, move in zip(self._places, moves, strict=True)]


def _moved(place: Place, settled: bytes | bytearray, tail: bytes | bytearray) -> tuple[Place, bytes] | None:
    """Where a track's place is then, and what is to be written in its room; None if nothing. Raises Full."""
    if len(settled) == place.written and tail == place.last:
        return None
    new = bytes(settled[place.written :])
    new += padding(place.room + len(new))
    left = place.left - len(new) - len(tail) - HEAD_BYTES
    if left < 0:
        raise Full
    tail_at = place.room + len(new)
    moved = Place(tail_at, tail_at + len(tail) + HEAD_BYTES, left, len(settled), bytes(tail))
    return moved, new + tail + filler(left)


def padding(tail_at: int) -> bytes:
    """What must go before a tail lest the six bytes that will be written over it lie in two sectors."""
    straddles = tail_at // SECTOR_BYTES != (tail_at + HEAD_BYTES - 1) // SECTOR_BYTES
    return filler(0) if straddles else b""


def roomy(
    tracks: Sequence[tuple[bytes | bytearray, bytes | bytearray]], room: int
) -> tuple[bytes, list[Place]]:
    """A whole file with so much room in each track, and where that is."""
    pieces: list[list[bytes | bytearray]] = []
    places = []
    offset = 14  # after the header
    for settled, tail in tracks:
        offset += 8  # after the track's
        pad = padding(offset + len(settled))
        tail_at = offset + len(settled) + len(pad)
        places.append(Place(tail_at, tail_at + len(tail) + HEAD_BYTES, room, len(settled), bytes(tail)))
        pieces.append([settled, pad, tail, filler(room), bytes(room), _END])
        offset = tail_at + len(tail) + HEAD_BYTES + room + len(_END)
    return file_of(pieces), places
