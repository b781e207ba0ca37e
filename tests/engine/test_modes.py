"""Ways of taking turns, on the virtual clock: silence, the floor given, as long as the call, duet, solo."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.controls.bindings import Bindings
from jamd.controls.controls import Control
from jamd.controls.knobs import KNOBS, Value
from jamd.engine.desk import Desk
from jamd.engine.events import Received
from jamd.engine.part import AHEAD, Ahead
from jamd.engine.rig import Rig
from jamd.engine.snapshot import Turn
from jamd.engine.turns import Form, Mode
from jamd.mind.settings import Settings
from jamd.mind.worker import InlineWorker, Post
from jamd.models.features import Place
from jamd.music.note import STEPS_PER_BEAT, Frame, Onset
from tests.kit.fakes import Heard, Jam, Pad, Parrot, jam, note

BEAT = 0.5
"""At 120 BPM; the grid begins with the first note, here at one second."""
START = 1.0
STEP = BEAT / STEPS_PER_BEAT


class Comp(Parrot):
    """An improviser that strikes a note on each beat, a fifth above what the player last struck."""

    def __init__(self) -> None:
        super().__init__()
        self.plans: list[tuple[int, int]] = []

    def plan(self, own: Sequence[Frame], places: Sequence[Place], duet: bool) -> Iterator[Frame]:
        struck = [o.pitch for player, _, _ in self.heard for o in player.onsets] or [48]
        self.plans.append((len(own), len(places)))
        for place in places[len(own) :]:
            on_beat = place.step_in_bar % STEPS_PER_BEAT == 0
            yield Frame((Onset(struck[-1] + 7, 80),)) if on_beat else Frame()


class Sixteenths(Comp):
    """One that strikes a note in every step."""

    def plan(self, own: Sequence[Frame], places: Sequence[Place], duet: bool) -> Iterator[Frame]:
        for _ in places[len(own) :]:
            yield Frame((Onset(72, 80),))


def at_beat(beat: float, pitch: int = 60, length: float = 0.5) -> list[Received]:
    """A note of the player's, so many beats after the first."""
    return note(START + beat * BEAT, pitch, START + (beat + length) * BEAT)


ACTIONS = ("turn", "loop", "vary", "panic", "tap")
BOUND = {
    **{action: (Control("note", number, 16),) for number, action in enumerate(ACTIONS)},
    "mode": (Control("program", None, 16),),
    "bars": (Control("cc", 20, 16),),
}
"""A foot controller on channel 16."""


def turned(seconds: float, knob: str, value: Value | None = None) -> Received:
    """A control moved by hand."""
    if knob in ACTIONS:
        message = mido.Message("note_on", channel=15, note=ACTIONS.index(knob), velocity=100)
    elif knob == "mode":
        message = mido.Message("program_change", channel=15, program=list(Mode).index(Mode(str(value))))
    else:
        position = KNOBS[knob].position_of(value or 0)
        message = mido.Message("control_change", channel=15, control=20, value=round(position * 127))
    return Received(seconds, message)


def rig(ahead: Ahead = AHEAD) -> Rig:
    return Rig(ahead=ahead, desk=Desk(Settings(), Bindings(BOUND)))


def strikes(played: Jam) -> Heard:
    """What jamd struck: the beat, on the player's grid, and the pitch."""
    return [
        (round((seconds - START) / BEAT, 3), what, pitch)
        for seconds, what, pitch in played.notes
        if what == "on"
    ]


def beats(played: Jam) -> list[float]:
    return [beat for beat, _, _ in strikes(played)]


def test_silence_ends_a_call_on_the_next_beat() -> None:
    """Two beats are played and two are rest; the answer comes on beat 5 though the call has no bars."""
    form = Form(call_bars=None, answer_bars=1, silence_beats=2)
    played = jam([at_beat(0, length=1), at_beat(1, length=1)], 8, Pad(), form)
    assert beats(played) == [4.0]


def test_the_bars_of_a_call_or_the_silence_whichever_comes_first() -> None:
    form = Form(call_bars=1, answer_bars=1, silence_beats=2)
    busy = jam([at_beat(beat, length=1) for beat in range(4)], 8, Pad(), form)
    assert beats(busy) == [4.0]
    brief = jam([at_beat(0)], 8, Pad(), form)
    assert beats(brief) == [3.0]


def test_an_open_call_goes_on_as_long_as_the_player_does() -> None:
    form = Form(call_bars=None, answer_bars=1, silence_beats=1)
    played = jam([at_beat(beat, length=1) for beat in range(23)], 16, Pad(), form)
    assert beats(played) == [24.0]


def test_the_floor_given_is_taken_on_the_next_beat() -> None:
    script = [at_beat(0), at_beat(1), [turned(START + 1.6 * BEAT, "turn")]]
    played = jam(script, 5, Pad(), Form(None, 1), rig=rig())
    assert beats(played) == [2.0]


def test_an_answer_as_long_as_its_call() -> None:
    form = Form(call_bars=None, answer_bars=None, silence_beats=2)
    played = jam([at_beat(beat, length=1) for beat in range(3)], 12, Pad(), form)
    assert played.notes == [(START + 5 * BEAT, "on", 60), (START + 8 * BEAT, "off", 60)]
    bars = jam([at_beat(0)], 12, Pad(), Form(call_bars=2, answer_bars=None))
    assert bars.notes == [(START + 8 * BEAT, "on", 60), (START + 16 * BEAT, "off", 60)]


def test_in_a_duet_both_play_at_once_and_jamd_follows_within_a_few_steps() -> None:
    """The player moves from C to F on beat 8: from beat 9 on jamd's fifths are above the F."""
    comp = Comp()
    script = [at_beat(beat, 48 if beat < 8 else 53) for beat in range(16)]
    played = jam(script, START + 16 * BEAT, comp, Form(mode=Mode.DUET))
    heard = {beat: pitch for beat, _, pitch in strikes(played)}
    assert [heard[float(beat)] for beat in range(1, 9)] == [55] * 8
    assert [heard[float(beat)] for beat in range(9, 16)] == [60] * 7


def test_in_a_duet_no_step_is_left_out() -> None:
    script = [at_beat(beat) for beat in range(32)]
    played = jam(script, START + 32 * BEAT, Sixteenths(), Form(mode=Mode.DUET))
    assert beats(played) == [step / 4 for step in range(1, 32 * 4)]
    assert played.engine.account.late_frames == 0


@pytest.mark.parametrize("commit_beats", [0.0, 0.25, 1.0])
def test_what_is_committed_is_not_changed_and_the_rest_is(commit_beats: float) -> None:
    """The player strikes a new root in the step before beat 8: what is fixed by then is still of the old."""
    comp = Comp()
    script = [at_beat(beat, 48) for beat in range(7)] + [at_beat(7.5, 53, 2)]
    ahead = Ahead(lookahead_beats=4, commit_beats=commit_beats)
    played = jam(script, START + 12 * BEAT, comp, Form(mode=Mode.DUET), rig=rig(ahead))
    changed = next(beat for beat, _, pitch in strikes(played) if pitch == 60)
    assert 7.5 + commit_beats < changed <= 8.75 + commit_beats + 0.5
    assert all(places - own <= 17 for own, places in comp.plans)


def test_a_duet_rests_when_the_player_has_left() -> None:
    played = jam([at_beat(beat) for beat in range(4)], 20, Comp(), Form(mode=Mode.DUET))
    assert 10 <= beats(played)[-1] <= 12
    assert played.engine.snapshot.turn is Turn.WAIT
    assert not played.output.sounding


def test_a_solo_carries_on_when_the_player_stops_and_yields_when_they_play() -> None:
    """Played until beat 4, silent for two beats, so jamd is on from beat 6; played again on beat 12."""
    script = [at_beat(beat, length=1) for beat in range(4)] + [at_beat(12.1)]
    played = jam(script, START + 16 * BEAT, Comp(), Form(mode=Mode.SOLO))
    assert [beat for beat in beats(played) if beat <= 12] == [6, 7, 8, 9, 10, 11, 12]
    assert [beat for beat in beats(played) if 12 < beat < 14.5] == []
    assert [span.turn for span in played.engine.account.spans] == [
        Turn.CALL,
        Turn.SOLO,
        Turn.CALL,
        Turn.SOLO,
    ]


def test_modes_change_while_playing() -> None:
    """An answer is cut for a duet; the duet ends with the mode."""
    script = [
        at_beat(0),
        [turned(START + 6 * BEAT, "mode", "duet")],
        at_beat(8, 48),
        at_beat(9, 48),
        [turned(START + 12.1 * BEAT, "mode", "answer")],
    ]
    played = jam(script, START + 20 * BEAT, PadOrComp(), Form(1, 1), rig=rig())
    assert strikes(played)[0] == (4.0, "on", 60)
    assert (START + 6 * BEAT, "off", 60) in played.notes
    assert [beat for beat in beats(played) if beat > 4.5] == [9, 10, 11, 12]
    assert not played.output.sounding


class PadOrComp(Pad):
    """A pad as answer, fifths as duet."""

    def plan(self, own: Sequence[Frame], places: Sequence[Place], duet: bool) -> Iterator[Frame]:
        comp = Comp()
        comp.heard = self.heard
        yield from comp.plan(own, places, duet)


def test_the_last_answer_loops_until_told_not_to() -> None:
    script = [
        at_beat(0),
        [turned(START + 6 * BEAT, "loop")],
        at_beat(9),  # plays over the loop, and does not stop it
        [turned(START + 14 * BEAT, "loop")],
    ]
    played = jam(script, START + 40 * BEAT, Pad(), Form(1, 1), rig=rig())
    assert beats(played) == [4, 8, 12]
    assert not played.output.sounding


def test_an_answer_is_varied_on_the_next_bar_line() -> None:
    class Varying(Pad):
        def answer(
            self, places: Sequence[Place], due: object = None, about: Sequence[Frame] | None = None
        ) -> Iterator[Frame]:
            pitch = 60 if about is None else about[0].onsets[0].pitch + 1
            yield Frame((Onset(pitch, 80),))
            yield from [Frame((), frozenset([pitch]))] * (len(places) - 1)

    script = [at_beat(0), [turned(START + 9 * BEAT, "vary")], [turned(START + 17 * BEAT, "vary")]]
    played = jam(script, START + 30 * BEAT, Varying(), Form(1, 1), rig=rig())
    assert strikes(played) == [(4.0, "on", 60), (12.0, "on", 61), (20.0, "on", 62)]


def test_panic_silences_all_channels_and_the_next_turn_works() -> None:
    script = [at_beat(0), [turned(START + 5 * BEAT, "panic")], at_beat(8)]
    played = jam(script, START + 14 * BEAT, Pad(), Form(1, 1), rig=rig())
    at_panic = [event for event in played.heard if event[0] == START + 5 * BEAT]
    assert at_panic[0] == (START + 5 * BEAT, "off", 60)
    assert at_panic.count((START + 5 * BEAT, "control 123", 0)) == 16
    assert beats(played) == [4, 12]


@given(
    hands=st.lists(
        st.tuples(
            st.floats(0, 20),
            st.one_of(
                st.tuples(st.just("note"), st.integers(40, 80)),
                st.tuples(st.just("mode"), st.sampled_from(["answer", "duet", "solo"])),
                st.tuples(st.just("bars"), st.sampled_from([1, 2])),
                st.tuples(st.sampled_from(["turn", "loop", "vary", "panic", "tap"]), st.none()),
            ),
        ),
        max_size=12,
    ),
    mode=st.sampled_from(list(Mode)),
    silence_beats=st.sampled_from([None, 1.0]),
)
def test_whatever_the_hands_do_nothing_hangs(
    hands: list[tuple[float, tuple[str, object]]], mode: Mode, silence_beats: float | None
) -> None:
    script = [at_beat(0)]
    for beat, (what, value) in hands:
        seconds = START + beat * BEAT
        script.append(at_beat(beat, int(value)) if what == "note" else [turned(seconds, what, value)])  # type: ignore[arg-type, call-overload]
    form = Form(1, 1, silence_beats=silence_beats, mode=mode)
    played = jam(script, START + 24 * BEAT, PadOrComp(), form, rig=rig())
    sounding: dict[int, int] = {}
    for _, what, pitch in played.notes:
        sounding[pitch] = sounding.get(pitch, 0) + (1 if what == "on" else -1)
        assert sounding[pitch] in (0, 1)
    assert not any(sounding.values())
    assert not played.output.sounding


def test_a_loop_that_is_not_wanted_after_all_begins_nothing() -> None:
    script = [at_beat(0), [turned(START + 9 * BEAT, "loop")], [turned(START + 10 * BEAT, "loop")]]
    played = jam(script, START + 20 * BEAT, Pad(), Form(1, 1), rig=rig())
    assert beats(played) == [4]


def test_a_loop_is_over_with_a_panic() -> None:
    script = [
        at_beat(0),
        [turned(START + 6 * BEAT, "loop")],
        [turned(START + 9 * BEAT, "panic")],
        at_beat(12),
    ]
    played = jam(script, START + 28 * BEAT, Pad(), Form(1, 1), rig=rig())
    assert beats(played) == [4, 8, 16]


def test_a_solo_becomes_call_and_response_while_the_player_plays() -> None:
    script = [at_beat(beat, length=1) for beat in range(4)]
    script += [[turned(START + 2.2 * BEAT, "mode", "answer")]]
    played = jam(script, START + 10 * BEAT, PadOrComp(), Form(2, 1, mode=Mode.SOLO), rig=rig())
    assert strikes(played) == [(8.0, "on", 60)]


def test_a_mind_that_breaks_while_it_listens_is_one_fault_and_the_next_turn_works() -> None:
    class Deaf(Pad):
        def hear(self, player: Frame, own: Frame, place: Place) -> None:
            if len(minds) == 1 and len(self.heard) > 3:
                raise RuntimeError("deaf")
            super().hear(player, own, place)

    minds: list[Deaf] = []

    def make_worker(post: Post) -> InlineWorker:
        minds.append(Deaf())
        return InlineWorker(minds[-1], post)  # type: ignore[arg-type]

    played = jam([at_beat(0), at_beat(8)], START + 16 * BEAT, form=Form(1, 1), make_worker=make_worker)
    assert played.engine.account.faults == 1
    assert strikes(played)[-1] == (12.0, "on", 60)
