"""Whose turn it is, in steps; a bar of 4/4 has sixteen."""

from __future__ import annotations

import pytest

from jamd.engine.snapshot import Turn
from jamd.engine.turns import Change, Form, Mode, Turns
from jamd.music.transport import Metre, Transport

FOUR = Transport(120, Metre(4, 4))


def play(turns: Turns, step: int, transport: Transport = FOUR) -> Change | None:
    return turns.played(float(step), step, transport)


def test_a_call_lasts_its_bars_and_the_answer_follows_on_the_bar_line() -> None:
    turns = Turns(Form(2, 3))
    assert play(turns, 0) is Change.CALL_BEGINS
    assert [turns.closed(step, FOUR) for step in range(31)] == [None] * 31
    assert turns.closed(31, FOUR) is Change.ANSWER_BEGINS
    assert (turns.turn, turns.start_step, turns.end_step) == (Turn.ANSWER, 32, 80)
    assert [turns.closed(step, FOUR) for step in range(32, 79)] == [None] * 47
    assert turns.closed(79, FOUR) is Change.ANSWER_ENDS
    assert turns.turn is Turn.WAIT


def test_a_call_begins_with_the_bar_the_player_plays_in() -> None:
    turns = Turns(Form(1, 1))
    play(turns, 45)
    assert (turns.start_step, turns.end_step) == (32, 48)


@pytest.mark.parametrize(("metre", "end"), [("3/4", 24), ("7/8", 28), ("12/8", 48), ("2/4", 16)])
def test_bars_are_those_of_the_metre(metre: str, end: int) -> None:
    transport = Transport(120, Metre.parse(metre))
    turns = Turns(Form(2, 1))
    play(turns, 0, transport)
    assert turns.end_step == end


def test_an_answer_given_up_leaves_the_floor_and_a_call_goes_on() -> None:
    turns = Turns(Form(1, 1))
    play(turns, 0)
    turns.drop()
    assert turns.turn is Turn.CALL
    turns.closed(15, FOUR)
    turns.drop()
    assert turns.turn is Turn.WAIT


def test_an_open_call_that_is_to_have_bars_ends_with_them() -> None:
    """A solo becomes call and response while the player plays."""
    turns = Turns(Form(2, 1, mode=Mode.SOLO))
    play(turns, 3)
    turns.change(Form(2, 1), 20, FOUR)
    assert turns.end_step == 32
    late = Turns(Form(None, 1))
    play(late, 3)
    late.change(Form(2, 1), 70, FOUR)
    assert late.end_step == 80


def test_nobody_takes_the_floor_in_the_past() -> None:
    """A first phrase is heard once its tempo is known."""
    turns = Turns(Form(1, 1, mode=Mode.DUET))
    play(turns, 0)
    turns.extend(20, FOUR)
    assert [turns.closed(step, FOUR, silent=False) for step in range(19)] == [None] * 19
    assert turns.closed(19, FOUR, silent=False) is Change.PLAYING_BEGINS
