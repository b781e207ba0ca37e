"""One jamd for a pair of ports, and the locks that see to it."""

from __future__ import annotations

import os
import runpy
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

import jamd.system.lock
from jamd.errors import JamdError
from jamd.midi.instance import folder, only_one
from tests.kit.processes import ROOT, Process
from tests.kit.realparts import KEYS, SYNTH, Jamd, Player


@dataclass
class Midi:
    """A backend with these ports."""

    name: str = "alsa"

    def inputs(self) -> list[str]:
        return ["Keyboard 20:0", "Pads 24:0"]

    def outputs(self) -> list[str]:
        return ["Keyboard 20:0", "Synth 28:0"]


def refused(midi: Midi, in_name: str | None, out_name: str | None) -> str:
    """The line with which a second jamd is refused."""
    with pytest.raises(JamdError) as why, only_one(midi, in_name, out_name):
        pytest.fail("there are two of them")
    return str(why.value)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def test_a_second_jamd_on_the_same_ports_is_refused_whatever_it_calls_them() -> None:
    with only_one(Midi(), "keyb", "synth"):
        line = refused(Midi(), "Keyboard 20:0", "28:0")
    assert line == (
        f"Keyboard 20:0 -> Synth 28:0 (alsa) has a jamd already, process {os.getpid()}; "
        "end that one, or name other ports with --in and --out"
    )
    with only_one(Midi(), "Keyboard 20:0", "28:0"):
        pass


@pytest.mark.parametrize(
    ("midi", "in_name", "out_name"),
    [
        (Midi(), "Pads", "Synth"),
        (Midi(), "Keyboard", "Keyboard"),
        (Midi(), None, "Synth"),
        (Midi(), "Keyboard", None),
        (Midi("jack"), "Keyboard", "Synth"),
    ],
)
def test_on_other_ports_there_may_be_another(midi: Midi, in_name: str | None, out_name: str | None) -> None:
    with only_one(Midi(), "Keyboard", "Synth"), only_one(midi, in_name, out_name):
        pass


def test_two_pairs_of_virtual_ports_would_have_the_same_names() -> None:
    with only_one(Midi(), None, None):
        assert refused(Midi(), None, None).startswith("jamd in -> jamd out (alsa) has a jamd already")


def test_under_another_name_its_virtual_ports_are_others() -> None:
    with only_one(Midi(), None, None), only_one(Midi(), None, None, "ann"), only_one(Midi(), "Pads", None):
        line = refused(Midi(), None, None)
        assert line.endswith("; end that one, or name other ports with --in and --out, or its own by --name")
        with pytest.raises(JamdError, match=r"^ann in -> ann out"), only_one(Midi(), None, None, "ann"):
            pytest.fail("there are two of them")


def test_each_jack_server_has_ports_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with only_one(Midi("jack"), None, None):
        monkeypatch.setenv("JACK_DEFAULT_SERVER", "studio")
        with only_one(Midi("jack"), None, None):
            pass


def test_a_port_that_is_not_there_is_left_to_who_opens_it() -> None:
    with only_one(Midi(), "harpsichord", "Synth"):
        pass


def test_a_jamd_that_was_killed_holds_nothing() -> None:
    script = (
        "from tests.midi.test_instance import Midi, only_one\n"
        "with only_one(Midi(), 'Keyboard', 'Synth'):\n"
        "    print('mine', flush=True)\n"
        "    input()\n"
    )
    with Process([sys.executable, "-c", script], {"PYTHONPATH": str(ROOT)}) as other:
        other.wait_for_line("mine", 20)
        assert f"process {other.popen.pid};" in refused(Midi(), "Keyboard", "Synth")
        other.signal(signal.SIGKILL)
        other.wait()
        with only_one(Midi(), "Keyboard", "Synth"):
            pass


def test_where_nothing_can_be_locked_the_music_goes_on(state: Path, caplog: pytest.LogCaptureFixture) -> None:
    state.write_text("a file where the folder should be")
    with only_one(Midi(), "Keyboard", "Synth"):
        pass
    assert f"whether another jamd plays here is not known: {folder()}" in caplog.text


class Windows:
    """What Python's msvcrt offers of locks: one handle holds the byte at the file's position."""

    LK_LOCK, LK_NBLCK = 1, 2

    def __init__(self) -> None:
        self.held: set[tuple[int, int]] = set()
        self.waited = 0

    def locking(self, handle: int, mode: int, count: int) -> None:
        place = (os.fstat(handle).st_ino, os.lseek(handle, 0, os.SEEK_CUR))
        if place in self.held:
            self.waited += mode == self.LK_LOCK
            raise PermissionError
        self.held.add(place)


def test_on_windows_the_byte_that_is_locked_holds_nothing_to_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows = Windows()
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "msvcrt", windows)  # type: ignore[arg-type]
    lock = SimpleNamespace(**runpy.run_path(str(jamd.system.lock.__file__)))
    one, other = lock.opened(tmp_path / "pair.lock"), lock.opened(tmp_path / "pair.lock")
    try:
        lock.take(one)
        with pytest.raises(lock.BUSY):
            lock.take(other)
        with pytest.raises(lock.BUSY):
            lock.wait_for(other)
        assert windows.waited == 1
        ((_, place),) = windows.held
        assert place > 2**30
    finally:
        os.close(one)
        os.close(other)


@pytest.mark.jack
@pytest.mark.parametrize("ports", [("--in", KEYS, "--out", SYNTH), (), ("--virtual",)])
def test_a_second_jamd_says_which_one_is_there(
    player: Player, jamd: Callable[..., Jamd], tmp_path: Path, ports: tuple[str, ...]
) -> None:
    first = jamd(*ports)
    with Jamd(tmp_path, "--backend", "jack", *ports) as second:
        ended = second.wait(20)
    assert ended.status == 1
    (line,) = ended.stderr.splitlines()
    assert f"has a jamd already, process {first.popen.pid};" in line
    first.signal(signal.SIGTERM)
    assert first.wait().status == 0
    jamd(*ports)
