"""Standard MIDI files written: beats become ticks here and nowhere else."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import mido

from jamd.music.controllers import ALL_SOUND_OFF, LETTING_GO
from jamd.music.note import Note
from jamd.music.transport import Metre

TICKS_PER_BEAT = 480
FINE_TICKS_PER_BEAT = 8 * TICKS_PER_BEAT
"""For notes that are not to be moved by a tenth of a millisecond; some programs read no more."""

ENDING = (ALL_SOUND_OFF, *LETTING_GO)
"""Controllers that let go of their channel's keys, or more."""

Event = tuple[float, mido.Message | mido.MetaMessage]
"""A message at a beat."""


@dataclass(frozen=True, slots=True)
class Track:
    """A track to be written: messages at beats, in order."""

    name: str
    events: Sequence[tuple[float, mido.Message]]


def _quantity(value: int) -> bytes:
    """A number in the file's own spelling: seven bits to the byte, the highest first."""
    spelt = [value & 0x7F]
    while value := value >> 7:
        spelt.append(value & 0x7F | 0x80)
    return bytes(reversed(spelt))


@dataclass(slots=True)
class TrackWriter:
    """One track's bytes, grown message by message; what is written is never looked at again."""

    content: bytearray = field(default_factory=bytearray)
    ticks: int = 0
    """Where the last message stands."""
    sounding: dict[tuple[int, int], int] = field(default_factory=dict)
    """Channel and pitch of every note begun and not yet ended, and the tick on which it began."""
    ticks_per_beat: int = TICKS_PER_BEAT

    @classmethod
    def named(cls, name: str, ticks_per_beat: int = TICKS_PER_BEAT) -> TrackWriter:
        spelt = name.encode()
        content = bytearray(b"\x00\xff\x03" + _quantity(len(spelt)) + spelt)
        return cls(content, ticks_per_beat=ticks_per_beat)

    def tail(self) -> TrackWriter:
        """A writer that goes on from here, in bytes of its own, and leaves this one as it is."""
        return TrackWriter(ticks=self.ticks, sounding=dict(self.sounding), ticks_per_beat=self.ticks_per_beat)

    def add(self, beats: float, message: mido.Message | mido.MetaMessage) -> None:
        """Write a message at `beats`, or with the last one if that is later. System messages are left out."""
        if not (message.is_meta or hasattr(message, "channel")):
            return
        ticks = round(beats * self.ticks_per_beat)
        if message.type == "control_change" and message.control in ENDING:
            # In words that every reader knows: most pass all-notes-off over.
            self._release(ticks, message.channel)
        self._put(ticks, message.bin())
        if message.type == "note_on" and message.velocity > 0:
            self.sounding[message.channel, message.note] = self.ticks
        elif message.type in ("note_on", "note_off"):
            self.sounding.pop((message.channel, message.note), None)

    def release(self, ticks: int) -> None:
        """End every note that still sounds, at `ticks`; none is left without a length."""
        self._release(ticks)

    def _release(self, ticks: int, only_channel: int | None = None) -> None:
        for (channel, pitch), start_ticks in tuple(self.sounding.items()):
            if only_channel in (None, channel):
                self._put(max(ticks, start_ticks + 1), bytes((0x80 | channel, pitch, 64)))
                del self.sounding[channel, pitch]

    def end(self, ticks: int) -> None:
        """Write the end of the track, at `ticks` or with the last message."""
        self._put(ticks, b"\xff\x2f\x00")

    def _put(self, ticks: int, message: bytes | bytearray) -> None:
        ticks = max(ticks, self.ticks)
        self.content += _quantity(ticks - self.ticks)
        self.content += message
        self.ticks = ticks


def file_of(tracks: Sequence[Sequence[bytes | bytearray]], ticks_per_beat: int = TICKS_PER_BEAT) -> bytes:
    """A whole file of format 1; each track is given in pieces, to be written end to end."""
    pieces: list[bytes | bytearray] = [b"MThd", struct.pack(">LHHH", 6, 1, len(tracks), ticks_per_beat)]
    for track in tracks:
        pieces += [b"MTrk", struct.pack(">L", sum(map(len, track))), *track]
    return b"".join(pieces)


def tempo_event(beats: float, tempo: float) -> Event:
    """A change of tempo (BPM)."""
    return beats, mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(tempo))


def metre_event(beats: float, metre: Metre) -> Event:
    """A change of metre."""
    return beats, mido.MetaMessage("time_signature", numerator=metre.beats, denominator=metre.unit)


def messages_of(notes: Iterable[Note], channel: int = 0) -> list[tuple[float, mido.Message]]:
    """Note-on and note-off messages at beats; at one instant the note-offs come first."""
    events = []
    for note in notes:
        on = mido.Message("note_on", note=note.pitch, velocity=note.velocity, channel=channel)
        off = mido.Message("note_off", note=note.pitch, channel=channel)
        events += [(note.start_beats, on), (note.end_beats, off)]
    return sorted(events, key=lambda event: (event[0], event[1].type == "note_on"))


def encode(
    tracks: Iterable[Track],
    tempos: Iterable[tuple[float, float]],
    metres: Iterable[tuple[float, Metre]],
    ticks_per_beat: int = TICKS_PER_BEAT,
) -> bytes:
    """A format-1 MIDI file: a `tempo` track, then `tracks` in their order."""
    changes = [tempo_event(*change) for change in tempos] + [metre_event(*change) for change in metres]
    changes.sort(key=lambda event: event[0])
    written = []
    for name, events in [("tempo", changes), *((track.name, track.events) for track in tracks)]:
        writer = TrackWriter.named(name, ticks_per_beat)
        for beats, message in events:
            writer.add(beats, message)
        writer.end(writer.ticks)
        written.append([writer.content])
    return file_of(written, ticks_per_beat)
