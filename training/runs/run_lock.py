"""A run folder is locked while a process trains in it, and so is the model that it will write, by a file
beside it. The operating system holds a lock and lets go of it however the process ends, so a training that
was killed is never taken for one that is still running."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jamd.errors import JamdError
from jamd.system.lock import BUSY, opened, take, wait_for

LOCK = "lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a run folder. Raises JamdError when another process holds it."""
    path = folder / LOCK
    try:
        handle = opened(path)
    except OSError as error:
        raise JamdError(f"cannot write {path}: {error.strerror}") from error
    try:
        try:
            take(handle)
        except BUSY as error:
            raise _trained(folder) from error
        _sign(handle)
        yield
    finally:
        os.close(handle)


def check_free(folder: Path) -> None:
    """Raise JamdError when another process holds the lock of a run folder."""
    if is_locked(folder):
        raise _trained(folder)


def _trained(folder: Path) -> JamdError:
    other = f"another process{_holder(folder / LOCK)}"
    return JamdError(f"run {folder.name} is being trained by {other}; wait for it, or end it")


@contextmanager
def only_one(output: Path) -> Iterator[None]:
    """Be the only training that will write this model, until the block ends. Raises JamdError when there is
    another one. Where files cannot be locked, nobody is refused."""
    path = output.with_name(f".{output.name}.lock")
    handle = _taken(path, output)
    try:
        yield
    finally:
        if handle is not None:
            with suppress(OSError):  # Windows deletes no file that is open
                os.unlink(path)
            os.close(handle)


def _taken(path: Path, output: Path) -> int | None:
    while True:
        try:
            handle = opened(path)
        except OSError as error:
            raise JamdError(f"cannot write {path}: {error.strerror}") from error
        try:
            take(handle)
        except BUSY as error:
            os.close(handle)
            raise JamdError(
                f"{output} is to be written by another training{_holder(path)}; wait for it, or name another"
                " model with --name or -o"
            ) from error
        except OSError:  # some network folders cannot
            os.close(handle)
            return None
        with suppress(FileNotFoundError):  # deleted by who held it, between our opening and taking it
            if os.path.samestat(os.fstat(handle), os.stat(path)):
                _sign(handle)
                return handle
        os.close(handle)


def _sign(handle: int) -> None:
    """Write down who holds a lock."""
    with suppress(OSError):  # on a full disk it holds all the same
        os.ftruncate(handle, 0)
        os.lseek(handle, 0, os.SEEK_SET)
        os.write(handle, f"{os.getpid()}\n".encode())


def _holder(path: Path) -> str:
    """Who holds a lock, in brackets; nothing where that cannot be read."""
    try:
        return f" ({int(path.read_text())})"
    except (OSError, ValueError):
        return ""


def is_locked(folder: Path) -> bool:
    """Whether some process trains in a run folder."""
    try:
        handle = os.open(folder / LOCK, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return False
    try:
        take(handle)
    except BUSY:
        return True
    except OSError:  # some network folders cannot
        return False
    finally:
        os.close(handle)
    return False


@contextmanager
def waiting_for(folder: Path) -> Iterator[None]:
    """Be the only one to decide what is written into a folder of models, after those who were before. Where
    the system cannot lock a folder, nobody waits."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # as on Windows
        yield
        return
    try:
        with suppress(OSError):  # some network folders cannot
            wait_for(handle)
        yield
    finally:
        os.close(handle)
