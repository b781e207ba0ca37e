"""Beat tracks as files, and the beginnings of phrases.

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
from pathlib import Path

import numpy as np

from jamd.beats.beatmap import BeatTrack, Seconds
from jamd.counted import counted
from jamd.errors import JamdError
from jamd.music.note import STEPS_PER_BEAT
from jamd.music.transport import LONGEST_BAR_STEPS

BEATS_SUFFIX = "_FINAL_beattrack.csv"
PHRASES_SUFFIX = "_FINAL.csv"
LARGEST_BYTES = 4 * 2**20
LONGEST_BAR_BEATS = LONGEST_BAR_STEPS // STEPS_PER_BEAT


@dataclass(frozen=True, slots=True)
class Annotation:
    """The files that say where a recording's beats are and, where known, its phrases."""

    beats: Path
    phrases: Path | None = None


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
        raise JamdError(f"{path} holds {counted(len(onset), 'beat')}; at least 2 make a track")
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
