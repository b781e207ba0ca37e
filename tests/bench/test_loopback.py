"""`jamd bench loopback`: notes that come back, on a clock of the test's own and on JACK."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise

import mido
import pytest

from jamd.bench import loopback
from jamd.bench.loopback import PATIENCE_SECONDS, PITCHES, RoundTrips, measure
from jamd.engine.events import Event, Inbox, Received
from tests.kit.realparts import KEYS, SYNTH, Player

Back = Callable[[mido.Message, int], list[tuple[float, mido.Message]]]
"""What a message, the so-manieth note, makes come back: after how many seconds, and what."""


class Cable:
    """A clock and a pair of ports: what is sent comes back as `back` says."""

    def __init__(self, back: Back) -> None:
        self.seconds = 7.0
        self.back = back
        self.inbox = Inbox()
        self.sent: list[tuple[float, mido.Message]] = []
        self.coming: list[tuple[float, mido.Message]] = []

    def send(self, message: mido.Message) -> None:
        self.sent.append((self.seconds, message))
        self.coming += [(self.seconds + s, m) for s, m in self.back(message, len(self.strikes) - 1)]
        self.coming.sort(key=lambda each: each[0])

    @property
    def strikes(self) -> list[tuple[float, mido.Message]]:
        return [(seconds, message) for seconds, message in self.sent if message.type == "note_on"]

    def now(self) -> float:
        return self.seconds

    def wait(self, inbox: Inbox, until_seconds: float | None) -> Event | None:
        assert until_seconds is not None
        if self.coming and self.coming[0][0] <= until_seconds:
            seconds, message = self.coming.pop(0)
            self.seconds = max(self.seconds, seconds)
            return Received(seconds, message)
        self.seconds = max(self.seconds, until_seconds)
        return None

    def measure(self, count: int) -> RoundTrips:
        return measure(self.send, self.inbox, self, count)


def test_each_note_is_timed_from_its_sending_to_its_coming_back() -> None:
    cable = Cable(lambda message, number: [(0.001 * (number + 1), message)])
    trips = cable.measure(5)
    assert trips.seconds == pytest.approx([0.001, 0.002, 0.003, 0.004, 0.005])
    assert trips.summary() == {
        "sent": 5,
        "came_back": 5,
        "median_ms": 3.0,
        "p99_ms": 4.96,
        "max_ms": 5.0,
        "out_latency_ms": 1.5,
    }


def test_notes_are_quiet_high_apart_and_let_go() -> None:
    cable = Cable(lambda message, number: [])
    cable.measure(60)
    strikes = cable.strikes
    gaps = [b - a for (a, _), (b, _) in pairwise(strikes)]
    assert 0.02 <= min(gaps) < 0.025
    assert 0.035 < max(gaps) <= 0.04
    assert all(message.velocity < 16 and message.note >= 96 for _, message in strikes)
    assert all(a.note != b.note for (_, a), (_, b) in pairwise(strikes))
    assert [(m.type, m.note) for _, m in cable.sent] == [
        (kind, m.note) for _, m in strikes for kind in ("note_on", "note_off")
    ]
    assert all(
        off - on == pytest.approx(0.01) for (on, _), (off, _) in zip(*[iter(cable.sent)] * 2, strict=True)
    )


def test_a_round_trip_may_be_longer_than_the_time_to_the_next_note() -> None:
    cable = Cable(lambda message, number: [(0.3, message)])
    assert cable.measure(60).seconds == pytest.approx([0.3] * 60)


def test_another_channel_and_velocity_are_the_same_note_and_other_notes_are_none() -> None:
    def back(message: mido.Message, number: int) -> list[tuple[float, mido.Message]]:
        if message.type == "note_off":
            return []
        stranger = mido.Message("note_on", note=40, velocity=90)
        clock, silent = mido.Message("clock"), message.copy(velocity=0)
        changed = message.copy(channel=9, velocity=100)
        return [(0.001, stranger), (0.001, clock), (0.001, silent), (0.002, changed), (0.005, message)]

    assert Cable(back).measure(30).seconds == pytest.approx([0.002] * 30)


def test_what_is_lost_or_too_late_is_not_counted_as_back() -> None:
    def back(message: mido.Message, number: int) -> list[tuple[float, mido.Message]]:
        return [] if number == 3 else [(PATIENCE_SECONDS + 0.01 if number == 4 else 0.002, message)]

    trips = Cable(back).measure(len(PITCHES) + 10)
    assert (trips.sent, trips.seconds) == (34, pytest.approx([0.002] * 32))


def test_a_note_is_let_go_whatever_happens() -> None:
    cable = Cable(lambda message, number: [])

    def interrupted(message: mido.Message) -> None:
        cable.send(message)
        if len(cable.strikes) == 3 and message.type == "note_on":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(interrupted, cable.inbox, cable, 10)
    assert cable.sent[-1][1].type == "note_off"


def test_no_more_latency_is_proposed_than_listen_takes() -> None:
    assert RoundTrips(1, (0.39,)).summary()["out_latency_ms"] == loopback.MOST_LATENCY_MS


# On JACK


def bench(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "jamd", "bench", "loopback", "--backend", "jack", "--n", "20", *options],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"COLUMNS": "200"},
    )


@pytest.mark.jack
def test_a_synth_that_passes_on_is_timed(jack: str) -> None:
    with Player(KEYS, SYNTH, "--echo"):
        done = bench("--in", KEYS, "--out", SYNTH, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert (said["backend"], said["sent"], said["came_back"]) == ("jack", 20, 20)
    assert 0 < said["median_ms"] <= said["p99_ms"] <= said["max_ms"]
    assert said["out_latency_ms"] == pytest.approx(said["median_ms"] / 2, abs=0.051)


@pytest.mark.jack
def test_without_names_jamd_connects_its_own_two_ports(jack: str) -> None:
    done = bench()
    assert (done.returncode, done.stderr) == (0, "")
    assert "jamd's own two ports" in done.stdout
    assert "20 notes sent, 20 came back" in done.stdout
    assert "--out-latency" in done.stdout


@pytest.mark.jack
def test_what_cannot_be_timed_is_said_in_one_line(player: Player) -> None:
    done = bench("--in", KEYS, "--out", SYNTH)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "nothing came back" in done.stderr
    assert "cable" in done.stderr
    done = bench("--in", KEYS)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "--in and --out go together" in done.stderr
