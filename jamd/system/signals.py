"""Signals: whatever ends a program that plays, or stops it for a while, silences it first.

Every open MIDI system is under this (see `Backend`), so that every command that sends a note is: Ctrl-C,
SIGTERM and a closed terminal end it in order, Ctrl-Z and Ctrl-\\ and their like do what they always do when
nothing sounds any more. Python runs handlers of signals on its main thread alone, between two of its steps.
"""

from __future__ import annotations

import atexit
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from types import FrameType
from typing import NoReturn

from jamd.system.terminal import let_go_of_closed, terminals

ASKING = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""Those that ask a program to end."""
HALTING = ("SIGTSTP", "SIGTTIN", "SIGTTOU")
"""Those that make it stand still: Ctrl-Z, and what a program in the background gets from its terminal."""
DEADLY = (
    *("SIGQUIT", "SIGABRT", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGUSR1", "SIGUSR2", "SIGXCPU"),
    *("SIGPWR", "SIGIO", "SIGSTKFLT", "SIGSYS", "SIGTRAP"),
)
"""Those that end it at once, Ctrl-\\ first. Not those of broken code: it would break again at once."""

IMPATIENCE_SECONDS = 1.0
"""What asks again before is the same wish."""
HUSH_SECONDS = 0.5
"""How long an engine may take to be silent; then that is done without it."""

Silenced = Callable[[], AbstractContextManager[object]]
"""What plays is silent in this block, and sends nothing until its end."""
Then = Callable[[], None]


class Ended(BaseException):
    """A signal has ended the program. Raised wherever it was, so that all is closed on the way out."""

    def __init__(self, number: int) -> None:
        super().__init__(f"ended by {signal.Signals(number).name}")
        self.number = number

    def die(self) -> int:
        """End by that signal, as without a handler of it; else the exit status that a shell would say."""
        signal.signal(self.number, signal.SIG_DFL)
        signal.raise_signal(self.number)
        return 128 + self.number


class _Signals:
    """The signals of this process, while anything is under them."""

    def __init__(self) -> None:
        self.silenced: list[Silenced] = []
        self.away: list[Silenced] = []  # in each of these blocks the terminal is as it was before
        self.stop: Then | None = None  # what ends the music in order
        self.hush: Callable[[Then], None] | None = None  # what silences it in order, and then does this
        self.disturbable = True
        self._before: dict[int, object] = {}
        self._asked_seconds: float | None = None  # when the first of ASKING came
        self._asked: int | None = None  # which, if it has to wait
        self._wished: dict[int, float] = {}  # of HALTING and DEADLY, those that wait, and since when
        self._shown_on: list[int] = []

    def install(self) -> None:
        self._shown_on = terminals()
        self._asked_seconds = self._asked = None
        self._wished.clear()
        for number in numbers(ASKING):
            # one that is ignored (nohup) or means something else already is left alone, but for Ctrl-C's
            if number == signal.SIGINT or signal.getsignal(number) in (None, signal.SIG_DFL):
                self._install(number, self._on_asked)
        for number in numbers((*HALTING, *DEADLY)):
            if signal.getsignal(number) in (None, signal.SIG_DFL):
                self._install(number, self._on_wished)

    def _install(self, number: int, handler: Callable[[int, FrameType | None], None]) -> None:
        before = signal.signal(number, handler)
        if before != handler:
            self._before[number] = before

    def restore(self) -> None:
        """Once asked to stop, these handlers stay: `timeout`, and launchers that pass signals on, send each
        twice, and the second must cut off neither the silencing nor the account of the session after it."""
        self.stop = self.hush = None
        asked = numbers(ASKING) if self._asked_seconds is not None else []
        for number, handler in list(self._before.items()):
            if number not in asked:
                signal.signal(number, handler)  # type: ignore[arg-type]
                del self._before[number]

    def _on_asked(self, number: int, _: FrameType | None = None) -> None:
        let_go_of_closed(self._shown_on)
        now = time.monotonic()
        if self._asked_seconds is None:
            self._asked_seconds = now
            atexit.register(_ignore, numbers(ASKING))  # while Python ends, it would take its handler away
            if self.stop is not None:
                self.stop()
            elif self.disturbable:
                interrupt(number)
            else:
                self._asked = number
        elif now - self._asked_seconds > IMPATIENCE_SECONDS:
            before = self._before.get(number)
            with self._all_silenced(), nullcontext() if callable(before) else self._all_away():
                signal.signal(number, before if callable(before) else signal.SIG_DFL)
                signal.raise_signal(number)

    def _on_wished(self, number: int, _: FrameType | None = None) -> None:
        now = time.monotonic()
        if number not in self._wished:
            self._wished[number] = now
            if not self.disturbable:
                return
            if self.hush is not None and hasattr(signal, "pthread_kill"):
                # The engine's thread is this one, and may be anywhere: it does it as soon as it may.
                again = threading.Timer(HUSH_SECONDS + 0.1, self._remind, (number,))
                again.daemon = True
                again.start()
                self.hush(partial(self._take, number))
                return
        elif now - self._wished[number] < HUSH_SECONDS:
            return
        self._take(number)

    def _remind(self, number: int) -> None:
        if number in self._wished and (main := threading.main_thread().ident) is not None:
            signal.pthread_kill(main, number)

    def _take(self, number: int) -> None:
        """Silence, and then let the system do what it does at this signal."""
        if self._wished.pop(number, None) is None:
            return
        with self._all_silenced(), self._all_away():
            handler = signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)  # here it stands still until it is to go on, or is no more
            signal.signal(number, handler)

    @contextmanager
    def _all_silenced(self) -> Iterator[None]:
        with ExitStack() as stack:
            for silenced in self.silenced:
                stack.enter_context(silenced())
            yield

    @contextmanager
    def _all_away(self) -> Iterator[None]:
        with ExitStack() as stack:
            for away in self.away:
                stack.enter_context(away())
            yield

    def disturb(self) -> None:
        """Do what had to wait."""
        self.disturbable = True
        if self._asked is not None:
            number, self._asked = self._asked, None
            interrupt(number)
        for number in list(self._wished):
            self._take(number)


def numbers(names: Iterable[str]) -> list[int]:
    """Those of these signals that this system has."""
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def interrupt(number: int) -> NoReturn:
    """Raise what ends a program in order: for Ctrl-C what Python itself would."""
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise Ended(number)


def _ignore(numbers: Iterable[int]) -> None:
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)


_signals = _Signals()


@contextmanager
def in_order(silenced: Silenced = nullcontext) -> Iterator[None]:
    """Until the block ends, signals that ask the program to end raise Ended, or KeyboardInterrupt, so that
    all that is open is closed; a second one, a second later, ends it at once. Those that make it stand still,
    or end it at once, do so while it is `silenced`. Blocks may lie in one another."""
    if threading.current_thread() is not threading.main_thread():
        yield  # the handlers are the main thread's
        return
    if not _signals.silenced:
        _signals.install()
    _signals.silenced.append(silenced)
    try:
        yield
    finally:
        _signals.silenced.remove(silenced)
        if not _signals.silenced:
            _signals.restore()


@contextmanager
def playing(stop: Then, hush: Callable[[Then], None]) -> Iterator[None]:
    """Within `in_order`: from here on `stop` ends the music, even after this block, while all is closed; in
    it, `hush` silences it and then does what it is given."""
    _signals.stop, _signals.hush = stop, hush
    try:
        yield
    finally:
        _signals.hush = None


@contextmanager
def undisturbed() -> Iterator[None]:
    """What a signal asks for is done at the end of this block: what is being closed must be closed whole."""
    if threading.current_thread() is not threading.main_thread() or not _signals.disturbable:
        yield
        return
    _signals.disturbable = False
    try:
        yield
    finally:
        _signals.disturb()


@contextmanager
def drawing(away: Silenced) -> Iterator[None]:
    """Until the block ends, what is drawn on the terminal, or otherwise its own, is `away` while the program
    stands still."""
    _signals.away.append(away)
    try:
        yield
    finally:
        _signals.away.remove(away)
