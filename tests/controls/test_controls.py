"""What a hand moves, what it means, and what the controller is shown."""

from __future__ import annotations

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.controls.bindings import Bindings
from jamd.controls.controls import BindError, Control, fits, read_bind
from jamd.controls.knobs import KNOBS, Knob, Turned, Value
from jamd.errors import UsageError

CONTROLS = st.one_of(
    st.builds(Control, st.just("cc"), st.integers(0, 119), st.none() | st.integers(1, 16)),
    st.builds(Control, st.just("note"), st.integers(0, 127), st.none() | st.integers(1, 16)),
    st.builds(Control, st.just("program"), st.none() | st.integers(1, 128), st.none() | st.integers(1, 16)),
    st.builds(Control, st.just("bend"), st.none(), st.none() | st.integers(1, 16)),
)
CHANNEL = st.integers(0, 15)
SEVEN_BITS = st.integers(0, 127)


def bindings(**table: object) -> Bindings:
    return Bindings(read_bind({name.replace("_", "-"): entry for name, entry in table.items()}))


def cc(number: int, value: int, channel: int = 1) -> mido.Message:
    return mido.Message("control_change", control=number, value=value, channel=channel - 1)


def press(pitch: int, velocity: int = 80, channel: int = 1) -> mido.Message:
    return mido.Message("note_on", note=pitch, velocity=velocity, channel=channel - 1)


def release(pitch: int, channel: int = 1) -> mido.Message:
    return mido.Message("note_off", note=pitch, channel=channel - 1)


def program(number: int) -> mido.Message:
    return mido.Message("program_change", program=number - 1)


def turned(bound: Bindings, *messages: mido.Message) -> list[tuple[str, Value | None]]:
    return [(t.knob, t.value) for message in messages if (t := bound.match(message)) is not None]


@given(CONTROLS)
def test_a_control_reads_as_it_is_written(control: Control) -> None:
    assert Control.parse(str(control)) == control


@pytest.mark.parametrize(
    ("text", "control"),
    [
        ("cc 21", Control("cc", 21)),
        ("  CC   22 Channel 3 ", Control("cc", 22, 3)),
        ("pedal", Control("cc", 64)),
        ("cc 64", Control("cc", 64)),
        ("note 36 channel 10", Control("note", 36, 10)),
        ("program", Control("program")),
        ("program 5", Control("program", 5)),
        ("bend channel 16", Control("bend", None, 16)),
    ],
)
def test_controls_are_written_in_words(text: str, control: Control) -> None:
    assert Control.parse(text) == control


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("cc", "write it like 'cc 21', 'note 36 channel 10', 'program 5', 'pedal' or 'bend'"),
        ("", "write it like"),
        ("knob 3", "write it like"),
        ("bend 5", "write it like"),
        ("cc -1", "write it like"),
        ("cc ٣", "write it like"),
        ("cc 120", "cc goes from 0 to 119"),
        ("note 128", "note goes from 0 to 127"),
        ("program 0", "program goes from 1 to 128"),
        ("cc 1 channel 0", "channels go from 1 to 16"),
        ("cc 1 channel 17", "channels go from 1 to 16"),
    ],
)
def test_what_is_no_control_is_refused_with_what_would_be(text: str, right: str) -> None:
    with pytest.raises(UsageError) as caught:
        Control.parse(text)
    assert str(caught.value).startswith(f"{text!r} is no control; ")
    assert right in str(caught.value)


@pytest.mark.parametrize("knob", [k for k in KNOBS.values() if k.kind == "continuous"], ids=lambda k: k.name)
@given(position=st.floats(0, 1))
def test_a_position_becomes_a_value_in_the_range_and_is_found_again(knob: Knob, position: float) -> None:
    value = knob.value_at(position)
    assert isinstance(value, float)
    assert knob.low <= value <= knob.high
    step = 0.5 / (knob.high - knob.low) if knob.whole else 0
    assert knob.position_of(value) == pytest.approx(position, abs=step + 1e-9)


@pytest.mark.parametrize("knob", [k for k in KNOBS.values() if k.kind == "continuous"], ids=lambda k: k.name)
def test_a_value_outside_the_range_lies_at_its_end(knob: Knob) -> None:
    assert (knob.position_of(knob.low - 0.01), knob.position_of(knob.high + 99)) == (0, 1)


@pytest.mark.parametrize("knob", [k for k in KNOBS.values() if k.choices], ids=lambda k: k.name)
def test_every_choice_has_a_position_that_a_cc_can_say(knob: Knob) -> None:
    for choice in knob.choices:
        assert knob.value_at(round(127 * knob.position_of(choice)) / 127) == choice
    assert {knob.value_at(value / 127) for value in range(128)} == set(knob.choices)


def test_one_choice_comes_after_the_other_and_the_first_after_the_last() -> None:
    mode, bars = KNOBS["mode"], KNOBS["bars"]
    assert [mode.after(value) for value in mode.choices] == ["duet", "solo", "answer"]
    assert [bars.after(value) for value in (1, 3, 8)] == [2, 4, 1]


def test_density_is_as_far_from_half_as_from_twice() -> None:
    assert KNOBS["density"].value_at(0.5) == pytest.approx(1)


def test_a_knob_is_turned_through_its_range() -> None:
    bound = bindings(temperature="cc 21", register="bend channel 2")
    bend = [mido.Message("pitchwheel", pitch=pitch, channel=1) for pitch in (-8192, 0, 8191)]
    assert turned(bound, cc(21, 0), cc(21, 127, channel=9)) == [("temperature", 0.1), ("temperature", 2)]
    assert turned(bound, *bend) == [("register", -24), ("register", 0), ("register", 24)]
    assert turned(bound, mido.Message("pitchwheel", pitch=0, channel=2), cc(22, 3)) == []


def test_an_action_is_asked_for_once_at_each_press() -> None:
    bound = bindings(turn="pedal", panic="note 36 channel 10", next_model="program 5", vary="cc 30")
    down_and_up = [cc(64, value) for value in (10, 63, 64, 100, 127, 63, 66, 20, 0, 127)]
    assert turned(bound, *down_and_up) == [("turn", None)] * 2
    assert turned(bound, press(36, channel=10), press(36, 0, channel=10), release(36, 10)) == [
        ("panic", None)
    ]
    assert turned(bound, program(5), program(5), program(4)) == [("next-model", None)] * 2
    assert turned(bound, cc(30, 127, channel=1), cc(30, 127, channel=2)) == [("vary", None)] * 2


def test_choices_are_chosen_by_a_number_a_place_or_the_next_press() -> None:
    bound = bindings(mode=["program", "note 40", "cc 9"], next_model="program 2")
    assert turned(bound, program(1), program(3), program(4)) == [("mode", "answer"), ("mode", "solo")]
    assert turned(bound, program(2)) == [("next-model", None)]
    assert turned(bound, press(40), release(40)) == [("mode", None)]
    assert turned(bound, cc(9, 0), cc(9, 64), cc(9, 127)) == [
        ("mode", "answer"),
        ("mode", "duet"),
        ("mode", "solo"),
    ]


def test_a_finer_half_refines_the_value_before_it() -> None:
    bound = bindings(feel="cc 21")
    values = [
        value for _, value in turned(bound, cc(21, 64), cc(53, 0), cc(53, 127), cc(21, 127), cc(53, 127))
    ]
    assert values == pytest.approx([64 / 127, 8192 / 16383, 8319 / 16383, 1, 1])


def test_a_finer_half_of_something_else_turns_nothing() -> None:
    bound = bindings(feel="cc 21", echo="cc 22", panic="cc 54", tap="cc 23")
    assert turned(bound, cc(53, 5)) == []
    assert turned(bound, cc(21, 5), cc(99, 1), cc(53, 5)) == [("feel", 5 / 127)]
    assert turned(bound, cc(21, 5, channel=2), cc(53, 5, channel=3)) == [("feel", 5 / 127)]
    assert turned(bound, cc(22, 0), cc(54, 127)) == [("echo", 0), ("panic", None)]
    assert not bound.is_bound(cc(55, 9))


def test_what_is_bound_is_no_music_until_its_end() -> None:
    bound = bindings(panic="note 36 channel 10", turn="pedal", feel="cc 1")
    for message in (press(36, channel=10), press(36, 0, channel=10), release(36, 10), cc(64, 3), cc(33, 0)):
        assert bound.is_bound(message)
    for message in (press(36), press(37, channel=10), cc(65, 127), program(3)):
        assert not bound.is_bound(message)


@given(st.dictionaries(st.sampled_from(sorted(KNOBS)), CONTROLS, max_size=6), CHANNEL, SEVEN_BITS, SEVEN_BITS)
def test_nothing_else_is_ever_a_control(
    table: dict[str, Control], channel: int, first: int, second: int
) -> None:
    bound = Bindings({name: [c] for name, c in table.items() if fits(KNOBS[name], c)})
    others = [
        mido.Message("active_sensing"),
        mido.Message("clock"),
        mido.Message("start"),
        mido.Message("stop"),
        mido.Message("continue"),
        mido.Message("reset"),
        mido.Message("tune_request"),
        mido.Message("songpos", pos=first * second),
        mido.Message("song_select", song=first),
        mido.Message("quarter_frame", frame_value=first % 16),
        mido.Message("sysex", data=(first, second)),
        mido.Message("aftertouch", channel=channel, value=first),
        mido.Message("polytouch", channel=channel, note=first, value=second),
        mido.Message("control_change", channel=channel, control=120 + first % 8, value=second),
    ]
    for message in others:
        assert not bound.is_bound(message)
        assert bound.match(message) is None


@given(st.lists(st.tuples(st.integers(0x80, 0xEF), SEVEN_BITS, SEVEN_BITS), max_size=30))
def test_only_what_is_bound_turns_anything(stream: list[tuple[int, int, int]]) -> None:
    bound = bindings(feel="cc 1", tempo="bend", mode="program", tap="note 37", turn="pedal", bars="cc 33")
    for status, first, second in stream:
        data = [status, first] if status & 0xE0 == 0xC0 else [status, first, second]
        message = mido.Message.from_bytes(data)
        found = bound.match(message)
        if found is not None:
            assert bound.is_bound(message)
            assert found.value is None or KNOBS[found.knob].position_of(found.value) <= 1


def test_a_controller_is_shown_how_things_stand() -> None:
    bound = bindings(
        tempo=["cc 21 channel 3", "bend"], mode="cc 9", turn="note 36", loop="cc 40", vary="program 1"
    )
    assert bound.lights("tempo", 240) == [
        cc(21, 127, channel=3),
        mido.Message("pitchwheel", pitch=8191),
    ]
    assert bound.lights("tempo", 140)[0] == cc(21, 64, channel=3)
    assert bound.lights("mode", "duet") == [cc(9, 64)]
    assert (bound.lights("turn", True), bound.lights("turn", False)) == ([press(36, 127)], [press(36, 0)])
    assert (bound.lights("loop", 1), bound.lights("loop", None)) == ([cc(40, 127)], [cc(40, 0)])
    assert bound.lights("vary", True) == bound.lights("echo", 1.0) == []


@given(st.floats(0, 1))
def test_what_is_shown_is_what_would_be_heard(position: float) -> None:
    bound = bindings(feel="cc 21 channel 3")
    (light,) = bound.lights("feel", position)
    found = bound.match(light)
    assert found is not None
    assert found.value == pytest.approx(position, abs=0.5 / 127)


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"temprature": "cc 1"}, "no knob 'temprature'; did you mean 'temperature'?"),
        ({"xyzzy": "cc 1"}, f"no knob 'xyzzy'; the knobs are: {', '.join(KNOBS)}"),
        ({"turn": 64}, "turn: 64 is no control; write it like 'cc 21', 'note 36 channel 10'"),
        ({"turn": ["pedal", "cc 200"]}, "turn: 'cc 200' is no control; cc goes from 0 to 119"),
        ({"feel": "note 3"}, "feel: 'note 3' cannot move it; use a cc or bend"),
        ({"tap": "bend"}, "tap: 'bend' cannot move it; use a note, cc, pedal or program with a number"),
        ({"tap": "program"}, "tap: 'program' cannot move it"),
        ({"feel": "cc 1 channel 2", "echo": "cc 1"}, "echo: 'cc 1' moves feel already"),
        ({"turn": ["pedal", "cc 64"]}, "turn: 'cc 64' moves turn already"),
    ],
)
def test_what_cannot_be_bound_is_said_with_its_key(table: dict[str, object], complaint: str) -> None:
    with pytest.raises(BindError) as caught:
        read_bind(table)
    assert str(caught.value).startswith(complaint)
    assert caught.value.key in table


def test_one_control_may_mean_two_things_on_two_channels() -> None:
    bound = bindings(feel="cc 1 channel 1", echo="cc 1 channel 2", tap=[])
    assert turned(bound, cc(1, 0, channel=1), cc(1, 0, channel=2)) == [("feel", 0), ("echo", 0)]
    assert Bindings().match(cc(1, 0)) is None
    assert Turned("tap") == Turned("tap", None)
