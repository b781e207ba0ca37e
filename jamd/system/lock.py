"""Locks on open files, which the operating system holds and lets go of however the process ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from jamd.system.permissions import file_mode

BUSY = (BlockingIOError, PermissionError)
"""What `take` raises when another process holds the lock, as POSIX and as Windows say it."""


def opened(path: Path) -> int:
    """The handle of a file to be locked, which is made if it is missing. Raises OSError."""
    return os.open(path, os.O_RDWR | os.O_CREAT, file_mode(path))


if sys.platform == "win32":
    import msvcrt

    FAR = 0x7FFF0000
    """The byte that is locked. Windows lets nobody read what is locked, so it is none that says anything."""

    def take(handle: int) -> None:
        """Take the lock. Raises one of BUSY when it is held, and OSError where files cannot be locked."""
        os.lseek(handle, FAR, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

    def wait_for(handle: int) -> None:
        """Take the lock as soon as it is free. Raises OSError after ten seconds."""
        os.lseek(handle, FAR, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_LOCK, 1)
else:
    import fcntl

    def take(handle: int) -> None:
        """Take the lock. Raises one of BUSY when it is held, and OSError where files cannot be locked."""
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def wait_for(handle: int) -> None:
        """Take the lock as soon as it is free. Raises OSError where files cannot be locked."""
        fcntl.flock(handle, fcntl.LOCK_EX)
