"""Where the tracks lie in a standard MIDI file, whatever it is wrapped in and whatever its header claims.

A file says how many tracks it has and how long each is. Both are often wrong in real files, and neither is
needed: a track begins with its name, MTrk, and says itself where it ends.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from jamd.counted import counted
from jamd.music.transport import DEFAULT_TEMPO

HEADER, TRACK = b"MThd", b"MTrk"
END_OF_TRACK = b"\xff\x2f\x00"
MOST_BYTES_BEFORE = 4096
"""A MacBinary header has 128, a mail's may have some hundreds."""


class Malformed(Exception):
    """What is wrong with the bytes."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the tracks of a file stand to each other, and how long a tick is."""

    ticks_per_beat: float
    patterns: bool
    """They follow one another; else all begin at once."""
    film: bool
    """Ticks are parts of film frames, which have a length of their own whatever the tempo."""
    count: int
    """Of tracks, as the header has it."""
    first: int
    """The offset of the first chunk."""


def unwrapped(content: bytes) -> bytes:
    """The MIDI file in a RIFF wrapping (RP-029, "RMID") or behind another program's header; any other content
    as it is."""
    if content[:4] == b"RIFF" and content[8:12] == b"RMID" and (inner := _in_riff(content)):
        return inner
    start = content.find(HEADER + b"\0\0\0", 0, MOST_BYTES_BEFORE)
    return content[start:] if start > 0 else content


def _in_riff(content: bytes) -> bytes:
    """The MIDI file among the chunks of a RIFF file, whatever lies before and behind it; empty if there is
    none where they say."""
    offset = 12
    while offset + 8 <= len(content):
        kind, size = struct.unpack_from("<4sL", content, offset)
        begin, end = offset + 8, offset + 8 + size
        if kind == b"data" and content.startswith(HEADER, begin):
            whole = end == len(content) or _riff_end(content, end) is not None
            return content[begin:end] if whole else content[begin:]
        offset = _riff_end(content, end) or len(content)
    return b""


def _riff_end(content: bytes, end: int) -> int | None:
    """Where the chunk begins that follows one which ends here, maybe with a byte to make that even."""
    for offset in (end + end % 2, end):
        if offset + 8 <= len(content):
            kind, size = struct.unpack_from("<4sL", content, offset)
            if offset + 8 + int(size) <= len(content) and all(0x20 <= byte < 0x7F for byte in kind):
                return offset
    return None


def layout_of(content: bytes) -> Layout:
    """What the header says. Raises Malformed."""
    if content[:4] != HEADER:
        raise Malformed("it does not begin with MThd")
    if len(content) < 14:
        raise Malformed("its header is cut short")
    length, form, count, division = struct.unpack_from(">LHHH", content, 4)
    film = division >= 0x8000
    ticks_per_beat = _film_ticks_per_beat(division) if film else float(division)
    if ticks_per_beat == 0:
        raise Malformed(f"its division, {division:#06x}, does not say how long a tick is")
    first = 8 + max(length, 6)
    if not _is_chunk(content, first):
        first = 14
    # A format beyond 2 says nothing; tracks that sound together are what nearly all files have.
    return Layout(ticks_per_beat, form == 2, film, count, first)


def _film_ticks_per_beat(division: int) -> float:
    """Ticks in the default beat, half a second, when the file counts frames and ticks to the frame."""
    frames_per_second = {24: 24, 25: 25, 29: 29.97, 30: 30}.get(256 - (division >> 8), 0)
    return frames_per_second * (division & 0xFF) * 60 / DEFAULT_TEMPO


def track_chunks(content: bytes, layout: Layout) -> Iterator[tuple[bytes, bool]]:
    """The tracks' bytes, and whether they end where their length says; if not, nothing but an end-of-track
    does. Other chunks are passed over, as the format asks. Raises Malformed for a file that ends within the
    head of a track, or without any."""
    offset, found = layout.first, 0
    while offset + 8 <= len(content):
        kind, size = struct.unpack_from(">4sL", content, offset)
        begin, end = offset + 8, offset + 8 + size
        if kind == TRACK:
            found += 1
            offset, certain = _track_end(content, begin, end)
            yield content[begin:offset], certain
        elif _is_chunk(content, offset) and _is_chunk(content, end):
            offset = end
        else:
            offset = content.find(TRACK, offset + 1)
            if offset < 0:
                return
    rest = content[offset:]
    if found < layout.count and rest and TRACK.startswith(rest[:4]):
        raise Malformed(f"it ends after {found} of {counted(layout.count, 'track')}")


def _track_end(content: bytes, begin: int, end: int) -> tuple[int, bool]:
    """Where a track ends that is said to end at `end`, and whether that is certain."""
    within = content.find(END_OF_TRACK + TRACK, begin, end)
    if within >= 0:  # a length that takes in the next track
        return within + len(END_OF_TRACK), True
    if end <= len(content) and (content[end - 3 : end] == END_OF_TRACK or _is_chunk(content, end)):
        return end, True
    after = content.find(TRACK, begin)
    return (after if after >= 0 else len(content)), False


def _is_chunk(content: bytes, offset: int) -> bool:
    """Whether a chunk can begin here, or the file ends."""
    if offset + 8 > len(content):
        return offset == len(content)
    kind, size = struct.unpack_from(">4sL", content, offset)
    if kind == TRACK:
        return True
    return offset + 8 + int(size) <= len(content) and all(0x20 <= byte < 0x7F for byte in kind)
