"""A performance without a click, as a call: `--tempo auto` finds its beat, a number is its tempo."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from jamd.beats.beatmap import lay
from jamd.beats.performed import in_time
from jamd.cli import main
from jamd.engine.events import Received
from jamd.engine.turns import Form
from jamd.errors import UsageError
from jamd.music.bars import Bars
from jamd.music.note import Note
from jamd.music.tempomap import Tempos, seconds_at
from jamd.music.transport import Metre
from jamd.smf import midifile
from jamd.smf.midifile import Piece, Track
from jamd.smf.write import messages_of
from jamd.sync.filetime import FileTime
from tests.beats.test_find import melody, performed, rubato, song
from tests.kit.corpus import scale_chords, write_song
from tests.kit.fakes import Pad, jam

EXACT_SECONDS = 0.001
"""As near as the ticks of the call itself are: one at 120 BPM."""


def played_at(tempo: float, beats: int, swell: float = 0.05) -> np.ndarray:
    """When each of so many beats comes, and the one behind them: about this tempo, faster and slower."""
    tempos = tempo * (1 + swell * np.sin(np.linspace(0, 5, beats)))
    return 0.7 + np.concatenate([[0.0], np.cumsum(60 / tempos)])


def write(path: Path, piece: Piece) -> Path:
    """As a recorder without a click has it: at 120 BPM, in 4/4."""
    track = Track("piano", messages_of(piece.notes))
    path.write_bytes(midifile.encode([track], [(0.0, 120.0)], [(0.0, Metre(4, 4))]))
    return path


def struck(notes: tuple[Note, ...] | list[Note], tempos: Tempos) -> np.ndarray:
    return seconds_at(tempos, np.array([note.start_beats for note in notes]))


def render(*args: object) -> str:
    result = CliRunner().invoke(main, ["render", *map(str, args)])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize(("tempo", "beats_in_bar"), [(63, 4), (92, 4), (138, 3), (152, 4)])
def test_the_answer_is_on_a_bar_line_of_what_was_played_and_the_player_stays_in_place(
    tmp_path: Path, tempo: float, beats_in_bar: int
) -> None:
    """Twelve bars by hand, in a file that knows nothing of their beat."""
    at = played_at(tempo, 12 * beats_in_bar)
    call = write(tmp_path / "call.mid", performed(song(beats_in_bar, 12), at, seed=int(tempo)))
    jam = tmp_path / "jam.mid"
    said = render(call, "-o", jam, "--tempo", "auto", "--answer-bars", 1, "--seed", 1, "--feel", 0)
    assert re.match(r"the beat of call\.mid is found at [\d to]+ BPM, in [234]/4, 9\d % sure\n", said)
    written, before = midifile.read(jam), midifile.read(call)
    player, answer = (next(p.notes for p in written.parts if p.name == name) for name in ("player", "jamd"))
    sixteenth_seconds = 15 / tempo
    first = struck(answer, written.tempos)[0]
    assert abs(first - at[-1]) < sixteenth_seconds
    line = answer[0].start_beats
    assert round(4 * line) in Bars.of(written.metres).lines(0, 1000)
    moved = np.sort(struck(player, written.tempos)) - np.sort(struck(before.notes, before.tempos))
    assert np.abs(moved).max() < EXACT_SECONDS
    found = written.tempos[-1][1]
    found *= 1 if found > 0.75 * tempo else 2  # half as many beats may be tapped to what is fast
    assert found == pytest.approx(60 / np.diff(at[-9:]).mean(), rel=0.04)


def test_rubato_is_in_the_tempo_map() -> None:
    at = rubato(97)
    timed = in_time(performed(song(4, 24), at), "auto", "call.mid")
    beat_seconds = seconds_at(timed.piece.tempos, np.array([beat for beat, _ in timed.piece.tempos]))
    near = np.abs(at[1:-1, None] - beat_seconds).min(1)
    assert np.mean(near < 0.05) > 0.95
    assert "BPM, in 4/4, 99 % sure" in timed.said
    slowest, fastest = re.findall(r"\d+", timed.said)[:2]
    assert float(slowest) == pytest.approx(71, abs=4)
    assert float(fastest) == pytest.approx(109, abs=4)


def test_it_says_so_when_it_is_not_sure() -> None:
    starts = np.cumsum(np.random.default_rng(0).gamma(2, 0.25, 200)).tolist()
    notes = [Note(60 + i % 12, 80, at, at + 0.4) for i, at in enumerate(starts)]
    said = in_time(performed(notes, np.arange(200) * 0.5), "auto", "x.mid").said
    assert float(said.split(", ")[-1].split(" %")[0]) < 30


def test_a_number_is_the_tempo_from_the_first_note_on(tmp_path: Path) -> None:
    """Eight bars to a click of 93 BPM that the file does not know."""
    at = 0.81 + 60 / 93 * np.arange(33)
    call = write(tmp_path / "call.mid", performed(song(4, 8), at))
    said = render(
        call, "-o", tmp_path / "jam.mid", "--tempo", 93, "--answer-bars", 1, "--feel", 0, "--seed", 1
    )
    assert said.startswith("call.mid is taken at 93 BPM, in 4/4, from its first note on\n")
    written, before = midifile.read(tmp_path / "jam.mid"), midifile.read(call)
    player, answer = (next(p.notes for p in written.parts if p.name == name) for name in ("player", "jamd"))
    assert struck(answer, written.tempos)[0] == pytest.approx(at[-1], abs=0.05)
    moved = struck(player, written.tempos) - struck(before.notes, before.tempos)
    assert np.abs(moved).max() < EXACT_SECONDS
    assert written.tempos[-1][1] == pytest.approx(93, abs=0.01)


def test_without_it_the_file_keeps_its_own_time_and_a_line_says_what_would_help(tmp_path: Path) -> None:
    call = write(tmp_path / "call.mid", performed(song(4, 8), rubato(33)))
    advice = "call.mid was played without a click, and its bars mean nothing; --tempo auto finds its beat\n"
    said = render(call, "-o", tmp_path / "jam.mid", "--answer-bars", 1)
    assert said.startswith(advice)
    assert len(said.splitlines()) == 2
    assert midifile.read(tmp_path / "jam.mid").tempos == ((0.0, 120.0),)
    score = write_song(tmp_path / "score.mid", scale_chords(60, bars=4))
    assert len(render(score, "-o", tmp_path / "jam.mid", "--answer-bars", 1).splitlines()) == 1


def test_a_file_whose_ticks_are_its_beats_keeps_them(tmp_path: Path) -> None:
    score = write_song(tmp_path / "score.mid", scale_chords(60, bars=8), tempo=97)
    said = render(score, "-o", tmp_path / "jam.mid", "--tempo", "auto", "--answer-bars", 1)
    assert re.match(r"the beat of score\.mid is that of its ticks, \d+ % sure\n", said)
    assert [round(tempo, 2) for _, tempo in midifile.read(tmp_path / "jam.mid").tempos] == [97.0]


@pytest.mark.parametrize("command", ["render", "jam"])
def test_too_little_to_find_a_beat_in_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "call.mid", performed(melody(8), rubato(9)))
    few = [Note(60, 80, 3.1 * beat, 3.1 * beat + 1) for beat in range(5)]
    write_song(tmp_path / "few.mid", few)
    before = sorted(tmp_path.iterdir())
    call = ["few.mid"] if command == "render" else ["--call", "few.mid"]
    result = CliRunner().invoke(main, [command, *call, "-o", "x.mid", "--tempo", "auto"])
    assert result.exit_code == 2
    (said,) = result.stderr.splitlines()
    assert "finds no beat in few.mid: that takes 16 notes or chords" in said
    assert sorted(tmp_path.iterdir()) == before
    wrong = CliRunner().invoke(main, [command, *call, "-o", "x.mid", "--tempo", "tap"])
    assert wrong.exit_code == 2
    assert "nor is it auto" in wrong.stderr


def test_notes_hours_apart_have_no_beat() -> None:
    notes = [Note(60, 80, 400.0 * i, 400.0 * i + 1) for i in range(20)]
    piece = performed(notes, np.arange(8000) * 1.0)
    with pytest.raises(UsageError, match="no more than 3 s apart"):
        in_time(piece, "auto", "x.mid")


@pytest.mark.parametrize("first_seconds", [-0.4, -0.02, 0.0, 0.05, 0.2, 0.7, 7.3])
def test_notes_keep_their_seconds_wherever_the_first_beat_is(first_seconds: float) -> None:
    rng = np.random.default_rng(0)
    notes = tuple(Note(60, 80, float(at), float(at) + 0.3) for at in np.sort(rng.uniform(0, 40, 80)))
    piece = Piece((midifile.Part("", notes),), ((0.0, 97.0), (11.0, 140.0)), ((0.0, Metre(4, 4)),))
    beats = first_seconds + np.cumsum(np.concatenate([[0.0], 0.5 + 0.03 * rng.standard_normal(40)]))
    laid = lay(piece, beats, Bars.of([(0.0, Metre(4, 4))]).moved(-8))  # it begins on the third beat of a bar
    assert np.abs(struck(laid.piece.notes, laid.piece.tempos) - struck(notes, piece.tempos)).max() < 1e-5
    assert laid.piece.metres[0][0] == laid.piece.tempos[0][0] == 0
    bar_lines = [line / 4 for line in Bars.of(laid.piece.metres).lines(1, 120)]
    lines = seconds_at(laid.piece.tempos, np.array(bar_lines))
    lines = lines[lines > beats[0] + 0.1]
    assert np.abs(lines[:, None] - beats[2::4]).min(1).max() < 1e-5


def test_a_jam_with_a_performance_goes_by_the_beat_that_is_found() -> None:
    """Two bars are the call, and jamd answers on the bar line after them, as it was played."""
    at = played_at(84, 48)
    piece = performed(song(4, 12), at)
    timed = in_time(piece, "auto", "x.mid")
    events = [event for event in messages_of(piece.notes) if event[0] < 2 * (at[8] - 0.2)]  # in half seconds
    script = [[Received(beats / 2, message)] for beats, message in events]
    sync = FileTime.of(timed.piece, events[0][0] / 2, timed.tempo)
    made = jam(script, at[20], Pad(), Form(2, 2), sync=sync)
    (begun,) = [seconds for seconds, what, _ in made.notes if what == "on"]
    assert begun == pytest.approx(at[8], abs=0.1)
