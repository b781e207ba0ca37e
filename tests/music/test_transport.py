"""Where the beat falls: tempo, metre and the grid."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.errors import UsageError
from jamd.music.transport import (
    DEFAULT_METRE,
    FASTEST_TEMPO,
    SLOWEST_TEMPO,
    Metre,
    Transport,
    check_tempo,
)

MOST_METRES = "^metre .* write it like 4/4, 7/8 or 17/16; the longest are 4/1, 8/2, 16/4, 32/8, 64/16$"

tempos = st.floats(SLOWEST_TEMPO, FASTEST_TEMPO)
instants = st.floats(0, 100_000)
transports = st.builds(Transport, tempos, st.just(DEFAULT_METRE), instants, st.floats(-1000, 1000))


def test_a_step_is_a_sixteenth_note() -> None:
    transport = Transport(120.0, Metre(4, 4), anchor_seconds=10.0)
    assert [transport.seconds_at(step) for step in (0, 1, 4, 16)] == [10.0, 10.125, 10.5, 12.0]
    assert transport.beats_at(12.0) == 4.0


@given(transports, st.floats(-1000, 100_000))
def test_from_steps_to_seconds_and_back_is_the_same_position(transport: Transport, position: float) -> None:
    assert transport.position_at(transport.seconds_at(position)) == pytest.approx(position, abs=1e-6)


@given(transports, tempos, instants)
def test_a_change_of_tempo_keeps_the_position(transport: Transport, tempo: float, now: float) -> None:
    changed = transport.at_tempo(tempo, now)
    assert changed.position_at(now) == pytest.approx(transport.position_at(now), abs=1e-9)
    assert changed.position_at(now + 60) - changed.position_at(now) == pytest.approx(4 * tempo, abs=1e-6)


def test_a_change_of_tempo_keeps_the_bar_lines() -> None:
    transport = Transport(120.0, Metre(3, 4), downbeat_step=2)
    assert transport.at_tempo(90.0, 1.3).bar_line(5) == transport.bar_line(5)


def test_a_step_hours_away_is_still_on_the_grid() -> None:
    transport = Transport(133.0, Metre(4, 4))
    assert transport.seconds_at(4 * 133 * 60 * 24) == pytest.approx(24 * 3600, abs=1e-9)


def test_an_event_is_heard_as_the_nearest_step() -> None:
    transport = Transport(120.0, Metre(4, 4))
    assert [transport.step_at(seconds) for seconds in (0.48, 0.5, 0.55, 0.57)] == [4, 4, 4, 5]


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        *[("2/4", 8), ("3/4", 12), ("4/4", 16), ("5/4", 20), ("6/8", 12), ("7/8", 14), ("9/8", 18)],
        *[("12/8", 24), ("2/2", 16), ("7/16", 7), ("17/16", 17)],
        *[("4/1", 64), ("8/2", 64), ("16/4", 64), ("32/8", 64), ("64/16", 64)],
    ],
)
def test_bar_lines_come_every_bar(text: str, steps: int) -> None:
    metre = Metre.parse(text)
    assert str(metre) == text
    assert metre.steps_per_bar == steps
    transport = Transport(120.0, metre, downbeat_step=3)
    assert [transport.bar_line(bar) for bar in (-1, 0, 1, 2)] == [3 - steps, 3, 3 + steps, 3 + 2 * steps]
    assert [transport.bar_of(step) for step in (2, 3, 2 + steps, 3 + steps)] == [-1, 0, 0, 1]
    assert [transport.step_in_bar(step) for step in (2, 3, 4, 3 + steps)] == [steps - 1, 0, 1, 0]


@pytest.mark.parametrize(
    "text",
    [
        *["", "4", "4/", "/4", "4/4/4", "four/four", "4/3", "4/0", "0/4", "-4/4", "4/-4", "17/4", "1/32"],
        *["5/1", "9/2", "33/8", "65/16", "9" * 5000 + "/4", "4/" + "4" * 5000, "4/4\n"],
        *["3/64", " 4/4", "4 / 4", "4.0/4", "²/4", "٤/٤"],
    ],
)
def test_a_metre_that_cannot_be_counted_is_refused_with_what_would_be_right(text: str) -> None:
    with pytest.raises(UsageError, match="(?s)" + MOST_METRES):
        Metre.parse(text)


@given(st.text(max_size=8))
def test_any_text_is_a_metre_or_refused(text: str) -> None:
    try:
        metre = Metre.parse(text)
    except UsageError:
        return
    assert 0 < metre.steps_per_bar <= 64


@pytest.mark.parametrize("tempo", [20.0, 120.0, 400.0])
def test_a_playable_tempo_is_taken(tempo: float) -> None:
    assert check_tempo(tempo) == tempo


@pytest.mark.parametrize("tempo", [19.9, 400.1, 0.0, -120.0, float("inf"), float("nan")])
def test_a_tempo_out_of_range_is_refused_with_the_range(tempo: float) -> None:
    with pytest.raises(UsageError, match="give 20 to 400 beats a minute"):
        check_tempo(tempo)
