"""The bytes of a standard MIDI file, read: ticks become beats here and nowhere else.

They are not read by mido, which loses the time before a meta event that it does not know, refuses a whole
file for one odd key signature, takes four times as long, and is kept busy for minutes by a megabyte of 0xFF.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import mido

from jamd.counted import counted
from jamd.music.transport import Metre
from jamd.smf.chunks import Malformed, layout_of, track_chunks

LONGEST_BEATS = 250_000
"""A night and a day at 170 BPM. Longer music is damaged, and would fill the memory with rests."""

LONGEST_EXCLUSIVE = 256
"""Bytes of a message that comes in packets, of which more would be a dump and not an order."""

Event = tuple[float, int, int, int]
"""What was done on one channel: beats, the message's kind (its status with channel 0) and its two data bytes,
0 for a second one that it has not."""

ONE_BYTE = (0xC0, 0xD0)
"""Kinds of messages that have no second data byte."""
_SYSTEM_LENGTHS = {0xF1: 1, 0xF2: 2, 0xF3: 1}  # data bytes; they have no place in a file, yet some hold them


@dataclass(slots=True)
class Reading:
    """What one track holds: its events by channel, and where it changes tempo (BPM) and metre, in beats."""

    name: str = ""
    port: int = 0
    """Of the sixteen channels it plays on; a file for more than one synth has several."""
    pattern: int = 0
    """The number of its pattern, where these follow one another."""
    end_beats: float = 0.0
    tempos: dict[float, float] = field(default_factory=dict)
    metres: dict[float, Metre] = field(default_factory=dict)
    events: dict[int, list[Event]] = field(default_factory=dict)
    moved: dict[int, set[int]] = field(default_factory=dict)
    """The controllers that are moved, by channel."""
    markers: list[tuple[float, str]] = field(default_factory=list)
    """What is written over the music for those who read it, at beats."""
    exclusive: list[tuple[float, bytes]] = field(default_factory=list)
    """System-exclusive messages, at beats, without their first byte."""


def readings(content: bytes) -> Iterator[Reading]:
    """The tracks of a file, one after another. Raises Malformed."""
    layout = layout_of(content)
    start_beats, number = 0.0, 0
    for track, certain in track_chunks(content, layout):
        reading = _read_track(track, certain, start_beats, layout.ticks_per_beat)
        if layout.film:
            reading.tempos.clear()
        if layout.patterns:
            reading.pattern = number
            last = max((events[-1][0] for events in reading.events.values()), default=start_beats)
            start_beats = reading.end_beats if reading.end_beats <= LONGEST_BEATS else last
        number += 1
        yield reading
    if layout.count and not number:
        raise Malformed(f"it ends after 0 of {counted(layout.count, 'track')}")


def _quantity(track: bytes, offset: int) -> tuple[int, int]:
    """A number spelt in seven bits to the byte, and the offset behind it."""
    value = 0
    for byte in track[offset : offset + 4]:
        offset += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, offset
    raise Malformed("it is cut short" if offset >= len(track) else "a number in it is too long")


def _read_track(
    track: bytes, certain: bool, start_beats: float, ticks_per_beat: float, behind_end: bool = False
) -> Reading:
    """A track's events. One whose end is not `certain` must have an end-of-track."""
    reading = Reading()
    by_channel, moved, end = reading.events, reading.moved, len(track)
    ticks = offset = running = 0
    struck = False
    try:
        while offset < end or not certain:
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
                if kind == 0x90:
                    struck = True
                elif kind == 0xB0:
                    moved.setdefault(channel, set()).add(first)
            elif status in (0xF0, 0xF7, 0xFF):
                meta = track[offset] if status == 0xFF else -1
                size, offset = _quantity(track, offset + (meta >= 0))
                if meta == 0x2F:
                    break
                if offset + size > end:
                    raise Malformed("it is cut short")
                data, beats = track[offset : offset + size], start_beats + ticks / ticks_per_beat
                if meta < 0:
                    _take_exclusive(reading, beats, status, data)
                else:
                    _take_meta(reading, beats, meta, data)
                offset += size
            else:
                offset += _SYSTEM_LENGTHS.get(status, 0)
    except IndexError as error:
        raise Malformed("it is cut short") from error
    reading.end_beats = start_beats + ticks / ticks_per_beat
    if certain and not struck and not behind_end and offset < end:
        _take_behind_end(reading, track[offset:], ticks_per_beat)
    return reading


def _take_behind_end(reading: Reading, rest: bytes, ticks_per_beat: float) -> None:
    """Add what stands behind an end-of-track that comes before all notes of its track.

    The format ends a track there, and what follows may be rubbish. But the chunk's length says that it is
    of the track, in real files it is the music, and without it there is none: so it is taken where it reads
    as a whole track again, with an end of its own.
    """
    try:
        more = _read_track(rest, False, reading.end_beats, ticks_per_beat, behind_end=True)
    except Malformed:
        return
    reading.end_beats = more.end_beats
    reading.tempos |= more.tempos
    reading.metres |= more.metres
    reading.markers += more.markers
    reading.exclusive += more.exclusive
    for channel, events in more.events.items():
        reading.events.setdefault(channel, []).extend(events)
    for channel, numbers in more.moved.items():
        reading.moved.setdefault(channel, set()).update(numbers)


def _take_exclusive(reading: Reading, beats: float, status: int, data: bytes) -> None:
    """A system-exclusive message, or the next packet of one, which is whole when the last has come. Of one
    that lacks its end, nothing may follow."""
    taken = reading.exclusive
    goes_on = status == 0xF7 and taken and not taken[-1][1].endswith(b"\xf7") and data[:1] != b"\xf0"
    if goes_on and len(taken[-1][1]) + len(data) <= LONGEST_EXCLUSIVE:
        taken[-1] = (beats, taken[-1][1] + data)
    else:
        taken.append((beats, data))


def _take_meta(reading: Reading, beats: float, meta: int, data: bytes) -> None:
    if meta == 0x03 and not reading.name:
        reading.name = _text(data)
    elif meta == 0x21 and data:
        reading.port = data[0]
    elif beats > LONGEST_BEATS:
        return
    elif meta == 0x51 and len(data) == 3 and any(data):
        reading.tempos[beats] = mido.tempo2bpm(int.from_bytes(data, "big"))
    elif meta == 0x58 and len(data) >= 2 and Metre.fits(data[0], 2 ** data[1]):
        reading.metres[beats] = Metre(data[0], 2 ** data[1])
    elif meta == 0x06:
        reading.markers.append((beats, _text(data)))


def _text(data: bytes) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return "".join(filter(str.isprintable, text)).strip()
