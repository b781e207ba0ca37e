"""Pieces by number: what is known of each is in memory, the pieces themselves are in the cache."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from hashlib import sha256
from typing import overload

import numpy as np
import numpy.typing as npt

from jamd.training.cache import shards
from jamd.training.cache.cache import Cache
from jamd.training.reading import packing
from jamd.training.reading.lookup import Job, Outline, Reader, piece_of
from jamd.training.recordings.pieces import QuantisedPiece
from jamd.training.recordings.recording import Recording

Ints = npt.NDArray[np.int64]


class Memory:
    """Pieces held by number, and no more than so many bytes of them."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes, self.bytes = most_bytes, 0
        self._held: OrderedDict[int, tuple[QuantisedPiece, int]] = OrderedDict()

    def get(self, number: int) -> QuantisedPiece | None:
        if number not in self._held:
            return None
        self._held.move_to_end(number)
        return self._held[number][0]

    def hold(self, number: int, piece: QuantisedPiece) -> None:
        size = packing.memory_bytes(piece)
        self._held[number] = piece, size
        self.bytes += size
        while self.bytes > self.most_bytes:
            _, (_, size) = self._held.popitem(last=False)
            self.bytes -= size


class Store:
    """What is known of each recording, by its number: nothing where it was skipped."""

    def __init__(self, jobs: Sequence[Job], reader: Reader, most_bytes: int) -> None:
        count = len(jobs)
        self.jobs, self.reader, self.memory = jobs, reader, Memory(most_bytes)
        self.lengths_steps, self.notes = np.zeros(count, np.int64), np.zeros(count, np.int64)
        self.sha256, self.keys = (np.zeros((count, 4), np.uint64) for _ in range(2))
        self._cache: Cache | None = None
        self._places = np.full(count, -1)

    def note(self, number: int, found: Outline) -> None:
        """Remember what is known of a piece."""
        self.lengths_steps[number], self.notes[number] = found.steps, found.notes
        self.sha256[number], self.keys[number] = shards.words_of(found.sha256), shards.words_of(found.key)

    def locate(self, cache: Cache) -> int:
        """Look all pieces up in the cache; how many are neither there nor in memory."""
        self._cache, self._places = cache, cache.find_all(self.keys)
        missing = np.flatnonzero((self._places < 0) & (self.notes > 0)).tolist()
        return sum(self.memory.get(number) is None for number in missing)

    def hex(self, number: int) -> str:
        """The SHA-256 of a recording's bytes."""
        return self.sha256[number].tobytes().hex()

    def load(self, number: int) -> QuantisedPiece:
        """A piece: held, else from the cache, else parsed again. Raises JamdError when its recording is gone
        or another."""
        piece = self.memory.get(number)
        if piece is None:
            place = int(self._places[number])
            body = self._cache.body(place) if self._cache and place >= 0 else None
            piece = piece_of(self.jobs[number], self.reader, self.hex(number), body)
            self.memory.hold(number, piece)
        return piece


class Pieces(Sequence[QuantisedPiece]):
    """Pieces that are loaded when they are asked for. Their lengths in steps and numbers of notes, (pieces,),
    their recordings and their hashes are known without."""

    def __init__(self, store: Store, numbers: Ints) -> None:
        self._store, self._numbers = store, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> QuantisedPiece: ...
    @overload
    def __getitem__(self, index: slice) -> Pieces: ...
    def __getitem__(self, index: int | slice) -> QuantisedPiece | Pieces:
        if isinstance(index, slice):
            return Pieces(self._store, self._numbers[index])
        return self._store.load(int(self._numbers[index]))

    @property
    def lengths_steps(self) -> Ints:
        return self._store.lengths_steps[self._numbers]

    @property
    def notes(self) -> Ints:
        return self._store.notes[self._numbers]

    @property
    def sha256(self) -> list[str]:
        """Of each recording's bytes, in hex."""
        return [self._store.hex(number) for number in self._numbers]

    @property
    def recordings(self) -> list[Recording]:
        return [self._store.jobs[number].recording for number in self._numbers]

    @property
    def jobs(self) -> list[Job]:
        return [self._store.jobs[number] for number in self._numbers]

    def chosen(self, indices: Sequence[int]) -> Pieces:
        """Those at these indices, in this order."""
        return Pieces(self._store, self._numbers[np.asarray(indices, np.int64)])

    def by_hash(self, most: int) -> Pieces:
        """At most so many of them, those whose hashes come first, in their order: always the same ones of the
        same music."""
        hashes = self.sha256
        order = sorted(range(len(self)), key=hashes.__getitem__)[:most]
        return Pieces(self._store, self._numbers[order])

    def account(self) -> dict[str, object]:
        """What they are, without names: counts, and one hash over the files' hashes."""
        return {
            "pieces": len(self),
            "notes": int(self.notes.sum()),
            "steps": int(self.lengths_steps.sum()),
            "sha256": sha256("\n".join(sorted(self.sha256)).encode()).hexdigest(),
        }
