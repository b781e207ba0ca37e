"""Being the master: ticks where they belong, start, stop, continue; on the virtual clock."""

from __future__ import annotations

import mido
import pytest

from jamd.engine.events import Clocked
from jamd.engine.rig import Rig
from jamd.music.transport import Metre, Transport
from jamd.sync.clockin import ClockIn
from jamd.sync.clockout import ClockOut
from jamd.sync.source import Counted, Internal
from tests.kit.fakes import Jam, Pad, RecordingPort, jam, note
from tests.sync.test_clockin import clock, say, steady, ticks

TICK = 0.5 / 24
"""At 120 BPM."""


class Cable:
    """Where the clock goes, with the second each message came at."""

    def __init__(self) -> None:
        self.port = RecordingPort()
        self.messages: list[tuple[float, mido.Message]] = []

    def send(self, message: mido.Message) -> None:
        assert self.port.clock is not None
        self.messages.append((round(self.port.clock.now(), 6), message))

    def seconds(self, type_: str) -> list[float]:
        return [seconds for seconds, message in self.messages if message.type == type_]


def played(script: list[list], end_seconds: float, sync: object, early_seconds: float = 0.0) -> Cable:
    cable = Cable()
    rig = Rig(clock_out=ClockOut(cable.send, early_seconds), early_seconds=early_seconds)
    result: Jam = jam(script, end_seconds, Pad(), port=cable.port, sync=sync, rig=rig)  # type: ignore[arg-type]
    assert not result.output.sounding
    return cable


def transport(tempo: float = 120.0, downbeat_step: int = 0) -> Transport:
    return Transport(tempo, Metre(4, 4), downbeat_step=downbeat_step)


def test_the_first_note_starts_the_song_and_24_ticks_are_a_beat() -> None:
    cable = played([note(1.0, 60, 1.4)], 11.0, Internal(transport()))
    assert cable.seconds("start") == [1.0]
    assert cable.seconds("stop") == [11.0]
    on_grid = [seconds for seconds in cable.seconds("clock") if seconds >= 1.0]
    assert on_grid == pytest.approx([1.0 + tick * TICK for tick in range(480)], abs=1e-5)
    types = [message.type for _, message in cable.messages]
    assert types[types.index("start") + 1] == "clock"


def test_the_tempo_is_told_before_the_song_begins() -> None:
    cable = played([note(1.0, 60, 1.4)], 2.0, Internal(transport()))
    before = [seconds for seconds in cable.seconds("clock") if seconds < 1.0]
    assert before == pytest.approx([tick * TICK for tick in range(48)], abs=1e-5)


def test_nothing_drifts_in_ten_minutes() -> None:
    cable = played([note(1.0, 60, 1.4)], 601.0, Internal(transport(117.3)))
    assert len([s for s in cable.seconds("clock") if 1.0 <= s < 601.0]) == round(10 * 117.3 * 24)


def test_a_count_in_is_before_the_song() -> None:
    cable = played([], 6.0, Counted(transport(downbeat_step=16)))
    (start,) = cable.seconds("start")
    assert start == pytest.approx(0.1 + 2.0)
    assert sum(seconds < start for seconds in cable.seconds("clock")) >= 96


def test_clock_is_sent_early_for_a_late_machine() -> None:
    cable = played([note(1.0, 60, 1.4)], 3.0, Internal(transport()), early_seconds=0.01)
    assert pytest.approx(min(s for s in cable.seconds("clock") if s > 1.48), abs=1e-5) == 1.5 - 0.01


def test_what_a_master_does_is_passed_on_with_its_place_in_the_song() -> None:
    """Stopped on beat 3.5 and continued: the song position is where it was."""
    first, later = ticks(steady(120), 4)[:84], ticks(steady(120), 8, start_seconds=6.0)
    script: list[list[Clocked]] = [say(0.99, "start"), clock(first), say(2.8, "stop")]
    script += [say(5.99, "continue"), clock(later)]
    cable = played(script, 9.0, ClockIn(transport()))
    assert cable.seconds("start") == [pytest.approx(1.0, abs=0.05)]
    assert cable.seconds("stop")[0] == pytest.approx(2.8)
    (position,) = [message.pos for _, message in cable.messages if message.type == "songpos"]
    assert position == 14
    assert cable.seconds("continue") == [pytest.approx(6.0, abs=0.05)]
