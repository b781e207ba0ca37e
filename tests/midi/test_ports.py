"""Ports and backends, on a MIDI system made of Python objects."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise

import mido
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from jamd.cli import main
from jamd.errors import BackendError, PortError
from jamd.midi import backends, ports, silence
from jamd.midi.backends import Backend, open_backend, opening
from jamd.midi.ports import BURST_MESSAGES, INPUT_SETTLE_SECONDS, find, messages_in
from tests.kit.processes import ROOT

NAMES = ["Keystation 49 20:0", "Keystation 88 24:0", "FluidSynth 128:0", "synth"]


class FakeMidi:
    """A machine with MIDI: python-rtmidi as jamd sees it, and what was done to it."""

    API_LINUX_ALSA, API_UNIX_JACK, API_MACOSX_CORE, API_WINDOWS_MM = 2, 3, 1, 4

    class RtMidiError(Exception):
        pass

    def __init__(
        self,
        inputs: Sequence[str] = ("Keyboard 20:0",),
        outputs: Sequence[str] = ("Synth 128:0",),
        compiled: Sequence[int] = (2, 3),
        working: Sequence[int] = (2, 3),
    ) -> None:
        self.ports = {"in": list(inputs), "out": list(outputs)}
        self.compiled, self.working = compiled, working
        self.clients: list[FakeClient] = []
        self.log: list[str] = []
        self.sent: list[list[int]] = []
        self.refuses = False
        self.busy = 0
        self.plays_already = False

    def get_compiled_api(self) -> list[int]:
        return list(self.compiled)

    def MidiIn(self, api: int, name: str) -> FakeClient:
        return self._client("in", api, name)

    def MidiOut(self, api: int, name: str) -> FakeClient:
        return self._client("out", api, name)

    def _client(self, side: str, api: int, name: str) -> FakeClient:
        if self.busy:
            self.busy -= 1
            raise self.RtMidiError("cannot open client")
        if api not in self.working:
            os.write(2, b"ALSA lib: open /dev/snd/seq failed\n")
            raise self.RtMidiError("error creating the client")
        taken = {client.name for client in self.clients}
        own = next(n for n in [name, *(f"{name}-{i:02}" for i in range(1, 9))] if n not in taken)
        self.clients.append(FakeClient(self, side, own))
        return self.clients[-1]


class FakeClient:
    def __init__(self, midi: FakeMidi, side: str, name: str) -> None:
        self.midi, self.side, self.name = midi, side, name
        self.callback: Callable[[tuple[Sequence[int], float], object], None] | None = None
        self.connected: str | None = None
        self.registered: str | None = None
        self.ignored: dict[str, bool] = {}
        self.waiting: list[tuple[list[int], float]] = []

    def get_ports(self) -> list[str]:
        return list(self.midi.ports[self.side])

    def open_virtual_port(self, name: str) -> None:
        self._register(name)

    def open_port(self, number: int, name: str) -> None:
        if self.midi.refuses:
            raise self.midi.RtMidiError("no such device")
        self.connected = self.midi.ports[self.side][number]
        assert self.callback is None  # JACK would wait for it, and it for Python
        self.waiting = [([0x90, 60, 64], 0.0), ([0x80, 60, 0], 0.01)] if self.midi.plays_already else []
        self._register(name)

    def _register(self, name: str) -> None:
        self.registered = f"{self.name}:{name}"
        self.midi.ports["out" if self.side == "in" else "in"].append(self.registered)

    def ignore_types(self, sysex: bool, timing: bool, active_sense: bool) -> None:
        self.ignored = {"sysex": sysex, "clock": timing, "active sensing": active_sense}

    def get_message(self) -> tuple[list[int], float] | None:
        return self.waiting.pop(0) if self.waiting else None

    def set_callback(self, callback: Callable[[tuple[Sequence[int], float], object], None]) -> None:
        self.callback = callback

    def cancel_callback(self) -> None:
        self.midi.log.append("cancel")
        self.callback = None

    def send_message(self, data: list[int]) -> None:
        self.midi.log.append("send")
        self.midi.sent.append(data)

    def close_port(self) -> None:
        self.midi.log.append("close")
        self.midi.ports["out" if self.side == "in" else "in"].remove(self.registered)

    def delete(self) -> None:
        self.midi.clients.remove(self)


def backend(midi: FakeMidi, name: str = "alsa") -> Backend:
    return Backend(name, midi, wait=lambda seconds: midi.log.append(f"wait {seconds}"))


def ignore(message: mido.Message) -> None:
    """Hear nothing."""


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here has anything to wait for."""
    monkeypatch.setattr(backends.time, "sleep", lambda seconds: None)


# Names


def test_a_part_of_the_name_in_any_case_is_enough() -> None:
    assert find("FLUID", NAMES, "output") == "FluidSynth 128:0"
    assert find("49", NAMES, "input") == "Keystation 49 20:0"


@pytest.mark.parametrize("name", ["synth", "SYNTH"])
def test_the_very_name_wins_over_a_longer_one_that_contains_it(name: str) -> None:
    assert find(name, NAMES, "output") == "synth"


def test_the_right_case_wins_over_the_wrong_one() -> None:
    assert find("Synth", ["synth", "Synth", "SYNTH"], "output") == "Synth"


def test_one_of_two_ports_of_the_same_name_is_taken() -> None:
    assert find("piano", ["USB Piano", "USB Piano"], "input") == "USB Piano"


def test_a_name_of_several_ports_is_refused_with_those_ports() -> None:
    with pytest.raises(PortError) as error:
        find("keystation", NAMES, "input")
    assert "Keystation 49 20:0, Keystation 88 24:0" in str(error.value)
    assert "Fluid" not in str(error.value)


def test_an_unknown_name_is_refused_with_all_the_ports() -> None:
    with pytest.raises(PortError) as error:
        find("organ", NAMES, "input")
    assert all(text in str(error.value) for text in ["'organ'", *NAMES])


def test_an_unknown_name_without_any_ports_says_that_there_are_none() -> None:
    with pytest.raises(PortError, match="there are no outputs"):
        find("organ", [], "output")


@given(st.text(), st.lists(st.text()))
def test_a_found_port_is_always_one_of_the_ports(name: str, names: list[str]) -> None:
    try:
        found = find(name, names, "input")
    except PortError:
        assert name not in names
    else:
        assert found in names
        assert name.casefold() in found.casefold()


# What comes in


@given(st.binary(max_size=12))
def test_no_bytes_at_all_can_break_the_input(data: bytes) -> None:
    for message in messages_in(list(data)):
        assert mido.Message.from_bytes(message.bytes()) == message


@pytest.mark.parametrize("data", [[], [0x90], [0x90, 60], [60, 64], [0xF7], [0x90, 60, 0x80], [0xF0, 1, 2]])
def test_broken_bytes_are_dropped(data: list[int]) -> None:
    assert messages_in(data) == []


def test_several_messages_in_one_event_are_all_heard() -> None:
    on, off = mido.Message("note_on", note=60), mido.Message("note_off", note=60)
    assert messages_in(on.bytes() + off.bytes()) == [on, off]


def test_what_is_played_reaches_the_callback() -> None:
    midi, heard = FakeMidi(), []
    port = backend(midi).open_input("key", heard.append)
    event = port.client.callback
    event(([0x90, 60, 64], 0.0), None)
    event(([0x90, 60], 0.0), None)
    event(([0xF8], 0.0), None)
    assert [message.type for message in heard] == ["note_on", "clock"]
    assert port.client.ignored == {"sysex": True, "clock": False, "active sensing": True}


def test_what_comes_while_the_input_opens_is_heard_in_order() -> None:
    midi, heard = FakeMidi(), []
    midi.plays_already = True
    port = backend(midi).open_input("key", heard.append)
    port.client.callback(([0x90, 62, 64], 0.0), None)
    assert [(message.type, message.note) for message in heard] == [
        ("note_on", 60),
        ("note_off", 60),
        ("note_on", 62),
    ]


# Opening and closing


def test_a_port_is_opened_by_a_part_of_its_name() -> None:
    midi = FakeMidi()
    jamd = backend(midi)
    in_port, out_port = jamd.open_input("keyb", ignore), jamd.open_output("syn")
    assert (in_port.name, in_port.client.connected) == ("Keyboard 20:0", "Keyboard 20:0")
    assert (out_port.name, out_port.client.connected) == ("Synth 128:0", "Synth 128:0")


def test_without_a_name_a_virtual_port_is_made() -> None:
    midi = FakeMidi()
    jamd = backend(midi)
    assert jamd.open_input(None, ignore).name == "jamd in"
    assert jamd.open_output(None).name == "jamd out"
    assert "jamd:jamd in" in midi.ports["out"]
    assert "jamd-01:jamd out" in midi.ports["in"]


@pytest.mark.parametrize("option", ["--in", "--out"])
def test_where_there_are_no_virtual_ports_the_user_is_told_to_name_one(option: str) -> None:
    jamd = backend(FakeMidi(compiled=[4], working=[4]), "winmm")
    with pytest.raises(PortError, match=f"name one with {option}"):
        jamd.open_input(None, ignore) if option == "--in" else jamd.open_output(None)


@pytest.mark.parametrize("name", [None, "Keyboard"])
def test_jamd_never_finds_its_own_ports(name: str | None) -> None:
    midi = FakeMidi()
    jamd = backend(midi)
    jamd.open_input(name, ignore)
    assert jamd.outputs() == ["Synth 128:0"]
    with pytest.raises(PortError, match="no output matches"):
        jamd.open_output("jamd in")
    jamd.open_output("synth")
    assert jamd.inputs() == ["Keyboard 20:0"]


def test_another_jamd_can_be_played_with() -> None:
    midi = FakeMidi(inputs=["jamd-05:jamd out"], outputs=["jamd-04:jamd in"])
    jamd = backend(midi)
    assert jamd.open_input("jamd", ignore).name == "jamd-05:jamd out"
    assert jamd.open_output("jamd").name == "jamd-04:jamd in"


def test_a_port_without_a_name_or_with_an_odd_one_is_listed_and_found() -> None:
    midi = FakeMidi()
    midi.ports["in"] = [None, "Keys\x1b[2J\n", "Piano"]  # type: ignore[list-item]
    jamd = backend(midi)
    assert jamd.inputs() == ["port 1", "Keys\\x1b[2J\\n", "Piano"]
    assert jamd.open_input("port 1", ignore).client.connected is None
    assert jamd.open_input("keys", ignore).client.connected == "Keys\x1b[2J\n"


def test_a_port_whose_name_is_no_utf_8_is_listed_and_found(monkeypatch: pytest.MonkeyPatch) -> None:
    midi = FakeMidi()
    midi.ports["out"] = ["Fl\udcf6te", "Synth"]

    def get_ports(self: FakeClient, encoding: str | None = "auto") -> list[str] | list[bytes]:
        raw = [name.encode(errors="surrogateescape") for name in midi.ports[self.side]]
        return raw if encoding is None else [name.decode() for name in raw]

    monkeypatch.setattr(FakeClient, "get_ports", get_ports)
    jamd = backend(midi)
    assert jamd.outputs() == ["Fl\\xf6te", "Synth"]
    assert jamd.open_output("fl\\xf6te").name == "Fl\\xf6te"


def test_a_closed_port_s_name_is_free_for_others() -> None:
    midi = FakeMidi()
    jamd = backend(midi)
    jamd.open_input(None, ignore).close()
    midi.ports["out"].append("jamd:jamd in")
    assert "jamd:jamd in" in jamd.outputs()


def test_a_port_that_is_pulled_out_while_it_is_opened_is_a_port_error_and_leaves_no_client() -> None:
    midi = FakeMidi()
    midi.refuses = True
    jamd = backend(midi)
    with pytest.raises(PortError, match=r"Keyboard 20:0.*no such device"):
        jamd.open_input("key", ignore)
    assert midi.clients == []


def test_an_unknown_port_leaves_no_client() -> None:
    midi = FakeMidi()
    jamd = backend(midi)
    with pytest.raises(PortError):
        jamd.open_output("organ")
    assert midi.clients == []


def test_listing_leaves_no_client() -> None:
    midi = FakeMidi()
    assert (backend(midi).inputs(), backend(midi).outputs()) == (["Keyboard 20:0"], ["Synth 128:0"])
    assert midi.clients == []


def test_with_both_ports_open_listing_makes_no_client() -> None:
    midi = FakeMidi()
    jamd = backend(midi, "jack")
    jamd.open_input("key", ignore)
    jamd.open_output("synth")
    midi.working = ()  # the JACK server is dead: a new client would be fatal to the open ones
    assert (jamd.inputs(), jamd.outputs()) == (["Keyboard 20:0"], ["Synth 128:0"])
    jamd.close()


def test_the_callback_is_cancelled_and_events_under_way_are_heard_before_an_input_closes() -> None:
    midi = FakeMidi()
    backend(midi).open_input("key", ignore).close()
    assert midi.log == ["cancel", f"wait {INPUT_SETTLE_SECONDS}", "close"]


def test_on_jack_the_last_messages_get_time_to_leave_and_the_first_to_arrive() -> None:
    midi = FakeMidi()
    port = backend(midi, "jack").open_output("synth")
    port.send(mido.Message("note_off", note=60))
    port.close()
    wait = f"wait {backends.JACK_SETTLE_SECONDS}"
    assert midi.log == [wait, "send", wait, "close"]


def test_closing_an_output_ends_whatever_was_sent_there_and_sounds() -> None:
    midi = FakeMidi()
    port = backend(midi).open_output("synth")
    for message in (
        mido.Message("note_on", channel=1, note=60, velocity=80),
        mido.Message("note_on", channel=1, note=64, velocity=80),
        mido.Message("note_off", channel=1, note=60, velocity=0),
    ):
        port.send(message)
    port.close()
    assert midi.sent[3:] == [[0x81, 64, 64], [0xB1, 64, 0], [0xB1, 123, 0]]


def test_a_signal_between_two_bytes_of_code_leaves_no_note_behind() -> None:
    """It comes after a note is counted and before it leaves; the note is then sent, and ended at the end."""
    midi = FakeMidi()
    port = backend(midi).open_output("synth")
    send, hushed = port.client.send_message, port.hushed

    def interrupted(data: list[int]) -> None:
        port.client.send_message = send
        with hushed():
            midi.log.append("stood still")
        send(data)

    port.client.send_message = interrupted
    port.send(mido.Message("note_on", note=60, velocity=80))
    assert midi.log[-2:] == ["stood still", "send"]
    port.close()
    assert midi.sent[-4:] == [[0x90, 60, 80], [0x80, 60, 64], [0xB0, 64, 0], [0xB0, 123, 0]]


def test_elsewhere_nothing_waits() -> None:
    midi = FakeMidi()
    port = backend(midi).open_output("synth")
    port.send(mido.Message("note_off", note=60))
    port.close()
    assert midi.log == ["send", "close"]


def test_closing_twice_is_closing_once() -> None:
    midi = FakeMidi()
    with backend(midi) as jamd:
        port = jamd.open_output("synth")
        port.close()
        port.close()
    assert midi.log.count("close") == 1


def test_closing_the_backend_closes_its_ports() -> None:
    midi = FakeMidi()
    with backend(midi) as jamd:
        in_port, out_port = jamd.open_input("key", ignore), jamd.open_output(None)
    assert in_port.closed
    assert out_port.closed
    assert midi.clients == []


def test_a_closed_port_refuses_messages() -> None:
    port = backend(FakeMidi()).open_output("synth")
    port.close()
    with pytest.raises(PortError, match=r"Synth.*closed"):
        port.send(mido.Message("clock"))


# Backends


def test_auto_takes_the_first_backend_that_really_opens() -> None:
    assert open_backend("auto", FakeMidi()).name == "alsa"
    assert open_backend("auto", FakeMidi(working=[3])).name == "jack"
    assert [midi.name for midi in opening(FakeMidi())] == ["alsa", "jack"]


@pytest.mark.parametrize(
    ("compiled", "remedies"),
    [
        ([2, 3], ["modprobe snd-seq", "jackd"]),
        ([1], ["Audio MIDI Setup"]),
        ([4], ["Windows"]),
        ([], ["python-rtmidi"]),
    ],
)
def test_when_no_backend_opens_the_user_is_told_what_to_do(compiled: list[int], remedies: list[str]) -> None:
    with pytest.raises(BackendError) as error:
        open_backend("auto", FakeMidi(compiled=compiled, working=[]))
    assert all(remedy in str(error.value) for remedy in remedies)
    assert "\n" not in str(error.value)


def test_a_named_backend_that_does_not_open_is_named() -> None:
    with pytest.raises(BackendError, match=r"alsa does not open.*snd-seq"):
        open_backend("alsa", FakeMidi(working=[3]))


def test_a_named_backend_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(BackendError, match=r"coremidi is not in.*alsa, jack"):
        open_backend("coremidi", FakeMidi())


def test_a_missing_system_library_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rtmidi", None)
    with pytest.raises(BackendError, match="libasound2"):
        open_backend()


def test_trying_a_backend_is_silent_and_stderr_works_again_after(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BackendError):
        open_backend("alsa", FakeMidi(working=[]))
    os.write(2, b"still here\n")
    assert capfd.readouterr().err == "still here\n"


def test_a_program_without_stderr_can_open_a_backend() -> None:
    script = """
import os
from tests.midi.test_ports import FakeMidi
from jamd.midi.backends import open_backend
os.close(2)
print(open_backend("auto", FakeMidi()).name)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        cwd=ROOT,
    )
    assert (done.returncode, done.stdout) == (0, "alsa\n")


def test_a_jack_server_that_is_busy_for_a_moment_is_asked_again() -> None:
    midi = FakeMidi(working=[3])
    midi.busy = backends.JACK_ATTEMPTS - 1
    assert backend(midi, "jack").inputs() == ["Keyboard 20:0"]
    midi.busy = backends.JACK_ATTEMPTS
    with pytest.raises(BackendError, match="start JACK"):
        backend(midi, "jack").inputs()


# The commands


@pytest.fixture
def midi(monkeypatch: pytest.MonkeyPatch) -> FakeMidi:
    """What the commands find on this machine; without waiting for a cable."""
    midi = FakeMidi()
    monkeypatch.setitem(sys.modules, "rtmidi", midi)
    monkeypatch.setattr(ports, "SECONDS_PER_MESSAGE", 0)
    return midi


def test_ports_lists_inputs_and_outputs_of_every_backend(midi: FakeMidi) -> None:
    result = CliRunner().invoke(main, ["ports"])
    assert result.exit_code == 0
    for text in ("alsa", "jack", "in", "out", "Keyboard 20:0", "Synth 128:0"):
        assert text in result.stdout


def test_ports_as_json_is_one_document(midi: FakeMidi) -> None:
    midi.ports["in"] = ["[b]Clavier é[/b]"]
    listed = json.loads(CliRunner().invoke(main, ["ports", "--json", "--backend", "alsa"]).stdout)
    assert listed == {"alsa": {"inputs": ["[b]Clavier é[/b]"], "outputs": ["Synth 128:0"]}}


def test_ports_shows_a_name_with_brackets_as_it_is(midi: FakeMidi) -> None:
    midi.ports["in"] = ["Clavier [red]"]
    assert "Clavier [red]" in CliRunner().invoke(main, ["ports"]).stdout


def test_ports_says_what_to_do_when_there_are_none(midi: FakeMidi) -> None:
    midi.ports["in"].clear()
    midi.ports["out"].clear()
    result = CliRunner().invoke(main, ["ports"])
    assert result.exit_code == 0
    assert "plug in" in result.stdout


def test_ports_says_what_to_do_when_no_backend_opens(midi: FakeMidi) -> None:
    midi.working = ()
    result = CliRunner().invoke(main, ["ports"])
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "snd-seq" in result.stderr
    assert json.loads(CliRunner().invoke(main, ["ports", "--json"]).stdout) == {}


def test_panic_lifts_the_pedals_first_and_lets_go_of_every_note_of_every_channel(midi: FakeMidi) -> None:
    result = CliRunner().invoke(main, ["panic", "--out", "synth"])
    assert (result.exit_code, result.stdout) == (0, "silenced Synth 128:0\n")
    for channel in range(16):
        controls = [data[1:] for data in midi.sent if data[0] == 0xB0 + channel]
        assert controls == [[64, 0], [66, 0], [67, 0], [120, 0], [121, 0], [123, 0]]
        assert [data[1] for data in midi.sent if data[0] == 0x80 + channel] == list(range(128))


def test_panic_keeps_to_what_a_midi_cable_carries(midi: FakeMidi, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[int] = []
    monkeypatch.setattr(ports, "SECONDS_PER_MESSAGE", 1)
    monkeypatch.setattr(silence.time, "sleep", lambda seconds: waits.append(midi.log.count("send")))
    CliRunner().invoke(main, ["panic", "--out", "synth"])
    assert max(later - earlier for earlier, later in pairwise(waits)) == BURST_MESSAGES
    assert midi.log.count("send") == 16 * (128 + 6)
    assert len(waits) == midi.log.count("send") / BURST_MESSAGES


@pytest.mark.parametrize("out", ["organ", "s"])
def test_panic_at_an_unknown_or_ambiguous_output_is_a_usage_error(midi: FakeMidi, out: str) -> None:
    midi.ports["out"].append("Strings 20:0")
    result = CliRunner().invoke(main, ["panic", "--out", out])
    assert result.exit_code == 2
    assert "Synth 128:0, Strings 20:0" in result.stderr or "Strings 20:0, Synth 128:0" in result.stderr
