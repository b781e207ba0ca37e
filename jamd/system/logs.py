"""What happens, said on stderr and kept in a log file: by threads of their own, so that the one that plays
never waits for a terminal, a pipe or a disk.

A warning is one line on stderr. The file has the plain facts too (INFO: the start, the end, a port that went
or came), each with its time and level, and nothing of single notes.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from functools import update_wrapper
from logging.handlers import QueueHandler
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import click

from jamd.counted import counted
from jamd.errors import JamdError
from jamd.printable import printable
from jamd.system import streams
from jamd.system.permissions import file_mode, is_own, made_again, make_folder
from jamd.system.signals import Ended

MOST_WAITING = 1000
"""Records not yet written. What nobody takes must not fill the memory: the rest is counted and left out."""
CLOSE_SECONDS = 2.0
"""A reader who has gone to sleep must not keep the program from ending."""
MOST_BYTES, OLDER_FILES = 1 << 20, 4
"""How large the file becomes until it is put aside, and how many of those are kept: 5 MiB in all."""

_NOT_WAITING = getattr(os, "O_NONBLOCK", 0)
"""For whoever might read a pipe."""

SAID = {"said": True}
"""`extra` of what the user hears by another way than stderr's log lines."""

Sink = Callable[[logging.LogRecord], None]

log = logging.getLogger(__name__)


def say(text: str) -> None:
    """A plain fact of a session: a line on stdout, and one in the log."""
    try:
        click.echo(printable(text))
        sys.stdout.flush()
    except OSError as error:  # the music goes on, and the program tells of it as it ends
        streams.missed.append(error)
    log.info("%s", text, extra=SAID)


def log_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --log; while it runs, what is logged is said and kept."""

    def logging_it(log: Path | None, **given: Any) -> Any:
        with logged(log):
            return function(**given)

    option = click.option(
        "--log",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Keep a log of what happens here, with times; a full one is put aside as FILE.1.",
    )
    return option(update_wrapper(logging_it, function))


@contextmanager
def logged(path: Path | None = None) -> Iterator[None]:
    """Say warnings on stderr and keep all from INFO on in the file at `path`, if any, until the block ends;
    what ended it too. Raises JamdError when there cannot be such a file."""
    sinks: list[tuple[Sink, int]] = [(to_stderr, logging.WARNING)]
    if path is not None:
        sinks.append((LogFile(path), logging.INFO))
    logger = logging.getLogger("jamd")
    before = logger.level
    with ExitStack() as stack:
        for sink, level in sinks:
            handler = Waiting(sink, level)
            logger.addHandler(handler)
            stack.callback(handler.finish)
            stack.callback(logger.removeHandler, handler)
        if path is not None:
            logger.setLevel(logging.INFO)
            stack.callback(logger.setLevel, before)
        try:
            yield
        except (JamdError, click.ClickException) as error:
            log.error("ended: %s", error, extra=SAID)
            raise
        except KeyboardInterrupt:
            log.error("ended by Ctrl-C", extra=SAID)
            raise
        except Ended as error:
            log.error("%s", error, extra=SAID)
            raise
        except Exception:
            log.exception("ended by a fault of jamd's own", extra=SAID)
            raise


class Waiting(QueueHandler):
    """Hands records on to a thread that gives them to `sink`; whoever logs never waits."""

    def __init__(self, sink: Sink, level: int = logging.NOTSET) -> None:
        self._sink, self._lost = sink, 0
        self._waiting: SimpleQueue[logging.LogRecord | None] = SimpleQueue()
        super().__init__(self._waiting)
        self.setLevel(level)
        # A daemon: a terminal or a disk that hangs cannot be interrupted.
        self._thread = threading.Thread(target=self._write, name="jamd-log", daemon=True)
        self._thread.start()

    def enqueue(self, record: logging.LogRecord) -> None:
        if self._waiting.qsize() < MOST_WAITING:
            self._waiting.put(record)
        else:
            self._lost += 1

    def finish(self) -> None:
        """Write what waits, as far as that can be done in time."""
        self._waiting.put(None)
        self._thread.join(CLOSE_SECONDS)
        self.close()

    def _write(self) -> None:
        told = 0
        while (record := self._waiting.get()) is not None:
            self._give(record)
            if (lost := self._lost) > told:
                words = f"{counted(lost - told, 'line')} of the log left out: nobody took them in time"
                told = lost
                self._give(logging.LogRecord(__name__, logging.WARNING, __file__, 0, words, (), None))

    def _give(self, record: logging.LogRecord) -> None:
        with suppress(Exception):  # nobody is left to tell
            self._sink(record)


def to_stderr(record: logging.LogRecord) -> None:
    """One line, unless the user hears it anyway."""
    stderr = sys.stderr
    if getattr(record, "said", False) or stderr is None:
        return
    line = f"jamd: {_lines(record)[0]}\n"
    if stderr is sys.__stderr__ and stderr:
        # Past Python's buffer: it would be locked while nobody reads, and Python could not end.
        os.write(stderr.fileno(), line.encode(stderr.encoding or "utf-8", "backslashreplace"))
    else:  # the view is in its place
        stderr.write(line)
        stderr.flush()


class LogFile:
    """A sink that appends to a file, which is put aside as FILE.1 when it is full; what was FILE.1 is FILE.2.

    It is opened for each record, so whoever moves or deletes it meanwhile does no harm.
    """

    def __init__(self, path: Path, most_bytes: int = MOST_BYTES, older_files: int = OLDER_FILES) -> None:
        """Raises JamdError when the file cannot be written."""
        self._path = path = path.absolute()
        self._most_bytes, self._older_files = most_bytes, older_files
        self._complained = False
        try:
            if is_own(path):
                make_folder(path.parent)
            self._append(b"")
        except OSError as error:
            raise JamdError(f"cannot write {path}: {error.strerror}") from error

    def __call__(self, record: logging.LogRecord) -> None:
        first, *others = _lines(record)
        when = datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds")
        lines = [f"{when} {record.levelname} {first}", *(f"    {line}" for line in others)]
        try:
            self._append("".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace"))
            self._complained = False
        except OSError as error:
            if not self._complained:
                words = f"the log is not being written: cannot write {self._path}: {error.strerror}"
                to_stderr(logging.LogRecord(__name__, logging.WARNING, __file__, 0, words, (), None))
            self._complained = True

    def _append(self, content: bytes) -> None:
        with suppress(FileNotFoundError):
            if content and self._path.stat().st_size + len(content) > self._most_bytes:
                self._put_aside()
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | _NOT_WAITING
        try:
            handle = os.open(self._path, flags, file_mode(self._path))
        except FileNotFoundError:
            if not (content and made_again(self._path.parent)):
                raise
            handle = os.open(self._path, flags, file_mode(self._path))
        try:
            if content:
                os.write(handle, content)
        finally:
            os.close(handle)

    def _put_aside(self) -> None:
        for number in range(self._older_files, 0, -1):
            older = self._path if number == 1 else self._numbered(number - 1)
            with suppress(FileNotFoundError):
                older.replace(self._numbered(number))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


def _lines(record: logging.LogRecord) -> list[str]:
    """What a record says, a traceback in lines of its own; a port's name cannot pass for another line."""
    return [printable(line) for line in record.getMessage().splitlines() or [""]]
