"""The terminal that a program was started in, and what is left when its window is closed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import IO


def has_terminal() -> bool:
    """Whether there is a controlling terminal: one whose end SIGHUP would tell."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def terminals() -> list[int]:
    """The file descriptors of the standard streams that are terminals."""
    handles = {0, 1, 2}
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):
            handles.add(stream.fileno())
    return sorted(handle for handle in handles if os.isatty(handle))


def in_foreground(stream: IO[str]) -> bool:
    """Whether what is written to this stream is seen where the user now is: if it goes to a terminal with job
    control, this program is in its foreground."""
    try:
        return is_foreground_of(stream.fileno())
    except (AttributeError, OSError, ValueError):
        return True


def is_foreground_of(handle: int) -> bool:
    """The same of a file descriptor."""
    try:
        return os.tcgetpgrp(handle) == os.getpgrp()
    except (AttributeError, OSError):  # no terminal, or none of that kind
        return True


def let_go_of_closed(handles: Iterable[int]) -> None:
    """What is printed to those of these terminals that are gone goes nowhere, and fails no more."""
    for handle in handles:
        if not os.isatty(handle):
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.dup2(nowhere, handle)
            os.close(nowhere)
