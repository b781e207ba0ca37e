"""Knobs, pedals and pads, end to end: what a config file binds, and the lights that show it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import mido
import numpy as np
import pytest

from jamd.models import bundle
from jamd.models.features import Rolls, rolls_of
from jamd.models.markov import LEVELS
from jamd.music.note import REST, Frame, Onset
from jamd.smf import midifile
from jamd.training.batches.batches import Conversation
from jamd.training.fitting.counting import count
from tests.commands.test_live import (
    BAR,
    BEAT,
    HEARD_LATE_SECONDS,
    ONE_BAR,
    PORTS,
    STEP,
    Score,
    Start,
    ends_silent,
    note,
    phrase,
    recorded_strikes,
    strikes,
)
from tests.kit.realparts import Jamd, Message, Player, between, sounding

pytestmark = pytest.mark.jack

ON_GRID = ("--feel", "0")
LIGHTS = "jamd-test-lights"
PEDAL = 64
PAD, OTHER_PAD = 24, 25
BELL = 96


def bound(folder: Path, **knobs: str) -> tuple[str, str]:
    """The option for a config file in which these are bound."""
    path = folder / "hands.toml"
    lines = [f'{knob.replace("_", "-")} = "{control}"' for knob, control in knobs.items()]
    path.write_text("\n".join(["[bind]", *lines, ""]))
    return "--config", str(path)


def press(pad: int, seconds: float) -> Score:
    return note(pad, seconds, 0.05, 100)


def turn(cc: int, value: int, seconds: float) -> Score:
    return [(seconds, (0xB0, cc, value))]


def in_order(*scores: Score) -> Score:
    return sorted((event for score in scores for event in score), key=lambda event: event[0])


def ended_in_order(playing: Jamd, player: Player) -> str:
    """End the session and hear it out; what it says of itself."""
    playing.signal(signal.SIGTERM)
    ended = playing.wait()
    assert ended.status == 0, ended.stderr
    player.listen_until(player.now() + 0.1)
    return ended.stdout


def in_bar(messages: list[Message], start: float, bar: int) -> list[Message]:
    """What was struck in a bar."""
    begin = start + bar * BAR - STEP / 2
    return strikes(between(messages, begin, begin + BAR))


def recorded(path: Path, part: str) -> list[mido.Message]:
    """All in one track of a session file that is music."""
    track = next(track for track in mido.MidiFile(path).tracks if track.name == part)
    return [message for message in track if not message.is_meta]


@pytest.fixture
def lights(jack: str) -> Iterator[Player]:
    """What a controller with lights is told."""
    with Player("jamd-test-pads", LIGHTS) as lights:
        yield lights


@pytest.fixture
def bells(tmp_path: Path) -> str:
    """The name of a model that has learned one note, struck on each beat, and is installed."""
    steps = 64
    player = [Frame((Onset(60, 80),)) if step % 32 in range(0, 16, 4) else REST for step in range(steps)]
    own = [Frame((Onset(BELL, 80),)) if step % 32 in range(16, 32, 4) else REST for step in range(steps)]
    both = [rolls_of(part) for part in (player, own)]
    rows = ("attacks", "holds", "offsets")
    rolls = Rolls(*(np.stack([getattr(roll, name) for roll in both]) for name in rows))
    place = np.arange(steps) % 16
    learned = count([Conversation(rolls, place, np.full(steps, 16), [(16, 32), (48, 64)])])
    folder = tmp_path / "data" / "jamd" / "models"
    folder.mkdir(parents=True)
    blend = np.full((LEVELS, 2), 0.01, np.float32)
    bundle.write(
        folder / "bells.safetensors", {**learned, "blend": blend}, {"arch": "markov", "settings": {}}
    )
    return "bells"


def test_a_pedal_gives_the_floor_on_the_next_beat(player: Player, jamd: Start, tmp_path: Path) -> None:
    """Beats 0 and 1 are played and the pedal is pressed in beat 1: the answer goes from beat 2 to the
    second bar line. It is let go in the answer, which goes on. The same again from beat 8."""
    playing = jamd(*PORTS, *ONE_BAR, *ON_GRID, "--bars", "open", *bound(tmp_path, turn="pedal"))
    turns = [
        in_order(
            note(60, beat * BEAT, 0.6 * BEAT),
            note(64, (beat + 1) * BEAT, 0.4 * BEAT),
            turn(PEDAL, 127, (beat + 1.5) * BEAT),
            turn(PEDAL, 0, (beat + 3.5) * BEAT),
        )
        for beat in (0, 8)
    ]
    start = player.play(in_order(*turns))
    player.listen_until(start + 16.5 * BEAT)
    summary = ended_in_order(playing, player)
    began = strikes(player.sent)[0].seconds
    for beat in (0, 8):
        line, end = began + (beat + 2) * BEAT, began + (beat + 8) * BEAT
        answer = strikes(between(player.heard, line - STEP / 2, end - STEP / 2))
        assert 0 <= answer[0].seconds - line < HEARD_LATE_SECONDS
        assert not strikes(between(player.heard, line - 2 * BEAT, line))
        assert not sounding(between(player.heard, 0, end + HEARD_LATE_SECONDS))
    assert "2 turns, 4 notes heard" in summary
    assert {message.type for message in recorded(playing.record, "player")} == {"note_on", "note_off"}
    assert ends_silent(player.heard)


def test_the_lights_show_how_the_knobs_stand_and_the_knobs_are_no_music(
    player: Player, lights: Player, jamd: Start, tmp_path: Path
) -> None:
    """The density is turned up, the register down, and the pads are pressed, before the first note. Bar 0
    is answered in bar 1; then it is to be a duet, and in bar 3 both play."""
    knobs = {"density": "cc 21", "register": "cc 22", "mode": "cc 23"}
    pads = {"panic": f"note {PAD}", "loop": f"note {OTHER_PAD}"}
    playing = jamd(*PORTS, *ONE_BAR, *bound(tmp_path, **knobs, **pads), "--lights", LIGHTS)
    hands = [turn(21, 127, -0.9), turn(22, 0, -0.8), press(PAD, -0.7)]
    hands += [press(OTHER_PAD, -0.6), press(OTHER_PAD, -0.5), turn(23, 64, 1.5 * BAR)]
    tune = [event for beat in range(8, 16) for event in note(60 + beat % 5, beat * BEAT, 0.9 * BEAT)]
    start = player.now() + 1
    player.play(in_order(*hands, phrase(), tune), start)
    player.listen_until(start + 4 * BAR)
    ended_in_order(playing, player)
    began = next(message.seconds for message in player.sent if message.bytes[:2] == (0x90, 60))
    assert [message.bytes for message in lights.heard] == [
        (0xB0, 21, 64),
        (0xB0, 22, 64),
        (0xB0, 23, 0),
        (0xB0, 21, 127),
        (0xB0, 22, 0),
        (0x90, PAD, 0),
        (0x90, OTHER_PAD, 127),
        (0x90, OTHER_PAD, 0),
        (0xB0, 23, 64),
    ]
    assert in_bar(player.heard, began, 1)
    assert not in_bar(player.heard, began, 0)
    assert in_bar(player.heard, began, 3)
    music = [m.bytes[1:] for m in strikes(player.sent) if m.pitch >= 60]
    assert [(m.note, m.velocity) for _, m in recorded_strikes(playing.record, "player")] == music
    assert {message.type for message in recorded(playing.record, "player")} == {"note_on", "note_off"}
    assert ends_silent(player.heard)


def test_panic_silences_an_answer_at_once_and_the_next_turn_is_answered(
    player: Player, jamd: Start, tmp_path: Path
) -> None:
    """Bar 0 is played; as soon as the answer sounds it is silenced. Bar 3 is played, and bar 4 answers."""
    playing = jamd(*PORTS, *ONE_BAR, *ON_GRID, *bound(tmp_path, panic=f"note {PAD}"))
    start = player.play(phrase())
    player.wait_for_strike(after_seconds=start)
    player.play(press(PAD, 0), player.now())
    player.play(phrase(3), start)
    player.listen_until(start + 5.2 * BAR)
    summary = ended_in_order(playing, player)
    began = strikes(player.sent)[0].seconds
    pressed = next(message.seconds for message in player.sent if message.bytes[:2] == (0x90, PAD))
    silent = pressed + HEARD_LATE_SECONDS
    assert not sounding(between(player.heard, 0, silent))
    offs = [message for message in between(player.heard, pressed, silent) if message.is_control(123, 0)]
    assert [message.bytes[0] & 0x0F for message in offs] == list(range(16))
    assert not between(player.heard, silent, began + 4 * BAR)
    assert 0 <= in_bar(player.heard, began, 4)[0].seconds - began - 4 * BAR < HEARD_LATE_SECONDS
    assert "2 turns, 8 notes heard" in summary
    assert ends_silent(player.heard)


def test_an_answer_loops_until_the_pad_is_pressed_again(player: Player, jamd: Start, tmp_path: Path) -> None:
    """Bar 0 is played. In its answer the pad is pressed: bars 2 and 3 are bar 1 again. It is pressed again
    in bar 3, and bar 4 is rest."""
    playing = jamd(*PORTS, *ONE_BAR, *ON_GRID, *bound(tmp_path, loop=f"note {PAD}"))
    start = player.play(in_order(phrase(), press(PAD, 1.5 * BAR), press(PAD, 3.5 * BAR)))
    player.listen_until(start + 5 * BAR)
    ended_in_order(playing, player)
    began = strikes(player.sent)[0].seconds
    answer, again, last, rest = (in_bar(player.heard, began, bar) for bar in (1, 2, 3, 4))
    assert [m.bytes for m in answer] == [m.bytes for m in again] == [m.bytes for m in last]
    assert 0 <= last[0].seconds - began - 3 * BAR < HEARD_LATE_SECONDS
    assert not rest
    assert ends_silent(player.heard)


def test_the_next_model_answers_with_no_gap(player: Player, jamd: Start, tmp_path: Path, bells: str) -> None:
    """Bars 0, 2 and 4 are played. In the first answer the pad is pressed: the second is bells alone. In that
    one it is pressed again, and the third comes from whichever model is ready; no bar stays empty."""
    playing = jamd(
        *PORTS, *ONE_BAR, *ON_GRID, *bound(tmp_path, next_model=f"note {PAD}"), "--model", "wavenet"
    )
    pads = in_order(press(PAD, 1.2 * BAR), press(PAD, 3.5 * BAR))
    start = player.play(in_order(phrase(0), phrase(2), phrase(4), pads))
    player.listen_until(start + 6.2 * BAR)
    summary = ended_in_order(playing, player)
    began = strikes(player.sent)[0].seconds
    for bar in (1, 3, 5):
        line = began + bar * BAR
        assert 0 <= in_bar(player.heard, began, bar)[0].seconds - line < HEARD_LATE_SECONDS, f"bar {bar}"
    assert BELL not in {m.pitch for m in in_bar(player.heard, began, 1)}
    assert {m.pitch for m in in_bar(player.heard, began, 3)} == {BELL}
    assert "3 turns, 12 notes heard" in summary
    assert "0 given up" in summary
    assert playing.stderr == []
    assert ends_silent(player.heard)


def test_a_take_is_the_last_call_and_its_answer(player: Player, jamd: Start, tmp_path: Path) -> None:
    """Bars 0 and 2 are played, the second a little early, and then it is saved: from bar 2 on."""
    playing = jamd(*PORTS, *ONE_BAR, *bound(tmp_path, save=f"note {PAD}"))
    early = [(seconds - 0.02, message) for seconds, message in phrase(2, 62)]
    start = player.play(in_order(phrase(0), early, press(PAD, 4.2 * BAR)))
    player.listen_until(start + 4.2 * BAR)
    path = playing.record.with_name("session take 1.mid")
    playing.wait_for_line(f"jamd: take kept in {path}", 10)
    ended_in_order(playing, player)
    began = strikes(player.sent)[0].seconds
    parts = {part.name: part.notes for part in midifile.read(path).parts}
    assert [n.pitch for n in parts["player"]] == [
        m.pitch for m in strikes(player.sent) if m.pitch in (62, 66, 69)
    ]
    assert [n.start_beats for n in parts["player"]] == pytest.approx([0, 1, 2, 3], abs=0.2)
    answer = [m.pitch for m in in_bar(player.heard, began, 3)]
    assert sorted(n.pitch for n in parts["jamd"]) == sorted(answer)
    assert all(n.start_beats > 3.5 and n.end_beats < 8.5 for n in parts["jamd"])
