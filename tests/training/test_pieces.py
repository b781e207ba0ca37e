"""From files to pieces on the grid: notes, beats, phrases, and what is no piece at all."""

from __future__ import annotations

import os
import shutil
import struct
import tracemalloc
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from jamd.beats.beatmap import EDGE_BEATS
from jamd.errors import JamdError
from jamd.music.note import Note
from jamd.music.tempomap import seconds_at
from jamd.music.transport import Metre
from jamd.smf import midifile
from jamd.smf.write import Track, messages_of
from jamd.training.reading import reading
from jamd.training.recordings import beats, pieces, sources
from jamd.training.recordings.sources import Recording
from tests.kit.corpus import scale_chords, write_song


def piece_of(path: Path, annotations: dict[str, beats.Annotation] | None = None) -> pieces.QuantisedPiece:
    (piece,) = reading.read_all([Recording(path)], 1, annotations)
    assert isinstance(piece, pieces.QuantisedPiece), piece.reason
    return piece


def refusal(path: Path, annotations: dict[str, beats.Annotation] | None = None) -> sources.Skipped:
    (piece,) = reading.read_all([Recording(path)], 1, annotations)
    assert isinstance(piece, sources.Skipped)
    assert str(path) in piece.reason
    assert "\n" not in piece.reason
    return piece


def same(one: pieces.QuantisedPiece, other: pieces.QuantisedPiece) -> bool:
    names = pieces.QuantisedPiece.__dataclass_fields__
    pairs = [(getattr(one, name), getattr(other, name)) for name in names]
    return all(np.array_equal(a, b) and getattr(a, "dtype", 0) == getattr(b, "dtype", 0) for a, b in pairs)


def test_a_piece_is_on_the_grid_with_its_offsets_and_bars(tmp_path: Path) -> None:
    notes = [Note(60, 80, 0.0, 1.0), Note(64, 70, 1.05, 1.5), Note(60, 75, 3.0, 5.9)]
    piece = piece_of(write_song(tmp_path / "song.mid", notes, metre="3/4"))
    assert piece.step.tolist() == [0, 4, 12]
    assert piece.end.tolist() == [4, 6, 24]
    assert piece.offset.tolist() == [0.0, pytest.approx(0.2), 0.0]
    assert piece.bar_lines.tolist() == [0, 12, 24]
    assert len(piece.phrase_steps) == 0


def test_bars_are_those_of_the_metres(tmp_path: Path) -> None:
    """An upbeat is a bar of its own; a change begins one wherever it is; what is behind the music is none."""
    changes = [(0.0, "1/4"), (1.0, "4/4"), (9.0, "3/4"), (14.0, "2/4"), (40.0, "4/4")]
    metres = [(at, Metre.parse(metre)) for at, metre in changes]
    notes = [Note(60, 80, beat, beat + 1) for beat in range(17)]
    (tmp_path / "song.mid").write_bytes(midifile.encode([Track("", messages_of(notes))], [], metres))
    assert (piece_of(tmp_path / "song.mid").bar_lines / 4).tolist() == [0, 1, 5, 9, 12, 14, 16, 17]


def test_a_key_sounds_once_at_a_time(tmp_path: Path) -> None:
    notes = [Note(60, 80, 0.0, 4.0), Note(60, 70, 0.05, 0.5), Note(60, 75, 2.0, 3.0)]
    piece = piece_of(write_song(tmp_path / "song.mid", notes))
    assert (piece.step.tolist(), piece.end.tolist()) == ([0, 8], [2, 12])


# --- recordings in seconds, laid on their beats

BEAT_SECONDS = 0.4


def write_solo(
    folder: Path, in_bar: list[int], places: list[float], begins: tuple[int, ...] = ()
) -> tuple[Path, dict[str, beats.Annotation]]:
    """Eighth notes on places counted in beats of a track, which speeds up and starts at 5 s."""
    onset = 5 + BEAT_SECONDS * np.arange(len(in_bar)) * (1 - 0.001 * np.arange(len(in_bar)))
    rows = [f"{at},{beat},NC" for at, beat in zip(onset, in_bar, strict=True)]
    (folder / f"solo{beats.BEATS_SUFFIX}").write_text("\n".join(["onset,beat,chord", *rows]))
    starts = np.interp(places, np.arange(len(onset)), onset)
    ends = np.interp(np.array(places) + 0.5, np.arange(len(onset)), onset)
    rows = [f"{at},60,{int(i in begins)}" for i, at in enumerate(starts)]
    (folder / f"solo{beats.PHRASES_SUFFIX}").write_text("\n".join(["onset,pitch,phrase_begin", *rows]))
    notes = [Note(60 + i % 7, 80, 2 * a, 2 * b) for i, (a, b) in enumerate(zip(starts, ends, strict=True))]
    return write_song(folder / "solo.mid", notes), beats.find([folder])  # 120 BPM: two beats a second


def test_a_solo_in_seconds_lies_on_the_beats_of_its_track(tmp_path: Path) -> None:
    in_bar = [3, 4, 1, 2, 3, 4, 1, 2, 3, 1, 2, 3, 1, 2, 3]
    path, annotations = write_solo(tmp_path, in_bar, [0, 1.5, 2, 6, 9.05, 13], begins=(0, 2, 4))
    piece = piece_of(path, annotations)
    assert piece.step.tolist() == [8, 14, 16, 32, 44, 60]  # the track begins on the third beat of a bar
    assert piece.end.tolist() == [10, 16, 18, 34, 46, 62]
    assert piece.offset[4] == pytest.approx(0.2, abs=0.03)  # MIDI's ticks are a millisecond
    assert np.abs(np.delete(piece.offset, 4)).max() < 0.03
    assert piece.bar_lines.tolist() == [0, 16, 32, 44, 56, 62]  # 4/4, then 3/4
    assert piece.phrase_steps.tolist() == [8, 16, 44]
    assert piece.on_grid


def test_bars_that_nobody_could_find_are_of_four_beats(tmp_path: Path) -> None:
    path, annotations = write_solo(tmp_path, [1] * 12, [0, 5, 10])
    assert piece_of(path, annotations).bar_lines.tolist() == [0, 16, 32, 42]


def test_notes_beyond_the_track_go_on_in_its_last_tempo(tmp_path: Path) -> None:
    path, annotations = write_solo(tmp_path, [1, 2, 3, 4] * 5, [float(beat) for beat in range(19)])
    track = beats.read_beats(annotations["solo"].beats)
    lengths = np.diff(track.onset_seconds)
    late = track.onset_seconds[-1] + 2 * np.median(lengths[-EDGE_BEATS:])
    early = track.onset_seconds[0] - np.median(lengths[:EDGE_BEATS])
    assert track.beats_at(np.array([late, early])).tolist() == [pytest.approx(21), pytest.approx(-1)]
    assert piece_of(path, annotations).step.tolist() == list(range(0, 76, 4))


def test_seconds_follow_the_tempo_changes() -> None:
    piece = midifile.Piece((), ((0.0, 120.0), (4.0, 60.0), (6.0, 240.0)), ((0.0, Metre(4, 4)),))
    at = seconds_at(piece.tempos, np.array([0.0, 1.0, 4.0, 5.0, 6.0, 10.0]))
    assert at.tolist() == [0, 0.5, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("suffix", "table", "said"),
    [
        (beats.BEATS_SUFFIX, "onset,beat\n1.0,1\nsoon,2", "line 3: onset 'soon' is not a number"),
        (beats.BEATS_SUFFIX, "onset,beat\n1.0,1\nnan,2", "line 3: onset 'nan' is not a number"),
        (beats.BEATS_SUFFIX, "onset,beat\n1.0,1\n1.5,two", "line 3: beat 'two' is not a number"),
        (beats.BEATS_SUFFIX, "onset,beat\n1.0,1\n1.5,1.5", "line 3: beat '1.5' is not 1 to 16"),
        (beats.BEATS_SUFFIX, "onset,beat\n1.0,1\n1.5,3", "line 3: beat 3 follows beat 1"),
        (beats.BEATS_SUFFIX, "onset,beat\n1.0,1\n1.0,2", "line 3: the beat does not come after"),
        (beats.BEATS_SUFFIX, "onset,beat\n1.0,1\n1.5", "line 3: it has not as many columns"),
        (beats.BEATS_SUFFIX, "onset,bar\n1.0,1\n1.5,2", "has no column beat"),
        (beats.BEATS_SUFFIX, "onset,beat\n1.0,1", "holds 1 beat; at least 2"),
        (beats.BEATS_SUFFIX, "", "has no column beat, onset"),
        (beats.BEATS_SUFFIX, 'onset,beat\n1.0,"1\n', "is not a table"),
        (beats.BEATS_SUFFIX, "onset,beat\n" + "1.0,1\n" * 900_000, "is too large for one piece"),
        (beats.BEATS_SUFFIX, "onset,beat\n100,1\n101,2\n102,3", "only 0 of 3 notes lie within it"),
        (beats.PHRASES_SUFFIX, "onset,phrase_begin\n1.0,yes", "line 2: phrase_begin 'yes' is not 0 or 1"),
        (beats.PHRASES_SUFFIX, "onset,phrase_begin\n\udcff,1", "is not a table"),
    ],
)
def test_a_damaged_beat_track_is_a_skipped_file(tmp_path: Path, suffix: str, table: str, said: str) -> None:
    path, annotations = write_solo(tmp_path, [1, 2, 3, 4] * 2, [0.0, 2.0, 4.0])
    (tmp_path / f"solo{suffix}").write_text(table, errors="surrogateescape")
    skipped = refusal(path, annotations)
    assert said in skipped.reason
    assert f"solo{suffix}" in skipped.reason or "lie within it" in skipped.reason
    assert skipped.kind == "has an unusable beat track"


def test_beat_tracks_are_no_recordings(tmp_path: Path) -> None:
    path, annotations = write_solo(tmp_path, [1, 2, 3, 4], [0.0])
    tracks = [annotations["solo"].beats, annotations["solo"].phrases]
    assert all(tracks)
    assert sources.find_files([tmp_path, path, *filter(None, tracks)]) == [Recording(path)]
    assert beats.find(filter(None, tracks)) == annotations


# --- music without beats


def test_music_without_beats_is_told_from_music_on_a_grid(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    starts = {
        "triplets": np.arange(300) / 3,
        "played to a click": np.arange(300) / 2 + rng.normal(0, 0.04, 300),
        "swing": np.repeat(np.arange(150.0), 2) + np.tile([0, 0.66], 150) + rng.normal(0, 0.03, 300),
        "free": np.cumsum(rng.gamma(4, 0.1, 300)),
    }
    timed = {}
    for name, start in starts.items():
        notes = [Note(60 + i % 12, 80, at, at + 0.2) for i, at in enumerate(np.abs(start).tolist())]
        timed[name] = piece_of(write_song(tmp_path / f"{name}.mid", notes)).on_grid
    assert timed == {"triplets": True, "played to a click": True, "swing": True, "free": False}


# --- what is no piece of music


def raw(*events: bytes, division: int = 4) -> bytes:
    body = b"".join(events) + b"\x00\xff\x2f\x00"
    return b"MThd" + struct.pack(">LHHH", 6, 0, 1, division) + b"MTrk" + struct.pack(">L", len(body)) + body


def notes_on_one_key(count: int) -> bytes:
    return raw(b"\x00\x90\x3c\x40", b"\x01\x3c\x40" * (count - 1), b"\x01\x3c\x00", division=480)


def pedalled(*events: bytes) -> list[tuple[int, int]]:
    """First and last step of each note in what a keyboard sent, four ticks to the beat."""
    piece = pieces.read(raw(*events), "a.mid", "a.mid", "", assume_grid=True)
    return list(zip(piece.step.tolist(), piece.end.tolist(), strict=True))


def test_a_pedal_half_down_holds_from_its_middle_on() -> None:
    """Controller 64 is off up to 63 and on from 64 (MIDI 1.0); half pedals send what is between."""
    key = (b"\x00\x90\x3c\x40", b"\x04\x80\x3c\x00")
    assert pedalled(b"\x00\xb0\x40\x3f", *key, b"\x04\xb0\x40\x00") == [(0, 4)]
    assert pedalled(b"\x00\xb0\x40\x40", *key, b"\x04\xb0\x40\x00") == [(0, 8)]
    sinking = (b"\x02\xb0\x40\x64", b"\x02\xb0\x40\x46", b"\x02\xb0\x40\x20")
    assert pedalled(b"\x00\xb0\x40\x7f", *key, *sinking) == [(0, 10)]


def test_pedalling_anew_lets_go_what_is_no_longer_held() -> None:
    """The pedal is changed at beat 2: the first note ends there, the second, whose key is down, goes on."""
    changed = (b"\x02\xb0\x40\x00", b"\x00\xb0\x40\x7f", b"\x04\x80\x40\x00", b"\x04\xb0\x40\x00")
    struck = (b"\x00\xb0\x40\x7f", b"\x00\x90\x3c\x40", b"\x02\x80\x3c\x00", b"\x04\x90\x40\x40")
    assert pedalled(*struck, *changed) == [(0, 8), (6, 16)]


def test_each_channel_has_its_pedal_and_drums_have_no_part() -> None:
    content = raw(
        *(b"\x00\xb0\x40\x7f", b"\x00\x90\x3c\x40", b"\x00\x91\x30\x40", b"\x00\x99\x24\x40"),
        *(b"\x04\x80\x3c\x00", b"\x00\x81\x30\x00", b"\x00\x89\x24\x00", b"\x04\xb0\x40\x00"),
    )
    piece = pieces.read(content, "a.mid", "a.mid", "", assume_grid=True)
    assert sorted(zip(piece.part.tolist(), piece.end.tolist(), strict=True)) == [(0, 8), (1, 4)]


DRUMS = midifile.encode([Track("kit", messages_of([Note(36, 90, 0.0, 1.0)], channel=9))], [(0.0, 120.0)], [])


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (b"", "is empty; a standard MIDI file was expected", ""),
        (b"MThd and no more", "is not a readable MIDI file", "it ends after 0 of"),
        (b"RIFF" + bytes(40), "is not a readable MIDI file", "does not begin with MThd"),
        (notes_on_one_key(9)[:40], "is not a readable MIDI file", "cut short"),
        (raw(b"\x00\x90\x3c\x40", division=0), "is not a readable MIDI file", "how long a tick is"),
        (DRUMS, "has no notes (drums are left out)", ""),
        (
            raw(b"\x00\xff\x51\x03\x00\x00\x01", b"\x00\x90\x3c\x40", b"\x08\x3c\x00"),
            "has an absurd tempo",
            "6e+07",
        ),
        (
            raw(b"\x00\xff\x51\x03\xff\xff\xff", b"\x00\x90\x3c\x40", b"\x08\x3c\x00"),
            "has an absurd tempo",
            "3.576",
        ),
        # one note of 86,400 beats: twelve hours at 120 BPM
        (raw(b"\x00\x90\x3c\x40", b"\x95\x8c\x00\x3c\x00"), "lasts too long for one piece", "12.0 hours"),
        (notes_on_one_key(1_000_000), "holds too many notes for one piece", "1000000, more than 200000"),
        (b"MThd" + bytes(reading.LARGEST_BYTES), "is too large for one piece", "over 4 MiB"),
    ],
)
def test_what_is_no_piece_is_skipped_with_its_reason(
    tmp_path: Path, content: bytes, kind: str, said: str
) -> None:
    path = tmp_path / "odd.mid"
    path.write_bytes(content)
    skipped = refusal(path)
    assert (skipped.kind, said in skipped.reason) == (kind, True), skipped.reason


def test_a_huge_file_is_refused_without_being_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "huge.mid"
    path.write_bytes(b"MThd")
    os.truncate(path, 2 * 2**30)  # sparse: it takes no room on the disk
    tracemalloc.start()
    try:
        assert refusal(path).kind == "is too large for one piece"
        assert tracemalloc.get_traced_memory()[1] < 4 * reading.LARGEST_BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.skipif(
    not hasattr(os, "mkfifo"), reason="a pipe with a name is what is tried; this system, as Windows, has none"
)
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mid")
    assert refusal(tmp_path / "pipe.mid").kind == "is not a file that can be read"


def test_a_moment_of_odd_tempo_is_music(tmp_path: Path) -> None:
    track = Track("piano", messages_of(scale_chords(60)))
    path = tmp_path / "fermata.mid"
    path.write_bytes(midifile.encode([track], [(0.0, 120.0), (15.0, 8.0), (15.5, 120.0)], []))
    assert piece_of(path).steps == 128


def test_skipped_files_are_counted_by_reason(tmp_path: Path) -> None:
    (tmp_path / "a.mid").write_bytes(b"MThd and no more")
    (tmp_path / "b.mid").write_bytes(b"RIFF" + bytes(40))
    (tmp_path / "c.mid").write_bytes(DRUMS)
    for name in "def":
        write_song(tmp_path / f"{name}.mid", scale_chords(60))
    found = reading.read_all(sources.find_files([tmp_path]), 1)
    skipped = [piece for piece in found if isinstance(piece, sources.Skipped)]
    assert sources.tally(skipped) == (
        "5 skipped: not a readable MIDI file: 2; a copy: 2; no notes (drums are left out): 1"
    )
    assert sources.tally([]) == "0 skipped"


# --- many files, and the cache


def write_songs(folder: Path, count: int) -> list[Path]:
    return [write_song(folder / f"{i:02}.mid", scale_chords(40 + i, bars=1)) for i in range(count)]


def read(paths: list[Path], workers: int, folder: Path | None = None) -> list[pieces.QuantisedPiece]:
    return [
        p
        for p in reading.read_all([Recording(path) for path in paths], workers, None, folder)
        if isinstance(p, pieces.QuantisedPiece)
    ]


def test_processes_read_what_one_reads_in_the_same_order(tmp_path: Path) -> None:
    paths = write_songs(tmp_path / "music", reading.FEW_FILES + 4)
    shutil.copy(paths[0], tmp_path / "music" / "zz.mid")
    paths.append(tmp_path / "music" / "zz.mid")
    alone, together = read(paths, 1), read(paths, 2, tmp_path / "cache")
    assert [piece.name for piece in together] == [path.name for path in paths[:-1]]
    assert all(map(same, alone, together))


def test_a_file_is_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, annotations = write_solo(tmp_path, [1, 2, 3, 4] * 2, [0.0, 2.0, 4.0], begins=(1,))
    cache = tmp_path / "cache"
    parsed = []
    whole = midifile.parsed
    monkeypatch.setattr(midifile, "parsed", lambda *given: parsed.append(given) or whole(*given))
    (first,) = reading.read_all([Recording(path)], 1, annotations, cache)
    (again,) = reading.read_all([Recording(path)], 1, annotations, cache)
    assert isinstance(first, pieces.QuantisedPiece)
    assert isinstance(again, pieces.QuantisedPiece)
    assert same(first, again)
    assert len(parsed) == 1

    renamed = path.rename(tmp_path / "other.mid")  # without its beats: another piece
    (plain,) = reading.read_all([Recording(renamed)], 1, annotations, cache)
    assert isinstance(plain, pieces.QuantisedPiece)
    assert (plain.name, len(plain.phrase_steps), len(parsed)) == ("other.mid", 0, 2)


def test_a_changed_beat_track_is_another_piece(tmp_path: Path) -> None:
    bars = []
    for in_bar in ([1, 2, 3, 4, 1, 2, 3, 4], [1, 2, 3, 1, 2, 3, 1, 2]):
        path, annotations = write_solo(tmp_path, in_bar, [0.0, 2.0, 6.0])
        (piece,) = reading.read_all([Recording(path)], 1, annotations, tmp_path / "cache")
        assert isinstance(piece, pieces.QuantisedPiece)
        bars.append((piece.sha256, piece.bar_lines.tolist()))
    assert bars == [(bars[0][0], [0, 16, 26]), (bars[0][0], [0, 12, 24, 26])]


def test_the_cache_may_be_deleted_while_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "CHUNK_FILES", 2)
    paths, cache = write_songs(tmp_path / "music", 6), tmp_path / "cache"
    expected = read(paths, 1, cache)
    seen = []
    for piece in reading.read_all([Recording(path) for path in paths], 1, None, cache):
        shutil.rmtree(cache, ignore_errors=True)
        seen.append(piece)
    assert all(
        isinstance(p, pieces.QuantisedPiece) and same(p, q) for p, q in zip(seen, expected, strict=True)
    )


def test_a_cache_that_cannot_be_written_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert len(read(write_songs(tmp_path / "music", 2), 1, tmp_path / "cache")) == 2


def test_a_killed_reader_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = write_songs(tmp_path / "music", reading.FEW_FILES + 1)
    monkeypatch.setattr(reading, "_ignore_interrupt", partial(os._exit, 9))
    with pytest.raises(JamdError, match="a process that read recordings was killed"):
        read(paths, 2)
