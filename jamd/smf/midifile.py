"""Standard MIDI files: a file's music as parts of notes, in beats; what other modules need to read and write.

A beat is a quarter note, as in the file format (RP-001, Standard MIDI Files 1.0). Time in SMPTE frames is
read at the format's default of 120 beats a minute.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import mido

from jamd.errors import MidiFileError
from jamd.music.controllers import PEDAL
from jamd.music.note import Note, together
from jamd.music.transport import DEFAULT_METRE, DEFAULT_TEMPO, Metre
from jamd.smf.chunks import Malformed, unwrapped
from jamd.smf.drums import DRUM_CHANNEL
from jamd.smf.notes import Press, sounding
from jamd.smf.playback import played
from jamd.smf.read import LONGEST_BEATS, Reading, readings
from jamd.smf.voices import Voice, melodies, voices_of
from jamd.smf.write import TICKS_PER_BEAT, Track, encode, messages_of

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
    markers: tuple[tuple[float, str], ...] = ()
    """Words over the music, at beats."""

    @property
    def notes(self) -> list[Note]:
        """All parts' notes, in order of their beginnings."""
        return sorted((n for part in self.parts for n in part.notes), key=lambda n: (n.start_beats, n.pitch))

    @property
    def heard(self) -> list[Note]:
        """All parts as one player's (`note.together`)."""
        return together(self.notes)

    def of(self, name: str) -> list[Note]:
        """The notes of all parts of this name as one player's, on whatever channels they are."""
        return together(note for part in self.parts if part.name == name for note in part.notes)


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
    tracks = _tracks(content, where)
    tempos, metres = {0.0: DEFAULT_TEMPO}, {0.0: DEFAULT_METRE}
    for track in tracks:
        tempos |= track.tempos
        metres |= track.metres
    voices = voices_of(tracks)
    parts = _parts(tracks, melodies(tracks, voices))
    if not parts:
        raise MidiFileError(f"{where} has no notes" + (" (drums are left out)" if voices else ""))
    last_beats = max(part.notes[-1].start_beats for part in parts)
    if last_beats > LONGEST_BEATS:
        raise MidiFileError(f"{where} lasts {last_beats:.0f} beats, more than {LONGEST_BEATS}")
    markers = sorted((mark for track in tracks for mark in track.markers), key=lambda mark: mark[0])
    return Piece(tuple(parts), tuple(sorted(tempos.items())), tuple(sorted(metres.items())), tuple(markers))


def performance(path: Path, drums: bool = True) -> list[tuple[float, mido.Message]]:
    """All that a file does on its channels until its music ends, each message with its seconds from the
    beginning; without `drums`, what is heard of it as music. Raises MidiFileError."""
    return played(_tracks(_content(path), str(path)), drums)


def _tracks(content: bytes, where: str) -> list[Reading]:
    """A file's tracks. Raises MidiFileError."""
    if not content:
        raise MidiFileError(f"{where} is empty; a standard MIDI file was expected")
    try:
        return list(readings(unwrapped(content)))
    except Malformed as error:
        raise MidiFileError(f"{where} is not a readable MIDI file: {error}") from error


def _parts(tracks: Sequence[Reading], voices: Iterable[Voice]) -> list[Part]:
    """Each voice as a part; what is played in an MPE zone is one."""
    together: dict[tuple[int, int, int, int], list[Press]] = {}
    names: dict[tuple[int, int, int, int], str] = {}
    for voice in voices:
        track = tracks[voice.track]
        which = (voice.track, voice.port, track.pattern, voice.channel)
        if voice.zone is not None:
            which = (-1, voice.port, track.pattern, voice.zone)
        together.setdefault(which, []).extend(voice.notes)
        names.setdefault(which, track.name)
    return [
        Part(
            names[which],
            tuple(
                Note(note.pitch, note.velocity, note.start_beats, note.end_beats)
                for note in (notes if which[0] >= 0 else sorted(notes, key=_order))
            ),
        )
        for which, notes in together.items()
    ]


def _order(note: Press) -> tuple[float, int]:
    return note.start_beats, note.pitch


def notes_of(events: Iterable[tuple[float, mido.Message]], end_beats: float) -> list[Note]:
    """The notes in one channel's messages. The pedals lengthen them; those without an end last until
    `end_beats`."""
    kinds = ("note_on", "note_off", "control_change")
    heard = [(beats, *message.bytes()) for beats, message in events if message.type in kinds]
    own = [(beats, status & 0xF0, first, second) for beats, status, first, second in heard]
    last_beats = max(end_beats, own[-1][0] if own else 0.0)
    notes = [
        Note(note.pitch, note.velocity, note.start_beats, min(note.end_beats, last_beats))
        for note in sounding(own, controlled=True).get(0, [])
    ]
    return [note for note in notes if note.start_beats < note.end_beats]
