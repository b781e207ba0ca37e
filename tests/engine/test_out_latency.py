"""For a synth that sounds late all leaves early: the first note of every answer, too, at any tempo."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import mido
import numpy as np
import pytest

from jamd.controls.bindings import Bindings
from jamd.controls.controls import Control
from jamd.engine.desk import Desk
from jamd.engine.events import Received
from jamd.engine.rig import Rig
from jamd.engine.snapshot import Turn
from jamd.engine.turns import Form, Mode
from jamd.mind.settings import Settings
from jamd.models.features import Place
from jamd.music.note import Frame, Onset
from jamd.music.transport import Metre, Transport
from jamd.sync.metronome import Click
from jamd.sync.source import Counted
from tests.engine.test_modes import Comp
from tests.kit.fakes import Jam, Pad, Parrot, control, jam, note
from tests.sync.test_clockin import BAR, LOOPS, calls, clock, loop_end, ramp, say, steady, ticks
from tests.sync.test_link import Band, joined

TEMPOS = (40, 63, 90, 120, 147, 180, 211, 240, 300)
LATENCIES_MS = (0, 10, 30, 60, 100, 150, 250)
START = 1.0

tempos = pytest.mark.parametrize("tempo", TEMPOS)
latencies = pytest.mark.parametrize("latency_ms", LATENCIES_MS)


class Sixteenths(Comp):
    """A mind that strikes a note in every step, whatever is asked of it."""

    def answer(self, places: Sequence[Place], due: object = None) -> Iterator[Frame]:
        for number, _ in enumerate(places):
            yield Frame((Onset(60 + number % 12, 80),))

    def plan(self, own: Sequence[Frame], places: Sequence[Place], duet: bool) -> Iterator[Frame]:
        for place in places[len(own) :]:
            yield Frame((Onset(60 + place.step_in_bar % 12, 80),))


def begun(played: Jam) -> list[float]:
    return [seconds for seconds, what, _ in played.notes if what == "on"]


@tempos
@latencies
@pytest.mark.parametrize("metre", ["4/4", "3/4", "7/8"])
def test_every_note_of_an_answer_leaves_so_long_before_its_instant(
    tempo: float, latency_ms: float, metre: str
) -> None:
    """The player strikes each beat of a bar and its last sixteenth, and is answered in the next; twice."""
    step, early, bar = 15 / tempo, latency_ms / 1000, Metre.parse(metre).steps_per_bar
    lines = [START + 2 * turn * bar * step for turn in range(2)]
    script = [
        note(line + at * step, 60, line + (at + 0.5) * step)
        for line in lines
        for at in (*range(0, bar, 4), bar - 1)
    ]
    played = jam(script, lines[-1] + (2 * bar + 1) * step, Sixteenths(), tempo=tempo, metre=metre,
        rig=Rig(early_seconds=early))  # fmt: skip
    expected = [line + (bar + at) * step - early for line in lines for at in range(bar)]
    assert begun(played) == pytest.approx(expected, abs=2e-6)
    assert played.engine.account.turns == 2
    assert played.engine.account.late_frames == 0
    turns = [span.turn for span in played.engine.account.spans]
    assert turns == [Turn.CALL, Turn.ANSWER] * 2


@tempos
@latencies
def test_an_answer_after_silence_and_one_that_is_asked_for(tempo: float, latency_ms: float) -> None:
    """A note of a beat, two beats of rest; later a note, and the floor is given in the beat after it."""
    step, early = 15 / tempo, latency_ms / 1000
    given = Received(START + 34 * step, mido.Message("note_on", channel=15, note=0, velocity=100))
    script = [note(START, 60, START + 4 * step), note(START + 32 * step, 60, START + 33 * step), [given]]
    rig = Rig(early_seconds=early, desk=Desk(Settings(), Bindings({"turn": (Control("note", 0, 16),)})))
    form = Form(call_bars=None, answer_bars=1, silence_beats=2)
    played = jam(script, START + 48 * step, Pad(), form, tempo=tempo, rig=rig)
    first, second = begun(played)
    assert first == pytest.approx(START + 12 * step - early, abs=2e-6)
    beats = (second + early - START) / step / 4
    assert beats == pytest.approx(round(beats), abs=1e-4)
    assert 9 <= round(beats) <= 9.5 + (early + 0.03) / step / 4  # the first that can be in time


@tempos
@latencies
def test_a_solo_begins_in_time_and_goes_on_in_time(tempo: float, latency_ms: float) -> None:
    step, early = 15 / tempo, latency_ms / 1000
    form = Form(None, None, mode=Mode.SOLO, silence_beats=2)
    rig = Rig(early_seconds=early)
    played = jam([note(START, 60, START + 4 * step)], START + 44 * step, Sixteenths(), form, tempo, rig=rig)
    expected = [START + at * step - early for at in range(12, 40)]
    assert begun(played)[: len(expected)] == pytest.approx(expected, abs=2e-6)


@tempos
@latencies
def test_a_duet_begins_on_the_grid_and_misses_no_step(tempo: float, latency_ms: float) -> None:
    """jamd joins as soon as its notes can be in time, and from then on plays every sixteenth in time."""
    step, early = 15 / tempo, latency_ms / 1000
    form = Form(None, None, mode=Mode.DUET)
    script = [note(START + 4 * beat * step, 60, START + (4 * beat + 3) * step) for beat in range(12)]
    played = jam(script, START + 47 * step, Sixteenths(), form, tempo, rig=Rig(early_seconds=early))
    positions = [(seconds + early - START) / step for seconds in begun(played)]
    first = round(positions[0])
    assert first <= 2 + early / step
    assert positions[:-8] == pytest.approx(list(range(first, first + len(positions) - 8)), abs=1e-3)
    assert len(positions) >= 40 - first
    assert played.engine.account.late_frames == 0


@tempos
@pytest.mark.parametrize("latency_ms", [0, 100, 250])
def test_an_answer_that_comes_again_comes_in_time(tempo: float, latency_ms: float) -> None:
    """Looped from the second bar line on, and again and again."""
    step, early = 15 / tempo, latency_ms / 1000
    loop = Received(START + 20 * step, mido.Message("note_on", channel=15, note=0, velocity=100))
    rig = Rig(early_seconds=early, desk=Desk(Settings(), Bindings({"loop": (Control("note", 0, 16),)})))
    played = jam(
        [note(START, 60, START + step), [loop]], START + 80 * step, Sixteenths(), tempo=tempo, rig=rig
    )
    expected = [START + at * step - early for at in range(16, 80)]
    assert begun(played)[:64] == pytest.approx(expected, abs=2e-6)


@tempos
@latencies
def test_what_is_played_too_late_for_the_answer_is_of_the_call_and_stops_nothing(
    tempo: float, latency_ms: float
) -> None:
    """A note in every sixteenth up to the bar line. All are in the session's file and, each once, known to
    the mind, but those since the answer was begun only after it; none of them is an interruption."""
    step, early = 15 / tempo, latency_ms / 1000
    script = [note(START + at * step, 48 + at, START + (at + 0.4) * step, channel=1) for at in range(16)]
    parrot = Parrot()
    played = jam(script, START + 40 * step, parrot, tempo=tempo, rig=Rig(early_seconds=early))
    struck = [(beats * 4, m.note) for part, beats, m in played.notebook.events
              if part == "player" and m.type == "note_on"]  # fmt: skip
    assert struck == [(pytest.approx(at, abs=1e-6), 48 + at) for at in range(16)]
    shown = [onset.pitch for player in played.engine.snapshot.player for onset in player.onsets]
    assert shown == list(range(48, 64))
    heard = [onset.pitch for player, _, _ in parrot.heard for onset in player.onsets]
    assert sorted(heard) == list(range(48, 64))
    in_time = [at for at in range(16) if START + at * step < START + 16 * step - early - min(0.03, step / 2)]
    answered = [pitch - 12 for _, what, pitch in played.notes if what == "on"]
    assert answered == [48 + at for at in in_time]
    assert begun(played) == pytest.approx([START + (16 + at) * step - early for at in in_time], abs=2e-6)
    assert [place.step_in_bar for _, _, place in parrot.heard] == [
        step % 16 for step in range(len(parrot.heard))
    ]


def test_a_player_who_goes_on_before_a_late_answer_began_is_not_answered_yet() -> None:
    """Two beats of silence are over at 3.0; a synth that is a quarter second late is told at 2.75. The player
    goes on at 2.8: it was no end. Then two beats of silence are over at 4.0."""
    form = Form(call_bars=None, answer_bars=1, silence_beats=2)
    script = [note(1.0, 60, 2.0), note(2.8, 62, 3.0)]
    played = jam(script, 5.5, Pad(), form, rig=Rig(early_seconds=0.25))
    assert played.notes == [(2.75, "on", 60), (2.8, "off", 60), (3.75, "on", 60), (5.5, "off", 60)]
    assert played.engine.account.turns == 1
    spans = [(span.start_beats, span.end_beats, span.turn) for span in played.engine.account.spans]
    assert spans[-1] == (6, 9, Turn.ANSWER)  # and there the session ends


def test_a_note_in_the_last_quarter_second_of_a_call_of_bars_stops_no_answer() -> None:
    script = [note(1.0, 60, 1.4), note(2.8, 50, 2.9), note(2.97, 52, 3.2)]
    played = jam(script, 6.0, Pad(), rig=Rig(early_seconds=0.25))
    assert played.notes == [(2.75, "on", 60), (4.75, "off", 60)]


def test_playing_in_the_answer_stops_it_at_once_however_late_the_synth() -> None:
    script = [note(1.0, 60, 1.4), note(3.7, 50, 4.1)]
    played = jam(script, 9.0, Pad(), rig=Rig(early_seconds=0.25))
    assert played.notes == [(2.75, "on", 60), (3.7, "off", 60), (4.75, "on", 60), (6.75, "off", 60)]


@pytest.mark.parametrize("latency_ms", [0, 100, 250])
@pytest.mark.parametrize("offset_steps", [-0.5, 0.4])
def test_an_answer_never_begins_before_its_bar_line_less_the_latency(
    latency_ms: float, offset_steps: float
) -> None:
    played = jam([note(1.0, 60, 1.4)], 4.0, Pad(offset_steps=offset_steps),
        rig=Rig(early_seconds=latency_ms / 1000))  # fmt: skip
    expected = 3.0 - latency_ms / 1000 + max(0.0, offset_steps) * 0.125
    assert begun(played) == [pytest.approx(expected, abs=2e-6)]


@pytest.mark.parametrize(("after", "at_seconds"), [(100, 2.6), (60, 2.6), (125, 2.3), (60, 2.72), (60, 2.95)])
def test_a_tempo_turned_just_before_the_turn_moves_it(after: float, at_seconds: float) -> None:
    """The bar line was at 3.0, and lies where the new tempo has it; a quarter second before that the answer
    leaves, unless it left already."""
    tempo = Control("cc", 20, 16)
    position = round((after - 40) / (240 - 40) * 127)
    turned = control(at_seconds, 20, position, channel=15)
    rig = Rig(early_seconds=0.25, desk=Desk(Settings(), Bindings({"tempo": (tempo,)})))
    played = jam([note(1.0, 60, 1.4), turned], 6.0, Pad(), rig=rig)
    line = played.engine._transport.seconds_at(16)
    assert begun(played) == [pytest.approx(2.75 if at_seconds > 2.75 else line - 0.25, abs=2e-6)]


@tempos
@pytest.mark.parametrize("latency_ms", [0, 100, 250])
def test_a_count_in_clicks_every_beat_early(tempo: float, latency_ms: float) -> None:
    step, early = 15 / tempo, latency_ms / 1000
    grid = Transport(tempo, Metre(4, 4), downbeat_step=16)
    rig = Rig(early_seconds=early, click=Click(), click_until_step=16, count_in_steps=16)
    played = jam([], 8.0, Pad(), sync=Counted(grid, early), tempo=tempo, rig=rig)
    clicks = begun(played)
    assert len(clicks) == 4
    assert [late - clicks[0] for late in clicks] == pytest.approx(
        [4 * beat * step for beat in range(4)], abs=2e-6
    )
    first = played.engine._transport.seconds_at(0)
    assert clicks[0] == pytest.approx(first - early, abs=2e-6)


@pytest.mark.parametrize("latency_ms", [0, 100, 250])
@pytest.mark.parametrize("tempo", [63.0, 120.0, 211.0])
@pytest.mark.parametrize("words", [[], *LOOPS.values()], ids=str)
def test_with_a_master_that_loops_too(tempo: float, latency_ms: float, words: list[str]) -> None:
    """At each bar line it says that its one bar begins again; the answers leave before it does."""
    early, bar = latency_ms / 1000, 240 / tempo
    beats = ticks(steady(tempo), 28)
    script = [say(0.99, "start"), clock(beats)]
    script += [loop_end(0.998 + bar * number, words) for number in range(1, 7)]
    script += [note(1.0 + bar * number, 60, 1.0 + bar * (number + 0.1)) for number in (0, 2, 4)]
    played = jam(script, 1.0 + 6 * bar, Pad(pitch=72), clocked=True, rig=Rig(early_seconds=early))
    expected = [1.0 + bar * number - early for number in (1, 3, 5)]
    assert begun(played) == pytest.approx(expected, abs=0.0005)
    assert played.engine.account.turns == 3


@pytest.mark.parametrize("latency_ms", [0, 100, 250])
def test_with_a_masters_tempo_that_changes_before_the_turn(latency_ms: float) -> None:
    """From 80 to 160 BPM in eight bars, bar by bar a turn."""
    early = latency_ms / 1000
    beats = ticks(ramp, 64)
    script = [say(0.9, "start"), clock(beats), *calls(beats, range(0, 15, 2))]
    played = jam(script, beats[-1], Pad(), clocked=True, rig=Rig(early_seconds=early))
    late = np.array(begun(played)) + early - [beats[bar * BAR] for bar in range(1, 16, 2)]
    assert np.abs(late).max() < 0.015


@pytest.mark.parametrize("latency_ms", [0, 100, 250])
def test_with_others_on_link_too(latency_ms: float) -> None:
    band = Band(97.0, anchor_beats=1.3)
    script = [note(seconds, 60, seconds + 0.2) for seconds in (2.0, 8.0, 14.0)]
    played = jam(script, 20.0, Pad(), sync=joined(band), rig=Rig(early_seconds=latency_ms / 1000))
    lines = [band.beats_at(seconds + latency_ms / 1000) % 4 for seconds in begun(played)]
    assert [min(line, 4 - line) for line in lines] == [pytest.approx(0, abs=1e-4)] * 3
