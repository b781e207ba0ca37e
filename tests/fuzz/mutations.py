"""Cases for `fuzz.py`: bytes that were right once, damaged at random, some of them so that the lengths and
the structure around the damage still hold. Deterministic for a `random.Random`.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from random import Random

from tests.fuzz.words import (
    DIVISIONS,
    END,
    FILE_WORDS,
    LIVE_WORDS,
    LONG,
    ODD_BYTES,
    ODD_CSV,
    ODD_JSON,
    ODD_NUMBERS,
    ODD_PAGE,
    ODD_SHAPES,
    ODD_TOML,
)

MOST_BYTES = 16 * 2**10
"""Of a case. Longer ones cost time, and are of the same few kinds repeated."""

Mutate = Callable[[Random, Sequence[bytes]], bytes]
"""One case from the seeds."""


def damaged(rng: Random, seeds: Sequence[bytes], words: Sequence[bytes] = ()) -> bytes:
    """One of the seeds with a few faults: bytes changed, lost, doubled, moved or put in, among them `words`
    that mean something in the format; a piece of another seed; a cut."""
    content = bytearray(rng.choice(seeds))
    for _ in range(1 + min(int(rng.expovariate(0.8)), 8)):
        _hurt(rng, content, seeds, words)
    return bytes(content[: max(MOST_BYTES, *map(len, seeds))])


def _hurt(rng: Random, content: bytearray, seeds: Sequence[bytes], words: Sequence[bytes]) -> None:
    at = rng.randrange(len(content) + 1)
    span = slice(at, at + 1 + int(rng.expovariate(0.1)))
    fault = rng.randrange(10 if words else 8)
    if fault == 0:
        content[at : at + 1] = bytes([rng.randrange(256)])
    elif fault == 1:
        content[at : at + 1] = bytes([rng.choice(ODD_BYTES)])
    elif fault == 2 and content:
        content[at - 1] ^= 1 << rng.randrange(8)
    elif fault == 3:
        del content[span]
    elif fault == 4:
        content[at:at] = content[span] * rng.choice((1, 1, 2, 7, 100))
    elif fault == 5:
        size = rng.choice((1, 2, 4, 8))
        number = rng.choice(ODD_NUMBERS) % 256**size
        content[at : at + size] = number.to_bytes(size, rng.choice(("big", "little")))
    elif fault == 6:
        other = rng.choice(seeds)
        begin = rng.randrange(len(other) + 1)
        content[span] = other[begin : begin + 1 + int(rng.expovariate(0.02))]
    elif fault == 7 and rng.random() < 0.3:
        del content[at:]
    elif fault > 7:
        content[at:at] = rng.choice(words) * rng.choice((1, 1, 1, 1, 3, 50))


# MIDI files


def quantity(value: int) -> bytes:
    """A number in seven bits to the byte, as MIDI files have it."""
    spelt = [value & 0x7F]
    while value := value >> 7:
        spelt.append(0x80 | value & 0x7F)
    return bytes(reversed(spelt))


def midi_file(tracks: Sequence[bytes], form: int = 1, division: int = 96) -> bytes:
    chunks = b"".join(b"MTrk" + struct.pack(">L", len(track)) + track for track in tracks)
    return b"MThd" + struct.pack(">LHHH", 6, form, len(tracks), division) + chunks


def rmid(content: bytes) -> bytes:
    """A MIDI file in a RIFF wrapping."""
    return (
        b"RIFF"
        + struct.pack("<L", len(content) + 12)
        + b"RMIDdata"
        + struct.pack("<L", len(content))
        + content
    )


MOST_TRACK_BYTES = 800


@lru_cache(maxsize=256)
def _tracks_of(content: bytes) -> tuple[int, int, tuple[bytes, ...]]:
    """Format, division and tracks of a seed; no tracks where it is damaged itself."""
    if content[:4] != b"MThd" or len(content) < 14:
        return 1, 96, ()
    form, _, division = struct.unpack_from(">HHH", content, 8)
    offset, tracks = 14, []
    while offset + 8 <= len(content):
        size = struct.unpack_from(">L", content, offset + 4)[0]
        tracks.append(content[offset + 8 : offset + 8 + size])
        offset += 8 + size
    return form, division, tuple(tracks)


def midi_case(rng: Random, seeds: Sequence[bytes]) -> bytes:
    """Either any bytes of the file are hurt, or those of a track alone, whose length is then right."""
    form, division, whole = _tracks_of(rng.choice(seeds))
    if not whole or rng.random() < 0.3:
        content = damaged(rng, seeds, FILE_WORDS)
    else:
        tracks = list(whole)
        for _ in range(rng.choice((1, 1, 2))):
            number = rng.randrange(len(tracks))
            tracks[number] = damaged(rng, [tracks[number], rng.choice(whole)], FILE_WORDS)[:MOST_TRACK_BYTES]
        if rng.random() < 0.3:
            tracks += _tracks_of(rng.choice(seeds))[2]
        if rng.random() < 0.2:
            form = rng.choice((0, 1, 2, 2, 3))
        if rng.random() < 0.3:
            division = rng.choice(DIVISIONS)
        if rng.random() < 0.7:
            tracks = [track + END for track in tracks]
        content = midi_file(tracks, form, division)
        if rng.random() < 0.2:
            content = lying(rng, content)
    return rmid(content) if rng.random() < 0.05 else content


def lying(rng: Random, content: bytes) -> bytes:
    """A whole file that says untrue things of itself, or has other bytes around its chunks."""
    way = rng.randrange(5)
    chunks = [found.start() for found in re.finditer(b"MTrk", content)] or [14]
    at = rng.choice(chunks)
    if way == 0:  # the number of tracks
        return content[:10] + rng.choice((0, 1, 2, 3, 17, 0xFFFF)).to_bytes(2, "big") + content[12:]
    if way == 1:  # a track's length
        (size,) = struct.unpack_from(">L", content.ljust(at + 8, b"\0"), at + 4)
        told = rng.choice((0, 1, size - 1, size + 1, size + 8, size // 2, 2 * size, 2**32 - 1)) % 2**32
        return content[: at + 4] + told.to_bytes(4, "big") + content[at + 8 :]
    if way == 2:  # a chunk of another kind
        return content[:at] + b"XFIH" + rng.choice((0, 3, 2**31)).to_bytes(4, "big") + b"abc" + content[at:]
    if way == 3:  # the header's length
        return content[:4] + rng.choice((0, 5, 7, 14, 2**32 - 1)).to_bytes(4, "big") + content[8:]
    return bytes(rng.choice((1, 128, 5000))) + content + bytes(rng.choice((0, 1, 60)))


# Text of tokens: TOML, JSON, CSV

_TOKEN = re.compile(rb'"[^"\n]*"|[-+]?\d[\w.+-]*|\w[\w-]*|[^\w\s]|\n')


def _tokens(text: bytes) -> list[tuple[int, int]]:
    return [found.span() for found in _TOKEN.finditer(text)]


_tokens_of_seed = lru_cache(maxsize=64)(_tokens)


def retold(rng: Random, seeds: Sequence[bytes], odd: Sequence[bytes]) -> bytes:
    """One of the seeds with tokens lost, doubled, changed for others, or for `odd` ones."""
    content = rng.choice(seeds)
    spans = _tokens_of_seed(content)
    if rng.random() < 0.02:
        odd = LONG
    for _ in range(1 + min(int(rng.expovariate(0.9)), 6)):
        if not spans:
            return rng.choice(odd)
        begin, end = rng.choice(spans)
        way = rng.random()
        if way < 0.5:
            new = rng.choice(odd)
        elif way < 0.7:
            other = rng.choice(seeds)
            spans = _tokens_of_seed(other)
            new = other[slice(*rng.choice(spans))] if spans else b""
        elif way < 0.85:
            new = b""
        else:
            new = content[begin:end] * 2
        content = (content[:begin] + new + content[end:])[:MOST_BYTES]
        spans = _tokens(content)
    return content


def json_case(rng: Random, seeds: Sequence[bytes]) -> bytes:
    return retold(rng, seeds, ODD_JSON)


def toml_case(rng: Random, seeds: Sequence[bytes]) -> bytes:
    return damaged(rng, seeds, ODD_TOML) if rng.random() < 0.3 else retold(rng, seeds, ODD_TOML)


def csv_case(rng: Random, seeds: Sequence[bytes]) -> bytes:
    return damaged(rng, seeds, ODD_CSV) if rng.random() < 0.3 else retold(rng, seeds, ODD_CSV)


def page_case(rng: Random, seeds: Sequence[bytes]) -> bytes:
    return damaged(rng, seeds, ODD_PAGE) if rng.random() < 0.3 else retold(rng, seeds, ODD_PAGE)


# safetensors


@lru_cache(maxsize=256)
def _parts_of(content: bytes) -> tuple[bytes, tuple[tuple[str, bytes], ...], bytes]:
    """Of a safetensors file: its head as JSON without the metadata, these, and the arrays."""
    size = int.from_bytes(content[:8], "little")
    try:
        head = json.loads(content[8 : 8 + size])
        metadata = tuple((key, text.encode()) for key, text in head.pop("__metadata__", {}).items())
    except (ValueError, AttributeError, RecursionError):  # damaged itself
        return content[8 : 8 + size], (), content[8 + size :]
    return json.dumps(head).encode(), metadata, content[8 + size :]


def tensors_case(rng: Random, seeds: Sequence[bytes]) -> bytes:
    """A safetensors file with damage anywhere, or in one of its three parts: what the metadata say, what is
    said of the arrays, and the arrays; the lengths are then right, as a rule."""
    seed = rng.choice(seeds)
    if rng.random() < 0.2:
        return damaged(rng, [seed])
    head, metadata, arrays = _parts_of(seed)
    part = rng.randrange(4)
    if part == 0:
        head = retold(rng, [head], ODD_JSON + tuple(b'"' + shape + b'"' for shape in ODD_SHAPES))
    elif part == 1:
        arrays = _spoilt(rng, arrays)
    else:
        metadata = tuple((key, json_case(rng, [text])) for key, text in metadata)
    told = ", ".join(
        f"{json.dumps(key)}: {json.dumps(text.decode(errors='replace'))}" for key, text in metadata
    )
    full = head.replace(b"{", f'{{"__metadata__": {{{told}}}, '.encode(), 1) if metadata else head
    size = rng.choice(ODD_NUMBERS) if rng.random() < 0.02 else len(full)
    return size.to_bytes(8, "little") + full + arrays


def _spoilt(rng: Random, arrays: bytes) -> bytes:
    """Numbers that are none, or as large as can be, in the place of some; the length stays."""
    content = bytearray(arrays)
    for _ in range(rng.choice((1, 3, 30))):
        at = rng.randrange(len(content)) if content else 0
        word = rng.choice(
            (b"\x00\x7e", b"\x00\x7c", b"\x00\xfc", b"\xff\x7b", b"\xff\xff", b"\x00\x00", b"\x01\x00")
        )
        at -= at % 2 if rng.random() < 0.8 else 0
        content[at : at + 2 * rng.choice((1, 1, 8))] = word * rng.choice((1, 8))
    return bytes(content[: len(arrays)].ljust(len(arrays), b"\0"))


# Live bytes: see `fuzz_targets.session_of` for how a case is read


def live_case(rng: Random, seeds: Sequence[bytes]) -> bytes:
    """Ten bytes of how the instrument is set up, then events, each with a rest before it."""
    if rng.random() < 0.4:
        return damaged(rng, seeds, LIVE_WORDS)[:160]
    content = bytearray(rng.randbytes(10))
    for _ in range(rng.randrange(1, 12)):
        payload = bytearray(b"".join(rng.choice(LIVE_WORDS) for _ in range(rng.choice((1, 1, 1, 2, 4)))))
        if rng.random() < 0.3:
            payload[rng.randrange(len(payload))] = rng.randrange(256)
        if rng.random() < 0.2 and payload[0] in (0x90, 0x80):
            payload[0] |= rng.randrange(16)
            payload[1:2] = bytes([rng.randrange(128)])
        rest = int(rng.expovariate(0.08)) & 0xFF
        if payload[0] == 0xF0 and rng.random() < 0.1:
            content += bytes([rest & 0xF8, 0xC0 | len(payload) & 0x3F]) + payload  # 500 times as long
        else:
            content += bytes([rest, len(payload) & 0x3F]) + payload
    return bytes(content[:160])


# The cache


def packed_case(rng: Random, seeds: Sequence[bytes]) -> bytes:
    """A packed piece: what is said of its arrays is retold, or its bytes are hurt."""
    seed = rng.choice(seeds)
    head, end, arrays = seed.partition(b"\n")
    if rng.random() < 0.7:
        return json_case(rng, [head]) + end + arrays
    return head + end + damaged(rng, [arrays]) if rng.random() < 0.7 else damaged(rng, [seed])


def shard_case(rng: Random, seeds: Sequence[bytes]) -> bytes:
    """A shard whose index is hurt, or its entries."""
    seed = rng.choice(seeds)
    if rng.random() < 0.5:
        return seed[:16] + _spoilt(rng, seed[16:])
    return damaged(rng, [seed])
