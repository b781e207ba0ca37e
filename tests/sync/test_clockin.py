"""With a drum machine: its ticks, its tempo, its bar lines; on the virtual clock."""

from __future__ import annotations

import logging
from collections.abc import Callable

import mido
import numpy as np
import pytest

from jamd.engine.events import Clocked, Event, Inbox, Received
from jamd.engine.rig import Rig
from jamd.engine.snapshot import Turn
from jamd.engine.turns import Form
from jamd.engine.virtual import ManualClock
from jamd.music.transport import Metre, Transport
from jamd.sync.clockin import TICKS_PER_BEAT, ClockIn
from jamd.sync.metronome import Click
from tests.kit.fakes import Jam, Pad, Parrot, jam, note, pedal

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


# A master that goes on, or elsewhere, while it runs.

TICK = 60 / 120 / TICKS_PER_BEAT

LOOPS = {
    "continue": ["continue"],
    "position and continue": ["songpos", "continue"],
    "position alone": ["songpos"],
    "stop, position and continue": ["stop", "songpos", "continue"],
    "start": ["start"],
    "stop and start": ["stop", "start"],
    "start and continue": ["start", "continue"],
}
"""What masters say at the end of a loop."""


def loop_end(seconds: float, words: list[str], song_step: int = 0) -> list[Clocked]:
    """At this instant all of it, the position being this sixteenth of the song."""
    more = {"songpos": {"pos": song_step}}
    return [event for word in words for event in say(seconds, word, **more.get(word, {}))]


@pytest.mark.parametrize("words", LOOPS.values(), ids=LOOPS)
@pytest.mark.parametrize("after_seconds", [-0.002, 0.002])
def test_where_a_loop_leaves_the_bar_lines_the_turn_goes_on(words: list[str], after_seconds: float) -> None:
    """The master loops over one bar, and says so just before the bar line or just after it. Two bars are
    played, a note a beat, and two are the answer, a note a beat."""
    beats = ticks(steady(120), 20)
    script = [say(0.99, "start"), clock(beats)]
    script += [loop_end(1.0 + 2.0 * bar + after_seconds, words) for bar in range(1, 5)]
    script += [note(1.005 + 0.5 * beat, 60 + beat, 1.4 + 0.5 * beat) for beat in range(8)]
    played = jam(script, 9.9, Parrot(), Form(2, 2), clocked=True, feel=0.0)
    assert begun(played) == pytest.approx([5.0 + 0.5 * beat for beat in range(8)], abs=0.003)
    assert played.engine.account.turns == 1
    assert not played.engine.account.faults


def test_a_note_that_sounds_over_the_end_of_a_loop_goes_on() -> None:
    beats = ticks(steady(120), 20)
    script = [say(0.99, "start"), clock(beats), note(1.0, 60, 1.4)]
    script += [loop_end(0.998 + second, ["songpos", "continue"]) for second in range(2, 9, 2)]
    played = jam(script, 8.5, Pad(), Form(1, 2), clocked=True)
    assert [(round(seconds, 2), what) for seconds, what, _ in played.notes] == [(3.0, "on"), (7.0, "off")]


def test_a_master_that_says_continue_though_it_never_stood() -> None:
    """At each loop of two seconds, amid a beat of the player's and a tick before the bar line."""
    beats = ticks(steady(120), 20, start_seconds=0.003)
    script = [say(0.0, "start"), clock(beats), *(say(2.0 * bar + 0.001, "continue") for bar in range(1, 5))]
    script += [note(0.5 * beat + 0.005, 60 + beat, 0.5 * beat + 0.45) for beat in range(8)]
    played = jam(script, 9.5, Parrot(), Form(2, 2), clocked=True, feel=0.0)
    assert begun(played) == pytest.approx([4.003 + 0.5 * beat for beat in range(8)], abs=0.003)


def test_jamd_is_started_amid_a_song_and_a_loop_tells_where_its_bars_are() -> None:
    """The first note, on the second beat of the master's bar, is taken for beat 1; the loop's end at 5.0 says
    better, so that the call goes on from there and is answered a bar later."""
    beats = ticks(steady(120), 20)
    script = [clock(beats), note(3.5, 60, 3.7), note(6.0, 62, 6.2)]
    script += [loop_end(4.998, ["songpos", "continue"], 16)]
    played = jam(script, 9.5, Pad(), clocked=True)
    assert [(round(seconds, 2), what) for seconds, what, _ in played.notes] == [(7.0, "on"), (9.0, "off")]


@pytest.mark.parametrize("words", [["songpos", "continue"], ["songpos"], ["stop", "songpos", "continue"]])
def test_where_the_bar_lines_move_it_is_said_and_turns_go_by_the_new_ones(
    words: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A loop of seven beats: bars begin at 1.0, 3.0; 4.5, 6.5; 8.0, 10.0 ... An answer that is cut by it ends
    at once, and the next call is answered on a new bar line. It is said once."""
    beats = ticks(steady(120), 40)
    script = [say(0.99, "start"), clock(beats), note(1.5, 60, 1.7), note(4.7, 60, 4.9)]
    script += [loop_end(4.498, words), loop_end(7.998, words), note(8.2, 60, 8.4)]
    with caplog.at_level(logging.WARNING, "jamd"):
        played = jam(script, 12.1, Pad(), clocked=True)
    assert [(round(seconds, 2), what) for seconds, what, _ in played.notes] == [
        (3.0, "on"), (4.5, "off"), (6.5, "on"), (8.0, "off"), (10.0, "on"), (12.0, "off"),
    ]  # fmt: skip
    said = ["MIDI clock jumps: its bars begin elsewhere, and turns begin with them"]
    assert caplog.messages == ([] if "stop" in words else said)


def test_a_call_goes_on_over_a_jump_and_is_answered_on_a_new_bar_line() -> None:
    """The player has finished as the master jumps back from beat 3 of the bar to its beginning."""
    beats = ticks(steady(120), 20)
    script = [say(0.99, "start"), clock(beats), note(1.0, 60, 1.4)]
    script += [loop_end(1.998, ["songpos", "continue"], 32)]
    played = jam(script, 6.5, Pad(), clocked=True)
    assert [(round(seconds, 2), what) for seconds, what, _ in played.notes] == [(4.0, "on"), (6.0, "off")]
    spans = [(span.start_beats, span.end_beats, span.turn) for span in played.engine.account.spans]
    assert spans == [(0, 2, Turn.CALL), (2, 6, Turn.CALL), (6, 10, Turn.ANSWER)]


def test_an_open_call_whose_player_waits_is_answered_after_a_jump() -> None:
    form = Form(call_bars=None, answer_bars=1, silence_beats=4)
    beats = ticks(steady(120), 20)
    script = [say(0.99, "start"), clock(beats), note(1.0, 60, 1.4)]
    script += [loop_end(2.498, ["songpos", "continue"], 32)]
    assert begun(jam(script, 6.0, Pad(), form, clocked=True)) == [pytest.approx(3.5, abs=0.003)]


def test_start_pressed_again_amid_a_song_is_bar_one() -> None:
    beats = ticks(steady(120), 20)
    script = [say(0.99, "start"), clock(beats), note(1.0, 60, 1.4), say(2.498, "start"), note(2.51, 62, 2.9)]
    played = jam(script, 6.9, Pad(), clocked=True)
    assert begun(played) == [pytest.approx(4.5, abs=0.003)]


def test_start_said_twice_before_the_first_tick_is_one() -> None:
    beats = ticks(steady(120), 12)
    script = [say(0.97, "start"), say(0.98, "start"), say(0.99, "continue"), clock(beats), note(1.0, 60, 1.4)]
    assert begun(jam(script, 5.5, Pad(), clocked=True)) == [pytest.approx(3.0, abs=0.002)]


def test_stop_without_a_start_then_start() -> None:
    beats = ticks(steady(120), 20)
    script = [clock(beats), say(1.3, "stop"), say(1.4, "stop"), note(1.6, 60, 1.7), say(2.99, "start")]
    script += [note(3.1, 62, 3.3)]
    assert begun(jam(script, 8.0, Pad(), clocked=True)) == [pytest.approx(5.0, abs=0.002)]


def test_continue_after_a_stop_at_another_position_has_the_songs_bar_lines() -> None:
    """Stopped on beat 2 and continued on beat 4 of another bar: a beat later a bar begins."""
    beats, later = ticks(steady(120), 1), ticks(steady(120), 16, start_seconds=4.0)
    script = [say(0.99, "start"), clock(beats), say(1.49, "stop"), say(2.0, "songpos", pos=200)]
    script += [say(2.5, "songpos", pos=44), say(3.99, "continue"), clock(later), note(4.6, 60, 4.8)]
    assert begun(jam(script, 9.0, Pad(), clocked=True)) == [pytest.approx(6.5, abs=0.002)]


def test_a_position_said_again_and_again_anywhere_in_its_sixteenth_changes_nothing() -> None:
    """Some masters say where they are every beat, rounded to a sixteenth."""
    beats = ticks(steady(120), 20)
    script = [say(0.99, "start"), clock(beats), note(1.0, 60, 1.4)]
    for number in range(3, 18 * TICKS_PER_BEAT, TICKS_PER_BEAT + 1):
        script += [say(beats[number] + 0.004, "songpos", pos=number // 6)]
    played = jam(script, 5.5, Pad(), clocked=True)
    assert [(round(seconds, 2), what) for seconds, what, _ in played.notes] == [(3.0, "on"), (5.0, "off")]


@pytest.mark.parametrize("metre", ["3/4", "7/8", "12/8"])
def test_loops_in_other_metres(metre: str) -> None:
    bar_seconds = Metre.parse(metre).steps_per_bar / 8
    beats = ticks(steady(120), 60)
    script = [say(0.99, "start"), clock(beats), note(1.0, 60, 1.4)]
    song_step = Metre.parse(metre).steps_per_bar * 4
    script += [
        loop_end(0.998 + bar_seconds * bar, ["songpos", "continue"], song_step) for bar in (1, 2, 3, 5)
    ]
    played = jam(script, 1.2 + 5 * bar_seconds, Pad(), Form(2, 2), metre=metre, clocked=True)
    assert [(round(seconds, 2), what) for seconds, what, _ in played.notes[:1]] == [
        (round(1.0 + 2 * bar_seconds, 2), "on")
    ]
    assert played.notes[1][0] == pytest.approx(1.0 + 4 * bar_seconds, abs=0.003)


@pytest.mark.parametrize("words", LOOPS.values(), ids=LOOPS)
def test_the_click_goes_on_through_a_loop(words: list[str]) -> None:
    beats = ticks(steady(120), 12)
    script = [say(0.99, "start"), clock(beats), loop_end(2.998, words), loop_end(5.002, words)]
    played = jam(script, 6.9, Pad(), rig=Rig(click=Click()), clocked=True)
    assert begun(played) == pytest.approx([1.0 + 0.5 * beat for beat in range(12)], abs=0.004)


def test_the_pedal_and_keys_that_are_down_stay_down_through_a_loop() -> None:
    """A chord held over the end of the loop is one long chord."""
    beats = ticks(steady(120), 20)
    script = [say(0.99, "start"), clock(beats), note(2.0, 60, 4.0), loop_end(2.998, LOOPS["stop and start"])]
    parrot = Parrot()
    jam(script, 8.0, parrot, Form(2, 2), clocked=True)
    sounding = [step for step, (player, _, _) in enumerate(parrot.heard) if player.sounding]
    assert sounding == list(range(8, 24))
    assert sum(len(player.onsets) for player, _, _ in parrot.heard) == 1


def test_the_masters_bar_lines_are_written_into_the_session() -> None:
    """From position 24 on, the third beat of a bar, the first bar line is two beats on; after a second start
    the bars begin where we are by then, a beat and a half into ours."""
    beats = ticks(steady(120), 16)
    script = [say(0.5, "songpos", pos=24), say(0.9, "continue"), clock(beats[: 22 * TICKS_PER_BEAT // 2])]
    again = ticks(steady(120), 16, 10.0)
    script += [say(6.4, "stop"), say(9.9, "start"), clock(again), note(1.2, 60, 1.3)]
    played = jam(script, 15.0, clocked=True)
    assert played.notebook.metres == [(2.0, Metre(4, 4)), (11.0, Metre(4, 4))]
