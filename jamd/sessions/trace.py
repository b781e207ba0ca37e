"""A trace on its way to its file, on a thread of its own: neither a slow disk nor a full one is met by the
thread that plays."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from jamd.errors import JamdError
from jamd.system.permissions import opener

MOST_WAITING = 100_000
"""Lines not yet written. A disk that hangs must not fill the memory."""
CLOSE_SECONDS = 5.0

log = logging.getLogger(__name__)


class Trace:
    """Takes lines and writes them, from `with` to its end. What cannot be written is said once."""

    def __init__(self, path: Path) -> None:
        """Raises JamdError when the file cannot be written."""
        self._path, self._failed, self._lost = path, False, 0
        self._waiting: SimpleQueue[str | None] = SimpleQueue()
        try:
            # Without a buffer: what a full disk refused must not be tried again with what comes next.
            self._file = open(path, "wb", buffering=0, opener=opener)  # noqa: SIM115
        except OSError as error:
            raise JamdError(f"cannot write {path}: {error.strerror}") from error
        self._thread = threading.Thread(target=self._keep, name="jamd-trace", daemon=True)

    def write(self, line: str) -> None:
        """Hand a line over; this never blocks."""
        if self._waiting.qsize() < MOST_WAITING:
            self._waiting.put(line)
        else:
            self._lost += 1

    def flush(self) -> None:
        """Nothing: what was handed over is written."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the rest."""
        self._waiting.put(None)
        self._thread.join(CLOSE_SECONDS)
        if self._thread.is_alive() or self._lost:
            log.warning("not all of the trace is in %s: the disk does not answer in time", self._path)

    def _keep(self) -> None:
        over = False
        while not over:
            lines = [self._waiting.get()]
            lines += [self._waiting.get() for _ in range(self._waiting.qsize())]
            over = None in lines
            self._append("".join(line for line in lines if line is not None))
        with suppress(OSError):
            self._file.close()

    def _append(self, lines: str) -> None:
        try:
            self._file.write(lines.encode())
        except OSError as error:
            if not self._failed:
                log.warning("the trace is not being written: cannot write %s: %s", self._path, error.strerror)
            self._failed = True
