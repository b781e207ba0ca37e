"""Names that others chose, wherever they are shown: on one line, whole, without a word to the terminal."""

from __future__ import annotations

import io
import json
import os
import warnings
from pathlib import Path

import mido
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from jamd.cli import main
from jamd.errors import JamdError
from jamd.music.bars import Bars
from jamd.music.note import Note
from jamd.music.transport import Metre
from jamd.printable import cell, printable
from jamd.view.plot import draw
from jamd.view.style import drawable

NOT_UTF_8 = os.fsdecode(b"fl\xf6te")
ODD = ["Ba$$in", "$\\frac{", "漢字", "[red]", "[/]", "a\nb", "\x1b[2J", NOT_UTF_8, "\u202egnp"]
ODD_FILES = [name for name in ODD if "/" not in name]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Flöte 漢字 🎹", "Flöte 漢字 🎹"),
        ("a\nb", "a\\nb"),
        ("\x1b[31m", "\\x1b[31m"),
        (NOT_UTF_8, "fl\\xf6te"),
        ("\ud834", "\\ud834"),
        ("\u202egnp", "\\u202egnp"),
    ],
)
def test_what_would_act_on_a_terminal_is_spelt_out(name: str, shown: str) -> None:
    assert printable(name) == str(JamdError(name)) == shown


@given(st.text(alphabet=st.characters(exclude_categories=[])))
def test_any_text_is_one_line_that_any_stream_takes(name: str) -> None:
    shown = printable(name)
    assert len(shown.splitlines()) <= 1
    assert shown.encode().decode() == shown


@pytest.mark.parametrize("name", ODD)
def test_in_a_table_a_name_is_no_colour_and_no_second_row(name: str) -> None:
    console = Console(width=60, file=(shown := io.StringIO()))
    table = Table("name", box=None)
    table.add_row(cell(name))
    console.print(table)
    assert printable(name) in shown.getvalue()


@pytest.mark.parametrize("name", ODD)
def test_a_picture_stands_any_title(name: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw(tmp_path / "x.png", [Note(60, 80, 0.0, 1.0)], [], Bars.of([(0.0, Metre(4, 4))]), [], title=name)
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


def test_what_the_font_lacks_is_drawn_as_such_and_dollars_as_dollars() -> None:
    assert drawable("漢 $x$ ö") == "\N{REPLACEMENT CHARACTER} $x$ ö"


def song(path: Path) -> Path:
    track = mido.MidiTrack([mido.Message("note_on", note=60), mido.Message("note_off", note=60, time=480)])
    mido.MidiFile(tracks=[track]).save(path)
    return path


@pytest.mark.parametrize("name", ODD_FILES)
def test_a_file_of_any_name_is_answered_and_drawn(name: str, tmp_path: Path) -> None:
    call, out, picture = (tmp_path / f"{name}{end}" for end in (".mid", "-jam.mid", ".png"))
    options = ["--model", "markov", "--seed", "1", "-o", str(out), "--plot", str(picture)]
    done = CliRunner().invoke(main, ["render", str(song(call)), *options])
    assert done.exit_code == 0, done.output
    assert picture.exists()
    assert done.stdout.splitlines()[-1] == printable(picture)


@pytest.mark.parametrize("name", ODD_FILES)
def test_sessions_and_models_of_any_name_are_listed_whole(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("DATA", "CONFIG"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind.lower()))
    monkeypatch.setenv("COLUMNS", "200")
    home = tmp_path / "data" / "jamd"
    (home / "sessions").mkdir(parents=True)
    (home / "models").mkdir()
    song(home / "sessions" / f"{name}.mid")
    (home / "models" / f"{name}.safetensors").write_bytes(b"")
    for command, key in (("sessions", ".mid"), ("models", "")):
        told = CliRunner().invoke(main, [command])
        assert (told.exit_code, told.stderr) == (0, "")
        assert printable(name) in told.stdout
        listed = CliRunner().invoke(main, [command, "--json"])
        assert f"{name}{key}" in [entry["name"] for entry in json.loads(listed.stdout)]
