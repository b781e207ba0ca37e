"""The same engine over a file: repeatable, on the bar line, and much faster than it sounds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import mido
import numpy as np
import pytest
from click.testing import CliRunner

from jamd import rendering
from jamd.cli import main
from jamd.engine.voice import Voice
from jamd.models import bundle
from jamd.music.note import Note
from jamd.music.transport import Metre
from jamd.smf import midifile
from jamd.smf.midifile import Part, Piece
from jamd.smf.write import Track, messages_of
from tests.kit.corpus import scale_chords, write_song
from tests.kit.fakes import Parrot


def render(*args: object) -> None:
    result = CliRunner().invoke(main, ["render", *map(str, args)])
    assert result.exit_code == 0, result.stderr


def parts(path: Path) -> dict[str, tuple[Note, ...]]:
    return {part.name: part.notes for part in midifile.read(path).parts}


def test_the_answer_is_on_the_bar_line_after_the_call_and_as_long(tmp_path: Path) -> None:
    call, jam = write_song(tmp_path / "call.mid", scale_chords(60, bars=2)), tmp_path / "jam.mid"
    render(call, "-o", jam, "--seed", 1, "--feel", 0)
    assert [track.name for track in mido.MidiFile(jam).tracks] == ["tempo", "player", "jamd"]
    assert list(parts(jam)["player"]) == midifile.read(call).notes
    answer = parts(jam)["jamd"]
    assert all(8.0 <= note.start_beats < note.end_beats <= 16.0 for note in answer)
    assert all(note.start_beats * 4 == round(note.start_beats * 4) for note in answer)
    assert answer[0].start_beats == 8.0


def test_one_seed_gives_one_answer_and_another_gives_another(tmp_path: Path) -> None:
    call = write_song(tmp_path / "call.mid", scale_chords(60, bars=2))
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        render(call, "-o", tmp_path / f"{name}.mid", "--seed", seed)
    contents = [(tmp_path / f"{name}.mid").read_bytes() for name in "abc"]
    assert contents[0] == contents[1] != contents[2]


def test_tempo_map_and_metre_of_the_call_are_kept(tmp_path: Path) -> None:
    notes = [Note(60 + beat, 80, 3.0 + beat, 3.5 + beat) for beat in range(6)]
    call, jam = write_song(tmp_path / "call.mid", notes, tempo=93, metre="3/4"), tmp_path / "jam.mid"
    render(call, "-o", jam, "--answer-bars", 1, "--seed", 5)
    piece = midifile.read(jam)
    assert piece.tempos[0][1] == pytest.approx(93, abs=1e-3)
    assert str(piece.metres[0][1]) == "3/4"
    assert all(9.0 <= note.start_beats < note.end_beats <= 12.0 for note in parts(jam)["jamd"])


def scale(end_beats: float) -> list[Note]:
    """A quarter note on every beat."""
    return [Note(60 + beat % 5, 80, beat, beat + 0.98) for beat in range(int(end_beats))]


@pytest.mark.parametrize(
    ("metres", "call_beats", "answer_beats", "written"),
    [
        ([(0, "3/4"), (18, "4/4")], 12, (12, 24), [(0, "3/4")]),  # a change behind the music
        ([(0, "3/4"), (12, "4/4")], 12, (12, 24), [(0, "3/4")]),
        (  # an upbeat, and a last bar that gives it back
            [(0, "1/4"), (1, "4/4"), (29, "3/4")],
            32,
            (32, 64),
            [(0, "1/4"), (1, "4/4"), (29, "3/4"), (32, "4/4")],
        ),
        ([(0, "1/4"), (1, "4/4")], 17, (17, 33), [(0, "1/4"), (1, "4/4")]),
        ([(0, "3/8"), (1.5, "6/8")], 7, (7.5, 13.5), [(0, "3/8"), (1.5, "6/8")]),
        (  # there and back
            [(0, "4/4"), (8, "3/4"), (14, "4/4")],
            22,
            (22, 46),
            [(0, "4/4"), (8, "3/4"), (14, "4/4")],
        ),
        ([(0, "4/4"), (6, "3/4")], 12, (12, 24), [(0, "4/4"), (6, "3/4")]),  # not on a bar line
    ],
)
def test_the_answer_is_in_the_metre_in_which_the_call_ends(
    tmp_path: Path,
    metres: list[tuple[float, str]],
    call_beats: float,
    answer_beats: tuple[float, float],
    written: list[tuple[float, str]],
) -> None:
    """On the bar line there, and as many bars of it as the call has of its own."""
    track = Track("piano", messages_of(scale(call_beats)))
    changes = [(at, Metre.parse(metre)) for at, metre in metres]
    (tmp_path / "call.mid").write_bytes(midifile.encode([track], [(0.0, 120.0)], changes))
    render(tmp_path / "call.mid", "-o", tmp_path / "jam.mid", "--seed", 1, "--feel", 0)
    answer, (begins, ends) = parts(tmp_path / "jam.mid")["jamd"], answer_beats
    assert answer[0].start_beats == begins
    assert ends - 2 <= answer[-1].end_beats <= ends
    assert [(at, str(metre)) for at, metre in midifile.read(tmp_path / "jam.mid").metres] == written


@pytest.mark.parametrize(
    ("tempos", "kept"),
    [
        ([(0, 100), (18, 60)], [(0, 100)]),  # a change behind the call
        ([(0, 100), (4, 80), (40, 120)], [(0, 100), (4, 80)]),
        ([(0, 100), (7, 20), (8, 100)], [(0, 100), (7, 20), (8, 100)]),  # a fermata
    ],
)
def test_the_answer_is_in_the_tempo_in_which_the_call_ends(
    tmp_path: Path, tempos: list[tuple[float, float]], kept: list[tuple[float, float]]
) -> None:
    track = Track("piano", messages_of(scale(8)))
    (tmp_path / "call.mid").write_bytes(midifile.encode([track], tempos, []))
    render(tmp_path / "call.mid", "-o", tmp_path / "jam.mid", "--seed", 1)
    read = midifile.read(tmp_path / "jam.mid").tempos
    assert [(at, round(tempo, 2)) for at, tempo in read] == kept


def test_the_mind_is_told_the_bars_of_the_call_and_of_the_answer() -> None:
    """Each step's place, as the metre has it: an upbeat is the last beat of a bar."""
    notes = tuple(scale(12))
    changes = ((0.0, Metre(1, 4)), (1.0, Metre(4, 4)), (9.0, Metre(3, 4)))
    mind = Parrot()
    rendering.render(Piece((Part("", notes),), ((0.0, 120.0),), changes), 1, lambda: mind, Voice(0, 0.0))
    places = [(place.step_in_bar, place.steps_per_bar) for _, _, place in mind.heard]
    bars = [(range(12, 16), 16), (range(16), 16), (range(16), 16), (range(12), 12), (range(16), 16)]
    assert places[: 4 + 16 + 16 + 12 + 16] == [(step, length) for steps, length in bars for step in steps]


def test_every_call_is_answered(tmp_path: Path) -> None:
    """Twenty answers to one soft note: none is empty."""
    call = write_song(tmp_path / "call.mid", [Note(60, 30, 0, 0.5)])
    for seed in range(20):
        render(call, "-o", tmp_path / "jam.mid", "--seed", seed)
        assert parts(tmp_path / "jam.mid")["jamd"]


def test_notes_beyond_the_piano_are_heard_and_the_answer_stays_on_it(tmp_path: Path) -> None:
    notes = [Note(pitch, 127, beat, beat + 1) for beat, pitch in enumerate((0, 127, 5, 120))]
    render(write_song(tmp_path / "call.mid", notes), "-o", tmp_path / "jam.mid", "--temperature", 3)
    assert all(21 <= note.pitch <= 108 for note in parts(tmp_path / "jam.mid")["jamd"])


def test_the_answer_is_drawn(tmp_path: Path) -> None:
    call = write_song(tmp_path / "call.mid", scale_chords(60, bars=1))
    render(call, "-o", tmp_path / "jam.mid", "--plot", tmp_path / "jam.png", "--out-channel", 16)
    assert (tmp_path / "jam.png").read_bytes().startswith(b"\x89PNG")
    channels = {m.channel for m in mido.MidiFile(tmp_path / "jam.mid").tracks[2] if m.type == "note_on"}
    assert channels == {15}


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (["missing.mid", "-o", "x.mid"], 1, "cannot read missing.mid"),
        (["empty.mid", "-o", "x.mid"], 1, "empty.mid is empty"),
        (["silent.mid", "-o", "x.mid"], 1, "silent.mid has no notes"),
        (["junk.mid", "-o", "x.mid"], 1, "junk.mid is not"),
        (["call.mid", "-o", "nowhere/x.mid"], 1, "there is no folder nowhere"),
        (["call.mid", "-o", "x.mid", "--model", "nobody"], 1, "there is no model 'nobody'"),
        (["call.mid", "-o", "x.mid", "--model", "junk.mid"], 1, "junk.mid is not a whole model bundle"),
        (["call.mid", "-o", "x.mid", "--out-channel", "17"], 2, "17 is not in the range"),
        (["call.mid", "-o", "x.mid", "--temperature", "nan"], 2, "nan"),
        (["call.mid", "-o", "x.mid", "--plot", "x.gif"], 2, "x.gif"),
    ],
)
def test_what_cannot_be_rendered_is_said_in_one_line_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], status: int, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_song(tmp_path / "call.mid", scale_chords(60, bars=1))
    write_song(tmp_path / "silent.mid", [])
    (tmp_path / "empty.mid").touch()
    (tmp_path / "junk.mid").write_bytes(b"\xff\xd8\xff\xe0 not music at all")
    before = sorted(tmp_path.iterdir())
    result = CliRunner().invoke(main, ["render", *args])
    assert result.exit_code == status
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before


def test_a_model_that_gives_no_numbers_is_said_in_one_line(tmp_path: Path) -> None:
    call = write_song(tmp_path / "call.mid", scale_chords(60, bars=1))
    good, broken = bundle.read(bundle.bundled()[0]), tmp_path / "broken.safetensors"
    weights = {**good.weights, "mix.bias": good.weights["mix.bias"] * np.nan}
    bundle.write(broken, weights, {"arch": "seq2seq", "settings": good.settings})
    command = [sys.executable, "-m", "jamd", "render", call, "-o", tmp_path / "jam.mid", "--model", broken]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True)
    assert done.returncode == 1
    fault = f"{broken} is not a whole model bundle (not all of its weights are finite numbers)"
    assert done.stderr == f"jamd: {fault}\n"
    assert not (tmp_path / "jam.mid").exists()
