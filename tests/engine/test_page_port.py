"""A page is sent all early, and told when it is to be heard; it is shown what is planned and what is held."""

from __future__ import annotations

import math

import mido
import pytest

from jamd.controls.knobs import KNOBS, Turned
from jamd.engine.events import Received
from jamd.engine.intake import OLDEST_SECONDS, Intake
from jamd.engine.part import AHEAD
from jamd.engine.rig import Rig
from jamd.engine.snapshot import Snapshot
from jamd.engine.turns import Form, Mode
from jamd.sync.metronome import Click
from jamd.web.telling import notes_of
from tests.engine.test_desk import Turning
from tests.engine.test_modes import Comp
from tests.kit.fakes import Jam, Pad, Parrot, TimedPort, jam, note

EARLY = 0.03
CALL = note(1.0, 60, 1.4)


def instants(port: TimedPort) -> list[tuple[float, str, int]]:
    return [each for each in port.instants if each[1] in ("on", "off")]


def test_what_leaves_early_is_to_be_heard_on_the_bar_line() -> None:
    port = TimedPort()
    jam([CALL], 5.5, Pad(), port=port, rig=Rig(early_seconds=EARLY))
    assert instants(port)[0] == (3.0, "on", 60)
    assert port.heard[0] == (3.0 - EARLY, "on", 60)


def test_what_is_taken_back_is_taken_back_now() -> None:
    """The player strikes in the middle of the answer, and its note is over at that instant."""
    port = TimedPort()
    jam([CALL, note(4.0, 62, 4.1)], 4.2, Pad(), port=port, rig=Rig(early_seconds=EARLY))
    assert instants(port)[1] == (4.0, "off", 60)


def test_a_note_that_has_left_and_not_sounded_yet_is_taken_back_before_it_does() -> None:
    """The second note of the answer is on its way when the player strikes, 15 ms before it would sound."""
    port, score = TimedPort(), [CALL, note(2.0, 64, 2.2), note(4.0 - EARLY / 2, 62, 4.1)]
    jam(score, 4.05, Parrot(), port=port, rig=Rig(early_seconds=EARLY))
    assert instants(port)[2:4] == [(4.0, "on", 76), (4.0 - EARLY / 2, "off", 76)]


def test_a_click_is_heard_on_its_beat() -> None:
    port = TimedPort()
    jam([CALL], 3.9, Pad(), port=port, rig=Rig(early_seconds=EARLY, click=Click()))
    clicks = [seconds for seconds, what, which in port.instants if (what, which) == ("on", 37)]
    assert clicks == [1.0, 1.5, 2.0, 2.5, 3.0, 3.5]


class Shown:
    """Whoever is shown the engine's state."""

    def __init__(self) -> None:
        self.snapshots: list[Snapshot] = []

    def __call__(self, snapshot: Snapshot) -> None:
        self.snapshots.append(snapshot)

    def at(self, step: int) -> Snapshot:
        return [snapshot for snapshot in self.snapshots if snapshot.position_steps == step][-1]


def test_an_answer_is_shown_before_it_sounds() -> None:
    shown = Shown()
    jam([CALL], 5.5, Pad(), rig=Rig(shown=shown))
    assert notes_of(shown.at(16).planned) == [[16, 16, 60, 80]]
    assert [step for step, _ in shown.at(20).planned] == [*range(20, 32)]
    assert shown.snapshots[-1].planned == ()


def test_what_is_taken_back_is_planned_no_more() -> None:
    shown = Shown()
    jam([CALL, note(4.0, 62, 4.1)], 4.2, Pad(), rig=Rig(shown=shown))
    assert shown.at(23).planned
    assert not [step for step, _ in shown.snapshots[-1].planned if step > 25]


def test_nobody_who_is_not_shown_it_pays_for_the_plan() -> None:
    assert jam([CALL], 4.0, Pad()).engine.snapshot.planned == ()


def test_the_grid_is_told_so_that_bar_lines_can_be_drawn_by_it() -> None:
    shown = Shown()
    jam([CALL], 5.5, Pad(), rig=Rig(shown=shown))
    seconds, step = shown.at(16).anchor
    assert seconds + (32 - step) * 60 / shown.at(16).tempo / 4 == pytest.approx(5.0)
    assert shown.at(17).end_step == 32


def test_keys_that_are_down_are_shown_and_those_that_a_pedal_holds() -> None:
    shown, pedal = Shown(), mido.Message("control_change", control=64, value=127)
    up = pedal.copy(value=0)
    score = [note(1.0, 60, 1.6), [Received(1.5, pedal), Received(2.5, up)], note(2.0, 64, 2.2)]
    jam(score, 4.0, Pad(), form=Form(4, 1), rig=Rig(shown=shown))
    held = {snapshot.position_steps: snapshot.held for snapshot in shown.snapshots}
    assert [held[step] for step in (2, 6, 9, 11, 13)] == [(60,), (60,), (60, 64), (60, 64), ()]


class Now:
    seconds = 10.0

    def now(self) -> float:
        return self.seconds


@pytest.mark.parametrize(("stamped", "taken"), [(9.9, 9.9), (10.5, 10.0), (3.0, 10.0 - OLDEST_SECONDS)])
def test_a_stamp_from_elsewhere_is_believed_within_reason(stamped: float, taken: float) -> None:
    intake = Intake(Now())
    intake.receive_at(mido.Message("note_on", note=60), stamped)
    received = intake.inbox.get()
    assert isinstance(received, Received)
    assert received.seconds == taken


NONSENSE = [
    Turned("mode", "nonsense"),
    Turned("temperature", math.nan),
    Turned("temperature", "hot"),
    Turned("bars", -5.0),
    Turned("feel", math.inf),
    Turned("tempo", True),
    Turned("register"),
    Turned("colour", 1.0),
]


def ordered(order: Turned | None) -> Jam:
    """A jam in which this order comes in the middle of the call."""
    port = TimedPort()

    def give(snapshot: Snapshot) -> None:
        nonlocal order
        if order is not None and snapshot.position_steps == 4:
            assert port.engine is not None
            port.engine.inbox.put(order)
            order = None

    return jam([CALL], 5.5, Turning(), port=port, rig=Rig(shown=give))


@pytest.mark.parametrize("order", NONSENSE, ids=lambda order: f"{order.knob}={order.value}")
def test_the_desk_takes_no_nonsense(order: Turned, caplog: pytest.LogCaptureFixture) -> None:
    quiet, turned = ordered(None), ordered(order)
    assert turned.notes == quiet.notes
    assert turned.engine.snapshot.knobs == quiet.engine.snapshot.knobs
    assert len(caplog.records) == 1


def test_what_is_beyond_a_knob_s_range_is_held_to_it() -> None:
    turned = ordered(Turned("temperature", 1e9))
    assert dict(turned.engine.snapshot.knobs)["temperature"] == KNOBS["temperature"].high


def test_a_duet_is_shown_a_little_ahead() -> None:
    shown = Shown()
    jam([note(1.0, 60, 3.0)], 4.0, Comp(), form=Form(1, 1, mode=Mode.DUET), rig=Rig(shown=shown))
    ahead = {len(snapshot.planned) for snapshot in shown.snapshots if snapshot.position_steps}
    assert 0 < max(ahead) <= AHEAD.lookahead_steps + 1
