"""A service of the user's systemd: the unit, and what `systemctl --user` is asked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from jamd.counted import counted
from jamd.errors import JamdError
from jamd.system.job import (
    WRITTEN,
    Job,
    Ran,
    Run,
    State,
    known_as,
)
from jamd.system.priority import REAL_TIME_PRIORITY

ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "%": "%%"})
BACKS_OFF = 254
"""The first systemd that waits longer from restart to restart."""

UNIT = """\
# {written}. Change it by doing that again, or by `systemctl --user edit {unit}`.
[Unit]
Description=jamd, a co-improviser on a MIDI cable
After=pipewire.service wireplumber.service
StartLimitIntervalSec=600
StartLimitBurst=6

[Service]
Type=exec
WorkingDirectory=-{folder}
{environment}\
ExecStart=:{listen}
# At once after a jamd that was killed. By the - it may fail (no synth); the next start does it as well.
ExecStopPost=-:{silence}
# The config file is read again; the log says what of it takes a restart.
ExecReload=kill -HUP $MAINPID
# 2 is a mistake in what was asked for, which no restart puts right.
Restart=on-failure
RestartPreventExitStatus=2
RestartSec=2
{back_off}\
KillSignal=SIGTERM
KillMode=mixed
TimeoutStartSec=30
TimeoutStopSec=15
LimitRTPRIO={priority}
NoNewPrivileges=yes
LockPersonality=yes
RestrictNamespaces=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
# No network: for --sync link do `{written_by}` again with it.
RestrictAddressFamilies={families}

[Install]
WantedBy=default.target
"""


def quoted(arguments: Sequence[str]) -> str:
    """A command line that systemd takes apart into these again; after a `:`, so that $ means nothing."""
    return " ".join(f'"{argument.translate(ESCAPED)}"' for argument in arguments)


class Systemd:
    """The user's own systemd."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def path(self, name: str) -> Path:
        import platformdirs

        return platformdirs.user_config_path() / "systemd" / "user" / _unit(name)

    def text(self, job: Job) -> str:
        pairs = [f"{name}={value}" for name, value in job.environment.items()]
        return UNIT.format(
            written=WRITTEN,
            written_by=WRITTEN.split("`")[1],
            unit=_unit(job.name),
            folder=str(job.folder).replace("%", "%%"),
            environment=f"Environment={quoted(pairs)}\n" if pairs else "",
            silence=quoted(job.silence),
            listen=quoted(job.listen),
            back_off="RestartSteps=5\nRestartMaxDelaySec=60\n" if self._version() >= BACKS_OFF else "",
            priority=REAL_TIME_PRIORITY,
            families="AF_UNIX AF_INET AF_INET6 AF_NETLINK" if job.network else "AF_UNIX",
        )

    def load(self, name: str) -> None:
        self._ask("daemon-reload")
        self._ask("enable", _unit(name))
        self._ask("restart", _unit(name))

    def unload(self, name: str) -> None:
        self._ask("disable", "--now", _unit(name))

    def start(self, name: str) -> None:
        self._ask("start", _unit(name))

    def stop(self, name: str) -> None:
        self._ask("stop", _unit(name))

    def restart(self, name: str) -> None:
        self._ask("restart", _unit(name))

    def state(self, name: str) -> State:
        asked = ("ActiveState", "SubState", "Result", "MainPID", "NRestarts", "ExecMainStatus")
        said = self._ask("show", f"--property={','.join(asked)}", _unit(name)).out
        found = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
        running = found.get("ActiveState") == "active"
        process = int(found.get("MainPID", "0")) or None
        restarts = int(found.get("NRestarts") or 0)
        if running:
            words = f"running, process {process}"
        else:
            words = f"{found.get('ActiveState', 'unknown')} ({found.get('SubState', 'unknown')})"
            if found.get("Result", "success") != "success":
                words += (
                    f", failed by {found['Result']}, exit status {found.get('ExecMainStatus', 'unknown')}"
                )
        return State(running, words + (f", {counted(restarts, 'restart')}" if restarts else ""), process)

    def journal(self, name: str, lines: int) -> str:
        try:
            ran = self._run(
                ["journalctl", "--quiet", "--no-pager", f"--user-unit={_unit(name)}", f"--lines={lines}"]
            )
        except JamdError:
            return ""
        return ran.out if ran.status == 0 else ""

    def _ask(self, *arguments: str) -> Ran:
        ran = self._run(["systemctl", "--user", *arguments])
        if ran.status != 0:
            raise JamdError(f"systemctl --user {arguments[0]}: {ran.said}")
        return ran

    def _version(self) -> int:
        try:
            found = re.match(r"systemd (\d+)", self._run(["systemctl", "--version"]).out)
        except JamdError:
            return 0
        return int(found.group(1)) if found else 0


def _unit(name: str) -> str:
    return f"{known_as(name)}.service"
