"""Playing together, end to end: masters, clock for others, turns, duets, two hands. A bar lasts a second."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from jamd.sync.clockin import GONE_SECONDS
from tests.commands.test_live import (
    BAR,
    BEAT,
    HEARD_LATE_SECONDS,
    ONE_BAR,
    PORTS,
    STEP,
    Score,
    Start,
    ends_silent,
    note,
    phrase,
    refused,
    strikes,
)
from tests.kit.realparts import SYNTH, Jamd, Message, Player, between, sounding
from tests.sync.test_link import PATIENCE_SECONDS, session

pytestmark = pytest.mark.jack

TICK = BEAT / 24
START, STOP, CLOCK = (0xFA,), (0xFC,), (0xF8,)
ON_GRID = ("--feel", "0")
MIDI_SYNC = (*PORTS, "--sync", "midi", "--bars", "1", "--seed", "7", *ON_GRID)


def shifted(score: Score, seconds: float) -> Score:
    return [(instant + seconds, message) for instant, message in score]


def ended_in_order(playing: Jamd, player: Player) -> str:
    """End the session and hear it out; what it says of itself."""
    playing.signal(signal.SIGTERM)
    ended = playing.wait()
    assert ended.status == 0, ended.stderr
    player.listen_until(player.now() + 0.1)
    return ended.stdout


def on_channel(messages: Sequence[Message], channel: int) -> list[Message]:
    """What is on this channel, from 1."""
    return [message for message in messages if message.bytes[0] & 0x0F == channel - 1]


# A master's clock.


def test_answers_keep_to_the_masters_bars_through_a_ramp_and_half_a_second_of_lost_ticks(
    player: Player, jamd: Start
) -> None:
    """In 2/4, from 120 to 180 BPM in four bars and then on at 180. Bars 0, 2, 4 and 6 are played. In bar 6
    the ticks of half a second are lost, up to six ticks before the bar line of its answer."""
    per_bar, bars = 48, 8
    count = per_bar * bars
    tempos = np.interp(np.arange(count), [0, 4 * per_bar], [120, 180])
    tick_seconds = [0.0, *np.cumsum(60 / 24 / tempos).tolist()]
    lost = range(7 * per_bar - 6 - 36, 7 * per_bar - 6)  # at 180 BPM, 72 a second
    score: Score = [(-0.01, START), *((tick_seconds[n], CLOCK) for n in range(count) if n not in lost)]
    for bar in range(0, bars, 2):
        for tick, pitch in ((bar * per_bar, 60), (bar * per_bar + 24, 67)):
            score += [(tick_seconds[tick], (0x90, pitch, 90)), (tick_seconds[tick + 18], (0x80, pitch, 0))]
    score.append((tick_seconds[count], STOP))

    playing = jamd(*MIDI_SYNC, "--metre", "2/4", "--answer-bars", "1")
    start = player.play(sorted(score, key=lambda event: event[0]))
    player.listen_until(start + tick_seconds[count] + 0.3)
    ended_in_order(playing, player)

    step_ticks = 6
    answered: dict[int, list[float]] = {}
    for strike in strikes(player.heard):
        at = np.interp(strike.seconds - start, tick_seconds, np.arange(count + 1))
        answered.setdefault(int((at + step_ticks / 2) / per_bar), []).append(strike.seconds - start)
    assert sorted(answered) == [1, 3, 5, 7]
    # What is lost is bridged from ticks that come as unevenly as the machine that tests sends them; how
    # exactly that is done is told on the virtual clock.
    for bar, seconds in answered.items():
        assert abs(seconds[0] - tick_seconds[bar * per_bar]) < HEARD_LATE_SECONDS, f"bar {bar}"
    assert ends_silent(player.heard)


def test_a_clock_that_dies_in_an_answer_ends_it(player: Player, jamd: Start) -> None:
    """Bar 0 is played, and four bars are to answer. In the middle of bar 1 the ticks cease, without a
    stop. jamd waits for two seconds, then falls silent and says so."""
    last_tick = round(1.5 * BAR / TICK)
    playing = jamd(*MIDI_SYNC, "--answer-bars", "4")
    score: Score = [(-TICK, START), *((tick * TICK, CLOCK) for tick in range(last_tick + 1))]
    start = player.play(sorted([*score, *phrase()], key=lambda event: event[0]))
    player.listen_until(start + 5.5 * BAR)
    ticked = player.sent[-1]
    assert ticked.bytes == CLOCK
    silent = ticked.seconds + GONE_SECONDS + 4 * HEARD_LATE_SECONDS
    assert between(player.heard, ticked.seconds, silent)
    assert not between(player.heard, silent, silent + BAR)
    assert not sounding(player.heard)
    ended_in_order(playing, player)
    assert playing.stderr == ["jamd: the clock is gone; waiting for it\n"]
    assert ends_silent(player.heard)


# jamd's clock.


@pytest.mark.parametrize("name", [SYNTH, "jamd-test-machine"])
def test_others_get_24_ticks_a_beat_from_the_first_note_to_the_end(
    player: Player, jamd: Start, name: str
) -> None:
    """By the output of the notes, or by another. Each tick is told at its place on the grid on which the
    answer begins, four beats after the start. A tick lost or told twice would move all that follow."""
    with ExitStack() as stack:
        apart = name != SYNTH
        machine = stack.enter_context(Player("jamd-test-machine-keys", name)) if apart else player
        to = (name,) if apart else ()
        playing = jamd(*PORTS, *ONE_BAR, *ON_GRID, "--send-clock", *to)
        start = player.play(phrase())
        player.listen_until(start + 2 * BAR)
        ended_in_order(playing, player)
        machine.listen_until(player.now())
    clock = [message for message in machine.heard if message.bytes in (START, STOP, CLOCK)]
    told = [message.bytes for message in clock]
    first = told.index(START)
    assert set(told[:first]) == {CLOCK}  # the tempo is told before
    assert 0 < clock[first].seconds - strikes(player.sent)[0].seconds < HEARD_LATE_SECONDS
    assert set(told[first + 1 : -1]) == {CLOCK}
    assert told[-1] == STOP
    bar_line = next(sent["intended"] for sent in playing.trace() if sent["bytes"][0] == 0x90)
    late = np.array([tick.seconds for tick in clock[first + 1 : -1]]) - bar_line + BAR
    late -= np.arange(len(late)) * TICK
    for beat in range(7):
        assert 0 <= np.median(late[24 * beat : 24 * beat + 24]) < TICK / 2, f"beat {beat}"
    if apart:
        assert not [message for message in player.heard if message.bytes in (START, STOP, CLOCK)]
        assert not strikes(machine.heard)


def test_a_clock_output_that_is_not_there_is_refused(player: Player, tmp_path: Path) -> None:
    line = refused(tmp_path, *PORTS, "--send-clock", "carillon")
    assert "carillon" in line
    assert SYNTH in line


# A Link session.


def test_answers_begin_on_the_bar_lines_of_a_link_session_and_go_on_when_the_others_leave(
    player: Player, jamd: Start
) -> None:
    """The others are at 240 BPM. What jamd's own clock tells of the tempo shows when it has met them. Bars
    0 and 2 are played, then the others leave, and bar 4 is played."""
    with session(240.0) as peer:
        playing = jamd(*PORTS, *ONE_BAR, *ON_GRID, "--tempo", "120", "--sync", "link", "--send-clock")

        def met() -> bool:
            ticks = [message.seconds for message in player.heard if message.bytes == CLOCK][-49:]
            return len(ticks) == 49 and abs(ticks[-1] - ticks[0] - 48 * TICK) < 6 * TICK

        player.wait_for(met, PATIENCE_SECONDS, "the session's tempo")
        seconds, bar_beats = peer.bar_beats(4)
        start = seconds + 2 * BAR - bar_beats * BEAT
        player.play([*phrase(0), *phrase(2)], start)
        player.listen_until(start + 3.9 * BAR)
        seconds, bar_beats = peer.bar_beats(4)
        assert {saw["tempo"] for saw in peer.seen} == {240.0}
        assert peer.seen[-1]["peers"] == 1
        peer.stop()
        player.play(phrase(4), start)
        player.listen_until(start + 6 * BAR)
        summary = ended_in_order(playing, player)
    line = seconds - bar_beats * BEAT  # of a bar of theirs, as it was in the end
    line -= round((line - start) / BAR) * BAR
    for bar in (1, 3, 5):
        bar_line = line + bar * BAR
        first = strikes(between(player.heard, bar_line - BEAT / 2, bar_line + BAR - BEAT / 2))[0]
        assert -HEARD_LATE_SECONDS < first.seconds - bar_line < HEARD_LATE_SECONDS, f"bar {bar}"
    assert {int((m.seconds - line + STEP / 2) / BAR) for m in strikes(player.heard)} == {1, 3, 5}
    assert "3 turns" in summary
    assert ends_silent([message for message in player.heard if message.bytes[0] < 0xF0])


# Turns.


def test_a_rest_gives_the_floor_on_the_next_beat(player: Player, jamd: Start) -> None:
    """Beats 0 and 1 are played, beat 2 is rest: the answer goes from beat 3 to the second bar line. Beats 9
    and 10 are played, beat 11 is rest: the next one begins with beat 12."""
    beats = [event for beat in (0, 1, 9, 10) for event in note(60 + beat, beat * BEAT, 0.6 * BEAT)]
    playing = jamd(*PORTS, *ONE_BAR, *ON_GRID, "--bars", "open", "--silence", "1")
    start = player.play(beats)
    player.listen_until(start + 14 * BEAT)
    summary = ended_in_order(playing, player)
    began = strikes(player.sent)[0].seconds
    for beat, end_beat in ((3, 8), (12, 14)):
        line, end = began + beat * BEAT, began + end_beat * BEAT
        answer = strikes(between(player.heard, line - STEP / 2, end - STEP / 2))
        assert 0 <= answer[0].seconds - line < HEARD_LATE_SECONDS
    assert not strikes(between(player.heard, began, began + 3 * BEAT))
    assert not strikes(between(player.heard, began + 8 * BEAT - STEP / 2, began + 12 * BEAT))
    assert not sounding(between(player.heard, 0, began + 8 * BEAT + HEARD_LATE_SECONDS))
    assert "2 turns, 4 notes heard" in summary
    assert ends_silent(player.heard)


def test_in_a_duet_both_sound_at_once_and_nothing_hangs(player: Player, jamd: Start) -> None:
    """Four bars are played without a rest. Then the session ends in the middle of it all."""
    playing = jamd(*PORTS, *ONE_BAR, "--mode", "duet")
    tune = [event for beat in range(16) for event in note(60 + beat % 5, beat * BEAT, 0.95 * BEAT)]
    start = player.play(tune)
    player.listen_until(start + 3.9 * BAR)
    stopped = player.now()
    ended_in_order(playing, player)
    heard = player.heard
    own = strikes(heard)
    with_both = [m for m in own if sounding(between(player.sent, 0, m.seconds))]
    assert len(with_both) > len(own) / 2
    assert {int((m.seconds - start) / BAR) for m in own} > {1}
    for count in range(len(heard)):
        assert set(sounding(heard[:count]).values()) <= {1}
    assert ends_silent(heard)
    assert not strikes(between(heard, stopped + 4 * HEARD_LATE_SECONDS, player.now()))


# Two hands.


def test_the_left_hand_goes_through_and_the_right_hand_is_answered(player: Player, jamd: Start) -> None:
    """C2 is struck before all, on each beat of the call and of the answer, and held at the end. It comes
    out on channel 2 at once, begins no call and stops no answer; the phrase from C4 up is answered on
    channel 1, once."""
    playing = jamd(*PORTS, *ONE_BAR, *ON_GRID, "--split", "C4", "--thru", "rest", "--thru-channel", "2")
    left: Score = [event for beat in (-1, *range(8)) for event in note(36, (beat + 0.3) * BEAT, 0.1)]
    left.append((2.9 * BAR, (0x90, 36, 70)))
    start = player.play(shifted(sorted([*left, *phrase()], key=lambda event: event[0]), 2 * BEAT))
    player.listen_until(start + 2 * BEAT + 3.1 * BAR)
    passed = on_channel(player.heard, 2)
    low = [message for message in player.sent if message.pitch == 36]
    assert [m.bytes for m in passed] == [(m.bytes[0] | 0x01, *m.bytes[1:]) for m in low]
    for key, sound in zip(low, passed, strict=True):
        assert 0 < sound.seconds - key.seconds < HEARD_LATE_SECONDS
    summary = ended_in_order(playing, player)
    began = next(message.seconds for message in player.sent if message.pitch == 60)
    answer = strikes(on_channel(player.heard, 1))
    assert 0 <= answer[0].seconds - began - BAR < HEARD_LATE_SECONDS
    assert {int((m.seconds - began + STEP / 2) / BAR) for m in answer} == {1}
    assert "1 turn, 4 notes heard" in summary
    assert not sounding(on_channel(player.heard, 2))  # though the key is still down
    assert ends_silent(player.heard)
