"""Keys pressed in the terminal, one at a time, while the music plays.

Meanwhile the terminal neither shows what is typed nor waits for a whole line. It is as before whenever it is
another's: while the program stands still, is in the background, or has ended. A program in the background
that reads or sets it would be made to stand still itself.
"""

from __future__ import annotations

import importlib
import os
import re
import select
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType
from typing import Any, Self

from jamd.system.signals import drawing
from jamd.system.terminal import is_foreground_of

LOOK_SECONDS = 0.3
"""How often it is looked whether the program is in the foreground: nobody tells."""
CONSOLE_SECONDS = 0.05
"""The same for a key, on Windows."""
MOST_BYTES = 256
END_SECONDS = 1.0
_ESCAPED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|.)?|[\x00-\x1f\x7f]", re.DOTALL)
"""What arrows and their like send, and what is no key with a letter on it."""

Pressed = Callable[[str], object]


class Keypresses:
    """Tells `pressed` each key until the block ends, on a thread of its own."""

    def __init__(self, pressed: Pressed, handle: int | None = None) -> None:
        """`handle` is a terminal's file descriptor, without it that of the standard input."""
        self._pressed = pressed
        self._handle = sys.stdin.fileno() if handle is None else handle
        self._termios: Any = importlib.import_module("termios")
        self._wanted = False
        self._before: list[Any] | None = None  # how the terminal was, while it is otherwise
        self._setting = threading.RLock()
        self._ending, self._end = os.pipe()
        self._signals = ExitStack()
        self._thread = threading.Thread(target=self._run, name="jamd-keys", daemon=True)

    def __enter__(self) -> Self:
        self._signals.enter_context(drawing(self._away))
        self._wanted = True
        with suppress(OSError):
            self._taken()  # at once: what is typed meanwhile is not shown
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        with self._signals:
            self._give_back()
            os.close(self._end)
            self._thread.join(END_SECONDS)
        if not self._thread.is_alive():
            os.close(self._ending)

    @contextmanager
    def _away(self) -> Iterator[None]:
        self._give_back()
        yield
        self._wanted = True  # and the thread takes it when it may

    def _run(self) -> None:
        with suppress(OSError):  # the terminal is gone
            while True:
                mine = self._taken()
                waited_for = [self._ending, self._handle] if mine else [self._ending]
                ready, _, _ = select.select(waited_for, [], [], LOOK_SECONDS)
                if self._ending in ready:
                    return
                if self._handle in ready and self._wanted and is_foreground_of(self._handle):
                    if not (data := os.read(self._handle, MOST_BYTES)):
                        return
                    for key in keys_in(data):
                        self._pressed(key)

    def _taken(self) -> bool:
        """Whether the terminal tells keys now: it is made to, if that is wanted and may be."""
        with self._setting:
            if not (self._wanted and is_foreground_of(self._handle)):
                return False
            termios = self._termios
            try:
                now = termios.tcgetattr(self._handle)
            except termios.error as error:
                raise OSError("the terminal is gone") from error
            if now[3] & (termios.ICANON | termios.ECHO):
                self._before = [*now[:6], [*now[6]]]
                now[3] &= ~(termios.ICANON | termios.ECHO)
                now[6][termios.VMIN], now[6][termios.VTIME] = 1, 0
                self._set(now)
            return True

    def _give_back(self) -> None:
        with self._setting:
            self._wanted = False
            before, self._before = self._before, None
            if before is not None and is_foreground_of(self._handle):
                self._set(before)

    def _set(self, attributes: list[Any]) -> None:
        with suppress(self._termios.error):  # it is gone
            self._termios.tcsetattr(self._handle, self._termios.TCSANOW, attributes)


class ConsoleKeypresses:
    """The same for a console of Windows, which shows nothing that is read key by key."""

    def __init__(self, pressed: Pressed, console: Any) -> None:
        """`console` is Python's msvcrt."""
        self._pressed, self._console = pressed, console
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jamd-keys", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(END_SECONDS)

    def _run(self) -> None:
        while not self._ended.wait(CONSOLE_SECONDS):
            while self._console.kbhit():
                key = self._console.getwch()
                if key in "\x00\xe0":  # an arrow or its like, whose second half follows
                    self._console.getwch()
                elif key.isprintable():
                    self._pressed(key)


def keypresses(pressed: Pressed) -> Keypresses | ConsoleKeypresses:
    """What tells the keys of this terminal."""
    if sys.platform == "win32":
        return ConsoleKeypresses(pressed, importlib.import_module("msvcrt"))
    return Keypresses(pressed)


def keys_in(data: bytes) -> str:
    """The keys with letters and signs on them, in what a terminal sends."""
    return _ESCAPED.sub("", data.decode(errors="ignore"))
