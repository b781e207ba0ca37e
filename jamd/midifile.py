"""Standard MIDI files: a file's music as parts of notes, in beats; what other modules need to read and write.

A beat is a quarter note, as in the file format (RP-001, Standard MIDI Files 1.0). Time in SMPTE frames is
read at the format's default of 120 beats a minute.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import mido

from jamd.errors import MidiFileError
from jamd.midiread import ONE_BYTE, PEDAL, Event, Malformed, Reading, readings
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
    "performance",
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
    return parsed(_content(path), str(path))


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise MidiFileError(f"cannot read {path}: {error.strerror}") from error
    if len(content) > LARGEST_BYTES:
        raise MidiFileError(f"{path} is too large for a MIDI file: over {LARGEST_BYTES >> 20} MiB")
    return content


def parsed(content: bytes, where: str) -> Piece:
    """The music in a MIDI file's bytes, which lay `where`. Raises MidiFileError."""
    piece = _piece(_tracks(content, where))
    if not piece.parts:
        raise MidiFileError(f"{where} has no notes (drums are left out)")
    return piece


def performance(path: Path) -> list[tuple[float, mido.Message]]:
    """All that a file does on its channels, each message with its seconds from the beginning. Raises
    MidiFileError."""
    tracks = list(_tracks(_content(path), str(path)))
    tempos = sorted({at: tempo for track in tracks for at, tempo in track.tempos.items()}.items())
    events = [
        (event, channel) for track in tracks for channel, events in track.events.items() for event in events
    ]
    changes = iter([*tempos, (math.inf, DEFAULT_TEMPO)])
    timed: list[tuple[float, mido.Message]] = []
    seconds, since_beats, tempo = 0.0, 0.0, DEFAULT_TEMPO
    change_beats, next_tempo = next(changes)
    for (beats, kind, *data), channel in sorted(events, key=lambda event: event[0][0]):
        while change_beats <= beats:
            seconds += (change_beats - since_beats) * 60 / tempo
            since_beats, tempo = change_beats, next_tempo
            change_beats, next_tempo = next(changes)
        message = mido.Message.from_bytes([kind | channel, *data[: 1 if kind in ONE_BYTE else 2]])
        timed.append((seconds + (beats - since_beats) * 60 / tempo, message))
    return timed


def _tracks(content: bytes, where: str) -> Iterator[Reading]:
    """A file's tracks, one after another. Raises MidiFileError."""
    if not content:
        raise MidiFileError(f"{where} is empty; a standard MIDI file was expected")
    try:
        yield from readings(content)
    except Malformed as error:
        raise MidiFileError(f"{where} is not a readable MIDI file: {error}") from error


def _piece(tracks: Iterable[Reading]) -> Piece:
    parts: list[Part] = []
    tempos, metres = {0.0: DEFAULT_TEMPO}, {0.0: DEFAULT_METRE}
    for reading in tracks:
        tempos |= reading.tempos
        metres |= reading.metres
        for channel, events in sorted(reading.events.items()):
            notes = _notes(events, reading.end_beats) if channel != DRUM_CHANNEL else []
            if notes:
                parts.append(Part(reading.name, tuple(notes)))
    return Piece(tuple(parts), tuple(sorted(tempos.items())), tuple(sorted(metres.items())))


def notes_of(events: Iterable[tuple[float, mido.Message]], end_beats: float) -> list[Note]:
    """The notes in one channel's messages. The sustain pedal lengthens them; a new strike ends the old."""
    kinds = ("note_on", "note_off", "control_change")
    heard = [(beats, *message.bytes()) for beats, message in events if message.type in kinds]
    return _notes(
        ((beats, status & 0xF0, first, second) for beats, status, first, second in heard), end_beats
    )


def _notes(events: Iterable[Event], end_beats: float) -> list[Note]:
    rows: list[tuple[float, int, int, float]] = []  # as they are ordered: start, pitch; velocity, end
    sounding: dict[int, tuple[float, int]] = {}  # by key: start, velocity
    sustained: set[int] = set()  # of these, let go under the pedal
    pedal = False
    beats = 0.0
    for beats, kind, key, value in events:
        if kind == 0x90 and value:
            if key in sounding:
                start, velocity = sounding[key]
                rows.append((start, key, velocity, beats))
                sustained.discard(key)
            sounding[key] = (beats, value)
        elif kind <= 0x90:
            if key not in sounding:
                continue
            if pedal:
                sustained.add(key)
            else:
                start, velocity = sounding.pop(key)
                rows.append((start, key, velocity, beats))
        elif kind == 0xB0 and key == PEDAL:
            pedal = value >= 64
            if not pedal:
                for key in sustained:
                    start, velocity = sounding.pop(key)
                    rows.append((start, key, velocity, beats))
                sustained.clear()
    rows += [(start, key, velocity, max(end_beats, beats)) for key, (start, velocity) in sounding.items()]
    rows.sort()
    return [Note(pitch, velocity, start, end) for start, pitch, velocity, end in rows if start < end]
