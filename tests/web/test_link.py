"""The engine's side of the page: what goes out, what comes in, and a server that dies or hangs.

A small program stands in for the server: it keeps what it is told, and says what it is told to say.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mido
import pytest

from jamd.clock import SystemClock
from jamd.controls.knobs import Turned
from jamd.engine.events import Event, Inbox, Received
from jamd.engine.intake import Intake
from jamd.engine.snapshot import Snapshot, Turn
from jamd.errors import JamdError
from jamd.web.link import Link
from jamd.web.orders import Orders

PATIENCE_SECONDS = 20.0
SERVER = """
import json, sys, time
how, kept = sys.argv[1:]
fault, serving = {"type": "fault", "why": "every port is taken"}, {"type": "serving", "port": 8901}
print(json.dumps(fault if how == "fault" else serving), flush=True)
with open(kept, "a") as file:
    for line in sys.stdin:
        file.write(line)
        file.flush()
        word = json.loads(line)
        if word.get("text") == "die":
            sys.exit(3)
        if word.get("text") == "hang":
            time.sleep(60)
        if word.get("text", "").startswith("{"):
            print(word["text"], flush=True)
    file.write('{"type": "end of input"}\\n')
"""


class Server:
    """Starts the program, and reads what it was told."""

    def __init__(self, folder: Path, how: str = "serve") -> None:
        self.kept, self.how, self.begun = folder / "told.jsonl", how, 0
        self.kept.touch()

    def __call__(self) -> subprocess.Popen[str]:
        self.begun += 1
        command = [sys.executable, "-c", SERVER, self.how, str(self.kept)]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def told(self, kind: str) -> list[dict[str, Any]]:
        words = [json.loads(line) for line in self.kept.read_text().splitlines() if line.endswith("}")]
        return [word for word in words if word["type"] == kind]


def wait_for(look: Callable[[], Any]) -> Any:
    patience = time.monotonic() + PATIENCE_SECONDS
    while not (seen := look()):
        assert time.monotonic() < patience
        time.sleep(0.01)
    return seen


@contextmanager
def linked(server: Server, heeds: Any = None) -> Iterator[Link]:
    link = Link({"host": "127.0.0.1", "port": 0}, SystemClock(), begin=server)
    link.heeds = heeds
    try:
        yield link
    finally:
        link.close()


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def test_what_is_played_goes_out_with_its_instant(server: Server) -> None:
    with linked(server) as link:
        assert link.port_number == 8901
        link.send_at(mido.Message("note_on", note=60, velocity=80), 12.5)
        link.record("jamd", 4.25, mido.Message("note_on", note=60, velocity=80))
        link.turn(4.0, Turn.ANSWER)
    assert server.told("note") == [{"type": "note", "part": "jamd", "seconds": 12.5, "bytes": [144, 60, 80]}]
    assert server.told("heard") == [{"type": "heard", "part": "jamd", "beats": 4.25, "bytes": [144, 60, 80]}]
    assert server.told("span") == [{"type": "span", "start": 4.0, "end": None, "turn": "answer"}]


def test_the_state_is_told_where_it_changed(server: Server) -> None:
    with linked(server) as link:
        for tempo in (120.0, 120.0, 90.0):
            link.show(Snapshot(tempo=tempo))
    assert [state["tempo"] for state in server.told("state")] == [120.0, 90.0]


def test_what_makes_no_sound_is_not_sent(server: Server) -> None:
    with linked(server) as link:
        link.send(mido.Message("clock"))
        link.send(mido.Message("program_change", program=4))
    assert server.told("note") == []


def test_a_server_that_cannot_serve_says_why(tmp_path: Path) -> None:
    with pytest.raises(JamdError, match="the page cannot be served: every port is taken"):
        Link({}, SystemClock(), begin=Server(tmp_path, "fault"))


def test_the_server_hears_the_end(server: Server) -> None:
    with linked(server):
        pass
    assert server.told("ended")
    assert server.told("end of input")


@pytest.mark.parametrize("how", ["die", "hang"])
def test_another_takes_the_place_of_a_server_that_dies_or_hangs(
    server: Server, how: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told who jamd is, and what was heard lately; the engine notices nothing."""
    monkeypatch.setattr("jamd.web.link.HANG_SECONDS", 0.2)
    with linked(server) as link:
        link.greet({"type": "hello", "version": "1"})
        link.record("player", 1.0, mido.Message("note_on", note=60, velocity=80))
        link.show(Snapshot(tempo=90.0))
        link.say(how)
        wait_for(lambda: [said for said in server.told("said") if said["text"] == how])

        def go_on() -> bool:
            for _ in range(500):  # more than a pipe holds, of a server that hangs
                link.say("x" * 300)
            link.show(Snapshot(tempo=91.0))
            return server.begun > 1

        wait_for(go_on)
        wait_for(lambda: len(server.told("hello")) == 2)
        link.show(Snapshot(tempo=92.0))
        wait_for(lambda: [state for state in server.told("state") if state["tempo"] == 92.0])
    assert len(server.told("heard")) == 2
    assert [record.levelname for record in caplog.records] == ["WARNING"] * (1 if how == "die" else 2)


class Heeded:
    """An engine's intake and inbox, and the thread on which a page's words come."""

    def __init__(self) -> None:
        self.intake, self.presets = Intake(SystemClock()), list[str]()
        put = self.intake.inbox.put
        self.orders = Orders(self.intake, put, self.presets.append, ("blues",), ("wavenet",))

    def after(self, *words: Any) -> list[Event]:
        for word in words:
            self.orders.heed(word if isinstance(word, str) else json.dumps(word))
        inbox: Inbox = self.intake.inbox
        return [inbox.get() for _ in range(inbox.qsize())]


def test_what_a_hand_does_comes_in_with_its_instant(server: Server) -> None:
    heeded, now = Heeded(), SystemClock().now()
    with linked(server, heeded.orders) as link:
        link.say(json.dumps({"type": "midi", "seconds": now, "bytes": [144, 60, 90]}))
        (received,) = wait_for(heeded.after)
    assert isinstance(received, Received)
    assert received.message == mido.Message("note_on", note=60, velocity=90)
    assert received.seconds == pytest.approx(now)


def test_what_pages_hold_is_let_go_when_their_server_dies(server: Server) -> None:
    """Nobody else would: the next server does not know of it."""
    heeded = Heeded()
    with linked(server, heeded.orders) as link:
        now = SystemClock().now()
        link.say(json.dumps({"type": "midi", "seconds": now, "bytes": [144, 60, 90]}))
        link.say(json.dumps({"type": "midi", "seconds": now, "bytes": [176, 64, 127]}))
        assert len(wait_for(lambda: heeded.intake.inbox.qsize() == 2 and heeded.after())) == 2
        link.say("die")
        ends = wait_for(lambda: heeded.intake.inbox.qsize() == 2 and heeded.after())
    assert [event.message.bytes() for event in ends] == [[128, 60, 64], [176, 64, 0]]


def test_knobs_presses_presets_and_models_are_orders() -> None:
    heeded = Heeded()
    words = [
        {"type": "turn", "knob": "temperature", "value": 1.5},
        {"type": "turn", "knob": "mode", "value": "duet"},
        {"type": "turn", "knob": "bars", "value": 4},
        {"type": "press", "action": "panic"},
        {"type": "model", "name": "wavenet"},
        {"type": "preset", "name": "blues"},
    ]
    assert heeded.after(*words) == [
        Turned("temperature", 1.5),
        Turned("mode", "duet"),
        Turned("bars", 4),
        Turned("panic"),
        Turned("model", "wavenet"),
    ]
    assert heeded.presets == ["blues"]


NONSENSE: list[Any] = [
    None,
    7,
    [],
    {},
    {"type": ["midi"]},
    {"type": "midi", "bytes": [144, 60, 90]},
    {"type": "midi", "seconds": float("nan"), "bytes": [144, 60, 90]},
    {"type": "midi", "seconds": "now", "bytes": [144, 60, 90]},
    {"type": "midi", "seconds": 1.0, "bytes": [144, 300, 90]},
    {"type": "midi", "seconds": 1.0, "bytes": [144, 60]},
    {"type": "midi", "seconds": 1.0, "bytes": [144.0, 60, 90]},
    {"type": "midi", "seconds": 1.0, "bytes": [True, 60, 90]},
    {"type": "midi", "seconds": 1.0, "bytes": [60, 60, 90]},
    {"type": "midi", "seconds": 1.0, "bytes": [0xF0, 1, 0xF7]},
    {"type": "midi", "seconds": 1.0, "bytes": [0xF8, 0, 0]},
    {"type": "midi", "seconds": 1.0, "bytes": "abc"},
    {"type": "turn", "knob": "mode", "value": "nonsense"},
    {"type": "turn", "knob": "mode", "value": ["duet"]},
    {"type": "turn", "knob": "temperature", "value": float("nan")},
    {"type": "turn", "knob": "panic", "value": 1},
    {"type": "turn", "knob": "colour", "value": 1},
    {"type": "press", "action": "tempo"},
    {"type": "press", "action": {}},
    {"type": "preset", "name": "polka"},
    {"type": "model", "name": "oracle"},
    {"type": "stop"},
    "not a word",
    "",
]


@pytest.mark.parametrize("word", NONSENSE, ids=str)
def test_nonsense_does_not_reach_the_engine(word: Any) -> None:
    assert Heeded().after(word) == []
