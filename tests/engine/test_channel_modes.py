"""All-notes-off, all-sound-off and reset as keyboards send them, at 120 BPM on the virtual clock."""

from __future__ import annotations

import mido
import pytest

from jamd.engine.turns import Form
from jamd.midi.held import Held
from tests.kit.fakes import Jam, Pad, control, jam, note, pedal

OPEN = Form(call_bars=None, answer_bars=1, silence_beats=2)
"""`--bars open --silence 2 --answer-bars 1`"""
CHORD = (48, 55, 60, 64)


def answers(played: Jam) -> list[float]:
    return [seconds for seconds, what, _ in played.notes if what == "on"]


@pytest.mark.parametrize("number", [123, 124, 125, 126, 127])
def test_a_roland_says_all_notes_off_under_the_pedal_and_its_notes_go_on(number: int) -> None:
    """The chord lasts until the pedal is lifted at 6.0, and jamd answers after two beats of silence."""
    chord = [note(0.0, pitch, 0.4) for pitch in CHORD]
    script = [pedal(0.0, True), *chord, control(0.41, number, 0), pedal(6.0, False)]
    mind = Pad()
    assert answers(jam(script, 9.5, mind, OPEN)) == [7.0]
    lasts = [step for step, (player, _, _) in enumerate(mind.heard) if player.sounding >= set(CHORD)]
    assert lasts == list(range(48))


def test_all_notes_off_without_a_pedal_ends_the_keys() -> None:
    script = [*(note(0.0, pitch, 99.0) for pitch in CHORD), control(2.0, 123, 0)]
    assert answers(jam(script, 6.5, Pad(), OPEN)) == [3.0]


def test_all_sound_off_ends_what_the_pedal_holds() -> None:
    script = [pedal(0.0, True), note(0.0, 60, 0.4), control(2.0, 120, 0)]
    assert answers(jam(script, 6.5, Pad(), OPEN)) == [3.0]


@pytest.mark.parametrize("held_by", [64, 66])
def test_reset_all_controllers_lifts_the_pedal_and_the_call_is_answered(held_by: int) -> None:
    """It is never lifted otherwise."""
    script = [note(0.0, 60, 0.4), control(0.2, held_by, 127), control(2.0, 121, 0)]
    assert answers(jam(script, 6.5, Pad(), OPEN)) == [3.0]


def test_all_notes_off_on_another_channel_lets_go_of_nothing() -> None:
    """Two keyboards; the second is silent, and says so, while the first goes on to 4.0."""
    script = [note(0.0, 60, 4.0), note(0.0, 67, 0.4, channel=1), control(0.41, 123, 0, channel=1)]
    script += [control(1.0, 120, 0, channel=1), control(1.5, 121, 0, channel=1)]
    assert answers(jam(script, 8.0, Pad(), OPEN)) == [5.0]


def test_a_pedal_holds_its_own_keyboard_alone() -> None:
    """The second keyboard's pedal stays down; nothing but its own short note, ended at 1.0, is held by it."""
    script = [note(0.0, 60, 3.0), note(0.0, 67, 0.4, channel=1), control(0.2, 64, 127, channel=1)]
    script += [control(1.0, 120, 0, channel=1)]
    assert answers(jam(script, 7.0, Pad(), OPEN)) == [4.0]


def test_an_mpe_keyboards_pedal_holds_all_its_notes() -> None:
    """Each on a channel of its own; the pedal is on the first."""
    script = [pedal(0.0, True), pedal(4.0, False)]
    script += [note(0.5 * i, 60 + i, 0.5 * i + 0.4, channel=1 + i) for i in range(4)]
    assert answers(jam(script, 8.0, Pad(), OPEN)) == [5.0]


def test_what_a_cable_leaves_held_is_what_the_channel_modes_left() -> None:
    held = Held()
    script = [note(0.0, 60, 99.0), note(0.0, 62, 99.0, channel=1), pedal(0.1, True), control(0.1, 64, 127, 1)]
    script += [control(0.5, 123, 0), control(0.6, 121, 0, channel=1)]
    events = sorted((event for group in script for event in group), key=lambda event: event.seconds)
    for event in events:
        if event.seconds < 99.0:
            held.take(event.message)
    assert held.let_go() == [
        mido.Message("note_off", channel=1, note=62),
        mido.Message("control_change", channel=0, control=64, value=0),
    ]
