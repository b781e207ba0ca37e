"""Keeping off the terminal what C libraries print on file descriptor 2 of their own accord."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_redirecting = threading.Lock()


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Send nowhere what C libraries print on file descriptor 2, past Python, as they fail to open."""
    with _redirecting:
        try:
            stderr = os.dup(2)
        except OSError:  # the program was started without one
            yield
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(nowhere)
            os.close(stderr)


@contextmanager
def stderr_apart() -> Iterator[None]:
    """Let nothing but Python print on stderr: libjack's threads tell of a server's end whenever it comes."""
    stderr = sys.stderr
    if sys.__stderr__ is None or stderr is not sys.__stderr__:  # none, or something else in its place
        yield
        return
    own = os.fdopen(os.dup(2), "w", 1, encoding=stderr.encoding, errors=stderr.errors)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    sys.stderr = sys.__stderr__ = own  # type: ignore[misc]
    try:
        yield
    finally:
        with suppress(OSError):  # nobody hears it
            own.flush()
        os.dup2(own.fileno(), 2)
        sys.stderr = sys.__stderr__ = stderr  # type: ignore[misc]
        with suppress(OSError):
            own.close()
