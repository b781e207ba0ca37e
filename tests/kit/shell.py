"""A shell in a terminal, as a player has it: keys are typed, what is shown can be waited for."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import termios
import threading
from contextlib import suppress
from pathlib import Path

import pytest


class Shell:
    """A shell with job control in a terminal of its own, and what it shows."""

    def __init__(self, home: Path, columns: int = 100) -> None:
        self.shown = ""
        self._seen = 0
        self._changed = threading.Condition()
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
        homes = {
            f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("DATA", "CONFIG", "CACHE", "STATE")
        }
        self._bash = subprocess.Popen(
            ["bash", "--norc", "-i"],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env=os.environ | homes | {"TERM": "xterm-256color", "HOME": str(home)},
        )
        os.close(slave)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with suppress(OSError):
            while said := os.read(self._master, 1 << 16):
                with self._changed:
                    self.shown += said.decode(errors="replace")
                    self._changed.notify_all()

    def type(self, keys: str) -> None:
        self._seen = len(self.shown)
        os.write(self._master, keys.encode())

    @property
    def echoes(self) -> bool:
        """Whether the terminal shows what is typed and waits for whole lines."""
        flags = termios.tcgetattr(self._master)[3]
        assert bool(flags & termios.ECHO) == bool(flags & termios.ICANON)
        return bool(flags & termios.ECHO)

    def wait_until_shown(self, text: str) -> None:
        """Since the last keys were typed."""
        with self._changed:
            if not self._changed.wait_for(lambda: text in self.shown[self._seen :], 30):
                pytest.fail(f"{text!r} was not shown, but:\n{self.shown}")

    def close(self) -> None:
        """As a window is closed."""
        os.close(self._master)
        self._bash.wait(10)

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bash.poll() is None:
            self._bash.kill()
            self._bash.wait()
