"""The same engine over a file: repeatable, on the bar line, and much faster than it sounds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import mido
import numpy as np
import pytest
from click.testing import CliRunner
from corpus import scale_chords, write_song

from jamd import midifile
from jamd.cli import main
from jamd.models import bundle
from jamd.note import Note


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
