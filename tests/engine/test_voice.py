"""Frames become messages; what comes out is counted, timed, and always silenced."""

from __future__ import annotations

import io
import json

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.engine.echo import WINDOW_SECONDS, Echo
from jamd.engine.events import Inbox
from jamd.engine.output import LATE_SECONDS, Output
from jamd.engine.scheduler import Scheduler
from jamd.engine.virtual import ManualClock
from jamd.engine.voice import Voice
from jamd.music.note import Frame, Onset
from tests.kit.fakes import RecordingPort


def told(placed: list[tuple[float, mido.Message]]) -> list[tuple[float, str, int]]:
    return [(position, m.type.removeprefix("note_"), m.note) for position, m in placed]


def test_a_chord_is_struck_held_and_let_go() -> None:
    voice = Voice(3, feel=1.0)
    struck = voice.play(8, Frame((Onset(67, 90, 0.25), Onset(60, 80))), 8)
    assert told(struck) == [(8.25, "on", 67), (8.0, "on", 60)]
    assert {message.channel for _, message in struck} == {3}
    assert voice.play(9, Frame((), frozenset([60, 67])), 8) == []
    assert told(voice.play(10, Frame((), frozenset([60])), 8)) == [(10.0, "off", 67)]
    assert told(voice.end(11)) == [(11.0, "off", 60)]


def test_a_repeated_note_ends_where_it_is_struck_again() -> None:
    voice = Voice(0, feel=1.0)
    voice.play(0, Frame((Onset(60, 80),)), 0)
    assert told(voice.play(1, Frame((Onset(60, 80, -0.25),)), 0)) == [(0.75, "off", 60), (0.75, "on", 60)]


frames = st.builds(
    lambda starts, held: Frame(
        tuple(Onset(pitch, 80, offset) for pitch, offset in starts.items()), frozenset(held) - set(starts)
    ),
    st.dictionaries(st.integers(60, 64), st.floats(-0.5, 0.5), max_size=4),
    st.sets(st.integers(60, 64), max_size=4),
)


@given(st.lists(frames, max_size=20), st.floats(0, 1))
def test_every_note_that_begins_ends(answer: list[Frame], feel: float) -> None:
    voice, scheduler = Voice(0, feel), Scheduler()
    for step, frame in enumerate(answer):
        for placed in voice.play(step, frame, 0):
            scheduler.add(*placed)
    for placed in voice.end(len(answer)):
        scheduler.add(*placed)
    sounding: set[int] = set()
    while scheduler.next_position() is not None:
        position, message = scheduler.pop()
        assert 0 <= position <= len(answer)
        if message.type == "note_on":
            assert message.note not in sounding
            sounding.add(message.note)
        else:
            sounding.discard(message.note)
    assert sounding == set()


def test_at_one_instant_note_offs_go_first_and_equals_keep_their_order() -> None:
    scheduler = Scheduler()
    for message in (
        mido.Message("note_on", note=1), mido.Message("note_on", note=2), mido.Message("note_off", note=3)
    ):  # fmt: skip
        scheduler.add(4.0, message)
    assert [scheduler.pop()[1].note for _ in range(3)] == [3, 1, 2]


def late_output(trace: io.StringIO | None = None) -> tuple[Output, RecordingPort]:
    clock, port = ManualClock([], 100.0), RecordingPort()
    port.clock = clock
    clock.wait(Inbox(), 10.0)
    return Output(port, clock, trace), port


def test_a_note_on_that_is_late_is_dropped_and_counted_but_never_a_note_off() -> None:
    output, port = late_output()
    on, off = mido.Message("note_on", note=60), mido.Message("note_off", note=60)
    assert output.send(on, 10.0 - LATE_SECONDS + 0.001)
    assert not output.send(on, 10.0 - LATE_SECONDS - 0.001)
    assert output.send(off, 2.0)
    assert (output.dropped, output.notes) == (1, 1)
    assert [kind for _, kind, _ in port.heard] == ["on", "off"]
    assert output.jitter().max_ms == pytest.approx(8000)


def test_a_note_that_was_dropped_is_not_let_go_either() -> None:
    output, port = late_output()
    assert not output.send(mido.Message("note_on", note=60), 2.0)
    assert not output.send(mido.Message("note_off", note=60), 2.5)
    assert port.heard == []


def test_silence_stops_what_sounds_on_every_channel() -> None:
    output, port = late_output()
    for channel, pitch in ((0, 60), (5, 60), (0, 64)):
        output.send(mido.Message("note_on", channel=channel, note=pitch), 10.0)
    output.send(mido.Message("note_off", note=64), 10.0)
    assert output.sounding == {(0, 60), (5, 60)}
    assert [(m.channel, m.note) for m in output.silence()] == [(0, 60), (5, 60)]
    output.close()
    assert [e[1:] for e in port.heard[-4:]] == [("control 64", 0), ("control 123", 0)] * 2


def test_the_trace_has_a_line_of_json_an_event() -> None:
    trace = io.StringIO()
    output, _ = late_output(trace)
    output.send(mido.Message("note_on", note=60, velocity=70), 9.999)
    output.close()
    lines = [json.loads(line) for line in trace.getvalue().splitlines()]
    assert lines[0] == {"intended": 9.999, "actual": pytest.approx(10.0), "bytes": [0x90, 60, 70]}
    assert [line["bytes"] for line in lines[1:]] == [[0x80, 60, 64], [0xB0, 64, 0], [0xB0, 123, 0]]


def test_what_was_sent_is_recognised_once_and_not_for_long() -> None:
    echo = Echo()
    sent = mido.Message("note_on", note=60, velocity=70)
    echo.sent(sent, 1.0)
    assert not echo.is_own(mido.Message("note_on", note=60, velocity=71), 1.01)
    assert echo.is_own(sent, 1.01)
    assert not echo.is_own(sent, 1.02)
    echo.sent(sent, 2.0)
    assert not echo.is_own(sent, 2.0 + WINDOW_SECONDS + 0.01)


def test_a_device_may_send_a_note_off_back_as_a_note_on_of_velocity_zero() -> None:
    echo = Echo()
    echo.sent(mido.Message("note_off", note=60, velocity=64), 1.0)
    assert echo.is_own(mido.Message("note_on", note=60, velocity=0), 1.01)


def test_a_late_note_comes_again_only_when_it_is_over() -> None:
    """Three steps come at once, late: the note, its end, and the note again."""
    voice, struck = Voice(0, 1.0), Frame((Onset(60, 80),))
    late = [
        message
        for step, frame in enumerate((struck, Frame(), struck))
        for message in voice.play(step, frame, 2.5)
    ]
    assert told(late) == [(2.5, "on", 60), (2.625, "off", 60), (2.625, "on", 60)]
    voice.forget()
    assert told(voice.play(0, struck, 2.5)) == [(2.5, "on", 60)]


def test_a_note_that_was_moved_ends_after_it_begins() -> None:
    """It came late, or the player's swing went: the next step begins before it does."""
    voice = Voice(0, 1.0)
    (on,) = voice.play(8, Frame((Onset(60, 80),)), earliest_step=9.5)
    (off,) = voice.play(9, Frame(), earliest_step=9.5)
    assert on[0] < off[0]
    (on,) = voice.play(14, Frame((Onset(60, 80),)), 0.0, swung_step=15.2)
    off, again = voice.play(15, Frame((Onset(60, 80),)), 0.0)
    assert on[0] < off[0] <= again[0]
    (end,) = voice.end(12)
    assert end[0] > again[0]
