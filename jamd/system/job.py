"""A service as data: the command that it runs, its name, and how it is doing."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jamd.errors import UsageError

NAME = "jamd"
WRITTEN = "Written by `jamd service install`"
TAKEN_ALONG = re.compile(r"JAMD_LISTEN_\w+|XDG_(CONFIG|DATA|CACHE|STATE)_HOME|JACK_DEFAULT_SERVER")
"""What of the environment decides where jamd looks and what it does. A service would not have it."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True)
class Ran:
    """How a program ended, and what it printed."""

    status: int
    out: str = ""
    err: str = ""

    @property
    def said(self) -> str:
        """One line of what it said, about a fault at best."""
        lines = [line.strip() for line in (self.err or self.out).splitlines() if line.strip()]
        return lines[0] if lines else f"it ended with status {self.status}"


Run = Callable[[Sequence[str]], Ran]
"""Runs a program. Raises JamdError when it is not there or does not end."""


def checked_name(name: str) -> str:
    """A service's name. Raises UsageError for what not every system takes."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name for a service; give at most 40 of a-z, A-Z, 0-9, - and _, no - or _ first"
        )
    return name


def known_as(name: str) -> str:
    """What the system calls the service: jamd, or jamd-NAME."""
    return NAME if checked_name(name) == NAME else f"{NAME}-{name}"


def log_path(name: str) -> Path:
    """The log of a service."""
    import platformdirs

    return platformdirs.user_log_path("jamd", appauthor=False) / f"{known_as(name)}.log"


def taken_along(environment: Mapping[str, str]) -> dict[str, str]:
    """What of the environment a service is to have."""
    return {name: environment[name] for name in sorted(environment) if TAKEN_ALONG.fullmatch(name)}


@dataclass(frozen=True, slots=True)
class Job:
    """What a service runs. `options` are listen's; `network` is whether they ask for it."""

    name: str
    options: tuple[str, ...]
    log: Path
    network: bool = False
    folder: Path = field(default_factory=Path.cwd)
    """Where relative paths in the options begin."""
    python: str = sys.executable
    environment: Mapping[str, str] = field(default_factory=lambda: taken_along(os.environ))

    @property
    def listen(self) -> list[str]:
        """The command: what the service plays."""
        return [*self._jamd, "listen", *self._always, *self.options]

    @property
    def silence(self) -> list[str]:
        """The command that stops what a listen that was killed left sounding."""
        return [*self._jamd, "service", "silence", "--", *self.options]

    @property
    def run(self) -> list[str]:
        """The same as `listen`, for a system that would start it again after any mistake."""
        return [*self._jamd, "service", "run", "--", *self._always, *self.options]

    @property
    def _always(self) -> list[str]:
        return ["--quiet", "--wait", "--silence-first", "--log", str(self.log)]

    @property
    def _jamd(self) -> list[str]:
        return [self.python, "-P", "-m", "jamd"]  # -P: what lies in the folder is not jamd


@dataclass(frozen=True, slots=True)
class State:
    """How a service is doing: `words` for people; `process` is None when it does not run."""

    running: bool
    words: str
    process: int | None = None
