"""With a drum machine: its ticks, its tempo, its bar lines; on the virtual clock."""

from __future__ import annotations

import logging
from collections.abc import Callable

import mido
import numpy as np
import pytest
from fakes import Jam, Pad, Parrot, jam, note, pedal

from jamd.clock import Inbox, ManualClock
from jamd.clockin import TICKS_PER_BEAT, ClockIn
from jamd.events import Clocked, Event, Received
from jamd.snapshot import Turn
from jamd.transport import Metre, Transport

BAR = 4 * TICKS_PER_BEAT
JITTER_SECONDS = 0.003

Tempo = Callable[[float], float]


def steady(tempo: float) -> Tempo:
    return lambda _: tempo


def ramp(beat: float) -> float:
    """From 80 to 160 BPM over the eight bars from bar 4 on."""
    return float(80 + 80 * np.clip((beat - 16) / 32, 0, 1))


def ticks(tempo: Tempo, beats: int, start_seconds: float = 1.0) -> list[float]:
    """The instants of the ticks of so many beats of a master whose tempo depends on the beat."""
    at = (np.arange(beats * TICKS_PER_BEAT) + 0.5) / TICKS_PER_BEAT
    intervals = [60 / tempo(beat) / TICKS_PER_BEAT for beat in at]
    return (start_seconds + np.concatenate([[0], np.cumsum(intervals)])).tolist()


def clock(instants: list[float], seed: int | None = None) -> list[Clocked]:
    """Ticks; with a seed each up to 3 ms early or late."""
    off = np.zeros(len(instants))
    if seed is not None:
        off = np.random.default_rng(seed).uniform(-JITTER_SECONDS, JITTER_SECONDS, len(instants))
    return [Clocked(s + o, mido.Message("clock")) for s, o in zip(instants, off, strict=True)]


def say(seconds: float, type_: str, **more: int) -> list[Clocked]:
    return [Clocked(seconds, mido.Message(type_, **more))]


def calls(instants: list[float], bars: range) -> list[list]:
    """A note on the second beat of these bars of the master's."""
    at = [instants[bar * BAR + TICKS_PER_BEAT] for bar in bars]
    return [note(seconds, 60, seconds + 0.1) for seconds in at]


def begun(played: Jam) -> list[float]:
    return [seconds for seconds, what, _ in played.notes if what == "on"]


def late_ms(played: Jam, instants: list[float], bars: range) -> np.ndarray:
    """How late the answers began, against the master's bar lines."""
    expected = [instants[bar * BAR] for bar in bars]
    assert len(begun(played)) == len(expected)
    return 1000 * (np.array(begun(played)) - expected)


@pytest.mark.parametrize("tempo", [63.0, 120.0, 171.3])
@pytest.mark.parametrize("seed", [None, 0, 1])
def test_answers_begin_on_the_masters_bar_lines(tempo: float, seed: int | None) -> None:
    beats = ticks(steady(tempo), 64)
    script = [say(0.9, "start"), clock(beats, seed), *calls(beats, range(0, 15, 2))]
    played = jam(script, beats[-1], Pad(), clocked=True)
    late = np.abs(late_ms(played, beats, range(1, 16, 2)))
    assert late.max() < (0.1 if seed is None else 10)
    assert np.median(late) < (0.1 if seed is None else 2.5)
    assert played.engine.snapshot.tempo == pytest.approx(tempo, rel=1e-4 if seed is None else 0.02)


@pytest.mark.parametrize("seed", range(3))
def test_answers_begin_on_the_bar_lines_of_a_ramp(seed: int) -> None:
    beats = ticks(ramp, 64)
    script = [say(0.9, "start"), clock(beats, seed), *calls(beats, range(0, 15, 2))]
    played = jam(script, beats[-1], Pad(), clocked=True)
    assert np.abs(late_ms(played, beats, range(1, 16, 2))).max() < 15


@pytest.mark.parametrize(("before", "after"), [(100, 150), (150, 100), (120, 126), (160, 80)])
def test_a_jump_of_tempo_is_followed_within_a_bar(before: float, after: float) -> None:
    beats = ticks(lambda beat: before if beat < 18 else after, 40)
    script = [say(0.9, "start"), clock(beats, 3), *calls(beats, range(0, 10, 2))]
    played = jam(script, beats[-1], Pad(), clocked=True)
    late = np.abs(late_ms(played, beats, range(1, 10, 2)))
    assert late[:2].max() < 5
    assert late[2:].max() < 8  # bar 5 begins two beats after the jump


def test_a_lost_second_of_clock_is_bridged() -> None:
    beats = ticks(steady(120), 48)
    heard = [seconds for seconds in beats if not 8.2 < seconds < 9.2]
    script = [say(0.9, "start"), clock(heard, 5), *calls(beats, range(0, 11, 2))]
    played = jam(script, beats[-1], Pad(), clocked=True)
    assert np.abs(late_ms(played, beats, range(1, 12, 2))).max() < 10


def test_ticks_that_were_held_up_count_once() -> None:
    """Now and then the machine stands for a twentieth of a second, and five ticks come at once."""
    beats = ticks(steady(240), 96)
    held_up = [seconds + max(0.0, 0.055 - seconds % 1.7) for seconds in beats]
    script = [say(0.9, "start"), clock(held_up), *calls(beats, range(0, 23, 2))]
    played = jam(script, beats[-1], Pad(), clocked=True)
    assert np.abs(late_ms(played, beats, range(1, 24, 2))).max() < 12


def test_a_stop_silences_at_once_and_continue_goes_on_from_there() -> None:
    """The master stops at 3.75, a beat and a half into the answer of bar 1, and goes on at 10.0 with the rest
    of that bar: bar 2 begins at 11.25."""
    beats = ticks(steady(120), 6)
    later = ticks(steady(120), 16, start_seconds=10.0)
    first = [seconds for seconds in beats if seconds < 3.74]
    script = [say(0.9, "start"), clock(first), say(3.75, "stop"), say(9.99, "continue"), clock(later)]
    script += [note(1.5, 60, 1.6), note(5.0, 61, 5.1), note(11.5, 62, 11.6)]
    played = jam(script, 16.0, Pad(), clocked=True)
    assert played.notes == [
        (3.0, "on", 60),
        (3.75, "off", 60),
        (pytest.approx(13.25, abs=0.002), "on", 60),
        (pytest.approx(15.25, abs=0.002), "off", 60),
    ]
    spans = [(span.start_beats, span.end_beats, span.turn) for span in played.engine.account.spans]
    assert spans[:2] == [(0, 4, Turn.CALL), (4, 5.5, Turn.ANSWER)]
    assert [turn for _, _, turn in spans[2:]] == [Turn.CALL, Turn.ANSWER]
    assert played.engine.account.notes_heard == 2  # what was played while all stood is not heard


def test_what_is_let_go_while_all_stands_is_let_go() -> None:
    """A key and the pedal are down when the master stops, and are lifted before it goes on."""
    first, later = ticks(steady(120), 3), ticks(steady(120), 16, start_seconds=6.0)
    script = [say(0.9, "start"), clock(first[:-1]), say(2.5, "stop"), say(5.99, "continue"), clock(later)]
    script += [pedal(1.2, True), note(1.5, 60, 4.0), pedal(4.5, False)]
    parrot = Parrot()
    played = jam(script, 12.0, parrot, clocked=True)
    beats = [beats for part, beats, _ in played.notebook.events if part == "player"]
    assert beats == sorted(beats)
    steps = [step for step, (player, _, _) in enumerate(parrot.heard) if player.sounding]
    assert steps == list(range(4, 12))  # from the second beat until the master stood


def test_start_begins_again_with_bar_one_wherever_we_were() -> None:
    beats, again = ticks(steady(120), 5), ticks(steady(120), 12, start_seconds=3.9)
    first = [seconds for seconds in beats if seconds < 3.3]
    script = [say(0.9, "start"), clock(first), say(3.3, "stop"), say(3.89, "start"), clock(again)]
    script += [note(4.2, 60, 4.3)]
    played = jam(script, 8.5, Pad(), clocked=True)
    assert begun(played) == [pytest.approx(5.9, abs=0.002)]


def test_song_position_says_where_in_the_bar_continue_goes_on() -> None:
    """Position 24 is the third beat of the second bar: the next bar line is a second after it."""
    beats = ticks(steady(120), 16)
    script = [say(0.5, "songpos", pos=24), say(0.9, "continue"), clock(beats), note(1.2, 60, 1.3)]
    played = jam(script, 7.0, Pad(), clocked=True)
    assert begun(played) == [pytest.approx(2.0, abs=0.002)]


def test_a_master_that_was_running_before_is_joined_by_the_first_note() -> None:
    beats = ticks(steady(100), 24)
    script = [clock(beats), note(2.81, 60, 2.9)]  # 0.01 after the third tick of its fourth beat
    played = jam(script, 9.0, Pad(), clocked=True)
    assert begun(played) == [pytest.approx(5.2, abs=0.015)]


def test_without_a_clock_nothing_is_answered() -> None:
    assert jam([note(1.0, 60, 1.4)], 9.0, Pad(), clocked=True).notes == []
    stopped = [say(0.5, "stop"), clock(ticks(steady(100), 8)), note(2.0, 60, 2.1)]
    assert jam(stopped, 9.0, Pad(), clocked=True).notes == []


def test_a_clock_that_is_gone_ends_the_answer_and_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    beats = ticks(steady(60), 12)
    heard = [seconds for seconds in beats if seconds < 5.9]
    script = [say(0.9, "start"), clock(heard), note(1.5, 60, 1.6)]
    with caplog.at_level(logging.WARNING, "jamd"):
        played = jam(script, 20.0, Pad(), clocked=True)
    on, off = played.notes
    assert on == (pytest.approx(5.0, abs=0.002), "on", 60)
    assert off == (pytest.approx(7.9, abs=0.05), "off", 60)
    assert caplog.messages == ["the clock is gone; waiting for it"]
    assert played.engine.snapshot.turn is Turn.WAIT


def test_a_clock_that_comes_back_is_where_it_would_be() -> None:
    beats = ticks(steady(120), 40)
    heard = [seconds for seconds in beats if not 4.1 < seconds < 9.1]
    script = [say(0.9, "start"), clock(heard), *calls(beats, range(0, 1)), *calls(beats, range(5, 6))]
    played = jam(script, beats[-1], Pad(), clocked=True)
    assert np.abs(late_ms(played, beats, range(1, 7, 5))).max() < 2


def test_a_clock_that_is_not_followed_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """A keyboard that sends clock all the time, while jamd keeps its own."""
    unfollowed = [Received(tick.seconds, tick.message) for tick in clock(ticks(steady(120), 4))]

    class Wired(ManualClock):
        """What comes in, comes in by the input's callback."""

        def wait(self, inbox: Inbox, until_seconds: float | None) -> Event | None:
            event = super().wait(inbox, until_seconds)
            if isinstance(event, Received) and event.message.type == "clock":
                played.engine.intake.receive(event.message)
                return None
            return event

    played = jam([note(1.0, 60, 1.4)], 0.5)
    engine = played.engine
    engine._clock = Wired(unfollowed, 5.0)
    engine.run()
    said = [record.message for record in caplog.records]
    assert said == ["MIDI clock comes in and is not followed: the time is own tempo"]


@pytest.mark.parametrize("word", ["start", "continue"])
def test_a_master_that_was_gone_and_begins_anew_never_takes_us_back(word: str) -> None:
    """Two seconds were bridged before it was taken for gone; it begins again four seconds later."""
    sync = ClockIn(Transport(120, Metre(4, 4)))
    sync.clocked(mido.Message("start"), 0.99)
    for seconds in ticks(steady(120), 8):
        sync.clocked(mido.Message("clock"), seconds)
    gone = sync.due_seconds
    assert gone is not None
    before = sync.transport.position_at(gone)
    sync.advance(gone)
    assert not sync.running
    sync.clocked(mido.Message(word), 11.0)
    sync.clocked(mido.Message("clock"), 11.02)
    assert sync.running
    assert sync.transport.position_at(11.02) >= before - 1e-6


def test_a_key_let_go_while_others_are_struck_and_all_stands_is_let_go() -> None:
    """C is held as the master stops; D is struck; C is let go; the master starts again."""
    first, later = ticks(steady(120), 3), ticks(steady(120), 16, start_seconds=6.0)
    script = [say(0.9, "start"), clock(first[:-1]), say(2.5, "stop"), say(5.99, "continue"), clock(later)]
    script += [note(1.5, 60, 4.0), note(3.0, 62, 3.5)]
    parrot = Parrot()
    jam(script, 12.0, parrot, clocked=True)
    assert not any(60 in player.sounding for player, _, _ in parrot.heard[16:])
