"""From beats to steps: what is played a little early or late is still the note that was meant."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.music.note import (
    REST,
    Frame,
    Note,
    Onset,
    frames_of,
    length_steps,
    quantise,
)


@pytest.mark.parametrize(
    ("position", "step", "offset"),
    [(0.0, 0, 0.0), (3.9, 4, -0.1), (4.2, 4, 0.2), (4.5, 5, -0.5), (-0.1, 0, -0.1), (-0.5, 0, -0.5)],
)
def test_a_position_belongs_to_the_nearest_step(position: float, step: int, offset: float) -> None:
    nearest, left_over = quantise(position)
    assert nearest == step
    assert left_over == pytest.approx(offset)


@given(st.floats(-1e6, 1e6))
def test_step_and_offset_together_are_the_position(position: float) -> None:
    step, offset = quantise(position)
    assert step == int(step)
    assert -0.5 <= offset <= 0.5
    assert step + offset == pytest.approx(position, abs=1e-9)


def test_many_positions_are_quantised_as_one_by_one() -> None:
    positions = np.array([-0.6, -0.5, 0.0, 0.49, 0.5, 7.3, 1000.5])
    steps, offsets = quantise(positions)
    assert list(zip(steps, offsets, strict=True)) == [quantise(float(position)) for position in positions]


@pytest.mark.parametrize(
    ("start", "end", "length"), [(0, 4.2, 4), (0, 3.6, 4), (2, 2.1, 1), (2, 2.0, 1), (3, 1.0, 1)]
)
def test_a_note_lasts_at_least_one_step(start: float, end: float, length: int) -> None:
    assert length_steps(start, end) == length


def test_frames_tell_a_repeated_note_from_a_held_one() -> None:
    repeated = frames_of([Note(60, 64, 0.0, 0.25), Note(60, 80, 0.25, 0.5)])
    held = frames_of([Note(60, 64, 0.0, 0.5)])
    assert repeated == [Frame((Onset(60, 64),)), Frame((Onset(60, 80),))]
    assert held == [Frame((Onset(60, 64),)), Frame(held=frozenset({60}))]
    assert [frame.sounding for frame in repeated] == [frame.sounding for frame in held]


def test_a_chord_is_one_frame_from_the_top_down_with_its_rests_before_it() -> None:
    frames = frames_of([Note(60, 64, 0.5, 0.75), Note(67, 70, 0.5, 0.75)])
    assert frames == [REST, REST, Frame((Onset(67, 70), Onset(60, 64)))]


def test_a_note_played_early_begins_on_its_step_with_the_offset_kept() -> None:
    (_, _, _, _, frame) = frames_of([Note(60, 64, 0.975, 1.25)])
    (onset,) = frame.onsets
    assert onset.offset_steps == pytest.approx(-0.1)


def test_the_later_of_two_notes_on_a_pitch_cuts_the_earlier() -> None:
    frames = frames_of([Note(60, 64, 0.0, 2.0), Note(60, 80, 0.5, 0.75)])
    assert frames[:3] == [Frame((Onset(60, 64),)), Frame(held=frozenset({60})), Frame((Onset(60, 80),))]
    assert set(frames[3:]) <= {REST}


def test_no_notes_are_no_frames() -> None:
    assert frames_of([]) == []


beats = st.integers(0, 64).map(lambda steps: steps / 4)
notes = st.lists(
    st.builds(
        lambda pitch, velocity, start, length: Note(pitch, velocity, start, start + length),
        st.integers(0, 127),
        st.integers(1, 127),
        beats,
        beats,
    ),
    max_size=20,
)


@given(notes)
def test_a_pitch_is_struck_or_held_and_held_only_where_it_sounded_before(notes: list[Note]) -> None:
    before: frozenset[int] = frozenset()
    for frame in frames_of(notes):
        struck = {onset.pitch for onset in frame.onsets}
        assert not struck & frame.held
        assert frame.held <= before
        before = frame.sounding


@given(notes)
def test_every_strike_is_in_the_frames_once(notes: list[Note]) -> None:
    frames = frames_of(notes)
    struck = {(step, onset.pitch) for step, frame in enumerate(frames) for onset in frame.onsets}
    assert struck == {(round(note.start_beats * 4), note.pitch) for note in notes}
