"""Where bars begin: changes of metre, upbeats, last bars cut short, and what follows on the next bar line."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.music import tempomap
from jamd.music.bars import Bars, Scored, answered
from jamd.music.note import STEPS_PER_BEAT, Note
from jamd.music.transport import Metre


def bars(*changes: tuple[float, str]) -> Bars:
    return Bars.of([(beats, Metre.parse(metre)) for beats, metre in changes])


def lines(of: Bars, end_beats: float) -> list[float]:
    """The bar lines before this beat, in beats."""
    return [step / STEPS_PER_BEAT for step in of.lines(0, round(end_beats * STEPS_PER_BEAT))]


def after(of: Bars, end_beats: float) -> tuple[float, str]:
    """Where what follows music of this length begins, and in which metre."""
    last = round(end_beats * STEPS_PER_BEAT) - 1
    followed = of.followed(last)
    line = followed.bar_line(followed.bar_of(last) + 1)
    return line / STEPS_PER_BEAT, str(followed.at(line).metre)


def written(of: Bars) -> list[tuple[float, str]]:
    return [(beats, str(metre)) for beats, metre in of.metres()]


def test_a_metre_has_bars_of_one_length() -> None:
    assert lines(bars((0, "3/4")), 10) == [0, 3, 6, 9]
    assert lines(bars((0, "7/8")), 12) == [0, 3.5, 7, 10.5]


def test_metre_changes_in_mid_piece_and_back() -> None:
    waltz = bars((0, "4/4"), (8, "3/4"), (14, "4/4"))
    assert lines(waltz, 23) == [0, 4, 8, 11, 14, 18, 22]
    assert [str(waltz.at(4 * beat).metre) for beat in (7, 8, 13, 14)] == ["4/4", "3/4", "3/4", "4/4"]
    assert [waltz.bar_of(4 * beat) for beat in (0, 7, 8, 10, 11, 14)] == [0, 1, 2, 2, 3, 4]


def test_a_change_begins_a_bar_though_it_stands_within_one() -> None:
    assert lines(bars((0, "4/4"), (6, "3/4")), 13) == [0, 4, 6, 9, 12]


def test_a_change_a_few_ticks_off_is_on_its_bar_line_and_of_two_there_the_later_counts() -> None:
    assert lines(bars((0, "4/4"), (7.99, "3/4")), 12) == [0, 4, 8, 11]
    assert lines(bars((0, "4/4"), (0.01, "3/4")), 7) == [0, 3, 6]


@pytest.mark.parametrize(
    ("changes", "first_lines"),
    [
        ([(0, "1/4"), (1, "4/4")], [1, 5, 9]),
        ([(0, "3/8"), (1.5, "6/8")], [1.5, 4.5, 7.5]),
        ([(0, "4/4"), (1, "4/4")], [1, 5, 9]),  # the same metre, told again where the first bar begins
        ([(0, "4/4"), (1, "3/4")], [1, 4, 7, 10]),
    ],
)
def test_bars_are_counted_from_behind_the_upbeat(
    changes: list[tuple[float, str]], first_lines: list[float]
) -> None:
    upbeat = bars(*changes)
    assert lines(upbeat, 11)[: len(first_lines)] == first_lines
    first = round(first_lines[0] * STEPS_PER_BEAT)
    assert (upbeat.bar_of(0), upbeat.bar_of(first - 1), upbeat.bar_of(first)) == (-1, -1, 0)
    # it is the end of a bar
    assert upbeat.step_in_bar(first - 1) == upbeat.at(first).metre.steps_per_bar - 1
    assert written(upbeat)[:2] == [(0, changes[0][1] if changes[0][1] != "4/4" else "1/4"), changes[1]]


def test_a_bar_of_another_length_is_an_upbeat_only_if_it_is_shorter() -> None:
    assert bars((0, "4/4"), (4, "3/4")).bar_of(0) == 0
    assert bars((0, "2/4"), (4, "4/4")).bar_of(0) == 0  # two bars of it


@pytest.mark.parametrize(
    ("of", "end", "begins", "metre"),
    [
        (bars((0, "3/4"), (18, "4/4")), 12, 12, "3/4"),  # a change far behind the music,
        (bars((0, "3/4"), (12, "4/4")), 12, 12, "3/4"),  # right behind it,
        (bars((0, "4/4"), (15, "3/4")), 14, 16, "4/4"),  # and within its last bar
        (bars((0, "1/4"), (1, "4/4"), (29, "3/4")), 32, 32, "4/4"),  # the last bar gives back the upbeat
        (bars((0, "1/4"), (1, "4/4"), (29, "3/4")), 31, 32, "4/4"),
        (bars((0, "4/4"), (12, "2/4")), 14, 14, "4/4"),
        (bars((0, "4/4"), (8, "3/4")), 14, 14, "3/4"),  # two bars of it are no short last one
        (bars((0, "3/4"), (12, "4/4")), 16, 16, "4/4"),  # nor is a longer one
        (bars((0, "4/4"), (8, "3/4"), (14, "4/4")), 22, 22, "4/4"),
        (bars((0, "1/4"), (1, "4/4")), 17, 17, "4/4"),
        (bars((0, "1/4"), (1, "4/4")), 0.5, 1, "4/4"),  # an upbeat alone
    ],
)
def test_what_follows_begins_on_the_bar_line_where_the_music_ends(
    of: Bars, end: float, begins: float, metre: str
) -> None:
    assert after(of, end) == (begins, metre)


def test_a_note_that_hangs_over_the_bar_line_a_little_opens_no_bar() -> None:
    def ends(*notes: tuple[float, float]) -> int:
        played = [Note(60, 80, start, end) for start, end in notes]
        return answered(played, [(0.0, Metre(4, 4))])[1]

    assert ends((0, 8)) == ends((0, 8.3)) == 31
    assert ends((0, 9)) == 35
    assert ends((0, 4), (8, 8.2)) == 32  # struck there


def test_what_is_written_for_bars_that_begin_elsewhere() -> None:
    """A session whose master had its bar lines a beat and a quarter later; and a stretch of a piece."""
    assert written(bars((0, "4/4"), (1.25, "4/4"))) == [(0, "5/16"), (1.25, "4/4")]
    assert written(bars((0, "4/4"), (8, "3/4")).moved(-4 * 4)) == [(0, "4/4"), (4, "3/4")]
    assert written(bars((0, "4/4")).moved(-2 * 4)) == [(0, "2/4"), (2, "4/4")]


METRES = st.sampled_from(["1/4", "2/4", "3/4", "4/4", "5/4", "6/8", "7/8", "9/16", "2/2"])


@given(st.lists(st.tuples(st.floats(0, 200), METRES), max_size=8), st.integers(0, 900), st.integers(-40, 40))
def test_lines_bars_and_places_agree(changes: list[tuple[float, str]], step: int, moved: int) -> None:
    of = Bars.of((beats, Metre.parse(metre)) for beats, metre in [(0.0, "4/4"), *changes]).moved(moved)
    bar = of.bar_of(step)
    line = of.bar_line(bar)
    assert line <= step < of.bar_line(bar + 1)
    assert of.bar_of(line) == bar
    assert of.step_in_bar(step) == step - line < of.at(step).metre.steps_per_bar
    assert list(of.lines(line, step + 1)) == [line]
    again = Bars.of(of.metres())
    assert list(again.lines(1, 400)) == list(of.lines(1, 400))
    line = of.followed(step).bar_line(of.followed(step).bar_of(step) + 1)
    assert step < line <= step + 64


def test_a_grid_with_the_bars_of_a_piece() -> None:
    grid = Scored(120.0, Metre(4, 4), bars=bars((0, "4/4"), (4, "3/4")))
    assert [grid.bar_of(step) for step in (0, 16, 28)] == [0, 1, 2]
    assert [grid.bar_line(bar) for bar in (0, 1, 2)] == [0, 16, 28]
    assert (grid.step_in_bar(30), str(grid.metre_at(30)), str(grid.metre_at(3))) == (2, "3/4", "4/4")
    assert grid.at_tempo(60.0, 1.0).bar_of(28) == 2


def test_on_a_grid_the_upbeat_belongs_to_the_first_bar() -> None:
    grid = Scored(120.0, Metre(4, 4), bars=bars((0, "1/4"), (1, "4/4")))
    assert [grid.bar_of(step) for step in (0, 3, 4, 19, 20)] == [0, 0, 0, 0, 1]
    assert [grid.bar_line(bar) for bar in (0, 1, 2)] == [0, 20, 36]
    assert [grid.step_in_bar(step) for step in (0, 3, 4, 20)] == [12, 15, 0, 0]


# --- tempo


def test_seconds_and_beats_of_a_tempo_map() -> None:
    tempos = [(0.0, 120.0), (4.0, 60.0), (6.0, 240.0)]
    beats, seconds = np.array([0, 2, 4, 5, 6, 10]), np.array([0, 1, 2, 3, 4, 5])
    assert tempomap.seconds_at(tempos, beats).tolist() == seconds.tolist()
    assert tempomap.beats_at(tempos, seconds).tolist() == beats.tolist()


@pytest.mark.parametrize(
    ("tempos", "last"),
    [
        ([(0, 100)], 100),
        ([(0, 100), (8, 140)], 140),
        ([(0, 100), (18, 60)], 100),  # behind the music
        ([(0, 100), (16, 60)], 100),
        ([(0, 100), (15, 8), (16, 100)], 100),  # a fermata
        ([(0, 100), (15, 70), (20, 100)], 70),
    ],
)
def test_what_follows_is_in_the_tempo_of_the_end(tempos: list[tuple[float, float]], last: float) -> None:
    followed = tempomap.followed(tempos, 16.0)
    assert followed[-1][1] == last
    assert followed == tempos[: len(followed)]
