"""A tiny corpus, made on the spot: chords of a scale in broken and block rhythms, in several keys."""

from __future__ import annotations

from pathlib import Path

from jamd import midifile
from jamd.midiwrite import Track, messages_of
from jamd.note import Note
from jamd.transport import Metre

MAJOR = (0, 2, 4, 5, 7, 9, 11)


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
