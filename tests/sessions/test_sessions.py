"""The folder of sessions: what was played can be found again."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import mido
import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from jamd.cli import main
from jamd.commands.sessions import command
from jamd.engine.snapshot import Span, Turn
from jamd.errors import JamdError
from jamd.music.note import Note
from jamd.music.transport import Metre
from jamd.sessions import sessions
from jamd.sessions.recorder import Recorder
from jamd.smf import midifile
from jamd.smf.midifile import Track, encode, messages_of
from jamd.view.view import OWN_COLOUR, PLAYER_COLOUR
from tests.kit.realparts import SYNTH, Jamd, Player, sounding
from tests.view.test_plot import bar_lines

NOW = datetime(2026, 11, 21, 20, 15, 3)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of sessions, not there yet."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "jamd" / "sessions"


def keep(
    path: Path,
    player: Sequence[Note],
    jamd: Sequence[Note],
    tempos: Sequence[tuple[float, float]] = ((0.0, 120.0),),
    metres: Sequence[tuple[float, Metre]] = ((0.0, Metre(4, 4)),),
) -> None:
    tracks = [Track("player", messages_of(player)), Track("jamd", messages_of(jamd))]
    path.write_bytes(encode(tracks, tempos, metres))


def line(start_beats: int, count: int) -> list[Note]:
    return [Note(60, 64, start_beats + beat, start_beats + beat + 1.0) for beat in range(count)]


def test_a_session_is_named_after_its_beginning_in_a_private_folder(folder: Path) -> None:
    assert sessions.new_path(NOW) == folder / "2026-11-21 20.15.03.mid"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert list(folder.iterdir()) == []


def test_a_session_is_never_written_over_another(folder: Path) -> None:
    names = []
    for _ in range(3):
        path = sessions.new_path(NOW)
        path.touch()
        names.append(path.name)
    assert names == ["2026-11-21 20.15.03.mid", "2026-11-21 20.15.03 2.mid", "2026-11-21 20.15.03 3.mid"]


def test_a_folder_that_cannot_be_made_is_named(folder: Path) -> None:
    folder.parent.parent.mkdir(parents=True)
    folder.parent.write_bytes(b"a file in the place of the folder")
    with pytest.raises(JamdError, match=r"^cannot keep sessions in .*sessions: "):
        sessions.new_path(NOW)


def test_what_a_kill_left_behind_is_swept_when_no_session_can_be_writing_it(folder: Path) -> None:
    folder.mkdir(parents=True)
    old, fresh, other = (folder / name for name in (".a.mid.x7", ".b.mid.y8", "c.mid"))
    for path in (old, fresh, other):
        path.touch()
    os.utime(old, (0, 0))
    os.utime(other, (0, 0))
    os.utime(fresh, (NOW.timestamp() - 60, NOW.timestamp() - 60))
    sessions.new_path(NOW)
    assert {path.name for path in folder.iterdir()} == {".b.mid.y8", "c.mid"}


def test_a_session_is_counted_in_bars_seconds_and_notes(folder: Path) -> None:
    keep(sessions.new_path(NOW), line(0, 8), line(8, 6))
    (session,) = sessions.kept()
    assert (session.when, session.bars, session.seconds) == (NOW, 4, 7.0)
    assert (session.player_notes, session.jamd_notes, session.fault) == (8, 6, "")


def test_changes_of_tempo_and_metre_count(folder: Path) -> None:
    metres = [(0.0, Metre(4, 4)), (8.0, Metre(6, 8)), (100.0, Metre(2, 4))]
    keep(sessions.new_path(NOW), line(0, 14), [], [(0.0, 120.0), (8.0, 60.0), (99.0, 200.0)], metres)
    (session,) = sessions.kept()
    assert (session.bars, session.seconds) == (4, 10.0)


def test_sessions_are_listed_the_latest_last(folder: Path) -> None:
    for day in (3, 1, 2):
        keep(sessions.new_path(datetime(2026, 11, day, 20)), line(0, 1), [])
    named_by_hand = folder / "the good one.mid"
    keep(named_by_hand, line(0, 1), [])
    os.utime(named_by_hand, (NOW.timestamp(), NOW.timestamp()))
    assert [session.when for session in sessions.kept()] == [
        *[datetime(2026, 11, day, 20) for day in (1, 2, 3)],
        NOW,
    ]


def test_a_file_being_written_is_no_session(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / ".2026-11-21 20.15.03.mid.a1b2").touch()
    (folder / ".hidden.mid").touch()
    assert sessions.kept() == []


def test_a_session_that_cannot_be_read_is_listed_with_the_reason(folder: Path) -> None:
    sessions.new_path(NOW).write_bytes(b"")
    keep(sessions.new_path(NOW), line(0, 4), [])
    broken, whole = sessions.kept()
    assert broken.fault == "is empty; a standard MIDI file was expected"
    assert whole.player_notes == 4


# The command


def run(*arguments: str) -> str:
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_the_command_says_what_to_do_when_nothing_is_kept() -> None:
    assert run() == "No session has been kept yet: play with `jamd listen`, and it will be listed here.\n"
    assert json.loads(run("--json")) == []


def test_the_command_lists_sessions_and_what_is_wrong_with_them(folder: Path) -> None:
    keep(sessions.new_path(NOW), line(0, 240), line(240, 10))
    (folder / "[bold]x.mid").write_bytes(b"not music")
    listing = run()
    assert "2026-11-21 20.15.03.mid" in listing
    (row,) = [row for row in listing.splitlines() if "20.15.03" in row]
    assert row.replace("│", " ").split()[2:] == ["2:05", "63", "240", "10"]
    assert listing.splitlines()[-1] == "[bold]x.mid is not a readable MIDI file: it does not begin with MThd"


def test_the_command_gives_json(folder: Path) -> None:
    keep(sessions.new_path(NOW), line(0, 8), line(8, 6))
    (folder / "x.mid").write_bytes(b"")
    whole, broken = sorted(json.loads(run("--json")), key=lambda session: session["name"])
    assert whole == {
        "name": "2026-11-21 20.15.03.mid",
        "path": str(folder / "2026-11-21 20.15.03.mid"),
        "when": "2026-11-21T20:15:03",
        "bars": 4,
        "seconds": 7.0,
        "player_notes": 8,
        "jamd_notes": 6,
        "favourite": False,
        "fault": None,
    }
    assert broken["fault"] == "is empty; a standard MIDI file was expected"


def many(count: int) -> list[str]:
    """The names of so many sessions that were kept, one a day, the latest last."""
    paths = [sessions.new_path(NOW + timedelta(days=day)) for day in range(count)]
    for path in paths:
        keep(path, line(0, 4), [])
    return [path.name for path in paths]


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [([], 20), (["--last", "3"], 3), (["--last", "24"], 24), (["--last", "30"], 24), (["--last", "all"], 24)],
)
def test_the_latest_sessions_are_listed_and_no_others_read(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], shown: int
) -> None:
    names, read = many(24), list[str]()
    session_at = sessions.session_at

    def counting(path: Path, *picked: sessions.Favourites) -> sessions.Session:
        read.append(path.name)
        return session_at(path, *picked)

    monkeypatch.setattr(sessions, "session_at", counting)
    listed = CliRunner().invoke(command, [*arguments, "--json"])
    assert [session["name"] for session in json.loads(listed.stdout)] == names[-shown:] == read
    told = f"the last {shown} of 24 sessions; --last all lists all of them\n"
    assert listed.stderr == ("" if shown == 24 else told)
    assert told.strip() in run(*arguments) or shown == 24


def test_the_last_favourites_are_listed_however_old() -> None:
    names = many(24)
    for name in names[:3]:
        run("pick", name)
    listed = CliRunner().invoke(command, ["--favourites", "--last", "2"])
    assert [row.split()[1:3] for row in listed.stdout.splitlines() if ".mid" in row] == [
        name.split() for name in names[1:3]
    ]
    assert listed.stdout.startswith("the last 2 of 3 favourites; --last all lists all of them\n")


def test_last_is_a_number_or_all() -> None:
    assert "0 is not in the range x>=1, nor is it all" in refused("--last", "0")


def test_the_last_that_can_be_read_is_taken_to_be_heard_or_seen_and_that_is_said(
    two: list[Path], tmp_path: Path
) -> None:
    broken = sessions.new_path(NOW.replace(hour=23))
    broken.write_bytes(b"")
    said = f"{broken.name} is empty; a standard MIDI file was expected; the last one that can be read is "
    assert sessions.find_whole("last") == (sessions.session_at(two[1]), said + two[1].name)
    exported = CliRunner().invoke(main, ["sessions", "export", "last", "-o", str(tmp_path / "take.mid")])
    assert exported.stderr == f"jamd: {said}{two[1].name}\n"
    assert (tmp_path / "take.mid").read_bytes() == two[1].read_bytes()
    for path in two:
        path.write_bytes(b"")
    with pytest.raises(JamdError, match=f"^{broken.name} is empty"):
        sessions.find_whole("last")


def test_what_is_named_is_not_replaced_by_another(two: list[Path]) -> None:
    two[1].write_bytes(b"")
    with pytest.raises(JamdError, match="is empty"):
        sessions.find_whole(two[1].stem)
    run("delete", "last", "--yes")
    assert [path.exists() for path in two] == [True, False]


def test_a_picture_has_the_bar_lines_of_the_session(folder: Path, tmp_path: Path) -> None:
    """The master's bars began a beat and a half after ours, and again where it began anew."""
    metres = [(0.0, Metre(4, 4)), (1.5, Metre(4, 4)), (7.0, Metre(4, 4))]
    keep(sessions.new_path(NOW), line(0, 8), line(8, 3), metres=metres)
    run("export", "last", "-o", str(tmp_path / "evening.png"))
    assert bar_lines(tmp_path / "evening.png", 11) == [0, 1.5, 5.5, 7, 11]
    (session,) = sessions.kept()
    assert session.bars == 3


def band(picture: Path) -> list[str]:
    """What stands over the music in a picture, from left to right: the colours that are not paper."""
    pixels = imread(picture)[:, :, :3]
    near = {
        name: np.abs(pixels - to_rgb(colour)).max(axis=2) < 0.01
        for name, colour in (("call", PLAYER_COLOUR), ("answer", OWN_COLOUR))
    }
    row = max(range(len(pixels)), key=lambda row: sum(int(of[row].sum()) for of in near.values()))
    places = {name: np.flatnonzero(of[row]) for name, of in near.items() if of[row].sum() > 50}
    return sorted(places, key=lambda name: float(places[name].mean()))


def test_a_picture_says_whose_turn_it_was(folder: Path, tmp_path: Path) -> None:
    """Marked in the session's file as it was played: a call, an answer that was interrupted, a call."""
    with Recorder(sessions.new_path(NOW), 96.0, Metre(4, 4)) as recorder:
        for beats, turn in ((0.0, Turn.CALL), (8.0, Turn.ANSWER), (14.0, Turn.CALL), (16.0, Turn.WAIT)):
            recorder.turn(beats, turn)
        for beats in range(20):
            part = "jamd" if 8 <= beats < 14 else "player"
            recorder.record(part, float(beats), mido.Message("note_on", note=48))
            recorder.record(part, beats + 0.5, mido.Message("note_off", note=48))
    piece = midifile.read(sessions.find("last"))
    assert sessions.turns_of(piece) == [
        Span(0.0, 8.0, Turn.CALL),
        Span(8.0, 14.0, Turn.ANSWER),
        Span(14.0, 16.0, Turn.CALL),
    ]
    run("export", "last", "-o", str(tmp_path / "evening.png"))
    assert band(tmp_path / "evening.png") == ["call", "answer"]


def test_a_session_kept_without_turns_is_drawn_without_them(two: list[Path], tmp_path: Path) -> None:
    assert sessions.turns_of(midifile.read(two[0])) == []
    run("export", "last", "-o", str(tmp_path / "evening.png"))
    assert band(tmp_path / "evening.png") == []


def test_a_marker_of_another_program_is_no_turn(folder: Path) -> None:
    path = sessions.new_path(NOW)
    keep(path, line(0, 4), line(4, 4))
    piece = replace(
        midifile.read(path), markers=((0.0, "verse"), (1.0, "call"), (2.0, "Call"), (4.0, "answer"))
    )
    assert sessions.turns_of(piece) == [Span(1.0, 4.0, Turn.CALL), Span(4.0, 8.0, Turn.ANSWER)]


# Finding, naming, keeping


@pytest.fixture
def two(folder: Path) -> list[Path]:
    """An evening's two sessions."""
    paths = []
    for hour in (20, 22):
        path = sessions.new_path(NOW.replace(hour=hour))
        keep(path, line(0, 4), line(4, 4))
        paths.append(path)
    return paths


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["sessions", *arguments])
    assert result.exit_code == 2
    (said,) = result.stderr.splitlines()
    return said


def test_a_session_is_found_by_a_part_of_its_name_and_the_last_by_that(two: list[Path]) -> None:
    assert sessions.find("20.15") == two[0]
    assert sessions.find("last") == two[1]
    assert sessions.find(two[0].name) == two[0]
    assert refused("pick", "2026").startswith("jamd: session '2026' could be any of: 2026-11-21 20.15.03, ")
    assert refused("pick", "1999") == "jamd: no session matches '1999'; `jamd sessions` lists them"


def test_a_favourite_is_picked_and_stays_one_by_another_name(two: list[Path]) -> None:
    run("pick", "last")
    run("rename", "last", "Blue night")
    assert [session.favourite for session in sessions.kept()] == [False, True]
    picked = [entry["name"] for entry in json.loads(run("--favourites", "--json"))]
    assert picked == ["Blue night.mid"]
    run("pick", "blue", "--not")
    assert run("--favourites") == "No session was picked yet: `jamd sessions pick last`.\n"


@pytest.mark.parametrize("name", ["", "a/b", ".hidden", "..", "last", ".mid"])
def test_a_name_that_is_none_is_refused_and_nothing_is_moved(two: list[Path], name: str) -> None:
    assert "is no name for a session" in refused("rename", "last", name)
    assert all(path.exists() for path in two)


def test_a_name_that_is_taken_is_refused(two: list[Path]) -> None:
    before = two[0].read_bytes()
    assert "there is a session '2026-11-21 20.15.03' already" in refused("rename", "last", two[0].stem)
    assert two[0].read_bytes() == before
    assert two[1].exists()


def test_deleting_asks_first(two: list[Path]) -> None:
    asked = CliRunner().invoke(main, ["sessions", "delete", "last"], input="n\n")
    assert asked.exit_code == 130
    assert two[1].exists()
    run("delete", "last", "20.15", "--yes")
    assert not any(path.exists() for path in two)


def test_a_session_is_exported_as_notes_and_as_a_picture(two: list[Path], tmp_path: Path) -> None:
    run("export", "last", "-o", str(tmp_path / "take.mid"))
    assert (tmp_path / "take.mid").read_bytes() == two[1].read_bytes()
    run("export", "last", "-o", str(tmp_path / "take.png"))
    assert bar_lines(tmp_path / "take.png", 8) == [0, 4, 8]
    assert (tmp_path / "take.png").read_bytes().startswith(b"\x89PNG")
    assert "should end in .mid, .wav or .png" in refused("export", "last", "-o", str(tmp_path / "take.ogg"))


@pytest.mark.jack
def test_a_session_is_played_to_a_synth_and_ends_with_every_note_off(
    two: list[Path], folder: Path, player: Player, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    (home / "data" / "jamd").mkdir(parents=True)
    (home / "data" / "jamd" / "sessions").symlink_to(folder)
    arguments = ("play", "last", "--backend", "jack", "--out", SYNTH)
    with Jamd(home, *arguments, command="sessions") as playing:
        ended = playing.wait()
    assert ended.status == 0, ended
    strikes = [message.pitch for message in player.heard if message.strikes]
    assert len(strikes) == 8
    assert not sounding(player.heard)
