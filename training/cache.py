"""A folder of arrays by key, so that a recording is parsed once. It may be deleted at any time.

An entry is a file of safetensors behind the SHA-256 of its bytes: one that was damaged is as good as missing.
Entries are renamed into place whole, so processes may share the folder and be killed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import platformdirs
from safetensors import SafetensorError
from safetensors.numpy import load, save

from jamd.errors import JamdError
from jamd.files import write_whole

SUFFIX = ".piece"
LARGEST_FOLDER_BYTES = 2**30
"""Some 50,000 pieces; beyond it those that were not used for longest go."""
DIGEST_BYTES = 32

Arrays = dict[str, npt.NDArray[Any]]


def default_folder() -> Path:
    """Where the entries are unless told otherwise: `pieces` in the user's cache folder for jamd."""
    return platformdirs.user_cache_path("jamd") / "pieces"


def key_of(*parts: str) -> str:
    """One key for the strings that decide what an entry holds."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def get(folder: Path, key: str) -> Arrays | None:
    """The arrays put under a key, None when there are none or they are damaged."""
    path = folder / (key + SUFFIX)
    try:
        content = path.read_bytes()
        body = content[DIGEST_BYTES:]
        if hashlib.sha256(body).digest() != content[:DIGEST_BYTES]:
            return None
        os.utime(path)
        return load(body)
    except (OSError, SafetensorError):
        return None


def put(folder: Path, key: str, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Keep arrays under a key. Raises nothing: a cache that cannot be written costs time and no more."""
    body = save({name: np.asarray(array, order="C") for name, array in arrays.items()})
    with suppress(OSError, JamdError):
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / (key + SUFFIX), hashlib.sha256(body).digest() + body)


def trim(folder: Path, largest_bytes: int = LARGEST_FOLDER_BYTES) -> None:
    """Delete entries, those unused for longest first, until the folder is no larger than `largest_bytes`."""
    found = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if SUFFIX in entry.name:  # so are the leftovers of a writer that was killed
                with suppress(OSError):
                    status = entry.stat()
                    found.append((status.st_mtime, status.st_size, entry.path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= largest_bytes:
            break
        with suppress(OSError):
            os.unlink(path)
        total -= size
