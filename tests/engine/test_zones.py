"""One keyboard, several players: what is the call, and what goes through; on the virtual clock."""

from __future__ import annotations

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.engine.events import Received
from jamd.engine.rig import Rig
from jamd.engine.turns import Form
from jamd.engine.zones import Thru, Zones
from jamd.errors import UsageError
from jamd.options.zones import pitch_of
from tests.kit.fakes import Jam, Pad, Parrot, control, jam, note

MIDDLE_C = 60
LEFT_HAND = Zones(split=MIDDLE_C, thru=Thru.REST, thru_channel=1)


def sent(played: Jam, pitch: int) -> list[tuple[float, str]]:
    return [(seconds, what) for seconds, what, key in played.notes if key == pitch]


def on(pitch: int, channel: int = 0) -> mido.Message:
    return mido.Message("note_on", note=pitch, channel=channel)


def test_the_left_hand_goes_through_at_once_while_the_right_hand_trades() -> None:
    """The left hand begins no call, is not answered, and stops no answer."""
    parrot = Parrot()
    script = [note(0.5, 40, 0.9), note(1.0, 72, 1.4), note(3.5, 43, 4.5)]
    played = jam(script, 6.0, parrot, rig=Rig(zones=LEFT_HAND))
    assert sent(played, 40) == [(0.5, "on"), (0.9, "off")]
    assert sent(played, 43) == [(3.5, "on"), (4.5, "off")]
    assert sent(played, 84) == [(3.0, "on"), (3.375, "off")]
    assert {onset.pitch for player, _, _ in parrot.heard for onset in player.onsets} == {72}


def test_a_held_chord_of_the_left_hand_outlives_an_interrupted_answer_but_not_the_session() -> None:
    script = [note(1.0, 72, 1.4), note(2.5, 40, 99.0), note(3.7, 74, 4.0)]
    played = jam(script, 6.0, Pad(), rig=Rig(zones=LEFT_HAND))
    assert sent(played, 60)[:2] == [(3.0, "on"), (3.7, "off")]
    assert sent(played, 40) == [(2.5, "on"), (6.0, "off")]


def test_what_is_passed_through_can_be_moved() -> None:
    zones = Zones(thru=Thru.ALL, thru_channel=4, thru_transpose=12)
    assert zones.passed(on(60)) == on(72, 4)
    assert zones.passed(on(120)) is None
    pedal = mido.Message("control_change", control=64, value=127)
    assert zones.passed(pedal) == pedal.copy(channel=4)


def test_the_call_can_be_below_the_split_or_on_a_channel() -> None:
    below = Zones(split=MIDDLE_C, below=True)
    assert below.is_call(on(59))
    assert not below.is_call(on(60))
    channel = Zones(channel=2, thru=Thru.REST)
    assert channel.is_call(on(10, 2))
    assert channel.passed(on(10, 2)) is None
    assert not channel.is_call(on(10, 3))
    assert channel.passed(on(10, 3)) == on(10, 3)


def test_jamd_does_not_pass_itself_on() -> None:
    """Its answer comes back on the input, as from a synth's local echo; with thru it would go round."""
    answer = Received(3.01, on(60).copy(velocity=80))
    played = jam([note(1.0, 72, 1.4), [answer]], 4.5, Pad(), rig=Rig(zones=Zones(thru=Thru.ALL)))
    assert sent(played, 60) == [(3.0, "on"), (4.5, "off")]


@pytest.mark.parametrize(
    ("text", "pitch"),
    [
        *[("C4", 60), ("c4", 60), ("F#3", 54), ("Bb-1", 10), ("60", 60), ("060", 60)],
        *[("H3", 59), ("B3", 59), ("Fis3", 54), ("es4", 63), ("As4", 68), ("Ces4", 59), ("His3", 60)],
    ],
)
def test_keys_have_names(text: str, pitch: int) -> None:
    assert pitch_of(text) == pitch


@pytest.mark.parametrize("text", ["J2", "Cs4", "C", "128", "-1", "G#9", "C4 ", "C4\n", "9" * 5000, ""])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no key; write it like C4, F#3 or 60"):
        pitch_of(text)


@given(
    notes=st.lists(
        st.tuples(st.floats(0.0, 6.0), st.integers(30, 90), st.floats(0.01, 3.0)), min_size=1, max_size=12
    ),
    thru=st.sampled_from(list(Thru)),
    transpose=st.integers(-12, 12),
)
def test_whatever_goes_through_nothing_hangs(
    notes: list[tuple[float, int, float]], thru: Thru, transpose: int
) -> None:
    zones = Zones(split=MIDDLE_C, thru=thru, thru_transpose=transpose, thru_channel=3)
    script = [note(start, pitch, start + length) for start, pitch, length in notes]
    played = jam(script, 7.0, Pad(), rig=Rig(zones=zones))
    sounding: set[int] = set()
    for _, what, pitch in played.notes:
        (sounding.add if what == "on" else sounding.discard)(pitch)
    assert not sounding


def test_a_quick_left_hand_loses_no_note_off() -> None:
    """The same key again within a quarter second: its note-off is no echo of the first one's."""
    script = [note(0.5, 36, 0.8), note(0.85, 36, 1.0), note(1.02, 36, 1.2)]
    played = jam(script, 3.0, Pad(), rig=Rig(zones=Zones(split=MIDDLE_C, thru=Thru.REST)))
    assert [what for _, what in sent(played, 36)] == ["on", "off"] * 3


def test_a_key_of_the_left_hand_that_jamd_has_just_ended_on_its_own_channel_is_let_go() -> None:
    """jamd's pad on the same key ends at 5.0 on channel 1; the left hand's on channel 2 a moment later."""
    script = [note(1.0, 72, 1.4), note(4.0, 40, 5.1)]
    played = jam(script, 7.0, Pad(pitch=40), rig=Rig(zones=LEFT_HAND))
    assert sent(played, 40) == [(3.0, "on"), (4.0, "on"), (5.0, "off"), (5.1, "off")]


def test_a_pedal_that_is_pumped_goes_through_whole() -> None:
    pumped = [(0.5, 127), (0.9, 0), (1.0, 127), (1.1, 0)]
    script = [
        [Received(seconds, mido.Message("control_change", control=64, value=value))]
        for seconds, value in pumped
    ]
    played = jam(script, 2.0, Pad(), rig=Rig(zones=Zones(thru=Thru.ALL)))
    through = [(seconds, value) for seconds, what, value in played.heard if what == "control 64"]
    assert through[:4] == pumped


def test_all_notes_off_goes_through_where_nobody_else_sounds() -> None:
    script = [note(0.5, 72, 9.0), control(1.0, 123, 0)]
    played = jam(script, 1.5, Pad(), rig=Rig(zones=Zones(thru=Thru.ALL)))
    assert played.heard == [
        (0.5, "on", 72),
        *[(1.0, "off", 72), (1.0, "control 123", 0)],  # for a synth that does not know the second
        *[(1.5, "control 64", 0), (1.5, "control 123", 0)],
    ]


def test_the_players_all_notes_off_leaves_jamds_own_notes() -> None:
    """A Roland in a duet on jamd's own channel: the synth would end jamd's note, too."""
    script = [note(1.0, 72, 1.4), note(3.5, 74, 9.0), control(4.0, 123, 0)]
    form = Form(1, 1, interrupt=False)
    played = jam(script, 5.5, Pad(), form, rig=Rig(zones=Zones(thru=Thru.ALL)))
    during = [event for event in played.heard if 3.0 <= event[0] <= 5.0]
    assert during == [(3.0, "on", 60), (3.5, "on", 74), (4.0, "off", 74), (5.0, "off", 60)]


def test_all_notes_off_of_one_hand_leaves_the_other_that_is_moved_to_the_same_channel() -> None:
    script = [note(0.5, 40, 9.0, channel=2), note(0.5, 45, 9.0, channel=3), control(1.0, 123, 0, channel=2)]
    played = jam(script, 1.5, Pad(), rig=Rig(zones=Zones(thru=Thru.ALL, thru_channel=5)))
    assert played.heard[2:] == [
        (1.0, "off", 40), (1.5, "off", 45), (1.5, "control 64", 0), (1.5, "control 123", 0),
    ]  # fmt: skip


def test_all_sound_off_goes_through_and_ends_all() -> None:
    script = [note(0.5, 40, 9.0), note(0.5, 45, 9.0), control(1.0, 120, 0)]
    played = jam(script, 1.5, Pad(), rig=Rig(zones=Zones(thru=Thru.ALL)))
    assert played.heard[2:] == [
        *[(1.0, "off", 40), (1.0, "off", 45), (1.0, "control 120", 0)],
        *[(1.5, "control 64", 0), (1.5, "control 123", 0)],
    ]
