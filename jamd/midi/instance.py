"""One jamd for a pair of ports: two would both answer the same notes on one synth.

Each pair has a lock file with the process id of its holder. The system lets go of the lock however that one
ends, and the file stays, as another may be about to lock it.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from jamd.errors import JamdError, PortError
from jamd.midi.backends import CLIENT, own_name
from jamd.midi.ports import Kind, find
from jamd.system.lock import BUSY, opened, take
from jamd.system.permissions import make_folder

log = logging.getLogger(__name__)


class Ports(Protocol):
    """What is asked of a backend."""

    name: str

    def inputs(self) -> list[str]: ...

    def outputs(self) -> list[str]: ...


def folder() -> Path:
    """Where the lock files are. It need not be there yet."""
    import platformdirs

    return platformdirs.user_state_path("jamd", appauthor=False) / "ports"


@contextmanager
def only_one(
    midi: Ports, in_name: str | None, out_name: str | None, client_name: str = CLIENT
) -> Iterator[None]:
    """Be this user's only jamd between these two ports, until the block ends. Names are as `listen` has them,
    and virtual ports are those of a client of this name.

    Raises JamdError, with the other's process id, when there is one. Where files cannot be locked that is
    said, and the music goes on.
    """
    pair = (
        _full(in_name, midi.inputs, "input") or own_name(client_name, "input"),
        _full(out_name, midi.outputs, "output") or own_name(client_name, "output"),
    )
    words = f"{pair[0]} -> {pair[1]} ({midi.name})"
    server = os.environ.get("JACK_DEFAULT_SERVER", "") if midi.name == "jack" else ""  # each has its ports
    key = hashlib.sha256("\n".join((midi.name, server, *pair)).encode()).hexdigest()[:16]
    try:
        make_folder(folder())
        handle = opened(folder() / f"{key}.lock")
    except OSError as error:
        log.warning("whether another jamd plays here is not known: %s: %s", folder(), error.strerror)
        yield
        return
    try:
        try:
            take(handle)
        except BUSY:
            raise JamdError(
                f"{words} has a jamd already, process {_holder(handle)}; end that one, "
                f"or name other ports with --in and --out{_or_name(in_name, out_name)}"
            ) from None
        except OSError as error:
            log.warning("whether another jamd plays here is not known: %s: %s", folder(), error.strerror)
        with suppress(OSError):  # on a full disk the lock holds all the same
            os.ftruncate(handle, 0)
            os.lseek(handle, 0, os.SEEK_SET)
            os.write(handle, f"{os.getpid()}\n{words}\n".encode())
        yield
    finally:
        os.close(handle)


def _or_name(in_name: str | None, out_name: str | None) -> str:
    return ", or its own by --name" if None in (in_name, out_name) else ""


def _full(name: str | None, names: Callable[[], Sequence[str]], kind: Kind) -> str:
    """The port that is meant, by its full name; that there is none is said by who opens it."""
    if name is None:
        return ""
    with suppress(PortError):
        return find(name, names(), kind)
    return name


def _holder(handle: int) -> str:
    """The process id in a lock file that another holds."""
    with suppress(OSError):
        os.lseek(handle, 0, os.SEEK_SET)
        first = os.read(handle, 64).decode("ascii", "replace").split("\n")[0]
        if first.isdecimal():
            return first
    return "unknown"
