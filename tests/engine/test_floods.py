"""Too much at once, and what makes no sense: bounded, answered again right after, and nothing hangs."""

from __future__ import annotations

from collections.abc import Iterator

import mido
import pytest

from jamd.engine.engine import Engine
from jamd.engine.events import Clocked, Received
from jamd.engine.intake import MOST_ENDS_WAITING, MOST_WAITING
from jamd.engine.rig import Rig
from jamd.engine.zones import Thru, Zones
from tests.commands.test_live import BAR, ONE_BAR, PORTS, phrase
from tests.kit.fakes import Jam, Parrot, RecordingPort, jam, note
from tests.kit.realparts import Jamd, Player, sounding
from tests.sync.test_clockin import steady, ticks


def received(seconds: float, kind: str, **values: int) -> Received:
    return Received(seconds, mido.Message(kind, **values))


def flood(start_seconds: float, seconds: float, rate: int = 1000) -> Iterator[Received]:
    """So many notes a second, on all channels, of 20 ms each; with controllers and wheels between them."""
    for number in range(int(seconds * rate)):
        at, pitch, channel = start_seconds + number / rate, number * 7 % 128, number % 16
        yield received(at, "note_on", note=pitch, channel=channel, velocity=1 + number % 127)
        yield received(at + 0.02, "note_off", note=pitch, channel=channel)
        yield received(at, "control_change", control=number % 120, channel=channel, value=number % 128)
        yield received(at, "pitchwheel", pitch=number % 8191, channel=channel)


class Within(Parrot):
    """A parrot in the player's own octave, so that it can repeat any note."""

    def answer(self, places: object, due: object = None) -> Iterator[object]:  # type: ignore[override]
        yield from (player for player, _, _ in self.heard[-16:])


def still_sounding(port: RecordingPort) -> set[int]:
    down: set[int] = set()
    for _, kind, pitch in port.heard:
        if kind == "on":
            down.add(pitch)
        elif kind == "off":
            down.discard(pitch)
    return down


def play(script: list[list[Received]], end_seconds: float, **given: object) -> Jam:
    return jam(script, end_seconds, improviser=Within(), **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("through", [False, True])
def test_after_a_flood_the_next_call_is_answered_in_time_and_nothing_hangs(through: bool) -> None:
    """From 1.0 to 5.0; later the player calls at 15.0, and is answered at 17.0."""
    port, rig = RecordingPort(), Rig(zones=Zones(thru=Thru.ALL if through else Thru.OFF))
    call = [note(15.0, 60, 15.4), note(15.5, 64, 15.9)]
    played = play([list(flood(1.0, 4.0)), *call], 20.0, port=port, rig=rig)
    answer = [event for event in played.notes if event[0] >= 16.9 and event[1] == "on"]
    assert answer == [(17.0, "on", 60), (17.5, "on", 64)]
    assert still_sounding(port) == set()
    assert played.engine.account.notes_heard == 4_002


def test_a_flood_leaves_nothing_behind_in_the_roll() -> None:
    lifted = [received(6.5, "control_change", control=121, value=0, channel=channel) for channel in range(16)]
    roll = play([list(flood(1.0, 2.0)), lifted], 12.0).engine._roll
    assert (roll._sounding, roll._notes, roll._onsets) == ([], {}, {})


def test_128_keys_held_for_a_minute_are_one_chord() -> None:
    improviser = Parrot()
    script = [note(1.0, pitch, 61.0) for pitch in range(128)]
    jam(script, 64.0, improviser=improviser, form=None)
    frames = [player for player, _, _ in improviser.heard]
    assert len(frames[0].onsets) == 128
    assert all(len(frame.held) == 128 for frame in frames[1:479])
    assert not frames[-1].sounding


def test_keys_let_go_that_nobody_struck_are_nothing() -> None:
    script = [received(0.5 + 0.001 * n, "note_off", note=n % 128, channel=n % 16) for n in range(3000)]
    played = play([script, note(5.0, 60, 5.4)], 10.0)
    assert [event for event in played.notes if event[1] == "on"] == [(7.0, "on", 60)]


def test_a_controller_that_sends_without_end_is_no_call() -> None:
    stuck = [received(0.5 + 0.002 * n, "control_change", control=1, value=n % 128) for n in range(5000)]
    assert play([stuck], 12.0).heard == []


def test_a_clock_at_300_bpm_without_a_note_is_a_clock() -> None:
    script = [Clocked(0.9, mido.Message("start"))]
    script += [Clocked(seconds, mido.Message("clock")) for seconds in ticks(steady(300), 300)]
    played = jam([script], 65.0, clocked=True)
    assert played.heard == []
    assert played.engine.account.turns == 0


def test_what_waits_for_an_engine_that_is_held_up_is_bounded_and_keys_can_still_be_let_go() -> None:
    engine: Engine = play([], 1.0).engine
    held_up = engine.inbox
    for _ in range(MOST_WAITING + 100):
        engine.intake.receive(mido.Message("note_on", note=60, velocity=80))
    assert held_up.qsize() == MOST_WAITING
    for _ in range(MOST_ENDS_WAITING):
        engine.intake.receive(mido.Message("note_off", note=60))
        engine.intake.receive_clock(mido.Message("clock"))
    assert held_up.qsize() == MOST_ENDS_WAITING
    assert engine.intake.overrun == 100 + MOST_ENDS_WAITING * 2 - (MOST_ENDS_WAITING - MOST_WAITING)


@pytest.mark.jack
def test_after_a_flood_by_a_real_cable_jamd_answers_as_before(player: Player, jamd: type[Jamd]) -> None:
    """A thousand notes a second for three seconds, and an exclusive message of a megabyte among them."""
    playing = jamd(*PORTS, *ONE_BAR)  # type: ignore[arg-type]
    rushed = [
        event
        for number in range(3000)
        for event in (
            (number / 1000, (0x90, number * 7 % 128, 80)),
            (number / 1000 + 0.02, (0x80, number * 7 % 128, 0)),
        )
    ]
    start = player.play([*rushed, (1.5, (0xF0, *[0x11] * 2000, 0xF7))])
    player.listen_until(start + 4.5)
    call = player.play(phrase(), start + 6 * BAR)
    answer = player.wait_for_strike(after_seconds=call + 0.9 * BAR)
    assert answer.seconds < call + 2 * BAR
    playing.stop()  # type: ignore[call-arg]
    player.listen_until(player.now() + 0.2)
    assert not sounding(player.heard)
