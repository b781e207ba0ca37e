"""Live playing and a file of the same notes make the same roll."""

from __future__ import annotations

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.music.note import (
    STEPS_PER_BEAT,
    Frame,
    Note,
    Onset,
    frames_of,
)
from jamd.music.pianoroll import PianoRoll


def on(pitch: int, velocity: int = 80, channel: int = 0) -> mido.Message:
    return mido.Message("note_on", note=pitch, velocity=velocity, channel=channel)


def off(pitch: int, channel: int = 0) -> mido.Message:
    return mido.Message("note_off", note=pitch, channel=channel)


def control(number: int, value: int) -> mido.Message:
    return mido.Message("control_change", control=number, value=value)


def roll_of(*events: tuple[float, mido.Message], steps: int) -> list[Frame]:
    """Frames of messages at positions in steps, each step closed just before the next one."""
    roll, frames, waiting = PianoRoll(), [], list(events)
    for step in range(steps):
        while waiting and waiting[0][0] < step + 0.75:
            position, message = waiting.pop(0)
            roll.receive(message, position)
        frames.append(roll.close(step))
    return frames


def test_a_note_belongs_to_the_nearest_step_with_its_offset() -> None:
    frames = roll_of((1.25, on(60)), (1.5, off(60)), (2.6, on(62)), (3.2, off(62)), steps=5)
    assert [frame.onsets for frame in frames] == [
        (), (Onset(60, 80, 0.25),), (), (Onset(62, 80, 2.6 - 3),), (),
    ]  # fmt: skip


def test_a_note_shorter_than_a_step_sounds_for_one() -> None:
    frames = roll_of((1.0, on(60)), (1.1, off(60)), steps=3)
    assert [sorted(frame.sounding) for frame in frames] == [[], [60], []]


def test_a_repeated_note_is_struck_again_and_a_held_one_is_held() -> None:
    frames = roll_of(
        (0, on(60)), (1, off(60)), (1, on(60)), (0.9, on(64)), (3, off(60)), (3, off(64)), steps=4
    )
    assert [len(frame.onsets) for frame in frames] == [1, 2, 0, 0]
    assert [sorted(frame.held) for frame in frames] == [[], [], [60, 64], []]


def test_two_strikes_within_a_step_are_one() -> None:
    frames = roll_of((0, on(60, 50)), (0.1, off(60)), (0.2, on(60, 90)), (2, off(60)), steps=3)
    assert frames[0].onsets == (Onset(60, 90, 0.2),)
    assert [sorted(frame.sounding) for frame in frames] == [[60], [60], []]


def test_the_pedal_holds_what_was_let_go_and_a_new_strike_ends_it() -> None:
    frames = roll_of(
        (0, control(64, 127)),
        (0, on(60)),
        (1, off(60)),
        (3, on(60)),
        (4, off(60)),
        (6, control(64, 0)),
        steps=8,
    )
    assert [sorted(frame.sounding) for frame in frames] == [[60]] * 6 + [[], []]
    assert [step for step, frame in enumerate(frames) if frame.onsets] == [0, 3]


def test_half_pedal_is_down_from_the_middle_on() -> None:
    for value, last in ((63, 1), (64, 3)):
        frames = roll_of((0, control(64, value)), (0, on(60)), (1, off(60)), (3, control(64, 0)), steps=5)
        assert sum(60 in frame.sounding for frame in frames) == last


@pytest.mark.parametrize("number", [123, 124, 125, 126, 127])
def test_all_notes_off_lets_go_of_keys_and_the_pedal_holds_on(number: int) -> None:
    """A Roland sends it when the last key is up."""
    frames = roll_of(
        (0, on(60)), (0, control(64, 127)), (0, on(64)), (1, off(64)), (2, control(number, 0)),
        (3, control(64, 0)), steps=5,
    )  # fmt: skip
    assert [sorted(frame.sounding) for frame in frames] == [[60, 64]] * 3 + [[], []]
    frames = roll_of((0, on(60)), (0, on(64)), (2, control(number, 0)), steps=4)
    assert [sorted(frame.sounding) for frame in frames] == [[60, 64], [60, 64], [], []]


def test_all_sound_off_ends_all_and_leaves_the_pedal_down() -> None:
    frames = roll_of(
        (0, control(64, 127)), (0, on(60)), (0, on(64)), (1, off(64)), (2, control(120, 0)),
        (3, on(67)), (4, off(67)), steps=6,
    )  # fmt: skip
    assert [sorted(frame.sounding) for frame in frames] == [[60, 64], [60, 64], [], [67], [67], [67]]


def test_reset_all_controllers_lifts_the_pedals_and_leaves_the_keys() -> None:
    frames = roll_of(
        (0, control(64, 127)), (0, on(60)), (0, on(64)), (1, off(64)), (2, control(121, 0)), (4, off(60)),
        steps=6,
    )  # fmt: skip
    assert [sorted(frame.sounding) for frame in frames] == [[60, 64], [60, 64], [60], [60], [], []]


def test_two_keyboards_have_their_own_keys_and_pedals() -> None:
    """The same key on both; the first keyboard's pedal, and all its notes off."""
    frames = roll_of(
        (0, on(60)), (0, on(60, channel=1)), (0, control(64, 127)), (1, off(60, channel=1)),
        (2, on(67, channel=1)), (3, control(123, 0)), (4, control(64, 0)), (5, off(67, channel=1)),
        steps=7,
    )  # fmt: skip
    sounding = [sorted(frame.sounding) for frame in frames]
    assert sounding == [[60], [60], [60, 67], [60, 67], [67], [], []]


def test_a_unison_struck_shortly_on_one_channel_is_held_on_the_other() -> None:
    frames = roll_of((0, on(60)), (2, on(60, channel=1)), (3, off(60, channel=1)), (6, off(60)), steps=8)
    assert [sorted(frame.sounding) for frame in frames] == [[60]] * 6 + [[], []]
    assert [step for step, frame in enumerate(frames) if frame.onsets] == [0, 2]


def test_a_velocity_of_zero_lets_the_key_go() -> None:
    frames = roll_of((0, on(60)), (2, on(60, 0)), steps=4)
    assert [sorted(frame.sounding) for frame in frames] == [[60], [60], [], []]


def test_other_messages_change_nothing() -> None:
    others = [mido.Message("pitchwheel", pitch=99), mido.Message("clock"), off(3), control(1, 9)]
    frames = roll_of((0, on(60)), *((1.0, message) for message in others), (2, off(60)), steps=3)
    assert [sorted(frame.sounding) for frame in frames] == [[60], [60], []]


def test_a_note_that_comes_after_its_step_was_closed_is_in_the_next() -> None:
    roll = PianoRoll()
    roll.close(0)
    roll.receive(on(60), 0.3)
    assert roll.close(1) == Frame((Onset(60, 80, -0.5),))


@given(
    st.lists(
        st.tuples(st.floats(0, 20), st.floats(0.05, 6), st.integers(55, 60), st.integers(1, 127)), max_size=25
    )
)
def test_live_and_file_agree(played: list[tuple[float, float, int, int]]) -> None:
    """For notes that one hand can play: a key is let go before it is struck again."""
    notes: list[Note] = []
    for start, length, pitch, velocity in sorted(played):
        if all(n.pitch != pitch or n.end_beats + 0.01 < start for n in notes):
            notes.append(Note(pitch, velocity, start, start + length))
    events = [(n.start_beats * STEPS_PER_BEAT, on(n.pitch, n.velocity)) for n in notes]
    events += [(n.end_beats * STEPS_PER_BEAT, off(n.pitch)) for n in notes]
    events.sort(key=lambda event: event[0])
    expected = frames_of(notes)
    assert roll_of(*events, steps=len(expected)) == expected
