"""The jam, exactly: at 120 BPM a step is 0.125 s, a beat 0.5 s, a bar of 4/4 two seconds."""

from __future__ import annotations

import logging

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.engine.events import Panic, Received
from jamd.engine.rig import Rig
from jamd.engine.snapshot import Span, Turn
from jamd.engine.turns import Form
from jamd.mind.posts import Predicted
from jamd.mind.worker import InlineWorker, Post
from jamd.music.note import Frame, Onset
from jamd.sync.clockout import ClockOut
from tests.kit.fakes import Pad, Parrot, RecordingPort, jam, note, pedal

ENDING = [(64, 0), (123, 0)]


def test_the_first_note_is_beat_one_and_the_answer_is_on_the_next_bar_line() -> None:
    played = jam([note(5.0, 60, 5.4), note(6.0, 64, 6.4)], end_seconds=12)
    assert played.notes == [(7.0, "on", 72), (7.375, "off", 72), (8.0, "on", 76), (8.375, "off", 76)]


def test_call_and_answer_go_on_again_and_again() -> None:
    calls = [note(1.0 + 4 * turn, 60 + turn, 1.4 + 4 * turn) for turn in range(5)]
    played = jam(calls, end_seconds=22)
    expected = [(3.0 + 4 * turn, "on", 72 + turn) for turn in range(5)]
    assert [event for event in played.notes if event[1] == "on"] == expected
    assert played.engine.account.turns == 5


def test_the_next_call_starts_in_the_bar_in_which_the_player_next_plays() -> None:
    """The answer is over at 5.0; the player comes in late in the bar from 9.0, and is answered at 11.0."""
    played = jam([note(1.0, 60, 1.4), note(10.5, 62, 10.9)], end_seconds=14)
    assert [e for e in played.notes if e[1] == "on"] == [(3.0, "on", 72), (12.5, "on", 74)]
    assert list(played.engine.account.spans)[2:] == [Span(16, 20, Turn.CALL), Span(20, 24, Turn.ANSWER)]


def test_whose_turn_it_is_is_told_to_who_keeps_the_session() -> None:
    """The second answer is interrupted in its second beat."""
    played = jam([note(1.0, 60, 1.4), note(5.0, 62, 5.4), note(7.55, 64, 7.9)], 11.0)
    assert played.notebook.turns == [
        (0.0, Turn.CALL),
        (4.0, Turn.ANSWER),
        (8.0, Turn.WAIT),
        (8.0, Turn.CALL),
        (12.0, Turn.ANSWER),
        (13.0, Turn.CALL),
        (16.0, Turn.ANSWER),
        (20.0, Turn.WAIT),
    ]


def test_a_call_of_two_bars_gets_an_answer_of_one_in_three_four() -> None:
    played = jam([note(0.5, 60, 0.9)], end_seconds=9, improviser=Pad(), form=Form(2, 1), metre="3/4")
    assert played.notes == [(3.5, "on", 60), (5.0, "off", 60)]


def test_playing_during_the_answer_stops_it_at_once_and_is_a_new_call() -> None:
    played = jam([note(1.0, 60, 1.4), note(3.7, 50, 4.1)], end_seconds=9, improviser=Pad())
    assert played.notes == [(3.0, "on", 60), (3.7, "off", 60), (5.0, "on", 60), (7.0, "off", 60)]


def test_an_answer_is_not_stopped_when_told_not_to() -> None:
    played = jam(
        [note(1.0, 60, 1.4), note(3.7, 50, 4.1)], end_seconds=9, improviser=Pad(), form=Form(1, 1, False)
    )
    assert played.notes == [(3.0, "on", 60), (5.0, "off", 60)]


def test_a_note_just_before_the_bar_line_belongs_to_the_call() -> None:
    played = jam([note(1.0, 60, 1.4), note(2.98, 50, 3.2)], end_seconds=6, improviser=Pad())
    assert played.notes == [(3.0, "on", 60), (5.0, "off", 60)]


def test_a_downbeat_played_early_begins_the_next_call_and_leaves_the_answer_whole() -> None:
    played = jam([note(1.0, 60, 1.4), note(4.96, 50, 5.4)], end_seconds=10, improviser=Pad())
    assert played.notes == [(3.0, "on", 60), (5.0, "off", 60), (7.0, "on", 60), (9.0, "off", 60)]


@pytest.mark.parametrize(("feel", "second"), [(0.0, 3.5), (0.5, 3.525), (1.0, 3.55)])
def test_feel_scales_the_timing_between_the_grid_and_the_models_own(feel: float, second: float) -> None:
    played = jam([note(1.0, 60, 1.3), note(1.55, 62, 1.9)], end_seconds=5, feel=feel)
    assert played.notes[2] == (second, "on", 74)


def test_an_answer_never_begins_before_its_bar_line() -> None:
    played = jam([note(1.0, 60, 1.4)], end_seconds=6, improviser=Pad(offset_steps=-0.5))
    assert played.notes[0] == (3.0, "on", 60)


def test_chords_repeats_and_the_pedal_are_heard() -> None:
    parrot = Parrot()
    script = [note(1.0, 60, 1.1, 90), note(1.01, 64, 1.1, 70), note(1.125, 60, 1.2), pedal(1.4, down=True)]
    script += [note(1.5, 55, 1.55), pedal(2.0, down=False)]
    jam(script, end_seconds=3.1, improviser=parrot)
    frames = [player for player, _, _ in parrot.heard]
    assert frames[0] == Frame((Onset(64, 70, pytest.approx(0.08)), Onset(60, 90, 0.0)))
    assert frames[1] == Frame((Onset(60, 80, 0.0),))
    assert [sorted(frame.sounding) for frame in frames[2:9]] == [[], [], [55], [55], [55], [55], []]


def test_everything_is_heard_with_its_place_in_the_bar() -> None:
    parrot = Parrot()
    jam([note(1.0, 60, 1.4)], end_seconds=5.5, improviser=parrot, metre="7/8")
    places = [place.step_in_bar for _, _, place in parrot.heard]
    assert places[:30] == [step % 14 for step in range(30)]
    own = [own for _, own, _ in parrot.heard]
    assert own[14].onsets == (Onset(72, 80, 0.0),)


def test_jamd_does_not_answer_itself() -> None:
    """All that it sends comes back on its input 10 ms later; the parrot would never fall silent."""

    class LoopingPort(RecordingPort):
        def send(self, message: mido.Message) -> None:
            super().send(message)
            assert self.clock is not None
            assert self.engine is not None
            self.engine.inbox.put(Received(self.clock.now() + 0.01, message))

    played = jam([note(1.0, 60, 1.4)], end_seconds=20, port=LoopingPort())
    assert played.notes == [(3.0, "on", 72), (3.375, "off", 72)]
    assert played.engine.account.notes_heard == 1


def test_a_key_let_go_while_jamd_plays_the_same_pitch_is_not_held_for_ever() -> None:
    parrot = Parrot()
    pad = Pad(pitch=50)
    pad.heard = parrot.heard
    jam([note(1.0, 50, 5.1)], end_seconds=7, improviser=pad)
    frames = [player for player, _, _ in pad.heard]
    assert frames[32].sounding == {50}
    assert frames[33].sounding == frozenset()


def test_a_failing_model_costs_its_turn_and_the_next_one_works(caplog: pytest.LogCaptureFixture) -> None:
    failures = iter([True])
    pad = Pad(fail=lambda: next(failures, False))
    with caplog.at_level(logging.WARNING):
        played = jam([note(1.0, 60, 1.4), note(5.0, 60, 5.4)], end_seconds=10, improviser=pad)
    assert [event for event in played.notes if event[0] >= 5.0] == [(7.0, "on", 60), (9.0, "off", 60)]
    assert played.output.sounding == frozenset()
    assert [record.getMessage() for record in caplog.records] == [
        "answer 1 given up: RuntimeError: the strings are broken"
    ]
    assert played.engine.account.faults == 1


class Mute:
    """A worker whose model hangs: it takes everything and never answers, but for a first frame."""

    def __init__(self, post: Post) -> None:
        self.post = post

    def hear(self, *_: object) -> None: ...

    def answer(self, number: int, first_step: int, places: object, due: object, about: object) -> None:
        self.post(Predicted(number, first_step, Frame((Onset(60, 80),))))

    def cancel(self) -> None: ...

    def close(self) -> None: ...


def test_a_hanging_model_leaves_no_note_sounding() -> None:
    """The frame for 3.125 is missed at 3.225, and its note stopped."""
    played = jam([note(1.0, 60, 1.4)], end_seconds=8, make_worker=Mute)  # type: ignore[arg-type]
    assert played.notes == [(3.0, "on", 60), (3.225, "off", 60)]
    assert played.engine.account.last_fault == "no answer in time"


def test_a_model_that_fails_again_and_again_costs_its_turns_and_nothing_else() -> None:
    calls = [note(1.0 + 4 * turn, 60, 1.4 + 4 * turn) for turn in range(5)]
    played = jam(calls, end_seconds=30, make_worker=Mute)  # type: ignore[arg-type]
    assert played.engine.account.faults == 5
    assert balance_of(played.heard) == set()


def test_a_model_that_failed_once_knows_what_was_played_lately() -> None:
    failures = iter([True])
    made: list[Pad] = []

    def make_worker(post: Post) -> InlineWorker:
        made.append(Pad(fail=lambda: next(failures, False)))
        return InlineWorker(made[-1], post)  # type: ignore[arg-type]

    jam([note(1.0, 60, 1.4), note(5.0, 62, 5.4)], end_seconds=8, make_worker=make_worker)
    first, second = made
    assert second.heard[: len(first.heard)] == first.heard


def test_a_broken_output_still_gets_every_note_off() -> None:
    class Fragile(RecordingPort):
        def send(self, message: mido.Message) -> None:
            super().send(message)
            if message.type == "note_on" and message.note == 64:
                raise OSError("the cable is gone")

    port = Fragile()
    with pytest.raises(OSError, match="cable"):
        jam([note(1.0, 48, 2.9), note(1.5, 52, 2.9)], end_seconds=8, port=port)
    assert balance(port) == set()
    assert [event[1:] for event in port.heard[-2:]] == [(f"control {c}", v) for c, v in ENDING]


def test_the_end_is_note_offs_then_pedal_up_then_all_notes_off() -> None:
    played = jam([note(1.0, 60, 1.4)], end_seconds=3.5, improviser=Pad())
    assert played.heard == [
        (3.0, "on", 60),
        (3.5, "off", 60),
        (3.5, "control 64", 0),
        (3.5, "control 123", 0),
    ]


def test_panic_silences_and_the_session_goes_on() -> None:
    class Panicking(RecordingPort):
        def send(self, message: mido.Message) -> None:
            super().send(message)
            if self.heard == [(3.0, "on", 60)]:
                assert self.engine is not None
                self.engine.inbox.put(Panic())

    played = jam([note(1.0, 60, 1.4), note(5.0, 60, 5.4)], end_seconds=10, improviser=Pad(), port=Panicking())
    assert played.notes == [(3.0, "on", 60), (3.0, "off", 60), (7.0, "on", 60), (9.0, "off", 60)]


def test_what_was_played_is_recorded_in_beats() -> None:
    played = jam([note(1.0, 60, 1.5)], end_seconds=6)
    events = [(part, round(beats, 6), m.type) for part, beats, m in played.notebook.events]
    assert events == [
        ("player", 0.0, "note_on"),
        ("player", 1.0, "note_off"),
        ("jamd", 4.0, "note_on"),
        ("jamd", 5.0, "note_off"),
    ]


def test_nothing_happens_before_the_first_note() -> None:
    played = jam([pedal(1.0, down=True), pedal(2.0, down=False)], end_seconds=60)
    assert played.notes == []
    assert played.engine.snapshot.position_steps is None


def balance_of(heard: list[tuple[float, str, int]]) -> set[int]:
    sounding: set[int] = set()
    for _, kind, pitch in heard:
        if kind == "on":
            sounding.add(pitch)
        elif kind == "off":
            sounding.discard(pitch)
    return sounding


def balance(port: RecordingPort) -> set[int]:
    """What still sounds at the end."""
    return balance_of(port.heard)


@given(
    st.lists(
        st.tuples(st.floats(0, 30), st.integers(0, 127), st.floats(0.01, 6), st.integers(1, 127)), max_size=40
    ),
    st.lists(st.tuples(st.floats(0, 30), st.booleans()), max_size=6),
    st.floats(0, 40),
    st.sampled_from([20.0, 97.3, 120.0, 240.0, 400.0]),
    st.sampled_from(["4/4", "3/4", "7/8", "2/4", "12/8"]),
    st.integers(1, 3),
    st.booleans(),
)
def test_whatever_is_played_nothing_hangs(
    notes: list[tuple[float, int, float, int]],
    pedals: list[tuple[float, bool]],
    end_seconds: float,
    tempo: float,
    metre: str,
    bars: int,
    interrupt: bool,
) -> None:
    script = [note(start, pitch, start + length, velocity) for start, pitch, length, velocity in notes]
    script += [pedal(seconds, down) for seconds, down in pedals]

    class Within(Parrot):
        def answer(self, *args: object) -> object:  # type: ignore[override]
            for frame in super().answer(*args):  # type: ignore[arg-type]
                onsets = tuple(Onset(min(o.pitch, 127), o.velocity, o.offset_steps) for o in frame.onsets)
                starts = {o.pitch: o for o in onsets}
                held = frozenset(min(pitch, 127) for pitch in frame.held) - set(starts)
                yield Frame(tuple(starts.values()), held)

    played = jam(
        script, end_seconds, improviser=Within(), form=Form(bars, bars, interrupt), tempo=tempo, metre=metre
    )
    assert balance_of(played.heard) == set()
    assert played.output.sounding == frozenset()
    seconds = [event[0] for event in played.heard]
    assert seconds == sorted(seconds)


class Halting(RecordingPort):
    """A port at which the program is told to stand still as the first note sounds, and does for so long."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.stood_seconds, self.told = seconds, False

    def send(self, message: mido.Message) -> None:
        super().send(message)
        if message.type == "note_on" and not self.told:
            self.told = True
            assert self.engine is not None
            self.engine.hush(self.stand_still)

    def stand_still(self) -> None:
        assert self.clock is not None
        self.clock._seconds += self.stood_seconds


CALL = [note(1.0, 60, 1.4), note(1.5, 62, 1.9), note(2.0, 64, 2.4), note(2.5, 65, 2.9)]


def test_what_sounds_ends_before_a_halt_and_the_grid_goes_on_behind_it() -> None:
    """Halted at 3.0, the answer's first note ends there and not at 3.375. At 4.2 the grid is where it would
    have been: what was to sound at 3.5 and 4.0 is over, and the last note is in its place."""
    played = jam(CALL, end_seconds=6, port=Halting(1.2))
    assert played.notes == [(3.0, "on", 72), (3.0, "off", 72), (4.5, "on", 77), (4.875, "off", 77)]
    assert played.output.dropped == 2


def test_a_note_ended_by_a_halt_is_as_short_in_the_session() -> None:
    played = jam(CALL, end_seconds=6, port=Halting(1.2))
    own = [(beats, m.type, m.note) for part, beats, m in played.notebook.events if part == "jamd"]
    assert own == [(4.0, "note_on", 72), (4.0, "note_off", 72), (7.0, "note_on", 77), (7.75, "note_off", 77)]


def test_who_follows_the_clock_stands_through_a_halt_and_is_told_where_to_go_on() -> None:
    sent: list[tuple[float, str]] = []
    port = Halting(1.2)

    def follow(message: mido.Message) -> None:
        assert port.clock is not None
        if message.type != "clock":
            sent.append((round(port.clock.now(), 3), str(message).removesuffix(" time=0")))

    jam(CALL, end_seconds=6, port=port, rig=Rig(clock_out=ClockOut(follow)))
    assert sent == [
        (1.0, "start"),
        (3.0, "stop"),
        (4.2, "songpos pos=26"),
        (4.2, "continue"),
        (6.0, "stop"),
    ]
