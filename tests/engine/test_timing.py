"""Counting in, tapping, clicking, sending early; on the virtual clock."""

from __future__ import annotations

import mido
import pytest

from jamd.engine.events import Received
from jamd.engine.rig import Rig
from jamd.engine.turns import Form
from jamd.music import transport
from jamd.music.transport import Metre, Transport
from jamd.options import time
from jamd.sync.metronome import (
    STRONG,
    WEAK,
    Click,
    Metronome,
    steps_per_click,
)
from jamd.sync.source import Counted, Internal, Tapped
from jamd.sync.tap import Taps
from tests.kit.fakes import Jam, Pad, Parrot, jam, note

FOUR = Transport(120, Metre(4, 4))


def clicks(played: Jam) -> list[float]:
    """The instants of the clicks, and that each is ended."""
    ons = [seconds for seconds, what, pitch in played.notes if (what, pitch) == ("on", 37)]
    assert len(ons) == sum((what, pitch) == ("off", 37) for _, what, pitch in played.notes)
    return ons


def answers(played: Jam) -> list[tuple[float, str, int]]:
    return [event for event in played.notes if event[2] != 37]


def test_the_option_and_the_transport_have_one_range_of_tempos_and_metres() -> None:
    assert (time.SLOWEST_TEMPO, time.FASTEST_TEMPO) == (transport.SLOWEST_TEMPO, transport.FASTEST_TEMPO)
    assert time.METRES_TAKEN == transport.METRES_TAKEN


def test_the_click_is_on_each_beat_from_the_first_note_on() -> None:
    played = jam([note(1.0, 60, 1.4)], 4.9, Pad(), sync=Internal(FOUR), rig=Rig(click=Click()))
    assert clicks(played) == pytest.approx([1.0 + 0.5 * beat for beat in range(8)], abs=1e-5)


@pytest.mark.parametrize(
    ("metre", "steps"), [("2/4", 4), ("3/4", 4), ("4/4", 4), ("6/8", 6), ("7/8", 2), ("12/8", 6), ("3/8", 2)]
)
def test_the_click_counts_as_the_metre_is_counted(metre: str, steps: int) -> None:
    assert steps_per_click(Metre.parse(metre)) == steps


def test_a_bar_begins_with_a_louder_click() -> None:
    sent: list[mido.Message] = []
    three = Transport(120, Metre(3, 4))
    metronome = Metronome(Click(76, 9), lambda message, due: sent.append(message), early_seconds=0.0)
    metronome.begin(0, three)
    metronome.advance(three, three.seconds_at(23))
    velocities = [message.velocity for message in sent if message.type == "note_on"]
    assert velocities == [STRONG, WEAK, WEAK, STRONG, WEAK, WEAK]


def test_a_count_in_clicks_its_bars_and_what_is_played_in_it_is_no_call() -> None:
    """One bar of clicks from 0.1 s on, then a call of one bar, then the answer."""
    counted = Counted(Transport(120, Metre(4, 4), downbeat_step=16))
    rig = Rig(click=Click(), click_until_step=16, count_in_steps=16)
    played = jam([note(1.1, 50, 1.2), note(2.6, 60, 2.9)], 8.0, Pad(), Form(1, 1), sync=counted, rig=rig)
    assert clicks(played) == pytest.approx([0.1, 0.6, 1.1, 1.6], abs=1e-5)
    assert answers(played)[0] == (pytest.approx(4.1), "on", 60)


def test_a_note_a_little_before_the_first_bar_line_is_the_first() -> None:
    counted = Counted(Transport(120, Metre(4, 4), downbeat_step=16))
    rig = Rig(count_in_steps=16)
    played = jam([note(2.08, 60, 2.4)], 8.0, Pad(), Form(1, 1), sync=counted, rig=rig)
    assert answers(played)[0] == (pytest.approx(4.1), "on", 60)


@pytest.mark.parametrize("tempo", [60.0, 93.0, 180.0])
def test_four_taps_count_in_and_the_next_beat_is_the_first(tempo: float) -> None:
    """The taps are no music. The call is on the bar that they count in."""
    beat = 60 / tempo
    taps = [note(1.0 + tap * beat, 40, 1.0 + (tap + 0.3) * beat) for tap in range(4)]
    first = 1.0 + 4 * beat
    parrot = Parrot()
    played = jam([*taps, note(first, 60, first + beat / 2)], first + 9 * beat, parrot, sync=Tapped(FOUR))
    assert played.notes[0] == (pytest.approx(first + 4 * beat, abs=1e-4), "on", 72)
    assert {onset.pitch for player, _, _ in parrot.heard for onset in player.onsets} == {60}


def test_taps_on_a_pedal_count_too() -> None:
    def press(seconds: float) -> list[Received]:
        values = ((seconds, 127), (seconds + 0.1, 0))
        return [Received(s, mido.Message("control_change", control=64, value=v)) for s, v in values]

    script = [press(1.0 + 0.4 * tap) for tap in range(4)] + [note(2.6, 60, 2.7)]
    played = jam(script, 6.0, Pad(), sync=Tapped(FOUR))
    assert played.notes[0] == (pytest.approx(4.2), "on", 60)


def test_uneven_taps_are_not_a_tempo() -> None:
    taps = Taps()
    assert [taps.add(seconds) for seconds in (0.0, 0.5, 1.0, 2.2, 2.7, 3.2)] == [None] * 6
    assert taps.add(3.7) == pytest.approx(0.5)


def test_tapping_changes_the_tempo_while_playing() -> None:
    sync = Internal(FOUR)
    sync.played(mido.Message("note_on", note=60), 1.0)
    for tap in range(4):
        sync.tap(3.0 + 0.6 * tap)
    assert sync.transport.tempo == pytest.approx(100)
    assert sync.transport.position_at(4.8) == pytest.approx(FOUR.position_at(3.8))


def test_what_sounds_late_is_sent_early() -> None:
    rig = Rig(early_seconds=0.04)
    played = jam([note(1.0, 60, 1.4)], 6.0, Pad(), rig=rig)
    assert played.notes == [(2.96, "on", 60), (4.96, "off", 60)]
    assert played.output.jitter().max_ms == pytest.approx(0, abs=1e-6)
    assert [beats for part, beats, _ in played.notebook.events if part == "jamd"] == [4.0, 8.0]


def test_a_channel_mode_is_no_tap() -> None:
    """A keyboard that is switched on says "local on", whose value is 127."""
    sync = Tapped(FOUR)
    for second in range(4):
        sync.played(mido.Message("control_change", control=122, value=127), 1.0 + 2 * second)
        sync.played(mido.Message("control_change", control=122, value=0), 2.0 + 2 * second)
    assert sync.due_seconds is None


def test_the_tempo_of_a_tapped_session_is_in_its_file() -> None:
    taps = [note(1.0 + tap * 0.6, 40, 1.2 + tap * 0.6) for tap in range(4)]
    played = jam([*taps, note(3.4, 60, 3.5)], 6.0, Pad(), sync=Tapped(FOUR))
    assert played.notebook.tempos == [(0.0, pytest.approx(100))]


def test_a_tempo_turned_before_the_first_note_leaves_the_grid_at_its_beginning() -> None:
    sync = Internal(FOUR)
    sync.set_tempo(100, 90_000.0)  # the machine has been on for a day
    sync.played(mido.Message("note_on", note=60), 90_010.0)
    assert sync.transport.position_at(90_010.0) == 0
    assert sync.transport.tempo == 100


def test_a_click_that_sounds_when_the_grid_stands_is_ended() -> None:
    sent: list[mido.Message] = []
    metronome = Metronome(Click(76, 0), lambda message, due: sent.append(message), early_seconds=0.0)
    metronome.begin(0, FOUR)
    metronome.advance(FOUR, 0.03)
    metronome.stop()
    assert [message.type for message in sent] == ["note_on", "note_off"]
