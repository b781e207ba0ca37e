"""The report of a training: figures with honest intervals, and a page that needs nothing but itself."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from math import inf, isnan, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from rich.console import Console

from jamd.cli import main
from jamd.engine.voice import Voice
from jamd.errors import JamdError
from jamd.music.note import Note
from jamd.music.transport import Metre
from jamd.smf import midifile
from jamd.training.judging import judge
from jamd.training.judging.cases import Case, cases_of
from jamd.training.judging.judge import Figure
from jamd.training.learning import answers
from jamd.training.recordings import pieces
from jamd.training.recordings.sources import Skipped
from jamd.training.report import files, terminal
from jamd.training.report.curve import Curve, curve_of
from jamd.training.report.html import page
from jamd.training.report.json import to_json
from jamd.training.report.report import (
    Answered,
    Comparison,
    Read,
    Report,
    compared,
    read_of,
    verdict,
)
from jamd.training.report.terminal import drawn
from jamd.training.report.words import without_folders
from jamd.training.runs import runs
from jamd.view.view import OWN_COLOUR, PLAYER_COLOUR
from tests.kit.corpus import scale_chords
from tests.kit.fakes import Pad, Parrot

EVIL = "<script>alert('x')</script>&.mid"
ABOUT = {
    "arch": "seq2seq",
    "recipe": {"epochs": 4},
    "data": {"learned_from": {"pieces": 3}, "held_out": {"pieces": 1}},
    "created": "2026-11-21T16:02:03+00:00",
}


def figure_of(change: float, low: float = nan, high: float = nan) -> Comparison:
    """A comparison of your held-out pieces with this change in percent."""
    return Comparison("your pieces", 9, Figure(2.0), Figure(1.8), Figure(change, low, high), 42)


BETTER, WORSE, UNSURE = figure_of(-11, -13, -9), figure_of(3, 1, 5), figure_of(-1, -2, 0.5)
GENERAL = replace(figure_of(0.8, 0.2, 1.4), name="general music")


def piece_of(notes: list[Note], name: str = "song.mid", sha256: str = "5a" * 32) -> pieces.QuantisedPiece:
    parts = (midifile.Part("piano", tuple(notes)),)
    return pieces.quantised(midifile.Piece(parts, ((0.0, 120.0),), ((0.0, Metre(4, 4)),)), name, sha256)


def case() -> Case:
    (only,) = cases_of([piece_of(scale_chords(60))], 1)
    return only


def losses_of(*held_out: float) -> tuple[dict[str, float], ...]:
    numbers = enumerate(held_out, 1)
    return tuple(
        dict.fromkeys(runs.COLUMNS, 0.5) | {"updates": 10.0 * n, "nats_per_step": v} for n, v in numbers
    )


@pytest.fixture
def told() -> Report:
    """A report with something of everything."""
    call = Answered(
        f"{EVIL} bar 5",
        Metre(3, 4),
        12.0,
        call=tuple(Note(60 + i, 90, i, i + 0.9) for i in range(12)),
        real=tuple(Note(72 - i, 30, i, i + 0.9) for i in range(12)),
        before=(Note(40, 127, -0.1, 3.0),),
        after=(),
    )
    return Report(
        "mine",
        "default",
        "2026-11-21T16:02:03+00:00",
        754.2,
        "cpu",
        "x86_64, 2 cores",
        "jamd train /home/ann/music -o /home/ann/mine.safetensors",
        {"epochs": 8, "seed": 0},
        (Read(EVIL, 120, 16, "its ticks", False), Read("song\x1b[31m.mid", 80, None, "none", True)),
        (
            Skipped(f"/music/{EVIL}", f"/music/{EVIL} is empty"),
            Skipped("a\udcff.mid", "a\udcff.mid is a copy of b"),
        ),
        (BETTER, GENERAL),
        losses_of(2.5, 2.25, 2.375),
        2.75,
        (call, call),
        verdict([BETTER, GENERAL], "default", "models/mine"),
    )


def spoken(told: Report, encoding: str = "utf-8", width: int = 160) -> list[str]:
    """The lines that the terminal shows."""
    file = io.TextIOWrapper(io.BytesIO(), encoding, write_through=True)
    terminal.show(told, Console(file=file, width=width), Path("report.html"))
    return file.buffer.getvalue().decode(encoding).splitlines()  # type: ignore[attr-defined]


class Page(HTMLParser):
    """The tags of a page, and all that it says."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.said += data


def test_pieces_that_differ_alike_leave_no_doubt_of_the_change() -> None:
    steps = np.array([100.0, 300.0, 50.0, 200.0])
    before = np.array([400.0, 300.0, 100.0, 900.0])
    found = compared("pieces", steps, before, 0.75 * before)
    assert found.pieces == 4
    assert found.before.value == pytest.approx(1700 / 650)
    assert _sides(found.change_percent) == pytest.approx((-25, -25, -25))
    assert found.before.low < found.before.value < found.before.high


def test_both_models_are_resampled_together_and_as_evaluate_does() -> None:
    rng = np.random.default_rng(1)
    steps, before = rng.uniform(50, 500, 12), rng.uniform(100, 900, 12)
    after = before * rng.uniform(0.8, 1.1, 12)
    found = compared("pieces", steps, before, after)
    for ours, sums in ((found.before, before), (found.after, after)):
        assert [ours.value, ours.low, ours.high] == pytest.approx(
            list(_sides(judge.figure(judge.Tally(sums, steps))))
        )
    ratio = _sides(judge.figure(judge.Tally(after, before)))
    assert list(_sides(found.change_percent)) == pytest.approx([100 * (side - 1) for side in ratio])
    assert found == compared("pieces", steps, before, after)


def _sides(figure: Figure) -> tuple[float, float, float]:
    return figure.value, figure.low, figure.high


def test_one_piece_has_a_change_and_no_interval() -> None:
    found = compared("pieces", np.array([100.0, 10.0]), np.array([200.0, inf]), np.array([180.0, 5.0]))
    assert found.pieces == 1
    assert [found.before.value, found.change_percent.value] == pytest.approx([2, -10])
    assert all(
        isnan(side) for f in (found.before, found.after, found.change_percent) for side in (f.low, f.high)
    )
    assert verdict([found], "default", None) == (
        "10.0 % better on pieces, but one piece alone cannot tell that from chance: default is kept"
    )


def test_no_piece_has_no_figures() -> None:
    found = compared("pieces", *np.zeros((3, 0)))
    assert found.pieces == 0
    assert isnan(found.change_percent.value)
    assert verdict([found], "default", None) == "no figures on pieces: default is kept"


def test_sums_of_other_lengths_and_pieces_without_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="inhomogeneous"):
        compared("pieces", np.ones(2), np.ones(3), np.ones(2))
    with pytest.raises(ValueError, match="needs steps"):
        compared("pieces", np.array([1.0, 0.0]), np.ones(2), np.ones(2))


@pytest.mark.parametrize(
    ("comparisons", "written_as", "words"),
    [
        (
            [BETTER, GENERAL],
            "models/mine",
            "better on your pieces by 11.0 % (9.0 to 13.0 %, of 9 pieces, 42 notes),"
            " general music 0.8 % worse (0.2 to 1.4 %): written as models/mine",
        ),
        (
            [WORSE],
            None,
            "worse on your pieces by 3.0 % (1.0 to 5.0 %, of 9 pieces, 42 notes): default is kept",
        ),
        (
            [UNSURE],
            None,
            "not better on your pieces for sure (-2.0 to +0.5 %, of 9 pieces, 42 notes): default is kept",
        ),
        (
            [BETTER, replace(UNSURE, name="general music")],
            "m",
            "better on your pieces by 11.0 % (9.0 to 13.0 %, of 9 pieces, 42 notes),"
            " general music -1.0 %, which may be chance: written as m",
        ),
        (
            [replace(figure_of(-0.02, -0.03, -0.01), pieces=2, notes=0)],
            "m",
            "better on your pieces by less than 0.1 % (0.0 to 0.0 %, of 2 pieces): written as m",
        ),
        (
            [replace(figure_of(-3), pieces=1)],
            "m",
            "3.0 % better on your pieces, but one piece alone cannot tell that from chance: written as m",
        ),
        ([], "models/mine", "nothing was held out to compare on: written as models/mine"),
    ],
)
def test_the_verdict_says_no_more_than_is_known(
    comparisons: list[Comparison], written_as: str | None, words: str
) -> None:
    assert verdict(comparisons, "default", written_as) == words


def test_a_row_tells_how_the_beat_was_known() -> None:
    piece = piece_of(scale_chords(60))
    for changed, beat_track, beat, bars in (
        ({}, False, "its ticks", 8),
        ({}, True, "a beat track", 8),
        ({"found": True, "sure": 0.874}, False, "found, 87 % sure", 8),
        ({"on_grid": False}, False, "none", None),
    ):
        row = read_of(replace(piece, **changed), "song.mid", beat_track, True)
        assert row == Read("song.mid", len(piece.step), bars, beat, True)


def test_both_models_answer_the_same_calls(tmp_path: Path) -> None:
    (call,) = answers.answered([case()], Parrot, Pad, lambda: Voice(0, 1.0))
    (real,) = [case()]
    assert (call.title, call.beats, call.metre) == (real.name, 16.0, Metre(4, 4))
    assert (call.call, call.real) == (real.call, real.answer)
    assert [n.pitch for n in call.before] == [
        n.pitch + 12 for n in sorted(real.call, key=lambda n: (n.start_beats, n.pitch))
    ]
    assert [(n.pitch, n.start_beats, n.end_beats) for n in call.after] == [(60, 0.0, 16.0)]
    assert len(answers.answered([case()] * 5, Pad, Pad, lambda: Voice(0, 1.0))) == 3


def test_each_answer_is_a_midi_file_with_its_call(told: Report, tmp_path: Path) -> None:
    files.write(tmp_path, told)
    names = [f"{number}-{which}.mid" for number in (1, 2) for which in ("after", "before", "real")]
    assert sorted(path.name for path in (tmp_path / "answers").iterdir()) == sorted([*names, "answers.png"])
    piece = midifile.read(tmp_path / "answers" / "1-real.mid")
    call, answer = piece.parts
    assert (call.name, answer.name, piece.metres) == ("call", "what really came", ((0.0, Metre(3, 4)),))
    assert [n.pitch for n in call.notes] == list(range(60, 72))
    assert [n.start_beats for n in answer.notes] == list(range(12, 24))
    (held,) = midifile.read(tmp_path / "answers" / "2-before.mid").parts[1].notes
    assert (held.pitch, held.start_beats) == (40, pytest.approx(11.9, abs=0.01))


def test_the_picture_shows_all_calls(told: Report, tmp_path: Path) -> None:
    files.write(tmp_path, told)
    pixels = imread(tmp_path / "answers" / "answers.png")[:, :, :3]
    width = pixels.shape[1]
    assert width >= 1200
    blue, orange = (
        np.flatnonzero((np.abs(pixels[80:] - to_rgb(colour)).max(axis=2) < 0.1).any(axis=0)) / width
        for colour in (PLAYER_COLOUR, OWN_COLOUR)
    )
    assert 0 < blue.min() < blue.max() <= 0.5 < orange.min() < orange.max() < 0.75  # nothing came after


def test_the_page_needs_nothing_but_itself(told: Report, tmp_path: Path) -> None:
    text = files.write(tmp_path, told).read_text()
    found = Page(text)
    pictures = [attributes["src"] or "" for tag, attributes in found.tags if tag == "img"]
    assert [picture.partition(";")[0] for picture in pictures] == ["data:image/svg+xml", "data:image/png"]
    for picture in pictures:
        content = base64.b64decode(picture.partition(",")[2], validate=True)
        assert content.startswith((b"<?xml", b"\x89PNG"))
        assert b"<script" not in content
        text = text.replace(picture, "")
    links = [attributes["href"] or "" for _, attributes in found.tags if "href" in attributes]
    assert len(links) == 6
    assert all((tmp_path / link).is_file() and not Path(link).is_absolute() for link in links)
    for outside in ("http", "//", "url(", "@import", "<script", "<link", "javascript", "onload"):
        assert outside not in text
    assert "prefers-color-scheme: dark" in text


def test_names_are_only_text_on_the_page(told: Report) -> None:
    text = page(replace(told, model=EVIL, start_model=EVIL, verdict=f"better\n{EVIL}\x07"), None)
    found = Page(text)
    assert "script" not in {tag for tag, _ in found.tags}
    assert found.said.count(EVIL) >= 5
    assert "song�[31m.mid" in found.said
    assert "a�.mid" in found.said
    assert all(character.isprintable() or character == "\n" for character in text)


def test_the_page_begins_with_the_verdict_and_tells_everything(told: Report) -> None:
    said = Page(page(told, None)).said
    at = [
        said.index(words)
        for words in (
            "better on your pieces by 11.0 % (9.0 to 13.0 %, of 9 pieces, 42 notes), general music 0.8 %",
            "-11.0 %\n(-13.0 to -9.0)",
            "Held out to tell when to stop, other music than what the models are compared on",
            "2.250 at best, after 20 updates. The model before, on this music: 2.750.",
            f"1 {EVIL} bar 5",
            "Learned from: 1 recording, 120 notes. Held out: 1 recording, 80 notes.",
            "2 skipped",
            "jamd train music -o mine.safetensors",
            "12 min 34 s",
        )
    ]
    assert at == sorted(at)
    assert "/home" not in said


def test_a_report_says_how_to_play_the_new_model_where_there_is_one(told: Report) -> None:
    mine = replace(told, play="/home/ann/my models/new one.safetensors")
    assert "To play with it" not in Page(page(told, None)).said
    said = Page(page(mine, None)).said
    assert "In the model's folder:" in said
    assert "jamd listen --model 'new one.safetensors'" in said
    assert "/home" not in said
    assert any(
        "jamd listen --model '/home/ann/my models/new one.safetensors'" in line for line in spoken(mine)
    )
    named = replace(told, play="mine")
    for said in (Page(page(named, None)).said, "\n".join(spoken(named))):
        assert "jamd listen --model mine" in said
        assert "folder:" not in said


def test_more_than_two_hundred_recordings_are_counted(told: Report) -> None:
    many = tuple(Read(f"song{n}.mid", 10, 4, "its ticks", n % 10 == 0) for n in range(350))
    said = Page(page(replace(told, read=many), None)).said
    assert "Learned from: 315 recordings, 3150 notes. Held out: 35 recordings, 350 notes." in said
    assert "The first 200 of 350 by name:" in said
    assert "song199.mid" in said
    assert "song200.mid" not in said


def test_the_terminal_tells_the_same_and_the_verdict_last(told: Report) -> None:
    lines = spoken(told)
    assert lines[-1] == told.verdict
    text = "\n".join(lines)
    for words in (
        "Learned from: 1 recording, 120 notes. Held out: 1 recording, 80 notes.",
        EVIL,
        "(-13.0 to -9.0)",
        "2.250 at best",
        "● held out   · learned from, with dropout   ─ the model before",
        "jamd train music -o mine.safetensors",
        "report.html",
    ):
        assert words in text
    assert "\x1b" not in text


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_with_few_letters_gets_those(told: Report, encoding: str) -> None:
    text = "\n".join(spoken(told, encoding))
    assert "(-13.0 to -9.0)" in text
    assert "o held out   . learned from, with dropout   - the model before" in text


def test_a_curve_falls_from_left_to_right() -> None:
    *rows, axis, _ = drawn(curve_in(losses_of(4.0, 3.0, 2.0)))
    points = [(height, line.index("●")) for height, line in enumerate(rows) if "●" in line]
    assert points == sorted(points)
    assert len(points) == 3
    assert axis.split() == ["10", "30", "updates"]
    assert len(drawn(curve_in(losses_of(2.0), 2.0))) == 10


def test_what_was_learned_by_heart_hides_no_held_out_loss() -> None:
    """The learned loss is 0.5 throughout."""
    curve = curve_in(losses_of(50.0, nan, 4.0, inf))
    assert (curve.lowest, curve.highest, curve.best) == (0.5, 12.0, 2)
    assert curve_in(losses_of(4.0), 5.0).highest == 5.0
    assert curve_of(losses_of(nan, inf), 2.0) is None
    assert curve_of((), 2.0) is None


def curve_in(losses: tuple[dict[str, float], ...], start_nats_per_step: float = nan) -> Curve:
    curve = curve_of(losses, start_nats_per_step)
    assert curve is not None
    return curve


def test_what_is_missing_is_said(told: Report, tmp_path: Path) -> None:
    bare = replace(
        told, read=(), skipped=(), comparisons=(), losses=losses_of(nan), start_nats_per_step=nan, answered=()
    )
    said = Page(files.write(tmp_path, bare).read_text()).said
    for words in (
        "Nothing was held out to compare the models on.",
        "No loss was written down.",
        "No call could be cut from the held-out music",
        "Learned from: 0 recordings, 0 notes.",
    ):
        assert words in said
        assert any(words in line for line in spoken(bare))
    assert list((tmp_path / "answers").iterdir()) == []
    assert files.read(tmp_path).answered == ()


def test_a_report_that_is_written_again_leaves_nothing_of_the_first(told: Report, tmp_path: Path) -> None:
    files.write(tmp_path, told)
    (tmp_path / "answers" / "mine.mid").write_bytes(b"kept")
    files.write(tmp_path, replace(told, answered=told.answered[:1]))
    assert sorted(path.name for path in (tmp_path / "answers").iterdir()) == [
        "1-after.mid",
        "1-before.mid",
        "1-real.mid",
        "answers.png",
        "mine.mid",
    ]


def test_a_report_is_read_as_it_was_written(told: Report, tmp_path: Path) -> None:
    told = replace(
        told, start_nats_per_step=judge.NAN, comparisons=(BETTER, Comparison("one", 1, *[Figure(2.0)] * 3))
    )
    assert not files.is_there(tmp_path)
    files.write(tmp_path, told)
    assert files.is_there(tmp_path)
    assert files.read(tmp_path) == told
    json.loads((tmp_path / "report.json").read_text(), parse_constant=pytest.fail)


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda document: "{", "is damaged"),
        (lambda document: "[]", "is damaged"),
        (lambda document: json.dumps({**document, "format": 99}), "was written by a newer jamd"),
        (lambda document: json.dumps({**document, "comparisons": [{"name": "x"}]}), "is damaged"),
    ],
)
def test_a_report_that_cannot_be_read_is_named_in_one_line(
    told: Report, tmp_path: Path, spoil: Callable[[Any], str], fault: str
) -> None:
    path = tmp_path / "report.json"
    path.write_text(spoil(to_json(told)))
    with pytest.raises(JamdError, match=fault) as error:
        files.read(tmp_path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_that_cannot_be_written_is_named(told: Report, tmp_path: Path) -> None:
    (tmp_path / "answers").write_text("in the way")
    with pytest.raises(JamdError, match=r"cannot write .*answers"):
        files.write(tmp_path, told)
    assert not files.is_there(tmp_path)


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (
            "jamd train '/home/ann b/my music/' -o=/tmp/m.safetensors",
            "jamd train 'my music' -o=m.safetensors",
        ),
        (r"jamd train 'C:\Users\ann\music' --emphasis jazz=2", "jamd train music --emphasis jazz=2"),
        ("jamd train / ./music", "jamd train / music"),
        ("jamd train /home/it's", "jamd train 'it'\"'\"'s'"),
    ],
)
def test_a_command_is_shown_without_the_users_folders(command: str, shown: str) -> None:
    assert without_folders(command) == shown


@pytest.fixture
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "jamd" / "runs"


def jamd(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_a_run_shows_its_report_again(told: Report, parent: Path) -> None:
    run = runs.ended(runs.create(parent, "mine", ABOUT), runs.FINISHED)
    assert "with a report" not in jamd("runs").stdout
    result = jamd("runs", "report", "mine")
    assert (result.exit_code, result.stderr) == (1, f"jamd: run {run.name} has no report\n")
    written = files.write(run.folder, told)
    assert "1 with a report: see `jamd runs report RUN`" in jamd("runs").stdout
    assert json.loads(jamd("runs", "--json").stdout)[0]["report"] == str(written)
    assert str(written) in jamd("runs", "show", "mine").stdout
    shown = jamd("runs", "report", "mine")
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert shown.stdout.splitlines()[-1] == told.verdict
    document = json.loads(jamd("runs", "report", "mine", "--json").stdout)
    assert document == json.loads((run.folder / "report.json").read_text())
