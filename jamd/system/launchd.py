"""A service of the user's launchd, on macOS: the agent, and what `launchctl` is asked. Never run on a Mac."""

from __future__ import annotations

import os
import plistlib
import re
from pathlib import Path

from jamd.errors import JamdError
from jamd.system.job import (
    WRITTEN,
    Job,
    Ran,
    Run,
    State,
    known_as,
    log_path,
)


class Launchd:
    """The user's own launchd."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def path(self, name: str) -> Path:
        return Path.home() / "Library" / "LaunchAgents" / f"{known_as(name)}.plist"

    def text(self, job: Job) -> str:
        printed = str(self._printed(job.name))
        agent = {
            "Label": known_as(job.name),
            "ProgramArguments": job.run,
            "WorkingDirectory": str(job.folder),
            "EnvironmentVariables": dict(job.environment),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ThrottleInterval": 10,
            "ExitTimeOut": 15,
            "ProcessType": "Interactive",
            "Umask": 0o022,
            "StandardOutPath": printed,
            "StandardErrorPath": printed,
        }
        head, rest = plistlib.dumps(agent).decode().split("<dict>", 1)
        return f"{head}<!-- {WRITTEN} -->\n<dict>{rest}"

    def load(self, name: str) -> None:
        self._run(["launchctl", "bootout", self._target(name)])  # which fails where there was none
        self._ask("bootstrap", self._domain, str(self.path(name)))

    def unload(self, name: str) -> None:
        self._ask("bootout", self._target(name))

    def start(self, name: str) -> None:
        self._ask("kickstart", self._target(name))

    def stop(self, name: str) -> None:
        self._ask("kill", "SIGTERM", self._target(name))

    def restart(self, name: str) -> None:
        self._ask("kickstart", "-k", self._target(name))

    def state(self, name: str) -> State:
        ran = self._run(["launchctl", "print", self._target(name)])
        if ran.status != 0:
            return State(False, "not loaded")
        found = dict(re.findall(r"^\s*([\w ]+) = (.+)$", ran.out, re.MULTILINE))
        process = int(found["pid"]) if found.get("pid", "").isdecimal() else None
        if found.get("state") == "running":
            return State(True, f"running, process {process}", process)
        return State(
            False, f"{found.get('state', 'unknown')}, exit status {found.get('last exit code', 'none')}"
        )

    def journal(self, name: str, lines: int) -> str:
        return ""

    @property
    def _domain(self) -> str:
        return f"gui/{os.getuid()}"

    def _target(self, name: str) -> str:
        return f"{self._domain}/{known_as(name)}"

    def _printed(self, name: str) -> Path:
        """Where what it prints goes: a refused option, before there is a log."""
        return log_path(name).with_suffix(".out")

    def _ask(self, *arguments: str) -> Ran:
        ran = self._run(["launchctl", *arguments])
        if ran.status != 0:
            raise JamdError(f"launchctl {arguments[0]}: {ran.said}")
        return ran
