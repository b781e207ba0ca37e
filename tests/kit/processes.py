"""A program that runs beside a test, and what it says."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self, TypeVar

import pytest

Found = TypeVar("Found")

ROOT = Path(__file__).parents[2]
"""The checkout. A program that imports `tests` begins here."""


@dataclass(frozen=True)
class Ended:
    """How a program ended."""

    status: int
    stdout: str
    stderr: str


class Process:
    """A running program; its lines are kept as they come. Leaving the `with` ends it: it alone, by its id."""

    ends_with_stdin = False
    """Whether it ends, and in order, when its input is closed."""

    def __init__(
        self,
        arguments: Sequence[str | Path],
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        terminal: bool = False,
        job: bool = False,
    ) -> None:
        """With `terminal`, what it prints goes to one, which it may draw on. As a `job` it is a group of
        processes of its own, as a shell makes them: the system lets no others be stopped by Ctrl-Z, if who
        started the tests is in another session."""
        self.name = " ".join(Path(str(argument)).name for argument in arguments[:4])
        self.changed = threading.Condition()
        self.stdout: list[str] = []
        self.stderr: list[str] = []
        # Whatever ends the test run, even a SIGKILL, ends with it what it started.
        with_the_tests = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
        shown, drawn_on = os.openpty() if terminal else (None, None)
        self.popen = subprocess.Popen(
            [*with_the_tests, *(str(argument) for argument in arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if drawn_on is None else drawn_on,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
            env=os.environ | dict(environment or {}),
            cwd=folder,
            process_group=0 if job else None,
        )
        self._out: IO[str] | None = self.popen.stdout
        if shown is not None and drawn_on is not None:
            os.close(drawn_on)
            self._out = os.fdopen(shown, errors="replace")
        pipes = ((self._out, self.stdout), (self.popen.stderr, self.stderr))
        self._readers = [threading.Thread(target=self._read, args=pipe, daemon=True) for pipe in pipes]
        for reader in self._readers:
            reader.start()

    def _read(self, pipe: IO[str], lines: list[str]) -> None:
        with suppress(OSError):  # so ends a terminal that nobody draws on any more
            for line in pipe:
                with self.changed:
                    lines.append(line)
                    self.hear(line)
                    self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    def hear(self, line: str) -> None:
        """Called with each line as it comes, under `changed`."""

    def write(self, line: str) -> None:
        assert self.popen.stdin
        self.popen.stdin.write(line + "\n")
        self.popen.stdin.flush()

    def wait_for(self, look: Callable[[], Found | None], within_seconds: float, what: str) -> Found:
        """What `look` finds, as soon as it finds something; fails the test when that takes too long."""
        found: list[Found] = []

        def looked() -> bool:
            seen = look()
            if seen:
                found[:] = [seen]
            return bool(found) or not any(reader.is_alive() for reader in self._readers)

        with self.changed:
            self.changed.wait_for(looked, within_seconds)
            if not found and (seen := look()):
                found = [seen]
        if not found:
            self.fail(f"{what} did not come within {within_seconds:g} s")
        return found[0]

    def wait_for_line(self, beginning: str, within_seconds: float) -> str:
        def look() -> str | None:
            return next((line for line in self.stdout + self.stderr if line.startswith(beginning)), None)

        return self.wait_for(look, within_seconds, f"the line {beginning!r}")

    def fail(self, why: str) -> None:
        said = "".join(self.stdout[-40:] + self.stderr[-40:])
        with suppress(subprocess.TimeoutExpired):  # what has closed its pipes is about to end
            self.popen.wait(0.5)
        status = self.popen.returncode
        state = "is still running" if status is None else f"ended with status {status}"
        pytest.fail(f"{self.name}: {why}; it {state} and said:\n{said}")

    def signal(self, number: int) -> None:
        self.popen.send_signal(number)

    def wait(self, within_seconds: float = 10.0) -> Ended:
        """How the program ended; fails the test if it does not end."""
        try:
            self.popen.wait(within_seconds)
        except subprocess.TimeoutExpired:
            self.fail(f"it did not end within {within_seconds:g} s")
        for reader in self._readers:
            reader.join(within_seconds)
        return Ended(self.popen.returncode, "".join(self.stdout), "".join(self.stderr))

    def stop(self) -> None:
        """Ask the program to end, and after a while make it."""
        assert self.popen.stdin
        self.popen.stdin.close()
        asks = [self.popen.terminate, self.popen.kill]
        for ask in [lambda: None, *asks] if self.ends_with_stdin else asks:
            with suppress(subprocess.TimeoutExpired):
                if self.popen.poll() is None:
                    ask()
                    self.popen.wait(10)
        for reader in self._readers:
            reader.join()
        for pipe in (self._out, self.popen.stderr):
            assert pipe
            pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
