"""Which of a player's pieces teach, which are watched, and which judge."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.music.note import Note
from jamd.training.batches.split import (
    STRETCH_BARS,
    apart,
    hashes_of,
    split,
    steps_of,
)
from jamd.training.recordings import pieces
from jamd.training.recordings.pieces import QuantisedPiece
from tests.kit.corpus import scale_chords, write_song


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> QuantisedPiece:
    """Forty bars."""
    path = write_song(tmp_path_factory.mktemp("song") / "song.mid", scale_chords(60, bars=40))
    return pieces.read(path.read_bytes(), str(path), path.name, "0" * 64)


def some(song: QuantisedPiece, count: int) -> list[QuantisedPiece]:
    from hashlib import sha256

    return [replace(song, name=f"{n}.mid", sha256=sha256(str(n).encode()).hexdigest()) for n in range(count)]


@given(count=st.integers(2, 40))
def test_every_piece_has_one_use_and_a_fifth_judges(song: QuantisedPiece, count: int) -> None:
    played = some(song, count)
    parts = split(played)
    judging = set(hashes_of(parts.judging))
    rest = set(hashes_of(parts.taught)) | set(hashes_of(parts.watched))
    assert parts.whole
    assert not judging & rest
    assert judging | rest == set(hashes_of(played))
    assert abs(len(judging) - count / 5) <= 0.5 or len(judging) == 1
    assert len(parts.taught)
    assert len(parts.watched)


def test_with_more_recordings_most_of_those_that_judged_still_do(song: QuantisedPiece) -> None:
    before, after = (set(hashes_of(split(some(song, count)).judging)) for count in (30, 33))
    assert len(before & after) >= len(before) - 2


def test_what_was_learned_before_does_not_judge(song: QuantisedPiece) -> None:
    played = some(song, 10)
    first = split(played)
    known = frozenset(hashes_of(first.judging))
    assert not known & set(hashes_of(split(played, known).judging))
    assert split(played, frozenset(hashes_of(played))).judging  # there are no others


def test_pieces_in_a_folder_of_that_name_judge(song: QuantisedPiece) -> None:
    played = some(song, 10)
    named = frozenset(hashes_of(played[3:5]))
    assert set(hashes_of(split(played, named=named).judging)) == named


def test_of_one_piece_stretches_are_held_out(song: QuantisedPiece) -> None:
    parts = split([song])
    assert not parts.whole
    steps = [int(steps_of(part).sum()) for part in (parts.taught, parts.watched, parts.judging)]
    assert sum(steps) == song.steps
    assert min(steps) >= STRETCH_BARS * 16 / 2


def test_a_stretch_is_a_piece_of_its_own(song: QuantisedPiece) -> None:
    left, out = apart([song], 0.3)
    for stretch in (*left, *out):
        assert stretch.bar_lines[0] == 0
        assert stretch.step.min() >= 0
        assert stretch.end.max() <= stretch.steps == stretch.bar_lines[-1]
    assert sum(len(stretch.step) for stretch in (*left, *out)) == len(song.step)


def test_a_bar_is_too_little(tmp_path: Path) -> None:
    path = write_song(tmp_path / "bar.mid", scale_chords(60, bars=1))
    bar = pieces.read(path.read_bytes(), str(path), path.name, "0" * 64)
    with pytest.raises(ValueError, match=r"^13 notes in 1 bar; .* takes 3 bars with notes at least$"):
        split([bar])
    with pytest.raises(ValueError, match=r"^26 notes in 2 bars; "):
        split([bar, bar])
    parts = split([bar, bar, bar])
    assert [len(part) for part in (parts.taught, parts.watched, parts.judging)] == [1, 1, 1]


def test_a_long_piece_makes_up_for_a_short_one(song: QuantisedPiece, tmp_path: Path) -> None:
    """Whichever of the two comes first by its hash."""
    path = write_song(tmp_path / "bar.mid", scale_chords(60, bars=1))
    for digit in "0f":
        bar = pieces.read(path.read_bytes(), str(path), path.name, digit * 64)
        parts = split([replace(song, sha256="8" * 64), bar])
        assert all(steps_of(part).sum() >= 16 for part in (parts.taught, parts.watched, parts.judging))


@pytest.mark.parametrize("struck", [(0, 1, 5), (0, 2, 5), (0, 4, 5), (3, 4, 5), (1, 1, 1, 9, 40)])
def test_three_bars_with_notes_are_enough_wherever_they_lie(struck: tuple[int, ...], tmp_path: Path) -> None:
    notes = [Note(60 + i, 80, 4.0 * bar + i % 4, 4.0 * bar + i % 4 + 1) for i, bar in enumerate(struck)]
    path = write_song(tmp_path / "song.mid", notes)
    parts = split([pieces.read(path.read_bytes(), str(path), path.name, "0" * 64)])
    for part in (parts.taught, parts.watched, parts.judging):
        assert sum(len(stretch.step) for stretch in part) >= 1
        assert all(len(stretch.step) for stretch in part)
