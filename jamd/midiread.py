"""The bytes of a standard MIDI file, read: ticks become beats here and nowhere else.

They are not read by mido, which loses the time before a meta event that it does not know, refuses a whole
file for one odd key signature, takes four times as long, and is kept busy for minutes by a megabyte of 0xFF.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import mido

from jamd.transport import DEFAULT_TEMPO, Metre

PEDAL = 64
LONGEST_BEATS = 250_000
"""A night and a day at 170 BPM. A longer file is a damaged one, and would fill the memory with rests."""

Event = tuple[float, int, int, int]
"""What was done on one channel: beats, the message's kind (its status with channel 0) and its two data bytes,
0 for a second one that it has not."""

ONE_BYTE = (0xC0, 0xD0)
"""Kinds of messages that have no second data byte."""
_SYSTEM_LENGTHS = {0xF1: 1, 0xF2: 2, 0xF3: 1}  # data bytes; they have no place in a file, yet some hold them


class Malformed(Exception):
    """What is wrong with the bytes."""


@dataclass(slots=True)
class Reading:
    """What one track holds: its events by channel, and where it changes tempo (BPM) and metre, in beats."""

    name: str = ""
    end_beats: float = 0.0
    tempos: dict[float, float] = field(default_factory=dict)
    metres: dict[float, Metre] = field(default_factory=dict)
    events: dict[int, list[Event]] = field(default_factory=dict)


def readings(content: bytes) -> Iterator[Reading]:
    """The tracks of a file, one after another. Raises Malformed."""
    if content[:4] != b"MThd":
        raise Malformed("it does not begin with MThd")
    if len(content) < 14:
        raise Malformed("its header is cut short")
    length, form, count, division = struct.unpack_from(">LHHH", content, 4)
    if form > 2:
        raise Malformed(f"its format is {form}, not 0, 1 or 2")
    film = division >= 0x8000
    ticks_per_beat = _film_ticks_per_beat(division) if film else float(division)
    if ticks_per_beat == 0:
        raise Malformed(f"its division, {division:#06x}, does not say how long a tick is")
    start_beats = 0.0
    for track, whole in _chunks(content, 8 + max(length, 6), count):
        reading = _read_track(track, whole, start_beats, ticks_per_beat)
        if film:  # frames of film have a length of their own, whatever the tempo
            reading.tempos.clear()
        if form == 2:  # patterns of their own, one after another
            start_beats = reading.end_beats
        yield reading


def _film_ticks_per_beat(division: int) -> float:
    """Ticks in the default beat, half a second, when the file counts frames and ticks to the frame."""
    frames_per_second = {24: 24, 25: 25, 29: 29.97, 30: 30}.get(256 - (division >> 8), 0)
    return frames_per_second * (division & 0xFF) * 60 / DEFAULT_TEMPO


def _chunks(content: bytes, offset: int, count: int) -> Iterator[tuple[bytes, bool]]:
    """The tracks' bytes, and whether all are there. Other chunks are passed over, as the format asks."""
    found = 0
    while found < count:
        if len(content) < offset + 8:
            raise Malformed(f"it ends after {found} of {count} tracks")
        kind, size = struct.unpack_from(">4sL", content, offset)
        offset += 8
        if kind == b"MTrk":
            found += 1
            yield content[offset : offset + size], len(content) >= offset + size
        offset += size


def _quantity(track: bytes, offset: int) -> tuple[int, int]:
    """A number spelt in seven bits to the byte, and the offset behind it."""
    value = 0
    for byte in track[offset : offset + 4]:
        offset += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, offset
    raise Malformed("it is cut short" if offset >= len(track) else "a number in it is too long")


def _read_track(track: bytes, whole: bool, start_beats: float, ticks_per_beat: float) -> Reading:
    reading = Reading()
    by_channel, end = reading.events, len(track)
    ticks = offset = running = 0
    try:
        while offset < end or not whole:
            delta = track[offset]
            if delta < 0x80:
                offset += 1
            else:
                delta, offset = _quantity(track, offset)
            ticks += delta
            status = track[offset]
            if status >= 0x80:
                offset += 1
            elif running:
                status = running
            else:
                raise Malformed("a track holds data before any event")
            if status < 0xF0:
                running, kind, first, second = status, status & 0xF0, track[offset], 0
                offset += 1
                if kind not in ONE_BYTE:
                    second = track[offset]
                    offset += 1
                if (first | second) > 0x7F:
                    first, second = min(first, 0x7F), min(second, 0x7F)
                event = (start_beats + ticks / ticks_per_beat, kind, first, second)
                channel = status & 0x0F
                if channel in by_channel:
                    by_channel[channel].append(event)
                else:
                    by_channel[channel] = [event]
            elif status in (0xF0, 0xF7, 0xFF):
                meta = track[offset] if status == 0xFF else -1
                size, offset = _quantity(track, offset + (meta >= 0))
                if meta == 0x2F:
                    break
                if offset + size > end:
                    raise Malformed("it is cut short")
                _take_meta(reading, start_beats + ticks / ticks_per_beat, meta, track[offset : offset + size])
                offset += size
            else:
                offset += _SYSTEM_LENGTHS.get(status, 0)
    except IndexError as error:
        raise Malformed("it is cut short") from error
    reading.end_beats = start_beats + ticks / ticks_per_beat
    if reading.end_beats > LONGEST_BEATS:
        raise Malformed(f"it lasts {reading.end_beats:.0f} beats, more than {LONGEST_BEATS}")
    return reading


def _take_meta(reading: Reading, beats: float, meta: int, data: bytes) -> None:
    if meta == 0x03 and not reading.name:
        try:
            name = data.decode()
        except UnicodeDecodeError:
            name = data.decode("latin-1")
        reading.name = "".join(filter(str.isprintable, name)).strip()
    elif meta == 0x51 and len(data) == 3 and any(data):
        reading.tempos[beats] = mido.tempo2bpm(int.from_bytes(data, "big"))
    elif meta == 0x58 and len(data) >= 2 and Metre.fits(data[0], 2 ** data[1]):
        reading.metres[beats] = Metre(data[0], 2 ** data[1])
