"""Files are written whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from jamd.errors import JamdError
from jamd.system.permissions import FILE_MODE, file_mode

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)

_READING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
ASIDE = ".damaged"
"""What the name of a file that was put aside ends with, and perhaps a number."""


def write_whole(path: Path, content: bytes, mode: int | None = None) -> None:
    """Put `content` at `path`: written beside it, flushed to the disk, then renamed over it.

    Who may read and write it stays as it was; of a new file it is what `private.file_mode` says. `mode` says
    otherwise. Raises JamdError in one line when the folder is missing or cannot be written; nothing is left
    behind.
    """
    try:
        handle, beside = _beside(path, mode)
    except OSError as error:
        raise JamdError(f"cannot write {path}: {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException as error:
        with suppress(OSError):  # its folder may be gone, or not be written any more
            os.unlink(beside)
        if isinstance(error, OSError):
            raise JamdError(f"cannot write {path}: {error.strerror}") from error
        raise


def _beside(path: Path, mode: int | None) -> tuple[int, Path]:
    """A new file next to `path`, open for writing, that may take its place."""
    new_mode = file_mode(path) if mode is None else mode
    if mode is None:
        with suppress(FileNotFoundError):
            mode = stat.S_IMODE(path.stat().st_mode)
            new_mode = FILE_MODE  # nobody may look in before it is as it was
    while True:
        beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        with suppress(FileExistsError):
            handle = os.open(beside, _FLAGS, new_mode)
            break
    if mode is not None:
        os.chmod(beside, mode)
    return handle, beside


def read_whole(path: Path, most_bytes: int) -> bytes:
    """The bytes of a file that jamd keeps. Raises JamdError in one line for one that cannot be read or holds
    more than `most_bytes`, and for what is no file: a pipe would be waited for."""
    try:
        handle = os.open(path, _READING)
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise JamdError(f"{path} is not a file")
            if status.st_size > most_bytes:
                raise JamdError(f"{path} is too large: over {most_bytes >> 10} KiB")
            with os.fdopen(handle, "rb", closefd=False) as file:
                return file.read()
        finally:
            os.close(handle)
    except OSError as error:
        raise JamdError(f"cannot read {path}: {error.strerror}") from error


def put_aside(path: Path) -> Path:
    """Give a damaged file another name, so that none is written over it; its new path. Raises JamdError."""
    aside, count = path.with_name(f"{path.name}{ASIDE}"), 1
    while os.path.lexists(aside):
        count += 1
        aside = path.with_name(f"{path.name}{ASIDE}-{count}")
    try:
        path.rename(aside)
    except OSError as error:
        raise JamdError(f"cannot put {path} aside: {error.strerror}") from error
    return aside


def check_writable(path: Path) -> None:
    """Raise JamdError now if `path` could not be written later, after the work is done."""
    folder = path.parent
    if path.is_dir():
        raise JamdError(f"cannot write {path}: it is a folder; name a file in it")
    if not folder.is_dir():
        raise JamdError(f"cannot write {path}: there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise JamdError(f"cannot write {path}: no permission to write in {folder}")
