"""Who holds which key: no note is begun twice, and none is left, whichever page goes."""

from __future__ import annotations

from random import Random

import pytest

from jamd.web.held import Held
from jamd.web.words import Message

C4, E4 = 60, 64
PEDAL = 64
ANNA, BEN = 1, 2


def on(pitch: int, velocity: int = 80, channel: int = 0) -> Message:
    return 0x90 | channel, pitch, velocity


def off(pitch: int, velocity: int = 64, channel: int = 0) -> Message:
    return 0x80 | channel, pitch, velocity


def pedal(value: int, channel: int = 0) -> Message:
    return 0xB0 | channel, PEDAL, value


def test_a_key_goes_down_and_up() -> None:
    held = Held()
    assert held.play(ANNA, on(C4)) == [on(C4)]
    assert held.holds(ANNA)
    assert held.play(ANNA, off(C4, 30)) == [off(C4, 30)]
    assert not held.holds(ANNA)


def test_a_note_on_without_velocity_lets_go() -> None:
    held = Held()
    held.play(ANNA, on(C4))
    assert held.play(ANNA, on(C4, 0)) == [off(C4)]


def test_a_key_that_nobody_holds_is_not_let_go() -> None:
    held = Held()
    assert held.play(ANNA, off(C4)) == []
    held.play(BEN, on(C4))
    assert held.play(ANNA, off(C4)) == []


def test_two_pages_on_one_key_let_go_of_it_when_the_last_does() -> None:
    held = Held()
    assert held.play(ANNA, on(C4, 80)) == [on(C4, 80)]
    assert held.play(BEN, on(C4, 50)) == [off(C4), on(C4, 50)]  # struck anew
    assert held.play(ANNA, off(C4)) == []
    assert held.play(BEN, off(C4)) == [off(C4)]


def test_a_key_struck_twice_by_one_page_is_let_go_once() -> None:
    held = Held()
    held.play(ANNA, on(C4))
    assert held.play(ANNA, on(C4, 90)) == [off(C4), on(C4, 90)]
    assert held.play(ANNA, off(C4)) == [off(C4)]
    assert held.play(ANNA, off(C4)) == []


def test_a_page_that_goes_leaves_nothing() -> None:
    held = Held()
    for message in (on(C4), on(E4), on(C4, channel=3), pedal(127)):
        held.play(ANNA, message)
    held.play(BEN, on(E4))
    assert held.release(ANNA) == [off(C4), pedal(0), off(C4, channel=3)]
    assert not held.holds(ANNA)
    assert held.release(ANNA) == []
    assert held.release(BEN) == [off(E4)]


def test_the_pedal_comes_up_when_the_last_foot_does() -> None:
    held = Held()
    assert held.play(ANNA, pedal(127)) == [pedal(127)]
    assert held.play(BEN, pedal(100)) == [pedal(100)]
    assert held.play(ANNA, pedal(0)) == []
    assert held.release(BEN) == [pedal(0)]


def test_half_a_pedal_is_up() -> None:
    held = Held()
    held.play(ANNA, pedal(70))
    assert held.play(ANNA, pedal(40)) == [pedal(40)]
    assert not held.holds(ANNA)


@pytest.mark.parametrize("mode", [120, 123, 124, 125, 126, 127])
def test_all_notes_off_lets_go_of_what_the_page_holds(mode: int) -> None:
    held = Held()
    held.play(ANNA, on(C4))
    held.play(ANNA, on(E4, channel=1))
    held.play(BEN, on(E4))
    assert held.play(ANNA, (0xB0, mode, 0)) == [off(C4)]
    assert held.holds(ANNA)  # on another channel


def test_reset_lifts_the_pages_pedals() -> None:
    held = Held()
    held.play(ANNA, pedal(127))
    assert held.play(ANNA, (0xB0, 121, 0)) == [pedal(0)]
    assert held.play(ANNA, (0xB0, 122, 0)) == []


def test_other_controllers_pass() -> None:
    assert Held().play(ANNA, (0xB2, 1, 99)) == [(0xB2, 1, 99)]


def test_panic_lets_go_of_all() -> None:
    held = Held()
    held.play(ANNA, on(C4))
    held.play(BEN, on(C4))
    held.play(BEN, pedal(127))
    assert sorted(held.release_all()) == sorted([off(C4), pedal(0)])
    assert held.play(ANNA, off(C4)) == []


@pytest.mark.parametrize("seed", range(20))
def test_whatever_hands_do_the_engine_hears_each_note_begin_once_and_end_once(seed: int) -> None:
    rng, held = Random(seed), Held()
    down: set[tuple[int, int]] = set()
    feet: set[tuple[int, int]] = set()

    def hear(messages: list[Message]) -> None:
        for status, number, value in messages:
            key = status & 15, number
            match status & 0xF0:
                case 0x90:
                    assert value > 0
                    assert key not in down
                    down.add(key)
                case 0x80:
                    down.remove(key)
                case _:
                    (feet.add if value >= 64 else feet.discard)(key)

    for _ in range(300):
        page, channel = rng.randrange(3), rng.randrange(2)
        if rng.random() < 0.03:
            hear(held.release(page))
            assert not held.holds(page)
        status = rng.choice((0x80, 0x90, 0x90, 0xB0)) | channel
        number = rng.choice((64, 66, 67, 69, 121, 123)) if status & 0xF0 == 0xB0 else rng.randrange(60, 65)
        hear(held.play(page, (status, number, rng.choice((0, 1, 64, 127)))))
    for page in range(3):
        hear(held.release(page))
    assert not down
    assert not feet
