"""Keys pressed in a terminal, and the terminal as it was, whatever becomes of it."""

from __future__ import annotations

import os
import signal
import termios
import threading
from collections.abc import Iterator
from queue import SimpleQueue

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.system import keypress, signals
from jamd.system.keypress import ConsoleKeypresses, Keypresses, keys_in

PATIENCE_SECONDS = 10


class Terminal:
    """Both ends of a terminal."""

    def __init__(self) -> None:
        self.mine, self.programs = os.openpty()
        self._closed = False

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            os.close(self.mine)

    def type(self, keys: bytes) -> None:
        os.write(self.mine, keys)

    @property
    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.programs)[3] & (termios.ECHO | termios.ICANON))

    def shown(self) -> bytes:
        """What was written to the screen, or echoed there, up to now."""
        os.write(self.programs, b"$")
        said = b""
        while not said.endswith(b"$"):
            said += os.read(self.mine, 1000)
        return said[:-1]


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.close()
    os.close(terminal.programs)


def test_keys_come_one_by_one_and_are_not_shown(terminal: Terminal) -> None:
    pressed: SimpleQueue[str] = SimpleQueue()
    before = termios.tcgetattr(terminal.programs)
    with Keypresses(pressed.put, terminal.programs):
        assert not terminal.echoes
        terminal.type(b"+ m")
        assert [pressed.get(timeout=PATIENCE_SECONDS) for _ in range(3)] == ["+", " ", "m"]
    assert termios.tcgetattr(terminal.programs) == before
    assert terminal.shown() == b""


def test_arrows_and_their_like_are_no_letters(terminal: Terminal) -> None:
    pressed: SimpleQueue[str] = SimpleQueue()
    with Keypresses(pressed.put, terminal.programs):
        terminal.type(b"\x1b[A\x1bOP\x1b[1;5Cq")
        assert pressed.get(timeout=PATIENCE_SECONDS) == "q"


@given(st.binary())
def test_whatever_a_terminal_sends_is_taken_as_printable_keys(data: bytes) -> None:
    assert not any(ord(key) < 32 or ord(key) == 127 for key in keys_in(data))


def test_after_a_fault_the_terminal_is_as_before(terminal: Terminal) -> None:
    with pytest.raises(KeyboardInterrupt), Keypresses(lambda key: None, terminal.programs):
        raise KeyboardInterrupt
    assert terminal.echoes


def test_what_is_typed_after_the_end_is_the_next_programs(terminal: Terminal) -> None:
    pressed: SimpleQueue[str] = SimpleQueue()
    with Keypresses(pressed.put, terminal.programs):
        pass
    terminal.type(b"q\n")
    assert os.read(terminal.programs, 10) == b"q\n"
    assert pressed.empty()


def test_while_the_program_stands_still_the_terminal_is_as_before(terminal: Terminal) -> None:
    pressed: SimpleQueue[str] = SimpleQueue()
    seen: list[bool] = []
    with signals.in_order(), Keypresses(pressed.put, terminal.programs):
        for away in signals._signals.away:
            with away():
                seen.append(terminal.echoes)
        terminal.type(b"v")
        assert pressed.get(timeout=PATIENCE_SECONDS) == "v"
        seen.append(terminal.echoes)
    assert seen == [True, False]
    assert terminal.echoes


def test_in_the_background_nothing_is_read_or_set_until_it_is_in_front(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_front, looked = threading.Event(), threading.Semaphore(0)

    def is_foreground_of(handle: int) -> bool:
        looked.release()
        return in_front.is_set()

    monkeypatch.setattr(keypress, "is_foreground_of", is_foreground_of)
    monkeypatch.setattr(keypress, "LOOK_SECONDS", 0.01)
    pressed: SimpleQueue[str] = SimpleQueue()
    with Keypresses(pressed.put, terminal.programs):
        for _ in range(5):
            assert looked.acquire(timeout=PATIENCE_SECONDS)
        assert terminal.echoes
        in_front.set()
        while terminal.echoes:
            assert looked.acquire(timeout=PATIENCE_SECONDS)
        terminal.type(b"l")
        assert pressed.get(timeout=PATIENCE_SECONDS) == "l"
        in_front.clear()
        termios.tcsetattr(terminal.programs, termios.TCSANOW, changed := shells_own(terminal))
    assert termios.tcgetattr(terminal.programs) == changed  # it is the shell's, and stays as that has it


def shells_own(terminal: Terminal) -> list[object]:
    attributes: list[object] = termios.tcgetattr(terminal.programs)
    attributes[0] ^= termios.IXANY  # type: ignore[operator]
    return attributes


def test_when_the_terminal_is_gone_nobody_waits_for_keys(terminal: Terminal) -> None:
    with Keypresses(lambda key: None, terminal.programs) as keys:
        terminal.close()
        keys._thread.join(PATIENCE_SECONDS)
        assert not keys._thread.is_alive()


def test_asked_to_end_twice_it_leaves_the_terminal_as_before(terminal: Terminal) -> None:
    """The second SIGTERM ends a program that does not come to its end, at once: seen from its parent."""
    told, tell = os.pipe()
    if (child := os.fork()) == 0:
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            with signals.in_order(), Keypresses(lambda key: None, terminal.programs):
                signals._signals.stop = lambda: None  # an engine that does not end
                signals._signals._on_asked(signal.SIGTERM)
                assert signals._signals._asked_seconds is not None
                signals._signals._asked_seconds -= 10
                os.write(tell, b"1" if not terminal.echoes else b"0")
                os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.read(told, 1) == b"1"
    os.close(told)
    os.close(tell)
    assert os.WTERMSIG(status) == signal.SIGTERM
    assert terminal.echoes


class Console:
    """Python's msvcrt, with keys that are typed one after another."""

    def __init__(self, typed: str) -> None:
        self._typed = list(typed)

    def kbhit(self) -> bool:
        return bool(self._typed)

    def getwch(self) -> str:
        return self._typed.pop(0)


def test_on_windows_keys_come_from_the_console() -> None:
    pressed: SimpleQueue[str] = SimpleQueue()
    with ConsoleKeypresses(pressed.put, Console("+\xe0Hq\r ")):
        assert [pressed.get(timeout=PATIENCE_SECONDS) for _ in range(3)] == ["+", "q", " "]
