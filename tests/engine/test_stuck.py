"""A note-off or a pedal's release that is lost on the way keeps nobody waiting for ever; at 120 BPM."""

from __future__ import annotations

import logging

import mido
import pytest

from jamd.engine.events import Received
from jamd.engine.turns import Form, Mode
from tests.engine.test_modes import Comp
from tests.kit.fakes import Jam, Pad, Parrot, jam, note, pedal

OPEN = Form(call_bars=None, answer_bars=1, silence_beats=2)
"""`--bars open --silence 2 --answer-bars 1`"""
NEVER = 10_000.0


def answers(played: Jam) -> list[float]:
    return [seconds for seconds, what, _ in played.notes if what == "on"]


def test_a_lost_note_off_is_answered_after_twenty_seconds_and_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """C4 is held from 0.0 on, and nothing else comes: taken for let go at 20.0, and a beat of rest later than
    two beats of it jamd answers. Its late note-off changes nothing; when it happens again nothing is said."""
    script = [note(0.0, 60, 23.0), note(30.0, 60, NEVER)]
    with caplog.at_level(logging.WARNING, "jamd"):
        played = jam(script, 56.0, Pad(pitch=72), OPEN)
    assert answers(played) == [21.0, 51.0]
    assert caplog.messages == ["key 60 is held for very long: taken for let go (was that lost on the way?)"]


@pytest.mark.parametrize(("tempo", "seconds"), [(40, 48.0), (60, 32.0), (120, 20.0), (240, 20.0)])
def test_a_long_held_chord_is_music_for_eight_bars_and_twenty_seconds(tempo: float, seconds: float) -> None:
    held = jam([note(0.0, 60, seconds - 0.1)], seconds + 10, Pad(pitch=72), OPEN, tempo=tempo)
    lost = jam([note(0.0, 60, NEVER)], seconds + 10, Pad(pitch=72), OPEN, tempo=tempo)
    expected = seconds + 2 * 60 / tempo
    assert answers(held) == answers(lost) == [pytest.approx(expected, abs=1e-5)]


def test_a_pad_that_the_player_moves_is_held() -> None:
    """Pressure, the wheel or any other controller tells that somebody is there."""
    wheel = [Received(float(s), mido.Message("pitchwheel", pitch=100 * s)) for s in range(10, 40, 10)]
    assert answers(jam([note(0.0, 60, 40.0), wheel], 43.0, Pad(pitch=72), OPEN)) == [41.0]


def test_a_pedal_whose_release_was_lost() -> None:
    """The last that came was at 0.4. What it holds ends twenty seconds later, and it holds no more: the next
    call is answered after its own two beats."""
    script = [pedal(0.0, True), note(0.0, 60, 0.4), note(24.0, 62, 24.4)]
    assert answers(jam(script, 28.0, Pad(pitch=72), OPEN)) == [21.5, 25.5]


def test_a_lost_note_off_while_others_are_played_is_no_endless_note() -> None:
    """Every beat a note, over a C2 that was let go unheard: the mind knows it for sixty-four seconds, as long
    as a drone may be, and then no more."""
    others = [note(0.5 * beat, 60 + beat % 5, 0.5 * beat + 0.4) for beat in range(160)]
    parrot = Parrot()
    played = jam([note(0.0, 36, NEVER), *others], 80.0, parrot, Form(2, 2, interrupt=False))
    steps = [step for step, (player, _, _) in enumerate(parrot.heard) if 36 in player.sounding]
    assert steps == list(range(64 * 8))
    released = [beats for part, beats, message in played.notebook.events
                if part == "player" and message.type == "note_off" and message.note == 36]  # fmt: skip
    assert released[0] == 128.0


def test_a_duet_comes_to_rest_and_begins_again() -> None:
    """jamd comps until the key is taken for let go at 20.0 and eight beats more, and again from 40.0 on."""
    script = [note(0.0, 60, NEVER), note(40.0, 64, 40.4)]
    beats = answers(jam(script, 42.0, Comp(), Form(None, None, mode=Mode.DUET)))
    assert max(beat for beat in beats if beat < 40.0) == pytest.approx(23.5)
    assert min(beat for beat in beats if beat > 24.0) == pytest.approx(40.5)


def test_a_solo_carries_on_for_a_player_whose_note_off_was_lost() -> None:
    beats = answers(jam([note(0.0, 60, NEVER)], 24.0, Comp(), Form(None, None, mode=Mode.SOLO)))
    assert beats[0] == 21.0


def test_a_key_struck_again_after_its_note_off_was_lost_is_down_again() -> None:
    script = [note(0.0, 60, NEVER), note(30.0, 60, 34.0)]
    mind = Pad(pitch=72)
    jam(script, 40.0, mind, OPEN)
    steps = [step for step, (player, _, _) in enumerate(mind.heard) if 60 in player.sounding]
    assert len(steps) == (20 + 4) * 8


def test_where_nobody_waits_for_silence_a_chord_is_held_as_long_as_a_drone() -> None:
    """Call and response of bars: the chord is answered, and held on for sixty-four seconds."""
    mind = Pad(pitch=72)
    played = jam([note(0.0, 60, NEVER)], 70.0, mind, Form(2, 2))
    assert answers(played) == [4.0]
    assert sum(60 in player.sounding for player, _, _ in mind.heard) == 64 * 8


def test_a_whole_keyboard_is_said_in_one_short_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "jamd"):
        jam([note(0.0, pitch, NEVER) for pitch in range(128)], 24.0, Pad(pitch=72), OPEN)
    assert caplog.messages == [
        "128 keys are held for very long: taken for let go (was that lost on the way?)"
    ]
