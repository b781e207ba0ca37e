"""Standard input, output and error as a program finds them: closed, full, broken, or in another encoding."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TextIO

UNWRITABLE = frozenset(
    (errno.ENOSPC, errno.EPIPE, errno.EIO, errno.EBADF, errno.EDQUOT, errno.EFBIG, errno.EAGAIN, errno.ENXIO)
)
"""What a stream says on which nothing can be written; an error about a file has its name as well."""


missed: list[OSError] = []
"""Why something was not said that is not worth ending a session for."""


def stand_in() -> None:
    """Put streams that lead nowhere in the place of those that the program was started without: else what is
    opened next gets their numbers, and what others print on these would end up in it. Names of files that
    are not UTF-8, and letters that the terminal has not, are printed as escapes."""
    missed.clear()
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
        if getattr(sys, name) is None:
            stream = open(number, "w" if number else "r", encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
    for out in (sys.stdout, sys.stderr):
        if isinstance(out, io.TextIOWrapper):
            out.reconfigure(errors="backslashreplace")


def is_of_streams(error: OSError) -> bool:
    """Whether this came of writing to a standard stream, as far as can be told."""
    return error.filename is None and error.errno in UNWRITABLE


def fault_of(stream: TextIO) -> OSError | None:
    """Why what was said there has not arrived, if so."""
    try:
        stream.flush()
    except OSError as error:
        return error
    except (AttributeError, ValueError):  # closed by now
        return None
    return None


def let_go(stream: TextIO) -> None:
    """Whatever waits there goes nowhere, so that it is not tried once more as Python ends."""
    try:
        number = stream.fileno()
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, number)
        os.close(nowhere)
        stream.flush()
    except (AttributeError, OSError, ValueError):
        return
