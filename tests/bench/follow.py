"""How well `--tempo auto` finds and follows the beat: `python -m tests.bench.follow FOLDER [tune]`.

FOLDER holds `wjazzd-csv/` (the Weimar Jazz Database: onsets of solos, and beats annotated by hand) and
`midi/nottingham/`, `midi/openewld-uspd/` (melodies, played here at a steady tempo of 70 to 180 beats a
minute, each note some 15 ms early or late; fixed by the file's name). Half of the pieces, by a hash of the
name, are for setting the constants (`tune`); the figures are those of the other half.

Tempo: within 4 % of the annotated one (accuracy 1), or of its double, half, triple or third (accuracy 2), as
in MIREX. Then the share of time within 4 %, and the F-measure of beats within 70 ms (Davies, Degara and
Plumbley, "Evaluation methods for musical audio beat tracking algorithms", 2009), from the decision to the
last note. The beats are quarter notes, in 6/8 dotted ones.
"""

from __future__ import annotations

import csv
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import mido
import numpy as np
import numpy.typing as npt

from jamd.music.note import STEPS_PER_BEAT
from jamd.music.transport import Metre, Transport
from jamd.smf.midifile import read
from jamd.sync.follow import Follow
from jamd.sync.metronome import steps_per_click
from jamd.training.recordings.beats import read_beats

Seconds = npt.NDArray[np.float64]
SAME_TEMPO, SAME_BEAT_SECONDS = 0.04, 0.07
JITTER_SECONDS = 0.015
LOOK_SECONDS = 0.25
NEIGHBOURS = 4
"""The annotated tempo at an instant is the mean of so many beats before it and after it."""
OCTAVES = (1.0, 2.0, 0.5, 3.0, 1 / 3)


@dataclass(frozen=True)
class Piece:
    """Onsets and beats of one piece, in seconds."""

    name: str
    metre: Metre
    onsets: Seconds
    beats: Seconds

    def tempo_at(self, seconds: float) -> float:
        """Pulses a minute, as annotated."""
        at = int(np.searchsorted(self.beats, seconds))
        first, last = max(0, at - NEIGHBOURS), min(len(self.beats) - 1, at + NEIGHBOURS)
        return float(60 * (last - first) / (self.beats[last] - self.beats[first]))


@dataclass
class Heard:
    """What was made of a piece: the grid from each instant on, the first from the decision on."""

    begins: list[float] = field(default_factory=list)
    grids: list[Transport] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    """Seconds of processor time for each note."""

    def add(self, seconds: float, grid: Transport) -> None:
        if not self.grids or grid != self.grids[-1]:
            self.begins.append(seconds)
            self.grids.append(grid)

    def tempo_at(self, seconds: float) -> float:
        grid = self.grids[max(0, int(np.searchsorted(self.begins, seconds, "right")) - 1)]
        return grid.tempo * STEPS_PER_BEAT / steps_per_click(grid.metre)

    def beats(self, end_seconds: float) -> Seconds:
        """The instants of the grid's beats, from the decision on."""
        found: list[float] = []
        for begin, end, grid in zip(self.begins, [*self.begins[1:], end_seconds], self.grids, strict=True):
            pulse = steps_per_click(grid.metre)
            first, last = (int(np.ceil(grid.position_at(edge) / pulse)) for edge in (begin, end))
            found += [grid.seconds_at(beat * pulse) for beat in range(first, last)]
        return np.array(found)


def is_for_tuning(name: str) -> bool:
    return zlib.crc32(name.encode()) % 2 == 0


def solos(folder: Path) -> Iterator[Piece]:
    for path in sorted(folder.rglob("*_FINAL_beattrack.csv")):
        name = path.name.removesuffix("_FINAL_beattrack.csv")
        with (folder / "mcsv_melody" / f"{name}_FINAL.csv").open() as file:
            onsets = np.array([float(row["onset"]) for row in csv.DictReader(file)])
        yield Piece(name, Metre(4, 4), onsets, read_beats(path).onset_seconds)


def melodies(folder: Path) -> Iterator[Piece]:
    """Every third one."""
    for path in sorted(folder.glob("*/*.mid")):
        name = f"{folder.name}/{path.stem}"
        seed = zlib.crc32(path.stem.encode())
        if seed % 3:
            continue
        piece = read(path)
        metre = piece.metres[-1][1]
        pulse_beats = steps_per_click(metre) / STEPS_PER_BEAT
        pulses = np.unique([note.start_beats for note in piece.parts[0].notes]) / pulse_beats
        pulses = pulses[pulses < 150] - np.floor(pulses[0])
        if len(pulses) >= 20:
            rng = np.random.default_rng(seed)
            seconds = 60 / np.exp(rng.uniform(np.log(70), np.log(180)))
            onsets = np.sort(1.0 + seconds * pulses + rng.normal(0, JITTER_SECONDS, len(pulses)))
            yield Piece(name, metre, onsets, 1.0 + seconds * np.arange(-4, pulses[-1] + 8))


def followed(piece: Piece) -> Heard:
    """By `Follow`, as the engine would call it."""
    heard, sync = Heard(), Follow(Transport(120.0, piece.metre))
    for seconds in piece.onsets.tolist():
        while (due := sync.due_seconds) is not None and due <= seconds:
            sync.advance(due)
            heard.add(due, sync.transport)
        begin = time.thread_time()
        sync.played(mido.Message("note_on", note=60, velocity=80), seconds)
        heard.costs.append(time.thread_time() - begin)
        if sync.running:
            heard.add(seconds, sync.transport)
    return heard


def held(piece: Piece, found: Heard) -> Heard:
    """The same decision, and no following."""
    return Heard(found.begins[:1], found.grids[:1])


def counted(piece: Piece, found: Heard) -> Heard:
    """By the commonest interval between onsets up to the same instant, in clusters of 25 ms, as pretty_midi's
    `estimate_tempo` does (Raffel and Ellis, ISMIR 2014, late-breaking), from the first onset on."""
    intervals = np.diff(piece.onsets[piece.onsets <= found.begins[0]])
    intervals = intervals[(intervals > 0.05) & (intervals < 2.0)]
    clusters: list[list[float]] = []
    for interval in intervals.tolist():
        while interval < 0.2:
            interval *= 2
        near = [cluster for cluster in clusters if abs(np.mean(cluster) - interval) < 0.025]
        if near:
            near[0].append(interval)
        else:
            clusters.append([interval])
    seconds = float(np.mean(max(clusters, key=len, default=[0.5])))
    return fixed(piece, found, 60 / seconds)


def fixed(piece: Piece, found: Heard, pulse: float = 120.0) -> Heard:
    """At a tempo, from the first onset on."""
    tempo = pulse * steps_per_click(piece.metre) / STEPS_PER_BEAT
    grid = replace(found.grids[0], tempo=tempo, anchor_seconds=float(piece.onsets[0]))
    return Heard(found.begins[:1], [grid])


def scores(piece: Piece, heard: Heard) -> list[float]:
    """Accuracy 1 and 2, double, half; then seconds until the decision, share of time within 4 %, and the same
    of any octave, F-measure."""
    begin, end = heard.begins[0], float(piece.onsets[-1])
    octaves = np.array(OCTAVES)

    def same(seconds: float, annotated_seconds: float) -> npt.NDArray[np.bool_]:
        ratio = heard.tempo_at(seconds) / piece.tempo_at(annotated_seconds)
        return np.abs(ratio / octaves - 1) < SAME_TEMPO

    decided = same(begin, (piece.onsets[0] + begin) / 2)
    looks = np.array([same(seconds, seconds) for seconds in np.arange(begin, end, LOOK_SECONDS)])
    ours, theirs = heard.beats(end), piece.beats[(piece.beats > begin) & (piece.beats < end)]
    free, hits = list(theirs), 0
    for beat in ours:
        nearest = min(free, key=lambda other: abs(other - beat), default=np.inf)
        if abs(nearest - beat) <= SAME_BEAT_SECONDS:
            free.remove(nearest)
            hits += 1
    f_measure = 2 * hits / max(1, len(ours) + len(theirs))
    first = [decided[0], decided.any(), decided[1], decided[2], begin - piece.onsets[0]]
    then = [looks[:, 0].mean(), looks.any(axis=1).mean()] if len(looks) else [0.0, 0.0]
    return [float(value) for value in (*first, *then, f_measure)]


def report(title: str, pieces: list[Piece]) -> None:
    print(f"{title}: {len(pieces)} pieces, {sum(len(piece.onsets) for piece in pieces)} notes")
    found = [(piece, followed(piece)) for piece in pieces]
    found = [(piece, heard) for piece, heard in found if heard.grids]
    print("                   acc 1  acc 2  double   half  decided   time ok  any octave  F 70 ms")
    ways = {
        "followed": lambda piece, heard: heard,
        "held": held,
        "interval histogram": counted,
        "fixed at 120": fixed,
    }
    for name, way in ways.items():
        table = np.array([scores(piece, way(piece, heard)) for piece, heard in found])
        mean, median = table.mean(axis=0), np.median(table, axis=0)
        shares = "  ".join(f"{100 * share:4.0f} %" for share in mean[:4])
        then = "     ".join(f"{100 * share:4.0f} %" for share in mean[5:])
        print(f"{name:18s} {shares}  {median[4]:5.1f} s    {then}")
    costs = 1e3 * np.concatenate([heard.costs for _, heard in found])
    median, late = np.percentile(costs, [50, 99])
    print(f"a note costs {costs.mean():.2f} ms (median {median:.2f}, 99th percentile {late:.2f})\n")


def main(folder: Path, tuning: bool) -> None:
    def chosen(pieces: Iterator[Piece]) -> list[Piece]:
        return [piece for piece in pieces if is_for_tuning(piece.name) == tuning]

    report("jazz solos", chosen(solos(folder / "wjazzd-csv")))
    songs = [
        piece
        for name in ("nottingham", "openewld-uspd")
        for piece in chosen(melodies(folder / "midi" / name))
    ]
    report("melodies", [piece for piece in songs if steps_per_click(piece.metre) == STEPS_PER_BEAT])
    report("melodies in 6/8 and 9/8", [song for song in songs if steps_per_click(song.metre) == 6])


if __name__ == "__main__":
    main(Path(sys.argv[1]), tuning=sys.argv[2:] == ["tune"])
