"""Cables pulled out and put in again, on a MIDI system made of Python objects and on JACK."""

from __future__ import annotations

import json
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import mido
import pytest

from jamd.midi.backends import Backend
from jamd.midi.held import Held
from jamd.midi.hotplug import Hotplug, again
from jamd.midi.jackserver import STALLED_SECONDS, JackServer
from jamd.midi.ports import Port
from tests.commands.test_live import BAR, ONE_BAR, PORTS, phrase
from tests.kit.processes import Process
from tests.kit.realparts import Jamd, Player, default_server, serving, sounding
from tests.midi.test_ports import FakeMidi, backend

KEYBOARD, FLUID = "Keyboard 20:0", "Synth 128:0"


def on(pitch: int, channel: int = 0) -> mido.Message:
    return mido.Message("note_on", channel=channel, note=pitch, velocity=90)


def off(pitch: int, channel: int = 0) -> mido.Message:
    return mido.Message("note_off", channel=channel, note=pitch)


class Stage:
    """A keyboard and a synth, jamd's ports to them, and whoever watches the cables."""

    def __init__(self, name: str = "alsa", server: JackServer | None = None) -> None:
        self.midi = FakeMidi()
        self.heard: list[mido.Message] = []
        self.backend: Backend = backend(self.midi, name)
        self.keys = self.backend.open_input("key", self.heard.append)
        self.synth = self.backend.open_output("synth")
        self.back: list[Port] = []
        self.hotplug = Hotplug(self.backend, self.back.append, server=server)

    def pull(self, side: str, name: str) -> None:
        self.midi.ports[side].remove(name)
        self.hotplug.look()

    def put(self, side: str, name: str) -> None:
        self.midi.ports[side].append(name)
        self.hotplug.look()

    def play(self, *data: int) -> None:
        self.keys.client.callback((data, 0.0), None)


def test_a_keyboard_that_is_pulled_lets_go_of_keys_pedal_and_wheel() -> None:
    stage = Stage()
    for data in ((0x90, 60, 80), (0x91, 64, 80), (0x80, 60, 0), (0xB0, 64, 127), (0xE0, 0, 96)):
        stage.play(*data)
    del stage.heard[:]
    stage.pull("in", KEYBOARD)
    assert stage.heard == [
        off(64, 1),
        mido.Message("control_change", control=64, value=0),
        mido.Message("pitchwheel", pitch=0),
    ]


def test_a_keyboard_that_is_back_is_heard_again() -> None:
    stage = Stage()
    stage.pull("in", KEYBOARD)
    stage.put("in", KEYBOARD)
    stage.play(0x90, 62, 70)
    assert [message.note for message in stage.heard] == [62]
    assert stage.back == [stage.keys]


def test_a_device_may_come_back_under_another_number() -> None:
    stage = Stage()
    stage.pull("in", KEYBOARD)
    stage.put("in", "Keyboard 24:0")
    assert stage.keys.name == "Keyboard 24:0"
    assert stage.keys.client.connected == "Keyboard 24:0"


def test_a_synth_that_is_back_first_hears_the_end_of_all_that_it_was_ever_told() -> None:
    """The note-off of 60 left while the cable was out, and that of 62 just before, perhaps into nothing."""
    stage = Stage()
    for message in (on(60), on(62), off(62)):
        stage.synth.send(message)
    stage.pull("out", FLUID)
    for message in (off(60), on(67)):
        stage.synth.send(message)
    del stage.midi.sent[:]
    stage.put("out", FLUID)
    assert stage.midi.sent == [[0x80, 60, 64], [0x80, 62, 64], [0xB0, 64, 0], [0xB0, 123, 0]]
    stage.synth.send(on(65))
    assert stage.midi.sent[-1] == [0x90, 65, 90]
    assert stage.synth.unheard == 1


def test_each_loss_and_each_return_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()
    stage.pull("out", FLUID)
    for _ in range(5):
        stage.hotplug.look()
    stage.put("out", FLUID)
    stage.hotplug.look()
    assert [record.getMessage() for record in caplog.records] == [
        f"output {FLUID} is gone; jamd goes on, and waits for it",
        f"output {FLUID} is back",
    ]


def test_an_output_that_refuses_a_message_is_out_and_the_music_goes_on() -> None:
    """So it is on Windows, where a device that was pulled out may still be listed."""
    stage = Stage()

    def refuse(data: list[int]) -> None:
        raise stage.midi.RtMidiError("error sending MIDI message")

    stage.synth.client.send_message = refuse
    stage.synth.send(on(60))
    stage.synth.send(off(60))
    assert not stage.synth.plugged
    stage.hotplug.look()
    stage.synth.send(on(62))
    assert stage.midi.sent[-1] == [0x90, 62, 90]


def test_a_device_that_is_listed_and_does_not_open_is_tried_again() -> None:
    stage = Stage()
    stage.pull("in", KEYBOARD)
    stage.midi.refuses = True
    stage.put("in", KEYBOARD)
    assert not stage.keys.plugged
    stage.midi.refuses = False
    stage.hotplug.look()
    assert stage.keys.plugged


def test_what_is_listed_beside_it_is_not_taken_for_the_device() -> None:
    stage = Stage()
    stage.pull("out", FLUID)
    stage.put("out", "Piano 30:0")
    assert not stage.synth.plugged


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["Synth 128:0", "Synth 129:0"], "Synth 128:0"),
        (["Synth 129:0"], "Synth 129:0"),
        (["Synth 129:0", "Synth 130:0"], None),
        (["FluidSynth-01:midi"], "FluidSynth-01:midi"),
        ([], None),
    ],
)
def test_a_port_is_known_again_by_its_name(names: list[str], found: str | None) -> None:
    assert again(Stage().synth, names) == found


def test_virtual_ports_have_no_cable() -> None:
    midi = FakeMidi()
    jamd = backend(midi)
    port = jamd.open_output(None)
    Hotplug(jamd).look()
    assert port.plugged


def test_only_what_is_down_is_let_go() -> None:
    held = Held()
    for message in (on(60), on(60), on(61), off(61), mido.Message("control_change", control=64, value=63)):
        held.take(message)
    held.take(mido.Message("note_on", note=60, velocity=0))
    held.take(on(72, 15))
    assert held.let_go() == [off(72, 15)]
    assert held.let_go() == []


# JACK, whose server may go as well


class FakeJack:
    """The server, `up` or not, and its time; and its client, of which jamd has one at most."""

    def __init__(self) -> None:
        self.up, self.last_frame = True, 0
        self.gone = False
        self.clients = 0
        self.connections: list[tuple[str, str]] = []

    def client(self, name: str) -> FakeJack | None:
        if not self.up:
            return None
        self.clients += 1
        self.gone = False
        return self

    def die(self) -> None:
        self.up, self.gone = False, True

    def connect(self, source: str, target: str) -> bool:
        self.connections.append((source, target))
        return True

    def close(self) -> None:
        self.clients -= 1


class Now:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def fake_jack() -> FakeJack:
    return FakeJack()


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def stage(fake_jack: FakeJack, now: Now) -> Stage:
    server = JackServer(fake_jack.client, now)
    assert server.open()
    return Stage("jack", server)


def test_on_jack_a_port_that_went_is_led_to_again_and_keeps_its_client(
    stage: Stage, fake_jack: FakeJack
) -> None:
    client = stage.synth.client
    stage.pull("out", FLUID)
    stage.put("out", FLUID)
    assert fake_jack.connections == [("jamd-01:jamd out", FLUID)]
    assert stage.synth.client is client
    stage.pull("in", KEYBOARD)
    stage.put("in", KEYBOARD)
    assert fake_jack.connections[1:] == [(KEYBOARD, "jamd:jamd in")]


def test_when_the_server_is_gone_nothing_is_sent_and_when_it_is_back_all_ports_are_new(
    stage: Stage, fake_jack: FakeJack, caplog: pytest.LogCaptureFixture
) -> None:
    stage.synth.send(on(60))
    stage.play(0x90, 40, 80)
    del stage.midi.sent[:], stage.heard[:]
    fake_jack.die()
    stage.hotplug.look()
    assert stage.heard == [off(40)]
    assert stage.keys.client is None
    assert stage.synth.client is None
    stage.synth.send(on(62))
    assert stage.midi.sent == []
    stage.midi.ports = {"in": [], "out": []}
    fake_jack.up = True
    stage.hotplug.look()
    assert not stage.synth.plugged
    stage.put("out", FLUID)
    stage.put("in", KEYBOARD)
    assert stage.midi.sent == [[0x80, 60, 64], [0xB0, 64, 0], [0xB0, 123, 0]]
    stage.play(0x90, 41, 80)
    assert stage.heard[1:] == [mido.Message("note_on", note=41, velocity=80)]
    assert [record.getMessage() for record in caplog.records] == [
        "JACK is gone; jamd goes on, and waits for it",
        "JACK is back",
        f"output {FLUID} is back",
        f"input {KEYBOARD} is back",
    ]
    assert fake_jack.clients == 1


def test_a_server_that_stands_still_gets_nothing_until_it_goes_on(
    stage: Stage, fake_jack: FakeJack, now: Now, caplog: pytest.LogCaptureFixture
) -> None:
    """And a keyboard that was pulled meanwhile is missed then."""
    stage.hotplug.look()
    now.seconds = STALLED_SECONDS + 0.1
    stage.hotplug.look()
    stage.synth.send(on(60))
    assert stage.midi.sent == []
    fake_jack.last_frame = 64
    stage.pull("in", KEYBOARD)
    stage.synth.send(on(61))
    assert stage.midi.sent == [[0x90, 61, 90]]
    stage.put("in", KEYBOARD)
    assert [record.getMessage() for record in caplog.records] == [
        "JACK stands still; jamd goes on, and waits for it",
        "JACK goes on",
        f"input {KEYBOARD} is gone; jamd goes on, and waits for it",
        f"input {KEYBOARD} is back",
    ]


# Real ports, real processes


def hangs(player: Player) -> set[int]:
    """What was struck and not let go. The end of what was struck before the cable went counts for nothing."""
    return {pitch for pitch, count in sounding(player.heard).items() if count > 0}


def unended(path: Path) -> set[tuple[int, int]]:
    """The notes in a session's file that do not end: part, pitch."""
    notes: set[tuple[int, int]] = set()
    for part, track in enumerate(mido.MidiFile(path).tracks):
        for message in track:
            if message.type == "note_on" and message.velocity > 0:
                notes.add((part, message.note))
            elif message.type in ("note_on", "note_off"):
                notes.discard((part, message.note))
    return notes


def pull(player: Player) -> None:
    """Take keyboard and synth away at once, without a word."""
    player.signal(signal.SIGKILL)
    player.wait()


def plays_on(jamd: Jamd, player: Player) -> None:
    """The player, who has come back, calls and is answered; at the end nothing sounds."""
    start = player.play(phrase(), player.now() + 1.0)
    player.wait_for_strike(after_seconds=start)
    jamd.signal(signal.SIGTERM)
    ended = jamd.wait()
    assert ended.status == 0, ended.stderr
    player.listen_until(player.now() + 0.2)
    assert hangs(player) == set()
    assert unended(jamd.record) == set()


@pytest.mark.jack
def test_keyboard_and_synth_are_pulled_amid_an_answer_and_come_back(jack: str, tmp_path: Path) -> None:
    """A key is down as they go, and jamd plays; when they are back they first hear the end of that."""
    with Player() as player, Jamd(tmp_path, "--backend", "jack", *PORTS, *ONE_BAR, "--no-interrupt") as jamd:
        jamd.wait_until_listening()
        start = player.play([*phrase(), (1.3 * BAR, (0x90, 40, 90))])
        struck = player.wait_for_strike(after_seconds=start)
        player.listen_until(start + 1.4 * BAR)
        pull(player)
        jamd.wait_for_line("jamd: input", 5)
        jamd.wait_for_line("jamd: output", 5)
        with Player() as again:
            jamd.wait_for(lambda: [line for line in jamd.stderr if "is back" in line][1:], 5, "both ports")
            again.wait_for(
                lambda: [m for m in again.heard if m.releases and m.pitch == struck.pitch], 5, "end"
            )
            plays_on(jamd, again)
        said = [line.removeprefix("jamd: ").split(" ")[0] for line in jamd.stderr]
        said = [what for what in said if what != "JACK"]  # which waits two seconds for who was killed
        assert sorted(said) == ["input", "input", "output", "output"]


@pytest.mark.jack
def test_the_jack_server_is_killed_and_started_again(jack: str, tmp_path: Path) -> None:
    name = f"{jack}-hotplug"
    with default_server(name), ExitStack() as first, ExitStack() as second:
        server = first.enter_context(serving(name))
        player = first.enter_context(Player())
        jamd = second.enter_context(Jamd(tmp_path, "--backend", "jack", *PORTS, *ONE_BAR))
        jamd.wait_until_listening()
        start = player.play(phrase())
        player.wait_for_strike(after_seconds=start)
        server.signal(signal.SIGKILL)
        server.wait()
        jamd.wait_for_line("jamd: JACK is gone", 5)
        first.close()
        second.enter_context(serving(name))
        jamd.wait_for_line("jamd: JACK is back", 5)
        again = second.enter_context(Player())
        jamd.wait_for(lambda: [line for line in jamd.stderr if "put" in line][1:], 5, "both ports")
        plays_on(jamd, again)


@pytest.mark.jack
@pytest.mark.parametrize("late_seconds", [0.0, 0.02, 0.2])
def test_a_session_ends_in_order_as_the_jack_server_ends(
    jack: str, tmp_path: Path, late_seconds: float
) -> None:
    """As at a logout: both are told to end, the session a little later."""
    name = f"{jack}-logout"
    with ExitStack() as stack:
        stack.enter_context(default_server(name))
        server, player = stack.enter_context(serving(name)), stack.enter_context(Player())
        jamd = stack.enter_context(Jamd(tmp_path, "--backend", "jack", *PORTS, *ONE_BAR))
        jamd.wait_until_listening()
        start = player.play(phrase())
        player.wait_for_strike(after_seconds=start)
        server.signal(signal.SIGTERM)
        time.sleep(late_seconds)
        jamd.signal(signal.SIGTERM)
        assert jamd.wait().status == 0
        assert unended(jamd.record) == set()


@pytest.mark.jack
def test_listing_ports_all_night_leaks_nothing(jack: str) -> None:
    """Two thousand looks with open ports, and fifty that begin and end a client of their own."""
    with Process([sys.executable, "-c", LIST_PORTS]) as listing:
        ended = listing.wait(60)
    assert ended.status == 0, ended.stderr
    early, late = (json.loads(line) for line in ended.stdout.splitlines())
    assert (late["files"], late["threads"]) == (early["files"], early["threads"])
    assert late["kilobytes"] <= early["kilobytes"] + 500


LIST_PORTS = """
import json, os, resource, threading
from jamd.midi.backends import open_backend
def look(times, alone):
    for _ in range(alone):
        with open_backend("jack") as midi:
            midi.inputs(), midi.outputs()
    with open_backend("jack") as midi:
        midi.open_output(None), midi.open_input(None, print)
        for _ in range(times):
            midi.inputs(), midi.outputs()
        print(json.dumps({
            "files": len(os.listdir("/proc/self/fd")), "threads": threading.active_count(),
            "kilobytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        }))
look(100, 5)
look(2000, 50)
"""


@pytest.mark.jack
def test_what_comes_and_goes_on_jack_as_the_watch_ends_does_not_hold_the_end_up(jack: str) -> None:
    """Eighty times, as another program opens and closes its port and Python is busy."""
    with Process([sys.executable, "-c", COME_AND_GO]), Process([sys.executable, "-c", WATCH]) as watching:
        ended = watching.wait(60)
    assert ended.status == 0, ended.stderr


COME_AND_GO = """
from jamd.midi.backends import open_backend
while True:
    with open_backend("jack") as midi:
        midi.open_input(None, print)
"""
WATCH = """
import threading, time
from jamd.midi.jackserver import open_server
ended = threading.Event()
def be_busy():
    while not ended.is_set():
        sum(range(20000))
for _ in range(2):
    threading.Thread(target=be_busy, daemon=True).start()
server = open_server(time.monotonic)
for _ in range(80):
    time.sleep(0.002)
    assert not server.gone
    assert server.open()
ended.set()
server.close()
"""
