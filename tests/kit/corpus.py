"""A tiny corpus, made on the spot: chords of a scale in broken and block rhythms, in several keys.

`python -m tests.kit.corpus FOLDER` writes a tutorial's scale chords there: 156 files, 13 scales in 12 keys.
"""

from __future__ import annotations

import sys
from pathlib import Path

from jamd.music.note import Note
from jamd.music.transport import Metre
from jamd.smf import midifile
from jamd.smf.write import Track, messages_of

MAJOR = (0, 2, 4, 5, 7, 9, 11)
SCALES = {
    "major": MAJOR,
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "locrian": (0, 1, 3, 5, 6, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "melodic minor": (0, 2, 3, 5, 7, 9, 11),
    "harmonic major": (0, 2, 4, 5, 7, 8, 11),
    "double harmonic": (0, 1, 4, 5, 7, 8, 11),
    "hungarian minor": (0, 2, 3, 6, 7, 8, 11),
    "phrygian dominant": (0, 1, 4, 5, 7, 8, 10),
}


def scale_chords(root: int, bars: int = 8) -> list[Note]:
    """A bar of the bass, and a bar's chord on each beat, on the degrees I vi IV V."""
    notes = []
    for bar in range(bars):
        degree = (0, 5, 3, 4)[bar % 4]
        pitches = [root + 12 * ((degree + third) // 7) + MAJOR[(degree + third) % 7] for third in (0, 2, 4)]
        notes.append(Note(pitches[0] - 12, 70, 4.0 * bar, 4.0 * bar + 4))
        for beat in range(4):
            start = 4.0 * bar + beat
            notes += [Note(pitch, 80 + 10 * (beat == 0), start, start + 0.9) for pitch in pitches]
    return notes


def chords_up(root: int, scale: tuple[int, ...]) -> list[Note]:
    """The triads of a scale from its first degree up to the octave, a bar each: broken, then whole."""
    notes = []
    for bar in range(8):
        steps = [bar + third for third in (0, 2, 4)]
        pitches = [root + 12 * (step // 7) + scale[step % 7] for step in steps]
        for half in range(3):
            start = 4.0 * bar + half / 2
            notes.append(Note(pitches[half], 80, start, start + 0.45))
        notes += [Note(pitch, 90, 4.0 * bar + 2, 4.0 * bar + 3.9) for pitch in pitches]
    return notes


def write_scale_chords(folder: Path) -> Path:
    """A file for every scale in every key."""
    for name, scale in SCALES.items():
        for key in range(12):
            write_song(folder / name / f"{key:02}.mid", chords_up(48 + key, scale))
    return folder


def write_song(path: Path, notes: list[Note], tempo: float = 120, metre: str = "4/4") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    track = Track("piano", messages_of(notes))
    path.write_bytes(midifile.encode([track], [(0.0, tempo)], [(0.0, Metre.parse(metre))]))
    return path


def write_corpus(folder: Path, pieces: int = 6) -> Path:
    """`pieces` songs to learn from, and two in `valid`."""
    for piece in range(pieces + 2):
        split = "train" if piece < pieces else "valid"
        write_song(folder / split / f"song{piece}.mid", scale_chords(55 + piece))
    return folder


if __name__ == "__main__":
    write_scale_chords(Path(sys.argv[1]))
