"""`jamd jam --call`: a file is played into jamd, which goes by the file's own tempos and bars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from click.testing import CliRunner

from jamd.cli import main
from jamd.engine.events import Received
from jamd.engine.turns import Form
from jamd.music import tempomap
from jamd.music.note import Note
from jamd.music.transport import Metre
from jamd.smf import midifile
from jamd.smf.midifile import Part, Piece
from jamd.smf.write import Track, messages_of
from jamd.sync.filetime import FileTime
from tests.kit.fakes import Jam, Pad, jam

Tempos = list[tuple[float, float]]


def played(notes: list[Note], tempos: Tempos, metres: list[tuple[float, Metre]], end_seconds: float) -> Jam:
    """A file that holds these notes, played into jamd by a built-in player that begins at 1 s."""
    piece = Piece((Part("", tuple(notes)),), tuple(tempos), tuple(metres))
    timed = messages_of(notes)
    seconds = tempomap.seconds_at(tempos, np.array([beats for beats, _ in timed])).tolist()
    script = [[Received(1.0 + at, message)] for at, (_, message) in zip(seconds, timed, strict=True)]
    sync = FileTime.of(piece, seconds[0])
    return jam(script, end_seconds, Pad(), Form(2, 2), sync=sync)


def on_each(first: int, end: int) -> list[Note]:
    return [Note(60, 80, beat, beat + 0.5) for beat in range(first, end)]


def begun(played: Jam) -> list[float]:
    return [seconds for seconds, what, _ in played.notes if what == "on"]


FOUR, THREE = Metre(4, 4), Metre(3, 4)


def test_the_grid_goes_by_the_tempo_map_of_the_file() -> None:
    """At 120 BPM to beat 4, then at 60: the call's two bars last 2 + 4 seconds."""
    made = played(on_each(0, 8), [(0.0, 120.0), (4.0, 60.0)], [(0.0, FOUR)], 20.0)
    assert begun(made) == [7.0]
    assert made.notebook.tempos == [(4.0, 60.0)]


def test_a_change_of_tempo_or_metre_behind_the_music_is_none() -> None:
    made = played(on_each(0, 6), [(0.0, 120.0), (7.0, 30.0)], [(0.0, THREE), (8.0, FOUR)], 12.0)
    assert begun(made) == [4.0]
    assert [(span.start_beats, span.end_beats) for span in made.engine.account.spans] == [(0, 6), (6, 12)]


def test_bars_follow_the_metres_of_the_file() -> None:
    """A bar of 4/4 and one of 3/4 are the call: the answer begins on beat 7."""
    made = played(on_each(0, 7), [(0.0, 60.0)], [(0.0, FOUR), (4.0, THREE)], 30.0)
    assert begun(made) == [8.0]
    assert made.notebook.metres == [(4.0, THREE), (7.0, FOUR)]  # the last bar was cut short


def test_an_upbeat_shifts_the_bar_lines() -> None:
    """It belongs to the first of the call's two bars."""
    made = played(on_each(0, 9), [(0.0, 60.0)], [(0.0, Metre(1, 4)), (1.0, FOUR)], 30.0)
    assert begun(made) == [10.0]
    assert made.notebook.metres == [(1.0, FOUR)]


def test_bars_of_rest_before_the_first_note_are_left_out() -> None:
    """The first note is on beat 2 of the fourth bar, 13 seconds into the file: beat 1 of the jam."""
    made = played(on_each(13, 20), [(0.0, 60.0)], [(0.0, FOUR)], 40.0)
    assert begun(made) == [1.0 + 20.0]
    strikes = [beats for part, beats, message in made.notebook.events if message.type == "note_on"]
    assert strikes[:7] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]


def test_a_jam_is_kept_in_the_bars_and_the_tempo_of_the_file(tmp_path: Path) -> None:
    """In real time, at 300 BPM: an upbeat and two bars of 3/4, whose last metre is behind the music."""
    changes = [(0.0, Metre(1, 4)), (1.0, THREE), (20.0, FOUR)]
    call = midifile.encode([Track("", messages_of(on_each(0, 7)))], [(0.0, 300.0), (20.0, 40.0)], changes)
    (tmp_path / "call.mid").write_bytes(call)
    args = ["jam", "--call", tmp_path / "call.mid", "-o", tmp_path / "jam.mid", "--quiet", "--seed", "1"]
    result = CliRunner().invoke(main, [str(arg) for arg in args])
    assert result.exit_code == 0, result.output
    assert "300 BPM, 3/4" in result.stdout
    jam = midifile.read(tmp_path / "jam.mid")
    assert jam.metres == ((0.0, THREE), (1.0, THREE))  # a first bar that is cut short
    assert [round(tempo, 2) for _, tempo in jam.tempos] == [300.0]
