"""Beat tracks: recordings in seconds laid on their beats, and the beginnings of their phrases.

The Weimar Jazz Database gives a solo as a MIDI file STEM.mid whose ticks are seconds, its beats as
STEM_FINAL_beattrack.csv (`onset` in seconds, `beat` in the bar from 1 on) and its notes as STEM_FINAL.csv
(`onset` in seconds, `phrase_begin` 0 or 1). Pfleiderer et al., "Inside the Jazzomat", Schott Campus 2017.
"""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from jamd.errors import JamdError
from jamd.midifile import Part, Piece
from jamd.note import STEPS_PER_BEAT, Note
from jamd.transport import LONGEST_BAR_STEPS, Metre

BEATS_SUFFIX = "_FINAL_beattrack.csv"
PHRASES_SUFFIX = "_FINAL.csv"
LARGEST_BYTES = 4 * 2**20
LONGEST_BAR_BEATS = LONGEST_BAR_STEPS // STEPS_PER_BEAT
UNKNOWN_BAR_BEATS = 4
"""Where every beat is the first (signature 1/4), nobody could tell where bars begin: they are of four."""
LEAST_SHARE_INSIDE = 0.9
"""Of the notes, between the first beat and the last: fewer, and the track is another recording's."""
EDGE_BEATS = 4
"""Beyond its ends a track goes on in the median length of this many beats."""

Seconds = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Annotation:
    """The files that say where a recording's beats are and, where known, its phrases."""

    beats: Path
    phrases: Path | None = None


@dataclass(frozen=True, slots=True)
class BeatTrack:
    """Beats (beats,): when each one is, in seconds, rising; and which beat of its bar it is, from 1 on."""

    onset_seconds: Seconds
    beat_in_bar: npt.NDArray[np.int64]

    @property
    def beats_before(self) -> int:
        """Beats from the first bar line to the first beat of the track, which may begin within a bar."""
        return int(self.beat_in_bar[0]) - 1

    def beats_at(self, seconds: Seconds) -> Seconds:
        """Positions (n,) in beats from the first bar line."""
        onset = self.onset_seconds
        lengths = np.diff(onset)
        inside = np.interp(seconds, onset, np.arange(len(onset)))
        before = np.minimum(seconds - onset[0], 0) / np.median(lengths[:EDGE_BEATS])
        after = np.maximum(seconds - onset[-1], 0) / np.median(lengths[-EDGE_BEATS:])
        return inside + before + after + self.beats_before

    def metres(self) -> tuple[tuple[float, Metre], ...]:
        """Where the length of the bar changes, in beats, as in `Piece.metres`."""
        lines = [0, *(np.flatnonzero(self.beat_in_bar == 1) + self.beats_before).tolist()]
        lengths = [late - early for early, late in pairwise(dict.fromkeys(lines))]
        if not lengths:
            lengths = [int(self.beat_in_bar.max())]
        elif max(lengths) == 1:
            lengths = [UNKNOWN_BAR_BEATS]
        changes: list[tuple[float, Metre]] = []
        beats = 0
        for length in lengths:
            if not changes or changes[-1][1].beats != length:
                changes.append((float(beats), Metre(length, 4)))
            beats += length
        return tuple(changes)


def find(paths: Iterable[Path]) -> dict[str, Annotation]:
    """The beat tracks in files and folders, by the stem of the MIDI file they belong to."""
    names: dict[str, Path] = {}
    for path in paths:
        inside = (Path(folder, name) for folder, _, files in os.walk(path) for name in files)
        for file in sorted(inside) if path.is_dir() else [path]:
            if is_annotation(file):
                names.setdefault(file.name, file)
    stems = [name.removesuffix(BEATS_SUFFIX) for name in names if name.endswith(BEATS_SUFFIX)]
    return {stem: Annotation(names[stem + BEATS_SUFFIX], names.get(stem + PHRASES_SUFFIX)) for stem in stems}


def is_annotation(path: Path) -> bool:
    """Whether a file's name is that of a beat track or of a solo's phrases."""
    return path.name.endswith((BEATS_SUFFIX, PHRASES_SUFFIX))


def read_beats(path: Path) -> BeatTrack:
    """A beat track. Raises JamdError, in one line with the line's number, where it is damaged."""
    onset: list[float] = []
    beat: list[int] = []
    for line, row in _rows(path, ("onset", "beat")):
        onset.append(_number(path, line, "onset", row["onset"]))
        beat.append(int(_number(path, line, "beat", row["beat"])))
        if not 1 <= beat[-1] <= LONGEST_BAR_BEATS or str(beat[-1]) != row["beat"].strip():
            raise JamdError(f"{path} line {line}: beat {row['beat']!r} is not 1 to {LONGEST_BAR_BEATS}")
        if len(onset) > 1 and onset[-1] <= onset[-2]:
            raise JamdError(f"{path} line {line}: the beat does not come after the one before")
        if len(beat) > 1 and beat[-1] not in (1, beat[-2] + 1):
            raise JamdError(f"{path} line {line}: beat {beat[-1]} follows beat {beat[-2]}")
    if len(onset) < 2:
        raise JamdError(f"{path} holds {len(onset)} beats; at least 2 make a track")
    return BeatTrack(np.array(onset), np.array(beat, np.int64))


def read_phrases(path: Path) -> Seconds:
    """When the phrases of a solo begin, in seconds, (phrases,). Raises JamdError where it is damaged."""
    begins = []
    for line, row in _rows(path, ("onset", "phrase_begin")):
        if row["phrase_begin"] not in ("0", "1"):
            raise JamdError(f"{path} line {line}: phrase_begin {row['phrase_begin']!r} is not 0 or 1")
        onset = _number(path, line, "onset", row["onset"])
        if row["phrase_begin"] == "1":
            begins.append(onset)
    return np.unique(np.array(begins, np.float64))


def _rows(path: Path, needed: tuple[str, ...]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The rows of a table with a heading, each with its line's number, `needed` columns in every one."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
        if len(content) > LARGEST_BYTES:
            raise JamdError(f"{path} is too large for a beat track: over {LARGEST_BYTES >> 20} MiB")
        reader = csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True)
        missing = set(needed).difference(reader.fieldnames or ())
        if missing:
            raise JamdError(f"{path} has no column {', '.join(sorted(missing))}")
        for row in reader:
            if None in row or None in row.values():
                raise JamdError(f"{path} line {reader.line_num}: it has not as many columns as the heading")
            yield reader.line_num, row
    except OSError as error:
        raise JamdError(f"cannot read {path}: {error.strerror}") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise JamdError(f"{path} is not a table of comma-separated values: {error}") from error


def _number(path: Path, line: int, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise JamdError(f"{path} line {line}: {name} {text!r} is not a number")
    return value


def seconds_at(piece: Piece, beats: Seconds) -> Seconds:
    """When positions (n,) of a piece in beats are heard, in seconds: its tempo changes, summed up."""
    changes = np.array([at for at, _ in piece.tempos])
    seconds_per_beat = np.array([60 / tempo for _, tempo in piece.tempos])
    begins = np.concatenate([[0], np.cumsum(np.diff(changes) * seconds_per_beat[:-1])])
    which = np.maximum(np.searchsorted(changes, beats, side="right") - 1, 0)
    return begins[which] + (beats - changes[which]) * seconds_per_beat[which]


def align(piece: Piece, track: BeatTrack) -> Piece:
    """The piece with its notes and bars laid on a beat track; what comes before the first bar line goes.

    Raises JamdError when the notes do not lie within the track: it belongs to another recording.
    """
    onset = track.onset_seconds
    beat_seconds = float(np.median(np.diff(onset)))
    inside = notes = 0
    parts = []
    for part in piece.parts:
        spans = np.array([(note.start_beats, note.end_beats) for note in part.notes])
        seconds = seconds_at(piece, spans.reshape(-1)).reshape(-1, 2)
        starts = seconds[:, 0]
        inside += int(((starts > onset[0] - beat_seconds) & (starts < onset[-1] + beat_seconds)).sum())
        notes += len(starts)
        placed = track.beats_at(seconds.reshape(-1)).reshape(-1, 2).tolist()
        laid = [
            Note(note.pitch, note.velocity, start, end)
            for note, (start, end) in zip(part.notes, placed, strict=True)
            if start >= -0.5 / STEPS_PER_BEAT
        ]
        parts.append(Part(part.name, tuple(laid)))
    if inside < LEAST_SHARE_INSIDE * notes:
        raise JamdError(f"only {inside} of {notes} notes lie within it; it is of another recording")
    return Piece(tuple(parts), ((0.0, 60 / beat_seconds),), track.metres())
