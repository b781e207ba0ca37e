"""The picture: readable by what it holds, written whole or not at all."""

import struct
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from jamd.engine.snapshot import Span, Turn
from jamd.errors import JamdError, UsageError
from jamd.music.bars import Bars
from jamd.music.note import Note
from jamd.music.transport import Metre
from jamd.view.plot import DOTS_PER_INCH, MARGIN_INCHES, about, draw
from jamd.view.view import OWN_COLOUR, PLAYER_COLOUR

FOUR = Bars.of([(0.0, Metre(4, 4))])
PLAYER = [Note(60 + i % 12, 110, i / 2, i / 2 + 0.4) for i in range(16)]
OWN = [Note(72 - i % 12, 110, 8 + i / 2, 8.4 + i / 2) for i in range(16)]
TURNS = [Span(0, 8, Turn.CALL), Span(8, 16, Turn.ANSWER)]


def size(path: Path) -> tuple[int, int]:
    width, height = struct.unpack(">II", path.read_bytes()[16:24])
    return width, height


def columns_of(path: Path, colour: str) -> np.ndarray:
    """Where from left (0) to right (1) the picture, below its head, has pixels of this very colour."""
    pixels = imread(path)[:, :, :3]
    body = pixels[pixels.shape[0] // 3 :]
    near = np.abs(body - to_rgb(colour)).max(axis=2) < 0.01
    return np.flatnonzero(near.any(axis=0)) / pixels.shape[1]


def test_the_player_is_blue_on_the_left_and_jamd_orange_on_the_right(tmp_path: Path) -> None:
    draw(tmp_path / "jam.png", PLAYER, OWN, FOUR, TURNS, "a jam")
    assert size(tmp_path / "jam.png")[0] >= 1400
    blue, orange = (columns_of(tmp_path / "jam.png", colour) for colour in (PLAYER_COLOUR, OWN_COLOUR))
    assert 0 < blue.min() < blue.max() < orange.min() < orange.max() < 1


def test_a_soft_note_is_paler_than_a_loud_one(tmp_path: Path) -> None:
    draw(tmp_path / "soft.png", [Note(60, 20, 0, 4)], [], FOUR, [])
    draw(tmp_path / "loud.png", [Note(60, 120, 0, 4)], [], FOUR, [])
    assert columns_of(tmp_path / "soft.png", PLAYER_COLOUR).size == 0
    assert columns_of(tmp_path / "loud.png", PLAYER_COLOUR).size > 500


def test_turns_are_marked_even_where_nobody_plays(tmp_path: Path) -> None:
    draw(tmp_path / "without.png", [], [], FOUR, [])
    draw(tmp_path / "with.png", [], [], FOUR, TURNS[:1])
    pixels = imread(tmp_path / "with.png")[:, :, :3]
    blue = np.abs(pixels - to_rgb(PLAYER_COLOUR)).max(axis=2) < 0.01
    assert blue.sum(axis=1).max() > pixels.shape[1] / 2
    assert size(tmp_path / "without.png")[1] == size(tmp_path / "with.png")[1]


def test_long_pieces_wrap_into_rows_and_stay_of_a_size_that_opens(tmp_path: Path) -> None:
    heights = []
    for bars in (8, 16, 2000):
        path = tmp_path / f"{bars}.png"
        draw(path, [Note(60, 80, 4 * bars - 4, 4 * bars)], [], FOUR, [Span(0, 4 * bars, Turn.CALL)])
        heights.append(size(path)[1])
    assert heights[0] * 1.5 < heights[1]
    assert heights[2] < 12_000


@pytest.mark.parametrize("metre", ["3/4", "7/8", "12/8", "1/4"])
def test_any_metre_pitch_and_title_is_drawn(tmp_path: Path, metre: str) -> None:
    notes = [Note(0, 1, -0.01, 1), Note(127, 127, 2, 19), Note(60, 64, 3, 3)]
    bars = Bars.of([(0.0, Metre.parse(metre))])
    draw(tmp_path / "odd.PNG", notes, notes, bars, [Span(0, 1e-3, Turn.WAIT)], "$x 日本 \\frac{")
    assert imread(tmp_path / "odd.PNG", format="png").shape[1] >= 1400


def test_the_same_jam_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        draw(tmp_path / name, PLAYER, OWN, FOUR, TURNS)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def bar_lines(path: Path, beats: float) -> list[float]:
    """Where bar lines are in a picture of one row that is so many beats wide."""
    pixels = imread(path)[:, :, :3]
    across, margin = pixels.shape[1], MARGIN_INCHES * DOTS_PER_INCH
    grey = np.abs(pixels - to_rgb("#a9a69c")).max(axis=2) < 0.06
    high = np.flatnonzero(grey.sum(axis=0) > 200)
    return sorted({round((x + 0.5 - margin) / (across - 1.5 * margin) * beats, 1) for x in high.tolist()})


def changing(*changes: tuple[float, str]) -> Bars:
    return Bars.of([(beats, Metre.parse(metre)) for beats, metre in changes])


@pytest.mark.parametrize(
    ("bars", "end", "lines"),
    [
        (changing((0, "4/4")), 12, [0, 4, 8, 12]),
        (changing((0, "1/4"), (1, "4/4")), 13, [0, 1, 5, 9, 13]),  # 0 is the edge, behind which is the upbeat
        (changing((0, "4/4"), (4, "3/4"), (10, "4/4")), 14, [0, 4, 7, 10, 14]),
        (changing((0, "4/4"), (6, "3/4")), 12, [0, 4, 6, 9, 12]),
        (changing((0, "7/8"), (3.5, "2/4")), 7.5, [0, 3.5, 5.5, 7.5]),
    ],
)
def test_bar_lines_are_where_the_bars_of_the_music_begin(
    tmp_path: Path, bars: Bars, end: float, lines: list[float]
) -> None:
    draw(tmp_path / "jam.png", [Note(60, 80, 0, 0.5), Note(60, 80, end - 0.5, end)], [], bars, [])
    assert bar_lines(tmp_path / "jam.png", end) == lines


def test_a_piece_of_short_bars_and_changes_is_drawn_whatever_it_holds(tmp_path: Path) -> None:
    changes = [(float(beat), ("1/16", "12/8", "5/4")[beat % 3]) for beat in range(0, 4000, 7)]
    notes = [Note(60, 80, beat, beat + 1) for beat in range(0, 4000, 50)]
    draw(tmp_path / "odd.png", notes, [], changing(*changes), [Span(-3, 4000, Turn.CALL)])
    assert size(tmp_path / "odd.png")[1] < 12_000
    draw(tmp_path / "upbeat.png", notes[:1], [], changing((0, "3/4"), (3, "4/4")), [])
    assert bar_lines(tmp_path / "upbeat.png", 3) == [0, 3]


@pytest.mark.parametrize("name", ["jam.pdf", "jam", "jam.png.txt"])
def test_a_picture_that_is_not_png_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"ends in \.png") as refused:
        draw(tmp_path / name, PLAYER, OWN, FOUR, TURNS)
    assert name in str(refused.value)
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(JamdError, match=r"cannot write .*nowhere"):
        draw(tmp_path / "nowhere" / "jam.png", PLAYER, OWN, FOUR, TURNS)
    assert list(tmp_path.iterdir()) == []


def test_tempo_metre_and_key_stand_below_the_title() -> None:
    notes = [
        Note(pitch, 80, float(i), i + 1.0) for i, pitch in enumerate((60, 62, 64, 65, 67, 69, 71, 72) * 2)
    ]
    assert about(notes, [(0.0, 96.0)], FOUR) == "96 BPM   4/4   C major"
    assert about(notes, [(0.0, 96.0), (8.0, 132.55), (99.0, 20.0)], FOUR) == "96 to 132.6 BPM   4/4   C major"
    later = [Note(60, 80, 9.0, 10.0)]
    assert about(later, [(0.0, 120.0), (8.0, 90.0)], changing((0, "4/4"), (8, "3/4"))) == "90 BPM   4/4, 3/4"
    assert about(later, (), FOUR) == "4/4"
    assert about([], [(0.0, 96.0)], FOUR) == ""
