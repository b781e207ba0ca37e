"""Ports on a real JACK server, with another process at the other end of the cable."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue

import mido
import pytest

from jamd.errors import PortError
from jamd.midi.backends import Backend, open_backend
from tests.kit.realparts import KEYS, SYNTH, Player

pytestmark = pytest.mark.jack

PATIENCE_SECONDS = 10
IN, OUT = f"{KEYS}:{KEYS}", f"{SYNTH}:{SYNTH}"


@pytest.fixture
def midi(jack: str) -> Iterator[Backend]:
    with open_backend("jack") as midi:
        yield midi


def jamd(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "jamd", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | environment,
    )


def heard_by(player: Player, message: mido.Message) -> Callable[[], bool]:
    return lambda: any(list(heard.bytes) == message.bytes() for heard in player.heard)


def note(pitch: int) -> mido.Message:
    return mido.Message("note_on", note=pitch, velocity=70)


def test_two_processes_exchange_notes(midi: Backend, player: Player) -> None:
    heard: SimpleQueue[mido.Message] = SimpleQueue()
    in_port, out_port = midi.open_input("TEST-KEYS", heard.put), midi.open_output("test-synth")
    assert (in_port.name, out_port.name) == (IN, OUT)
    player.play([(0, note(60).bytes()), (0.05, note(64).bytes())])
    assert [heard.get(timeout=PATIENCE_SECONDS) for _ in range(2)] == [note(60), note(64)]
    out_port.send(note(67))
    player.wait_for(heard_by(player, note(67)), PATIENCE_SECONDS, "the note")


def test_virtual_ports_are_there_for_other_programs_and_not_for_jamd(midi: Backend) -> None:
    heard: SimpleQueue[mido.Message] = SimpleQueue()
    midi.open_input(None, heard.put)
    out_port = midi.open_output(None)
    assert (midi.inputs(), midi.outputs()) == ([], [])
    with Player("jamd in", "jamd out", "--join") as player:
        player.play([(0, note(60).bytes())])
        assert heard.get(timeout=PATIENCE_SECONDS) == note(60)
        out_port.send(note(62))
        player.wait_for(heard_by(player, note(62)), PATIENCE_SECONDS, "the note")


@pytest.mark.parametrize(
    "broken",
    [[0x90], [0x90, 60], [60, 64], [0xF7], [0xFF, 0xFF], [0xF4, 1], [0x00], [0xF0, 0x7E, 0xF7]],
    ids=lambda data: bytes(data).hex(" "),
)
def test_broken_bytes_do_not_stop_the_notes_after_them(
    midi: Backend, player: Player, broken: list[int]
) -> None:
    heard: SimpleQueue[mido.Message] = SimpleQueue()
    midi.open_input(KEYS, heard.put)
    player.play([(0, broken), (0.05, note(72).bytes())])
    messages = iter(lambda: heard.get(timeout=PATIENCE_SECONDS), note(72))
    assert not [message for message in messages if message.type.startswith("note")]


def test_sysex_and_active_sensing_are_not_heard_and_clock_is(midi: Backend, player: Player) -> None:
    heard: SimpleQueue[mido.Message] = SimpleQueue()
    midi.open_input(KEYS, heard.put)
    player.play([(0, [0xF0, 0x7E, 1, 0xF7]), (0.02, [0xFE]), (0.04, [0xF8]), (0.06, note(72).bytes())])
    messages = [heard.get(timeout=PATIENCE_SECONDS) for _ in range(2)]
    assert [message.type for message in messages] == ["clock", "note_on"]


def test_nothing_is_lost_right_after_opening_or_right_before_closing(midi: Backend, player: Player) -> None:
    for pitch in range(20, 40):
        port = midi.open_output(SYNTH)
        port.send(note(pitch))
        port.send(mido.Message("note_off", note=pitch))
        port.close()
        player.wait_for(heard_by(player, note(pitch)), PATIENCE_SECONDS, f"note-on {pitch}")
        off = mido.Message("note_off", note=pitch)
        player.wait_for(heard_by(player, off), PATIENCE_SECONDS, f"note-off {pitch}")


def test_an_input_opens_and_closes_at_once_while_it_is_played_to(midi: Backend, player: Player) -> None:
    player.play([(number * 0.002, note(60).bytes()) for number in range(1500)])
    player.wait_for(lambda: player.sent, PATIENCE_SECONDS, "the first note")
    for _ in range(5):
        heard: SimpleQueue[mido.Message] = SimpleQueue()
        began_seconds = time.monotonic()
        port = midi.open_input(KEYS, heard.put)
        assert heard.get(timeout=PATIENCE_SECONDS) == note(60)
        port.close()
        assert time.monotonic() - began_seconds < 2
    assert player.popen.poll() is None


def test_opening_and_closing_again_and_again_leaves_nothing_behind(midi: Backend) -> None:
    def held() -> tuple[int, int]:
        return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))

    def once() -> None:
        with open_backend("jack") as other:
            other.open_input(None, lambda message: None)
            other.open_output(None)

    once()
    before = held()
    for _ in range(15):
        once()
    assert held() == before
    assert (midi.inputs(), midi.outputs()) == ([], [])


def test_an_unknown_port_is_refused_with_the_ports_there_are(midi: Backend, player: Player) -> None:
    with pytest.raises(PortError, match=f"the inputs are: {IN}"):
        midi.open_input("organ", lambda message: None)


def test_ports_lists_them_and_says_nothing_else(player: Player) -> None:
    done = jamd("ports", "--json", "--backend", "jack")
    assert json.loads(done.stdout) == {"jack": {"inputs": [IN], "outputs": [OUT]}}
    assert done.stderr == ""


def test_without_a_jack_server_there_is_one_line(jack: str) -> None:
    done = jamd("ports", "--backend", "jack", JACK_DEFAULT_SERVER=f"{jack}-not-this")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "start JACK" in done.stderr


def test_panic_reaches_every_channel_and_note(player: Player) -> None:
    done = jamd("panic", "--out", SYNTH, "--backend", "jack")
    assert (done.returncode, done.stdout) == (0, f"silenced {OUT}\n"), done.stderr
    last = mido.Message("note_off", channel=15, note=127, velocity=0)
    player.wait_for(heard_by(player, last), PATIENCE_SECONDS, "the last note-off")
    heard = {message.bytes[:2] for message in player.heard}
    assert {(0x80 + channel, pitch) for channel in range(16) for pitch in range(128)} <= heard
    assert {(0xB0 + channel, control) for channel in range(16) for control in (64, 120, 123)} <= heard
