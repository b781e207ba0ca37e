"""Standard MIDI files: a file's music as parts of notes, in beats; what other modules need to read and write.

A beat is a quarter note, as in the file format (RP-001, Standard MIDI Files 1.0). Time in SMPTE frames is
read at the format's default of 120 beats a minute.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import mido

from jamd.errors import MidiFileError
from jamd.midiread import PEDAL, PEDAL_KEY, Malformed, Stroke, readings
from jamd.midiwrite import TICKS_PER_BEAT, Track, encode, messages_of
from jamd.note import Note
from jamd.transport import DEFAULT_METRE, DEFAULT_TEMPO, Metre

__all__ = [
    "DRUM_CHANNEL",
    "PEDAL",
    "TICKS_PER_BEAT",
    "Part",
    "Piece",
    "Track",
    "encode",
    "messages_of",
    "notes_of",
    "parsed",
    "read",
]

DRUM_CHANNEL = 9
LARGEST_BYTES = 64 * 2**20
"""A hundred nights of playing; it keeps a wrong path from filling the memory."""


@dataclass(frozen=True, slots=True)
class Part:
    """One voice of a piece: a track's notes on one channel, in order of their beginnings."""

    name: str
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """A MIDI file's music: parts without drums, and where tempo (BPM) and metre change, in beats."""

    parts: tuple[Part, ...]
    tempos: tuple[tuple[float, float], ...]
    metres: tuple[tuple[float, Metre], ...]

    @property
    def notes(self) -> list[Note]:
        """All parts as one, in order of their beginnings."""
        return sorted((n for part in self.parts for n in part.notes), key=lambda n: (n.start_beats, n.pitch))


def read(path: Path) -> Piece:
    """The music in a MIDI file. Raises MidiFileError when it cannot be read or holds no notes."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise MidiFileError(f"cannot read {path}: {error.strerror}") from error
    if len(content) > LARGEST_BYTES:
        raise MidiFileError(f"{path} is too large for a MIDI file: over {LARGEST_BYTES >> 20} MiB")
    return parsed(content, str(path))


def parsed(content: bytes, where: str) -> Piece:
    """The music in a MIDI file's bytes, which lay `where`. Raises MidiFileError."""
    if not content:
        raise MidiFileError(f"{where} is empty; a standard MIDI file was expected")
    try:
        piece = _piece(content)
    except Malformed as error:
        raise MidiFileError(f"{where} is not a readable MIDI file: {error}") from error
    if not piece.parts:
        raise MidiFileError(f"{where} has no notes (drums are left out)")
    return piece


def _piece(content: bytes) -> Piece:
    parts: list[Part] = []
    tempos, metres = {0.0: DEFAULT_TEMPO}, {0.0: DEFAULT_METRE}
    for reading in readings(content):
        tempos |= reading.tempos
        metres |= reading.metres
        for channel, strokes in sorted(reading.strokes.items()):
            notes = _notes(strokes, reading.end_beats) if channel != DRUM_CHANNEL else []
            if notes:
                parts.append(Part(reading.name, tuple(notes)))
    return Piece(tuple(parts), tuple(sorted(tempos.items())), tuple(sorted(metres.items())))


def notes_of(events: Iterable[tuple[float, mido.Message]], end_beats: float) -> list[Note]:
    """The notes in one channel's messages. The sustain pedal lengthens them; a new strike ends the old."""
    strokes: list[Stroke] = []
    for beats, message in events:
        if message.type in ("note_on", "note_off"):
            strokes.append((beats, message.note, message.velocity if message.type == "note_on" else 0))
        elif message.type == "control_change" and message.control == PEDAL:
            strokes.append((beats, PEDAL_KEY, message.value))
    return _notes(strokes, end_beats)


def _notes(strokes: Iterable[Stroke], end_beats: float) -> list[Note]:
    notes: list[Note] = []
    down: dict[int, tuple[float, int]] = {}  # keys held: start, velocity
    sustained: dict[int, tuple[float, int]] = {}  # keys let go under the pedal
    pedal = False

    def end(pitch: int, note: tuple[float, int], beats: float) -> None:
        if beats > note[0]:
            notes.append(Note(pitch, note[1], note[0], beats))

    beats = 0.0
    for beats, key, velocity in strokes:
        if key == PEDAL_KEY:
            pedal = velocity >= 64
            if not pedal:
                for pitch, note in sustained.items():
                    end(pitch, note, beats)
                sustained.clear()
        elif velocity:
            for held in (down, sustained):
                if key in held:
                    end(key, held.pop(key), beats)
            down[key] = (beats, velocity)
        elif key in down:
            if pedal:
                sustained[key] = down.pop(key)
            else:
                end(key, down.pop(key), beats)
    for held in (down, sustained):
        for pitch, note in held.items():
            end(pitch, note, max(end_beats, beats))
    return sorted(notes, key=lambda note: (note.start_beats, note.pitch))
