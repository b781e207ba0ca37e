"""A run folder is locked while a process trains in it. The operating system holds the lock and lets go of it
however the process ends, so a training that was killed is never taken for one that is still running."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jamd.errors import JamdError
from jamd.lock import BUSY, opened, take, wait_for

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
            raise JamdError(f"run {folder.name} is being trained by another process") from error
        yield
    finally:
        os.close(handle)


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
