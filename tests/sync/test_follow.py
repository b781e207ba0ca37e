"""Whose tempo nobody said: the first phrase tells it, and then the grid goes along; on virtual time."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate, cycle, islice

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jamd.music.transport import Metre, Transport
from jamd.sync.follow import (
    FORGET_SECONDS,
    LATEST_SECONDS,
    MOST_CHANGE,
    MOST_HURRY,
    PAUSE_SECONDS,
    Follow,
)

BEGIN_SECONDS = 10.0
MELODY = (1.0, 0.5, 0.5, 0.75, 0.25, 1.0, 1.5, 0.5, 0.5, 0.5, 1.0)
"""Two bars of 4/4 in beats, with dotted notes."""


def follow(metre: str = "4/4") -> Follow:
    return Follow(Transport(120.0, Metre.parse(metre)))


def line(lengths: Iterable[float], notes: int) -> list[float]:
    """The onsets, in beats, of notes with these lengths, again and again."""
    return [0.0, *islice(accumulate(cycle(lengths)), notes - 1)]


def at(tempo: float, beats: Iterable[float], begin: float = BEGIN_SECONDS) -> list[float]:
    return [begin + beat * 60 / tempo for beat in beats]


def loosely(onsets: list[float], spread_seconds: float = 0.015) -> list[float]:
    """As a hand plays them: each a little early or late."""
    rng = np.random.default_rng(7)
    return sorted((np.array(onsets) + rng.normal(0, spread_seconds, len(onsets))).tolist())


def strike(sync: Follow, seconds: float, pitch: int = 60) -> None:
    sync.played(mido.Message("note_on", note=pitch, velocity=80), seconds)


def wait(sync: Follow, until_seconds: float) -> None:
    """Time passes, and what is due is done."""
    while (due := sync.due_seconds) is not None and due <= until_seconds:
        sync.advance(due)


def play(sync: Follow, onsets: Iterable[float]) -> None:
    for seconds in onsets:
        wait(sync, seconds)
        strike(sync, seconds)


def off_beat(sync: Follow, seconds: float) -> float:
    """How far an instant is from the grid's nearest beat, in beats."""
    beats = sync.transport.beats_at(seconds)
    return abs(beats - round(beats))


def test_even_quarters_are_the_beat_and_the_first_one_is_beat_one() -> None:
    sync = follow()
    play(sync, at(100, range(9)))
    assert sync.running
    assert sync.transport.tempo == pytest.approx(100, rel=0.01)
    assert sync.transport.position_at(BEGIN_SECONDS) == pytest.approx(0, abs=0.5)
    assert sync.transport.step_at(BEGIN_SECONDS) == 0


def test_nothing_is_said_before_it_is_sure() -> None:
    sync = follow()
    play(sync, at(100, range(4)))
    assert not sync.running


@pytest.mark.parametrize(("tempo", "length"), [(100, 1.0), (140, 1.0), (160, 1.0), (100, 0.5), (120, 0.5)])
def test_a_run_of_equal_notes_has_its_beat_where_a_foot_would_tap(tempo: float, length: float) -> None:
    sync = follow()
    play(sync, at(tempo, line((length,), 40)))
    assert sync.transport.tempo == pytest.approx(tempo, rel=0.03)


@pytest.mark.parametrize("tempo", [96, 120, 144])
def test_swung_eighths_swing_over_a_steady_beat(tempo: float) -> None:
    sync = follow()
    play(sync, at(tempo, line((2 / 3, 1 / 3), 32)))
    assert sync.transport.tempo == pytest.approx(tempo, rel=0.02)
    assert off_beat(sync, BEGIN_SECONDS + 32 * 60 / tempo) < 0.1


@pytest.mark.parametrize("tempo", [80, 108, 132])
def test_a_melody_with_dotted_notes_played_by_hand(tempo: float) -> None:
    sync = follow()
    play(sync, loosely(at(tempo, line(MELODY, 44))))
    assert sync.transport.tempo == pytest.approx(tempo, rel=0.03)
    assert off_beat(sync, BEGIN_SECONDS + 24 * 60 / tempo) < 0.1


def test_the_notes_of_a_chord_are_one_onset() -> None:
    single, chords = follow(), follow()
    for seconds in at(100, line(MELODY, 22)):
        strike(single, seconds)
        for voice, pitch in enumerate((48, 52, 55)):
            strike(chords, seconds + 0.012 * voice, pitch)
    assert chords.transport == single.transport


def test_a_waltz() -> None:
    sync = follow("3/4")
    play(sync, at(138, line((1.0, 1.0, 1.0, 1.5, 0.5, 1.0, 2.0, 1.0), 32)))
    assert sync.transport.tempo == pytest.approx(138, rel=0.02)
    assert sync.transport.bar_line(1) == 12


def test_a_jig_is_felt_in_dotted_quarters() -> None:
    """Two of them to a bar of 6/8; the tempo is still that of the quarter note."""
    sync = follow("6/8")
    play(sync, loosely(at(110, line((1 / 3, 1 / 3, 1 / 3, 2 / 3, 1 / 3), 30)), 0.01))
    assert sync.transport.tempo == pytest.approx(1.5 * 110, rel=0.03)
    assert sync.transport.step_at(BEGIN_SECONDS) == 0
    beat_seconds = BEGIN_SECONDS + 12 * 60 / 110
    assert sync.transport.position_at(beat_seconds) == pytest.approx(12 * 6, abs=1)


def test_a_pickup_comes_before_beat_one() -> None:
    """An eighth, then the melody."""
    sync = follow()
    play(sync, at(100, [-0.5, *line(MELODY, 22)]))
    assert sync.transport.step_at(BEGIN_SECONDS - 0.3) == -2


def test_whoever_gets_faster_is_followed() -> None:
    """Eighths from 100 to 120 BPM in 16 bars."""
    sync = follow()
    beats = np.array(line(MELODY, 11 * 10))
    tempos = 100 + 20 * np.clip((np.arange(0, 80, 0.25) - 16) / 64, 0, 1)
    instants = np.concatenate([[0], np.cumsum(0.25 * 60 / tempos)])
    onsets = BEGIN_SECONDS + np.interp(beats[beats < 80], np.arange(0, 80.25, 0.25), instants)
    play(sync, onsets.tolist())
    assert sync.transport.tempo == pytest.approx(120, rel=0.04)
    assert off_beat(sync, BEGIN_SECONDS + float(instants[-1])) < 0.15


@pytest.mark.parametrize("rest_beats", [8, 13])
def test_in_a_rest_tempo_and_beat_hold(rest_beats: int) -> None:
    sync = follow()
    beats = line(MELODY, 33)
    play(sync, loosely(at(100, beats), 0.01))
    end = BEGIN_SECONDS + beats[-1] * 0.6
    wait(sync, end + 5)
    held = sync.transport
    wait(sync, end + rest_beats * 0.6)
    assert sync.transport == held
    again = round(beats[-1] + 1) + rest_beats
    play(sync, loosely(at(100, [again + beat for beat in beats]), 0.01))
    assert sync.transport.tempo == pytest.approx(100, rel=0.03)
    assert off_beat(sync, BEGIN_SECONDS + (again + 24) * 0.6) < 0.1


def test_wrong_notes_and_grace_notes_do_not_throw_it() -> None:
    sync = follow()
    beats = np.array(line(MELODY, 66))
    wrong = [beats[20] + 0.37, beats[31] + 0.21, beats[44] - 0.1, beats[50] - 0.08]
    play(sync, at(110, sorted([*beats.tolist(), *wrong])))
    assert sync.transport.tempo == pytest.approx(110, rel=0.03)
    assert off_beat(sync, BEGIN_SECONDS + 48 * 60 / 110) < 0.1


def test_a_short_phrase_is_decided_when_it_is_over() -> None:
    sync = follow()
    onsets = at(120, (0, 1, 2, 2.5, 3))
    play(sync, onsets)
    assert not sync.running
    assert sync.due_seconds == onsets[-1] + PAUSE_SECONDS
    wait(sync, onsets[-1] + PAUSE_SECONDS)
    assert sync.running
    assert sync.transport.tempo == pytest.approx(120, rel=0.02)


def test_whatever_is_played_is_decided_at_last() -> None:
    sync = follow()
    rng = np.random.default_rng(3)
    onsets = BEGIN_SECONDS + np.cumsum(rng.uniform(0.1, 1.2, 40))
    play(sync, onsets[onsets < onsets[0] + LATEST_SECONDS].tolist())
    wait(sync, float(onsets[0]) + LATEST_SECONDS)
    assert sync.running


def test_a_note_to_try_the_sound_is_no_phrase() -> None:
    sync = follow()
    play(sync, [1.0, 1.2])
    assert sync.due_seconds is None
    begin = 1.2 + FORGET_SECONDS + 1
    play(sync, at(100, line(MELODY, 22), begin))
    assert sync.transport.step_at(begin) == 0


def test_note_offs_and_controllers_are_no_onsets() -> None:
    plain, busy = follow(), follow()
    for seconds in at(100, line(MELODY, 22)):
        for sync in (plain, busy):
            strike(sync, seconds)
        busy.played(mido.Message("note_off", note=60), seconds + 0.05)
        busy.played(mido.Message("note_on", note=60, velocity=0), seconds + 0.07)
        busy.played(mido.Message("control_change", control=1, value=99), seconds + 0.09)
    assert busy.transport == plain.transport


def test_a_tempo_that_is_said_is_kept() -> None:
    sync = follow()
    play(sync, at(100, line(MELODY, 22)))
    now = BEGIN_SECONDS + 30
    sync.set_tempo(140, now)
    assert sync.transport.tempo == 140
    play(sync, at(140, line(MELODY, 22), now + 1))
    assert sync.transport.tempo == pytest.approx(140, rel=0.06)


def test_a_tempo_that_is_said_before_settles_the_octave() -> None:
    sync = follow()
    sync.set_tempo(60, 0.0)
    play(sync, at(60, line((0.5,), 22)))
    assert sync.transport.tempo == pytest.approx(60, rel=0.03)


calls = st.lists(
    st.tuples(
        st.floats(-0.005, 3.0), st.sampled_from(["strike"] * 6 + ["advance", "set_tempo"]), st.floats(20, 400)
    ),
    max_size=20,
)


@settings(max_examples=40)
@given(calls, st.sampled_from(["4/4", "3/4", "6/8", "7/8"]))
def test_the_position_never_jumps_whatever_is_played(
    calls: list[tuple[float, str, float]], metre: str
) -> None:
    sync, now = follow(metre), 0.0
    play(sync, at(100, line(MELODY, 5), now))
    wait(sync, now := 10.0)
    assert sync.running
    sync.advance(latest := now)
    for gap, call, tempo in calls:
        now += gap
        latest = max(latest, now)
        wait(sync, latest)
        sync.advance(latest)
        before, was = sync.transport.position_at(latest), sync.transport.tempo
        if call == "strike":
            strike(sync, now)
            most = (1 + MOST_CHANGE) * (1 + MOST_HURRY) / (1 - MOST_HURRY)
            assert 1 / most <= sync.transport.tempo / was <= most
        elif call == "advance":
            sync.advance(now)
        else:
            sync.set_tempo(tempo, now)
        assert sync.running
        assert sync.transport.position_at(latest) == pytest.approx(before, abs=1e-6)


def test_a_knob_that_is_turned_through_all_tempos_before_the_beat_is_found_means_the_last() -> None:
    sync = follow()
    onsets = loosely(at(90, line(MELODY, 24)))
    play(sync, onsets[:4])
    for tempo in (300, 240, 190, 150, 120, 90):
        sync.set_tempo(tempo, onsets[3])
    play(sync, onsets[4:])
    assert sync.transport.tempo == pytest.approx(90, rel=0.04)
