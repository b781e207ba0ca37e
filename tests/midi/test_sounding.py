"""What is sent when an output falls silent: every note's end, then what was held, then the channel."""

from __future__ import annotations

import mido

from jamd.midi.sounding import MOST_OFFS, Sounding


def on(note: int, channel: int = 0, velocity: int = 80) -> mido.Message:
    return mido.Message("note_on", note=note, channel=channel, velocity=velocity)


def off(note: int, channel: int = 0) -> mido.Message:
    return mido.Message("note_off", note=note, channel=channel)


def control(number: int, value: int, channel: int = 0) -> mido.Message:
    return mido.Message("control_change", control=number, value=value, channel=channel)


def sent(*messages: mido.Message) -> Sounding:
    sounding = Sounding()
    for message in messages:
        sounding.take(message)
    return sounding


def test_note_offs_come_first_and_the_pedal_and_all_notes_off_last_on_each_channel() -> None:
    played = sent(control(64, 127), on(60), on(64, 2), on(67), off(67))
    assert played.end() == [
        *(off(60), off(64, 2)),
        control(64, 0),
        *(control(64, 0), control(123, 0)),
        *(control(64, 0, 2), control(123, 0, 2)),
    ]
    assert played.end() == []


def test_what_its_players_have_ended_in_order_is_not_ended_again() -> None:
    assert sent(on(60), off(60), control(64, 0), control(123, 0)).end() == []


def test_all_notes_off_alone_is_not_the_end_of_a_note() -> None:
    """Many synths know only note-offs."""
    assert sent(on(60), control(123, 0)).end() == [off(60), control(64, 0), control(123, 0)]


def test_a_note_on_without_velocity_is_a_note_off() -> None:
    assert sent(on(60), on(60, velocity=0)).end() == [control(64, 0), control(123, 0)]


def test_sostenuto_and_a_bent_wheel_are_let_go_as_well() -> None:
    bent, straight = mido.Message("pitchwheel", pitch=99), mido.Message("pitchwheel", pitch=0)
    played = sent(control(66, 127), bent)
    assert played.end() == [control(66, 0), straight, control(64, 0), control(123, 0)]


def test_sounds_and_volumes_need_no_end() -> None:
    assert sent(mido.Message("program_change", program=4), control(7, 100), mido.Message("clock")).end() == []


def test_a_key_that_two_players_struck_is_let_go_twice() -> None:
    assert sent(on(60), on(60)).end()[:2] == [off(60), off(60)]
    assert sent(*[on(60)] * 1000).end().count(off(60)) == MOST_OFFS


def test_a_note_off_that_comes_after_all_was_ended_is_not_sent_once_more() -> None:
    played = sent(on(60), on(62))
    played.end()
    assert not played.take(off(60))
    assert played.take(on(62))  # struck anew: its note-off counts
    assert played.take(off(62))
    assert played.take(off(70)), "whose is this? it does no harm"
