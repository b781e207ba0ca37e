"""Music played without a click: where beat and bar are found, and what is made of files without a grid."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from jamd.beats import find, ticks
from jamd.music.note import Note
from jamd.music.tempomap import seconds_at
from jamd.music.transport import Metre
from jamd.smf import midifile
from jamd.smf.midifile import Part, Piece
from jamd.training.recordings import pieces
from tests.kit.corpus import scale_chords, write_song

Seconds = npt.NDArray[np.float64]
JITTER_SECONDS = 0.015
NEAR_SECONDS = 0.07


def rubato(count: int) -> Seconds:
    """When each of so many beats comes, from 0.7 s on: 80 BPM, then 110 in the middle, at last 70."""
    tempos = np.interp(np.arange(count), [0, count / 2, count], [80, 110, 70])
    return 0.7 + np.concatenate([[0.0], np.cumsum(60 / tempos)])[:count]


def steady(count: int, tempo: float = 100.0) -> Seconds:
    return 0.7 + 60 / tempo * np.arange(count)


def performed(score: list[Note], at: Seconds, seed: int = 0) -> Piece:
    """A score in beats, played by hand at these beats; the file's own are half a second and say nothing."""
    rng = np.random.default_rng(seed)
    spans = np.array([(note.start_beats, note.end_beats) for note in score])
    starts, which = np.unique(spans[:, 0], return_inverse=True)
    late = rng.normal(0, JITTER_SECONDS, len(starts))[which] + rng.normal(0, 0.004, len(score))
    seconds = np.interp(spans, np.arange(len(at)), at) + late[:, None]
    velocity = rng.integers(-6, 7, len(score))
    notes = [
        Note(note.pitch, note.velocity + int(louder), 2 * start, 2 * max(end, start + 0.05))
        for note, (start, end), louder in zip(score, seconds.tolist(), velocity, strict=True)
    ]
    return Piece(
        (Part("", tuple(sorted(notes, key=lambda n: n.start_beats))),), ((0, 120),), ((0, Metre(4, 4)),)
    )


CHORDS = ((48, 64, 67), (45, 60, 64), (41, 57, 60), (43, 59, 62))
LINES = {
    4: ((0, 1), (1, 0.5), (1.5, 0.5), (2, 1), (3, 0.5), (3.5, 0.5)),
    3: ((0, 1), (1, 0.5), (1.5, 0.5), (2, 0.5), (2.5, 0.5)),
}


def song(bar: int, bars: int) -> list[Note]:
    """A melody, a bass on the first beat and chords on the others, another harmony in every bar."""
    rng = np.random.default_rng(bar)
    notes = []
    for first in range(0, bar * bars, bar):
        bass, *chord = CHORDS[first // bar % 4]
        notes.append(Note(bass, 85, first, first + 1))
        notes += [Note(p, 60, first + beat, first + beat + 0.8) for beat in range(1, bar) for p in chord]
        for place, length in LINES[bar]:
            pitch = int(rng.choice(chord)) + 12
            notes.append(Note(pitch, 90 if place == 0 else 78, first + place, first + place + length))
    return notes


def swing(bars: int) -> list[Note]:
    """Eighths, the second of each pair late, over a bass that walks."""
    rng = np.random.default_rng(1)
    notes = []
    for beat in range(4 * bars):
        chord = CHORDS[beat // 4 % 4]
        notes.append(Note(chord[beat % 3] - 5 * (beat % 4 == 0), 80, beat, beat + 0.9))
        notes += [Note(int(rng.choice(chord)) + 12, 80, beat, beat + 0.6)]
        if rng.random() < 0.8:
            notes.append(Note(int(rng.choice(chord)) + 14, 74, beat + 0.64, beat + 1))
    return notes


def melody(beats: int) -> list[Note]:
    """One voice, with longer notes on the beat and runs."""
    rng = np.random.default_rng(2)
    figures = ((1.0,), (0.5, 0.5), (0.5, 0.25, 0.25), (0.75, 0.25), (1.0,))
    notes: list[Note] = []
    for beat in range(beats):
        place = float(beat)
        for length in figures[int(rng.integers(len(figures)))]:
            notes.append(Note(60 + int(rng.integers(12)), 80, place, place + 0.95 * length))
            place += length
    return notes


def share_found(ours: Seconds, theirs: Seconds) -> float:
    """F-measure within 70 ms, as nearest to nearest: each list is sparser than that."""
    near = sum(bool(np.abs(theirs - beat).min() <= NEAR_SECONDS) for beat in ours)
    return 2 * near / (len(ours) + len(theirs))


def found_in(piece: Piece) -> find.Found:
    found = find.find(piece)
    assert found is not None
    return found


@pytest.mark.parametrize(("beats_in_bar", "bars"), [(4, 24), (3, 32)])
def test_beats_and_bars_of_a_song_with_rubato(beats_in_bar: int, bars: int) -> None:
    at = rubato(96)
    found = found_in(performed(song(beats_in_bar, bars), at))
    assert share_found(found.tapped, at) > 0.97
    lines = found.track.onset_seconds[found.track.beat_in_bar == 1]
    assert share_found(lines, at[::beats_in_bar]) > 0.9
    assert found.sure > 0.8


def test_beats_under_a_melody_alone_with_rubato() -> None:
    at = rubato(96)
    assert share_found(found_in(performed(melody(96), at)).tapped, at) > 0.95


def test_swing_has_beats_and_is_not_in_three() -> None:
    at = steady(96, 150)
    found = found_in(performed(swing(24), at))
    assert share_found(found.tapped, at) > 0.97
    assert np.array_equal(found.tapped, found.track.onset_seconds)


def test_a_jig_is_tapped_in_dotted_quarters_and_laid_on_quarters() -> None:
    rng = np.random.default_rng(3)
    score = []
    for beat in range(64):
        bass, *chord = CHORDS[beat // 2 % 4]
        score.append(Note(bass if beat % 2 == 0 else chord[0], 75, beat, beat + 0.9))
        rhythm = (
            ((0, 1 / 3), (1 / 3, 1 / 3), (2 / 3, 1 / 3)) if beat % 4 != 3 else ((0, 2 / 3), (2 / 3, 1 / 3))
        )
        score += [
            Note(int(rng.choice(chord)) + 12, 84 if p == 0 else 70, beat + p, beat + p + n) for p, n in rhythm
        ]
    at = steady(64, 100)
    found = found_in(performed(score, at))
    assert share_found(found.tapped, at) > 0.97
    assert 60 / np.median(np.diff(found.track.onset_seconds)) == pytest.approx(150, rel=0.03)
    assert {change[1] for change in found.track.metres()} == {Metre(3, 4)}


def test_onsets_at_random_have_no_sure_beat() -> None:
    rng = np.random.default_rng(0)
    for shape in (1, 2, 4):
        starts = np.cumsum(rng.gamma(shape, 0.5 / shape, 400)).tolist()
        notes = [Note(int(rng.integers(40, 80)), 80, at, at + 0.4) for at in starts]
        free = Piece((Part("", tuple(notes)),), ((0.0, 120.0),), ((0.0, Metre(4, 4)),))
        assert found_in(free).sure < 0.3


def test_too_few_notes_tell_nothing() -> None:
    piece = performed(melody(8), rubato(9))
    few = Piece((Part("", piece.parts[0].notes[: find.FEWEST_ONSETS - 1]),), piece.tempos, piece.metres)
    assert find.find(few) is None
    chord = tuple(Note(pitch, 80, 0.0, 4.0) for pitch in range(40, 80))
    assert find.find(replace(few, parts=(Part("", chord),))) is None


def test_the_same_music_gives_the_same_beats() -> None:
    piece = performed(song(4, 8), rubato(40))
    one, other = found_in(piece), found_in(piece)
    assert np.array_equal(one.track.onset_seconds, other.track.onset_seconds)
    assert np.array_equal(one.track.beat_in_bar, other.track.beat_in_bar)
    assert one.sure == other.sure


def test_what_the_file_says_of_tempo_does_not_matter() -> None:
    """The same seconds under another tempo are the same music."""
    piece = performed(song(3, 12), rubato(40))
    notes = [replace(n, start_beats=n.start_beats * 1.5, end_beats=n.end_beats * 1.5) for n in piece.notes]
    other = Piece((Part("", tuple(notes)),), ((0.0, 180.0),), piece.metres)
    assert np.allclose(found_in(piece).tapped, found_in(other).tapped)


@pytest.mark.parametrize("faster", [0.85, 1.2])
def test_faster_and_slower_it_is_found_as_well(faster: float) -> None:
    at = rubato(64) / faster
    assert share_found(found_in(performed(song(4, 16), at)).tapped, at) > 0.95


def test_a_pause_within_a_recording_does_not_end_it() -> None:
    at = rubato(64)
    at[32:] += 20.0
    found = found_in(performed([n for n in song(4, 16) if not 31 <= n.start_beats < 32], at))
    heard = (found.tapped < at[31]) | (found.tapped > at[32] - 0.1)
    assert share_found(found.tapped[heard], np.delete(at, 31)) > 0.93


def test_ten_minutes_take_seconds() -> None:
    rng = np.random.default_rng(0)
    score = [Note(int(rng.integers(40, 90)), 80, i // 2 / 4, i // 2 / 4 + 0.3) for i in range(10_000)]
    piece = performed(score, steady(1252, 125))
    begin = time.process_time()
    assert find.find(piece) is not None
    assert time.process_time() - begin < 15  # about 2, on a machine that has nothing else to do


# --- files


def content_of(piece: Piece) -> bytes:
    track = midifile.Track("piano", midifile.messages_of(piece.notes))
    return midifile.encode([track], [(0.0, 120.0)], [])


def read(content: bytes, assume_grid: bool = False) -> pieces.QuantisedPiece:
    return pieces.read(content, "a.mid", "a.mid", "", None, assume_grid)


def test_a_performance_is_laid_on_its_beats() -> None:
    score, at = song(4, 24), rubato(96)
    piece = read(content_of(performed(score, at)))
    assert (piece.found, piece.on_grid, piece.sure > 0.8) == (True, True, True)
    assert np.diff(piece.bar_lines)[1:-1].tolist() == [16] * (len(piece.bar_lines) - 3)
    steps = piece.step - piece.step.min()
    written = sorted({round(4 * note.start_beats) for note in score})
    assert len(set(steps.tolist()).symmetric_difference(written)) <= 0.05 * len(written)
    assert np.abs(piece.offset).mean() < 0.12


def test_a_performance_without_beats_stays_off_the_grid() -> None:
    starts = np.cumsum(np.random.default_rng(0).gamma(2, 0.25, 400)).tolist()
    notes = [Note(60 + i % 12, 80, at, at + 0.4) for i, at in enumerate(starts)]
    piece = read(content_of(Piece((Part("", tuple(notes)),), (), ())))
    assert (piece.found, piece.on_grid, piece.sure < ticks.SURE) == (True, False, True)


def test_too_few_notes_stay_on_their_ticks() -> None:
    starts = np.cumsum(np.random.default_rng(1).gamma(2, 0.25, 10)).tolist()
    notes = [Note(60 + i % 12, 80, at, at + 0.4) for i, at in enumerate(starts)]
    piece = read(content_of(Piece((Part("", tuple(notes)),), (), ())))
    assert (piece.found, piece.on_grid) == (False, False)


def test_notes_minutes_apart_have_no_beat() -> None:
    """Nor does it take minutes to see that."""
    starts = np.cumsum(np.random.default_rng(1).gamma(2, 120, 30)).tolist()
    notes = [Note(60 + i % 12, 80, at, at + 0.4) for i, at in enumerate(starts)]
    assert find.find(Piece((Part("", tuple(notes)),), ((0.0, 120.0),), ((0.0, Metre(4, 4)),))) is None


@pytest.mark.parametrize("places", [4, 3, 12])
def test_a_score_is_left_on_its_ticks(tmp_path: Path, places: int) -> None:
    """Of eighths and quarters, and of triplets alone, whose grid is fine."""
    notes = [Note(60 + i % 12, 80, i / places, i / places + 0.2) for i in range(200)]
    piece = read(write_song(tmp_path / "a.mid", notes).read_bytes())
    assert (piece.found, piece.on_grid, piece.sure) == (False, True, 1.0)
    piece = read(write_song(tmp_path / "b.mid", scale_chords(60)).read_bytes())
    assert (piece.found, piece.on_grid, piece.sure) == (False, True, 1.0)


def test_beats_that_the_ticks_have_by_accident_are_not_believed() -> None:
    """A steady 100 BPM lies on fifths of beats at the 120 BPM a file has when nobody said otherwise."""
    at = steady(96, 100)
    score = [replace(note, velocity=note.velocity) for note in song(4, 24)]
    spans = [
        (np.interp(n.start_beats, np.arange(96), at), np.interp(n.end_beats, np.arange(96), at))
        for n in score
    ]
    notes = [Note(n.pitch, n.velocity, 2 * a, 2 * b) for n, (a, b) in zip(score, spans, strict=True)]
    notes = [replace(n, start_beats=n.start_beats - 1.4, end_beats=n.end_beats - 1.4) for n in notes]
    content = content_of(Piece((Part("", tuple(notes)),), (), ()))
    piece = read(content)
    assert (piece.found, piece.on_grid) == (True, True)
    assert np.diff(piece.bar_lines)[0] == 16
    assert np.abs(piece.offset).max() < 0.2
    assert not read(content, assume_grid=True).found


def test_a_few_onsets_are_not_in_time_by_chance() -> None:
    rng = np.random.default_rng(0)
    timed = [ticks.keeps_time(np.cumsum(rng.gamma(2, 0.3, 14))) for _ in range(300)]
    assert np.mean(timed) < 0.03
    assert ticks.keeps_time(np.arange(6) / 2)


def test_beats_are_found_as_rising_instants_that_cover_the_notes() -> None:
    piece = performed(song(4, 8), rubato(40))
    track = found_in(piece).track
    assert (np.diff(track.onset_seconds) > 0.15).all()
    starts = seconds_at(piece.tempos, np.array([note.start_beats for note in piece.notes]))
    assert track.onset_seconds[0] <= starts[0] + NEAR_SECONDS
    assert track.onset_seconds[-1] >= starts[-1] - NEAR_SECONDS
    assert set(np.diff(track.beat_in_bar)) <= {1, -3, -2, -1, 0}
