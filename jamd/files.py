"""Files are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from jamd.errors import JamdError


def write_whole(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Put `content` at `path`: written beside it, flushed to the disk, then renamed over it.
    Who may read and write it is said by `mode`.

    Raises JamdError in one line when the folder is missing or cannot be written; nothing is left behind.
    """
    try:
        handle, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise JamdError(f"cannot write {path}: {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(beside, mode)
        os.replace(beside, path)
    except OSError as error:
        os.unlink(beside)
        raise JamdError(f"cannot write {path}: {error.strerror}") from error


def check_writable(path: Path) -> None:
    """Raise JamdError now if `path` could not be written later, after the work is done."""
    folder = path.parent
    if path.is_dir():
        raise JamdError(f"cannot write {path}: it is a folder; name a file in it")
    if not folder.is_dir():
        raise JamdError(f"cannot write {path}: there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise JamdError(f"cannot write {path}: no permission to write in {folder}")
