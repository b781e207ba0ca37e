"""The computer's keys: each is an order that the desk knows, and the tempo goes by so much."""

from __future__ import annotations

import mido
import pytest

from jamd.controls.bindings import Bindings
from jamd.controls.keys import HELP, KEYS, QUIT, WATCHED, in_words, meant
from jamd.controls.knobs import KNOBS, Turned
from jamd.engine.desk import Desk
from jamd.engine.rig import Rig
from jamd.mind.settings import Settings
from tests.kit.fakes import jam, note


@pytest.mark.parametrize(
    ("typed", "order"),
    [
        (" ", Turned("panic")),
        ("m", Turned("mode")),
        ("L", Turned("loop")),
        ("v", Turned("vary")),
        ("s", Turned("save")),
        ("+", Turned("tempo", by=1.0)),
        ("=", Turned("tempo", by=1.0)),
        ("-", Turned("tempo", by=-1.0)),
    ],
)
def test_a_key_is_an_order_for_the_desk(typed: str, order: Turned) -> None:
    key = meant(typed)
    assert key is not None
    assert key.turned == order
    assert order.knob in KNOBS


def test_quit_and_help_are_for_the_program_and_the_rest_are_nothing() -> None:
    for typed in (QUIT, HELP):
        assert (key := meant(typed)) is not None
        assert key.turned is None
    assert [meant(typed) for typed in "abx1\r"] == [None] * 5


def test_no_key_is_two_and_all_are_told_of_in_a_narrow_line() -> None:
    typed = "".join(key.typed for key in KEYS)
    assert len(set(typed)) == len(typed)
    assert in_words() == "space panic  q quit  + - tempo  m mode  l loop  v vary  s save  ? help"
    assert in_words(WATCHED) == "space panic  q quit  ? help"
    assert meant("m", WATCHED) is None


class Typed(Bindings):
    """Orders that come as the lowest notes, in the place of a controller's."""

    def __init__(self, orders: list[Turned]) -> None:
        super().__init__()
        self._orders = orders

    def is_bound(self, message: mido.Message) -> bool:
        return message.type.startswith("note") and message.note < len(self._orders)

    def match(self, message: mido.Message) -> Turned | None:
        return self._orders[message.note] if message.type == "note_on" else None


def tempo_after(orders: list[Turned], tempo: float) -> float:
    script = [note(1.0, 60, 1.4), *(note(1.5 + pitch / 10, pitch, 1.9) for pitch in range(len(orders)))]
    desk = Desk(Settings(), Typed(orders))
    return jam(script, end_seconds=6, tempo=tempo, rig=Rig(desk=desk)).engine.snapshot.tempo


@pytest.mark.parametrize(
    ("tempo", "by", "after"),
    [
        (120.0, [1, 1, 1], 123),
        (120.0, [1, -1, -1], 119),
        (240.0, [1], 240),
        (40.0, [-1], 40),
        (300.0, [1, -1], 299),
        (30.0, [-1, 1], 31),
    ],
)
def test_plus_and_minus_move_the_tempo_as_far_as_its_knob_goes(
    tempo: float, by: list[float], after: float
) -> None:
    assert tempo_after([Turned("tempo", by=step) for step in by], tempo) == pytest.approx(after)
