"""The last bars for a page that comes later, and the take that is in them."""

from __future__ import annotations

from jamd.web.history import MOST_EVENTS, History

ON, OFF = (0x90, 60, 80), (0x80, 60, 0)


def test_it_goes_back_for_32_bars() -> None:
    history = History()
    for bar in range(100):
        history.heard("player", 4.0 * bar, ON)
        history.heard("player", 4.0 * bar + 1, OFF)
        history.span(4.0 * bar, 4.0 * bar + 4, "call")
    word = history.word()
    assert word["heard"][0] == ["player", 272.0, *ON]  # 397 - 128, and then the next whole note
    assert word["heard"][-1] == ["player", 397.0, *OFF]
    assert word["spans"][0] == [268.0, 272.0, "call"]
    history.metre = (3, 4)
    assert history.word()["heard"][0] == ["player", 304.0, *ON]


def test_a_note_that_began_before_is_left_out_whole() -> None:
    history = History()
    history.heard("player", 0.0, ON)
    history.heard("player", 200.0, OFF)
    history.heard("jamd", 200.0, ON)
    assert history.word()["heard"] == [["jamd", 200.0, *ON]]


def test_it_is_bounded_however_much_is_played() -> None:
    history = History()
    for number in range(3 * MOST_EVENTS):
        history.heard("player", number / 1e6, ON if number % 2 == 0 else OFF)
        history.span(number / 1e6, None, "call")
    word = history.word()
    assert len(word["heard"]) <= MOST_EVENTS
    assert len(word["spans"]) <= 512


def test_a_span_that_ends_is_told_once() -> None:
    history = History()
    history.span(0.0, None, "call")
    history.span(0.0, 4.0, "call")
    history.span(4.0, None, "answer")
    assert history.word()["spans"] == [[0.0, 4.0, "call"], [4.0, None, "answer"]]


def test_a_span_ends_where_the_next_begins() -> None:
    history = History()
    for start, turn in ((0.0, "call"), (4.0, "answer"), (8.0, "wait"), (9.0, "call")):
        history.span(start, None, turn)
    assert history.word()["spans"] == [
        [0.0, 4.0, "call"],
        [4.0, 8.0, "answer"],
        [8.0, 9.0, "wait"],
        [9.0, None, "call"],
    ]


def test_what_comes_out_of_order_is_told_in_order() -> None:
    history = History()
    history.heard("jamd", 2.0, ON)
    history.heard("player", 1.0, ON)
    assert [event[1] for event in history.word()["heard"]] == [1.0, 2.0]


def test_there_is_no_take_before_anything_was_played() -> None:
    history = History()
    assert history.take() is None
    history.span(0.0, None, "call")
    assert history.take() is None


def test_without_an_answer_the_call_is_the_take() -> None:
    history = History()
    history.span(4.0, None, "call")
    history.heard("player", 3.9, ON)
    history.heard("player", 5.0, OFF)
    assert history.take() == (4.0, [("player", 3.9, ON), ("player", 5.0, OFF)])


def test_a_solo_is_a_take_of_its_own() -> None:
    history = History()
    history.span(0.0, 4.0, "call")
    history.span(4.0, 8.0, "wait")
    history.span(8.0, None, "solo")
    history.heard("player", 1.0, ON)
    history.heard("jamd", 9.0, ON)
    assert history.take() == (8.0, [("jamd", 9.0, ON)])
