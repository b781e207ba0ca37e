"""jamd in the background, from login on: what is run, and who sees to it that it runs.

On Linux that is the user's systemd (`jamd.system.systemd`), on macOS the user's launchd
(`jamd.system.launchd`). Neither needs root. Both are asked through a `Run`, which is handed in.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from jamd.errors import JamdError, UsageError
from jamd.system.files import read_whole, write_whole
from jamd.system.job import (
    WRITTEN,
    Job,
    Ran,
    Run,
    State,
    checked_name,
)
from jamd.system.permissions import FILE_MODE, FOLDER_MODE, make_folder

PATIENCE_SECONDS = 60.0
MOST_LOG_BYTES = 1 << 24


def run_program(arguments: Sequence[str]) -> Ran:
    """The real one."""
    try:
        ended = subprocess.run(
            arguments, capture_output=True, text=True, errors="replace", timeout=PATIENCE_SECONDS
        )
    except FileNotFoundError as error:
        raise JamdError(f"{arguments[0]} is not on this machine") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise JamdError(f"{arguments[0]} does not answer: {error}") from error
    return Ran(ended.returncode, ended.stdout, ended.stderr)


class Manager(Protocol):
    """Who runs services for a user."""

    def path(self, name: str) -> Path:
        """The file that describes the service."""

    def text(self, job: Job) -> str:
        """What is in that file."""

    def load(self, name: str) -> None:
        """Take up what is in the file: now, and from the next login on."""

    def unload(self, name: str) -> None:
        """End the service, and do not begin it at a login."""

    def start(self, name: str) -> None: ...

    def stop(self, name: str) -> None: ...

    def restart(self, name: str) -> None: ...

    def state(self, name: str) -> State: ...

    def journal(self, name: str, lines: int) -> str:
        """The last lines that the service printed; "" where nobody keeps them."""


def manager_of(platform: str, run: Run) -> Manager:
    """Who runs services on this system (as in `sys.platform`). Raises UsageError where nobody does."""
    if platform == "darwin":
        from jamd.system.launchd import Launchd

        return Launchd(run)
    if platform.startswith("linux"):
        from jamd.system.systemd import Systemd

        return Systemd(run)
    raise UsageError(
        "jamd service is for Linux (systemd) and macOS (launchd); elsewhere let the system's scheduler run "
        "`jamd listen --quiet --wait` at your login, on Windows: "
        'schtasks /Create /TN jamd /SC ONLOGON /TR "jamd listen --quiet --wait --in NAME --out NAME"'
    )


def write(manager: Manager, job: Job) -> Path:
    """Write the file of a service. Raises UsageError rather than replace one that is not jamd's."""
    path = manager.path(job.name)
    for text in (*job.listen, *job.environment.values(), str(job.folder)):
        if not text.isprintable():
            raise UsageError(f"{text!r} cannot be told to a service: there is more in it than plain text")
    if path.exists() and not is_ours(path):
        raise UsageError(f"{path} is not jamd's own; choose another --name, or move it away")
    try:
        make_folder(path.parent, FOLDER_MODE)
    except OSError as error:
        raise JamdError(f"cannot write {path}: {error.strerror}") from error
    write_whole(path, manager.text(job).encode(), FILE_MODE)
    return path


def is_ours(path: Path) -> bool:
    """Whether `write` wrote this file."""
    try:
        return WRITTEN in read_whole(path, MOST_LOG_BYTES).decode(errors="replace")
    except JamdError:
        return False


def there(manager: Manager, name: str) -> Path:
    """The file of a service. Raises UsageError when there is none."""
    path = manager.path(checked_name(name))
    if not path.exists():
        raise UsageError(f"there is no service {name!r}; `jamd service install` makes one")
    return path


def last_lines(path: Path, count: int) -> list[str]:
    """The last lines of a log and of what was put aside of it, none where there is no log yet."""
    lines: list[str] = []
    for each in (path.with_name(f"{path.name}.1"), path):
        try:
            lines += read_whole(each, MOST_LOG_BYTES).decode(errors="replace").splitlines()
        except JamdError:
            if os.path.lexists(each):
                raise
    return lines[-count:]
