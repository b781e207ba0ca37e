"""A folder of entries by key, so that a recording is parsed once. It may be deleted at any time.

Entries are packed into shards (`shards`), which are renamed into place whole and never changed. Each writer
writes shards of its own and nothing is locked, so processes, and machines over a network's file system, may
share the folder and be killed. What is missing or damaged costs time, never more.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import platformdirs

from jamd.errors import JamdError
from jamd.system.files import write_whole
from jamd.system.permissions import make_folder
from jamd.training.cache import shards
from jamd.training.cache.shards import SUFFIX, Entry, Rows

SHARD_BYTES = 64 * 2**20
SHARD_SECONDS = 60.0
"""A shard is written when it is this large or its first entry this old: a kill loses no more."""
SHARE_OF_DISK = 0.5
"""Of what would be free without the cache, it takes at most this much: a corpus of 10 GB needs some 14 GB."""
ABANDONED_SECONDS = 24 * 3600
"""So old is what a writer that was killed left behind, and not one that is still at work."""
_EARLIER_SUFFIX = ".piece"

Ints = npt.NDArray[np.int64]


def default_folder() -> Path:
    """Where the entries are unless told otherwise: `pieces` in the user's cache folder for jamd."""
    return platformdirs.user_cache_path("jamd") / "pieces"


def key_of(*parts: str) -> str:
    """One key for the strings that decide what an entry holds: 64 hex digits."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Shard:
    """A shard as it lies in the folder."""

    name: str
    used_at: float
    bytes: int


def _shards_in(folder: Path) -> list[_Shard]:
    """The shards in a folder, none where it is not there."""
    found = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(SUFFIX):
                with suppress(OSError):
                    if not entry.is_file():  # a pipe would be waited for
                        continue
                    status = entry.stat()
                    found.append(_Shard(entry.name, status.st_mtime, status.st_size))
    return found


class Cache:
    """The entries that lay in a folder when it was opened, and new ones to be written. Raises nothing: a
    cache that cannot be written costs time and no more."""

    def __init__(self, folder: Path, also: Iterable[str] = ()) -> None:
        """`also` names shards that others have just written: a network's file system may list them late."""
        self.folder = folder
        self.wrote: list[str] = []
        self.shards: list[str] = []
        self._waiting: list[Entry] = []
        self._waiting_keys: set[str] = set()
        self._waiting_bytes, self._waiting_since = 0, 0.0
        self._damaged: list[str] = []
        indices: list[Rows] = []
        for name in sorted({shard.name for shard in _shards_in(folder)} | set(also)):
            with suppress(OSError):
                rows = shards.index_of(folder / name)
                if rows is None:
                    self._damaged.append(name)
                else:
                    self.shards.append(name)
                    indices.append(rows)
        rows = np.concatenate([np.zeros(0, shards.ROW), *indices])
        order = np.argsort(rows["key"][:, 0], kind="stable")
        self._rows = rows[order]
        self._firsts = np.ascontiguousarray(self._rows["key"][:, 0])
        self._shard = np.repeat(np.arange(len(indices)), [len(index) for index in indices])[order]

    def find(self, key: str) -> int | None:
        """The number of an entry, None when there is none."""
        words = shards.words_of(key)
        at = int(self._firsts.searchsorted(words[0]))
        return at if at < len(self._rows) and (self._rows["key"][at] == words).all() else None

    def find_all(self, keys: npt.NDArray[np.uint64]) -> Ints:
        """The numbers of the entries under keys (n, 4), each as `shards.words_of` spells it: (n,), -1 where
        there is none."""
        if not len(self._rows):
            return np.full(len(keys), -1)
        at = np.minimum(self._firsts.searchsorted(keys[:, 0]), len(self._rows) - 1)
        return np.where((self._rows["key"][at] == keys).all(-1), at, -1)

    def row(self, number: int) -> Any:
        """An entry's row of `shards.ROW`."""
        return self._rows[number]

    def shard(self, number: int) -> str:
        """The name of the shard that an entry lies in."""
        return self.shards[self._shard[number]]

    def body(self, number: int) -> bytes | None:
        """An entry's bytes; None when they have been deleted or damaged."""
        return shards.body_of(self.folder / self.shard(number), self._rows[number])

    def get(self, key: str) -> bytes | None:
        """The bytes under a key, None when there are none or they are damaged."""
        number = self.find(key)
        return None if number is None else self.body(number)

    def put(self, entry: Entry) -> None:
        """Keep an entry, from the next `flush` on. It is found when the folder is opened again."""
        if entry.key in self._waiting_keys:
            return
        now = time.monotonic()
        if not self._waiting:
            self._waiting_since = now
        self._waiting.append(entry)
        self._waiting_keys.add(entry.key)
        self._waiting_bytes += len(entry.body)
        if self._waiting_bytes >= SHARD_BYTES or now - self._waiting_since >= SHARD_SECONDS:
            self.flush()

    def flush(self, used: Collection[str] = ()) -> None:
        """Write what waits as a shard. Shards that are not `used` make room for it where there is none."""
        if not self._waiting:
            return
        name, content = shards.encoded(self._waiting)
        self._waiting, self._waiting_bytes = [], 0
        self._waiting_keys.clear()
        with suppress(OSError, JamdError):
            make_folder(self.folder)
            if self.trim(used, len(content)):
                write_whole(self.folder / name, content)
                self.wrote.append(name)

    def use(self, names: Iterable[str]) -> None:
        """Note that shards have been used: others are deleted before them."""
        for name in names:
            with suppress(OSError):
                os.utime(self.folder / name)

    def trim(self, used: Collection[str] = (), more_bytes: int = 0, most_bytes: int | None = None) -> bool:
        """Delete shards, those unused for longest first, until there is room for `more_bytes`; whether there
        is.

        What this training has `used` or written stays: nobody is helped when it deletes one half of its music
        for the other. The cache may hold `most_bytes`, by default what `SHARE_OF_DISK` says.
        """
        self._clean()
        found = _shards_in(self.folder)
        total = sum(shard.bytes for shard in found)
        if most_bytes is None:
            try:
                most_bytes = int(SHARE_OF_DISK * (shutil.disk_usage(self.folder).free + total))
            except OSError:
                return False
        kept = {*used, *self.wrote}
        for shard in sorted(found, key=lambda shard: shard.used_at):
            if total + more_bytes <= most_bytes:
                break
            if shard.name not in kept:
                with suppress(OSError):
                    os.unlink(self.folder / shard.name)
                    total -= shard.bytes
        return total + more_bytes <= most_bytes

    def _clean(self) -> None:
        """Delete what is damaged, what killed writers left behind, and what an earlier jamd kept."""
        for name in self._damaged:
            with suppress(OSError):
                os.unlink(self.folder / name)
        self._damaged.clear()
        with suppress(OSError), os.scandir(self.folder) as entries:
            for entry in entries:
                with suppress(OSError):
                    ours = SUFFIX in entry.name and not entry.name.endswith(SUFFIX)
                    left = ours and time.time() - entry.stat().st_mtime > ABANDONED_SECONDS
                    if left or _EARLIER_SUFFIX in entry.name:
                        os.unlink(entry.path)
