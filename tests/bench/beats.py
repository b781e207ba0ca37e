"""How well beats are found in what was played without a click: `python -m tests.bench.beats FOLDER [tune]`.

FOLDER holds `wjazzd-csv/` (solos of the Weimar Jazz Database: onsets as played, beats annotated by hand) and
`midi/`: piano-midi.de, played through its own tempo maps, in which its editor wrote a performance; Nottingham
and the Lieder, played here at a tempo that wanders, each onset some 15 ms early or late. What is read has
lost its ticks. Half of the pieces, by a hash of the name, are for setting the constants (`tune`); the figures
are those of the other half.

Beats are right within 70 ms, and scored by the F-measure (Davies, Degara and Plumbley, "Evaluation methods
for musical audio beat tracking algorithms", 2009) over the whole piece; tempo, the median one, within 4 %.
"Some level" is the best F of the annotated beats, and of these doubled, halved, in three, and off the beat:
on any of them the music lies on its grid. Beats are quarter notes, in 6/8 dotted ones.
"""

from __future__ import annotations

import csv
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from jamd.beats import find
from jamd.music.note import STEPS_PER_BEAT, Note
from jamd.music.tempomap import seconds_at
from jamd.music.transport import Metre
from jamd.smf import midifile
from jamd.sync.metronome import steps_per_click
from jamd.training.recordings import beats, hands
from tests.bench.follow import Piece as Melody
from tests.bench.follow import followed, is_for_tuning

Seconds = npt.NDArray[np.float64]
JITTER_SECONDS, CHORD_JITTER_SECONDS = 0.015, 0.005
WALK, PULL = 0.03, 0.1
"""A tempo's step from beat to beat, as a share, and how far it goes back towards where it began."""


SAME_TEMPO, SAME_BEAT_SECONDS = 0.04, 0.07
OCTAVES = (2.0, 0.5, 3.0, 1 / 3)
RIGHT = 0.8
"""The F-measure from which on beats count as right."""
At = Callable[[Seconds], Seconds]


@dataclass(frozen=True)
class Played:
    """Music without a grid, and where its beats and bars begin, in seconds."""

    name: str
    piece: midifile.Piece
    beats: Seconds
    bars: Seconds

    @property
    def onsets(self) -> Seconds:
        """In seconds, those of a chord as one."""
        starts = np.array([note.start_beats for note in self.piece.notes]) / 2
        chosen = [float(starts[0])]
        chosen += [at for at in starts.tolist() if at - chosen[-1] > find.CHORD_SECONDS]
        return np.unique(chosen)


@dataclass(frozen=True)
class Guess:
    """Beats and first beats of bars, in seconds, and how sure they are."""

    beats: Seconds
    bars: Seconds
    sure: float = 0.0


def in_seconds(notes: list[tuple[float, float, int, int]]) -> midifile.Piece:
    """Rows of start and end in seconds, pitch, velocity as one part; its beats, of 0.5 s, say nothing."""
    laid = [Note(pitch, velocity, 2 * start, 2 * end) for start, end, pitch, velocity in sorted(notes)]
    return midifile.Piece((midifile.Part("", tuple(laid)),), ((0.0, 120.0),), ((0.0, Metre(4, 4)),))


def solos(folder: Path) -> Iterator[Played]:
    for path in sorted(folder.rglob("*_FINAL_beattrack.csv")):
        name = path.name.removesuffix("_FINAL_beattrack.csv")
        with (folder / "mcsv_melody" / f"{name}_FINAL.csv").open() as file:
            rows = [
                (float(row["onset"]), float(row["duration"]), int(float(row["pitch"])), row["loud_median"])
                for row in csv.DictReader(file)
            ]
        loud = np.array([float(row[3] or "nan") for row in rows])
        loud = np.nan_to_num(loud, nan=float(np.nanmedian(loud)))
        velocity = np.clip(80 + 3 * (loud - np.median(loud)), 1, 127).astype(int).tolist()
        notes = [(a, a + max(d, 0.02), p, v) for (a, d, p, _), v in zip(rows, velocity, strict=True)]
        track = beats.read_beats(path)
        yield Played(
            name, in_seconds(notes), track.onset_seconds, track.onset_seconds[track.beat_in_bar == 1]
        )


def pulses(piece: midifile.Piece) -> tuple[Seconds, Seconds]:
    """The beats and bar lines of a score in its quarter notes."""
    end = max(note.end_beats for note in piece.notes)
    clicks: list[float] = []
    lines: list[float] = []
    for (first, metre), (last, _) in pairwise([*piece.metres, (end, Metre(4, 4))]):
        clicks += np.arange(first, last - 1e-6, max(1, steps_per_click(metre)) / STEPS_PER_BEAT).tolist()
        lines += np.arange(first, last - 1e-6, metre.steps_per_bar / STEPS_PER_BEAT).tolist()
    return np.array(clicks), np.array(lines)


def replayed(name: str, piece: midifile.Piece, at: At, late: Seconds) -> Played:
    """A score whose quarter notes come at instants told by `at`, and whose notes so late."""
    spans = np.array([(note.start_beats, note.end_beats) for note in piece.notes])
    seconds = np.maximum(at(spans.reshape(-1)).reshape(-1, 2) + late[:, None], 0.0)
    rows = [
        (start, max(end, start + 0.02), note.pitch, note.velocity)
        for note, (start, end) in zip(piece.notes, seconds.tolist(), strict=True)
    ]
    clicks, lines = pulses(piece)
    return Played(name, in_seconds(rows), at(clicks), at(lines))


def scores_in(folder: Path, every: int) -> Iterator[tuple[str, midifile.Piece, int]]:
    """One in so many, and a number of its own."""
    for path in sorted(folder.rglob("*.mid")):
        seed = zlib.crc32(path.stem.encode())
        if seed // 2 % every == 0:
            yield path.stem, midifile.read(path), seed


def performances(folder: Path, every: int = 1) -> Iterator[Played]:
    """Scores played through their own tempo maps."""
    for name, piece, _ in scores_in(folder, every):
        at = partial(seconds_at, piece.tempos)
        yield replayed(name, piece, at, np.zeros(len(piece.notes)))


def rubato(folder: Path, every: int = 1) -> Iterator[Played]:
    """Scores played here: the tempo wanders about one of 60 to 160, chords and notes are a little off."""
    for name, piece, seed in scores_in(folder, every):
        rng = np.random.default_rng(seed)
        wander = np.zeros(int(max(note.end_beats for note in piece.notes)) + 2)
        for i, step in enumerate(rng.normal(0, WALK, len(wander) - 1).tolist()):
            wander[i + 1] = (1 - PULL) * wander[i] + step
        click_seconds = 60 / np.exp(rng.uniform(np.log(60), np.log(160)))
        beat_seconds = click_seconds * STEPS_PER_BEAT / max(1, steps_per_click(piece.metres[-1][1]))
        seconds = 1.0 + np.concatenate([[0.0], np.cumsum(beat_seconds * np.exp(wander))])
        starts = np.array([note.start_beats for note in piece.notes])
        _, chord = np.unique(np.round(starts * 48), return_inverse=True)
        late = rng.normal(0, JITTER_SECONDS, chord.max() + 1)[chord]
        late = late + rng.normal(0, CHORD_JITTER_SECONDS, len(late))
        at = partial(np.interp, xp=np.arange(len(seconds)), fp=seconds)
        yield replayed(name, piece, at, late)


def at_random(like: Iterator[Played]) -> Iterator[Played]:
    """The notes of pieces, at instants that have no beat."""
    for played in like:
        notes = played.piece.notes[:1000]
        rng = np.random.default_rng(zlib.crc32(played.name.encode()))
        starts = np.cumsum(rng.gamma(rng.integers(1, 4), 0.15, len(notes))).tolist()
        rows = [
            (start, start + (note.end_beats - note.start_beats) / 2, note.pitch, note.velocity)
            for start, note in zip(starts, notes, strict=True)
        ]
        yield Played(played.name, in_seconds(rows), np.zeros(0), np.zeros(0))


# --- ways to find the beats


def found(played: Played) -> Guess:
    guess = find.find(played.piece)
    if guess is None:
        return Guess(np.zeros(0), np.zeros(0))
    track = guess.track
    return Guess(guess.tapped, track.onset_seconds[track.beat_in_bar == 1], guess.sure)


def causal(played: Played) -> Guess:
    """As `--tempo auto` follows it, which knows nothing of what is to come."""
    heard = followed(Melody(played.name, Metre(4, 4), played.onsets, played.beats))
    return Guess(heard.beats(float(played.onsets[-1])) if heard.grids else np.zeros(0), np.zeros(0))


def counted(played: Played) -> Guess:
    """A steady tempo: the commonest interval between onsets near one another, in bins of 25 ms, doubled or
    halved to 70 to 140 a minute; on it as many onsets as can be."""
    onsets = played.onsets
    gaps = np.concatenate([onsets[ahead:] - onsets[:-ahead] for ahead in range(1, 5) if len(onsets) > ahead])
    gaps = gaps[(gaps > 0.1) & (gaps < 2.0)]
    beat = (np.bincount((gaps / 0.025).astype(int)).argmax() + 0.5) * 0.025 if len(gaps) else 0.5
    while beat > 60 / 70:
        beat /= 2
    while beat < 60 / 140:
        beat *= 2
    phase = np.angle(np.exp(2j * np.pi * onsets / beat).mean()) / (2 * np.pi) * beat
    return Guess(
        np.arange(onsets[0] + (phase - onsets[0]) % beat - beat, onsets[-1] + beat, beat), np.zeros(0)
    )


# --- scores


def f_measure(ours: Seconds, theirs: Seconds) -> float:
    """Of two rising rows of instants, each of which may be met once."""
    ours_at = theirs_at = hits = 0
    while ours_at < len(ours) and theirs_at < len(theirs):
        early = ours[ours_at] - theirs[theirs_at]
        hits += abs(early) <= SAME_BEAT_SECONDS
        ours_at += early <= SAME_BEAT_SECONDS
        theirs_at += early >= -SAME_BEAT_SECONDS
    return 2 * hits / max(1, len(ours) + len(theirs))


def levels(annotated: Seconds) -> list[Seconds]:
    """Where the same music may be tapped."""

    def divided(parts: int) -> Seconds:
        places = np.arange(parts * (len(annotated) - 1) + 1) / parts
        return np.interp(places, np.arange(len(annotated)), annotated)

    twice, thrice = divided(2), divided(3)
    every = [(twice, 1), (twice, 2), (twice, 4), (thrice, 1), (thrice, 2), (annotated, 3)]
    return [annotated, *(beats[first::step] for beats, step in every for first in range(step))]


def scores(played: Played, guess: Guess) -> list[float]:
    """F-measure, that of the best level, tempo right, an octave off, downbeats' F-measure."""
    begin, end = played.onsets[[0, -1]] + np.array([-SAME_BEAT_SECONDS, SAME_BEAT_SECONDS])

    def within(instants: Seconds) -> Seconds:
        return instants[(instants >= begin) & (instants <= end)]

    ours, theirs = within(guess.beats), within(played.beats)
    by_level = [f_measure(ours, within(level)) for level in levels(played.beats)]
    ratio = np.median(np.diff(theirs)) / np.median(np.diff(ours)) if len(ours) > 1 else 0.0
    same, *octaves = (abs(ratio / octave - 1) < SAME_TEMPO for octave in (1.0, *OCTAVES))
    bars = f_measure(within(guess.bars), within(played.bars))
    return [by_level[0], max(by_level), same, any(octaves), bars]


def offset_error(played: Played, guess: Guess) -> float:
    """How far onsets lie from where they are in their step, on the mean, in steps: 0.25 is chance."""
    if len(guess.beats) < 2:
        return 0.25
    ours, theirs = (
        STEPS_PER_BEAT * np.interp(played.onsets, beats, np.arange(len(beats)))
        for beats in (guess.beats, played.beats)
    )
    return float(np.abs((ours - theirs + 0.5) % 1.0 - 0.5).mean())


def report(title: str, music: list[Played]) -> list[tuple[float, float, float, float]]:
    """Prints a table and gives, for each piece: sure, F, that of the best level, error of the offsets."""
    print(f"{title}: {len(music)} pieces, {sum(len(played.piece.notes) for played in music)} notes")
    print(f"{'':20s}F  some level  tempo  octave off  downbeats F  seconds a minute")
    certainty: list[tuple[float, float, float, float]] = []
    minutes = sum(float(played.onsets[-1] - played.onsets[0]) for played in music) / 60
    for name, way in {"found": found, "causal": causal, "interval histogram": counted}.items():
        before = time.process_time()
        guesses = [way(played) for played in music]
        cost = (time.process_time() - before) / minutes
        table = np.array([scores(*pair) for pair in zip(music, guesses, strict=True)])
        f, best, tempo, octave, bars = 100 * table.mean(axis=0)
        print(
            f"{name:18s} {f:3.0f}         {best:3.0f}    {tempo:3.0f}         {octave:3.0f}"
            f"          {bars:3.0f}              {cost:.2f}"
        )
        if way is found:
            for played, guess, row in zip(music, guesses, table.tolist(), strict=True):
                certainty.append((guess.sure, row[0], row[1], offset_error(played, guess)))
    print()
    return certainty


def calibration(certainty: list[tuple[float, float, float, float]]) -> None:
    table = np.array(certainty)
    print("sure         pieces   right   right at some level   error of offsets (steps; 0.25 is chance)")
    for low in (0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 0.9):
        high = {0.4: 0.5, 0.5: 0.6, 0.8: 0.9, 0.9: 1.01}.get(low, low + 0.2)
        rows = table[(table[:, 0] >= low) & (table[:, 0] < high)]
        if len(rows):
            right, some = (100 * (rows[:, at] > RIGHT).mean() for at in (1, 2))
            error = rows[:, 3].mean()
            print(
                f"{low:.1f} to {min(1.0, high):.1f}   {len(rows):4d}    {right:3.0f} %          {some:3.0f} %"
                f"                     {error:.2f}"
            )


def two_hands(folder: Path, tuning: bool) -> None:
    """Piano music with a part for each hand, read as one part."""
    for name in ("piano-midi-de", "mutopia-piano"):
        shares, alone, told = [], [], []
        for title, piece, _ in scores_in(folder / name, 4):
            if len(piece.parts) != 2 or is_for_tuning(title) != tuning:
                continue
            middles = [np.mean([note.pitch for note in part.notes]) for part in piece.parts]
            right = {id(note) for note in piece.parts[int(np.argmax(middles))].notes}
            told.append(hands.needs_two(piece.notes))
            ours, others = hands.split(piece.notes)
            hits = [id(note) in right for note in ours] + [id(note) not in right for note in others]
            shares.append(np.mean(hits))
            alone.append(np.mean([(note.pitch >= 60) == (id(note) in right) for note in piece.notes]))
        print(
            f"hands in {name}: {len(shares)} pieces, {100 * np.mean(shares):.0f} % of notes right "
            f"(cut at middle C: {100 * np.mean(alone):.0f} %), {100 * np.mean(told):.0f} % held to be of two"
        )


def main(folder: Path, tuning: bool) -> None:
    def chosen(music: Iterator[Played]) -> list[Played]:
        return [played for played in music if is_for_tuning(played.name) == tuning]

    midi = folder / "midi"
    certainty = report("jazz solos", chosen(solos(folder / "wjazzd-csv")))
    certainty += report("piano-midi.de", chosen(performances(midi / "piano-midi-de", 2)))
    certainty += report("Nottingham", chosen(rubato(midi / "nottingham", 12)))
    certainty += report("Lieder", chosen(rubato(midi / "openscore-lieder", 24)))
    noise = [found(played).sure for played in at_random(iter(chosen(rubato(midi / "nottingham", 12))))]
    calibration(certainty)
    print(
        f"onsets at random: sure {np.mean(noise):.2f} on the mean, {max(noise):.2f} at most, of {len(noise)}"
    )
    two_hands(midi, tuning)


if __name__ == "__main__":
    main(Path(sys.argv[1]), tuning=sys.argv[2:] == ["tune"])
