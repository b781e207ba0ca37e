"""Words for `mutations`: bytes that mean something in a format, at its edges above all."""

from __future__ import annotations


def words_of(text: str) -> tuple[bytes, ...]:
    """Bytes in hex, a bar between two words."""
    return tuple(bytes.fromhex(word) for word in text.split("|"))


ODD_BYTES = bytes(
    [0, 1, 2, 0x2F, 0x40, 0x51, 0x58, 0x7E, 0x7F, 0x80, 0x90, 0xB0, 0xF0, 0xF7, 0xF8, 0xFE, 0xFF]
)
ODD_NUMBERS = (
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x100,
    0x7FFF,
    0x8000,
    0xFFFF,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**63,
    2**64 - 1,
)

# MIDI

END = b"\x00\xff\x2f\x00"
FILE_WORDS = (
    *words_of("""
    00 90 3c 40 | 60 80 3c 00 | 18 3c 40 | 18 3c 00 | 00 b0 40 7f | 30 b0 40 00 | 00 99 26 40 | 00 c0 05 |
    00 d3 7f | 00 e0 00 40 | 00 a0 3c 11 | 81 40 | ff ff ff 7f | ff ff ff ff | 87 ff 7f |
    00 ff 51 03 07 a1 20 | 10 ff 51 03 00 00 01 | 00 ff 51 03 ff ff ff | 00 ff 51 03 00 00 00 |
    00 ff 58 04 07 03 18 08 | 00 ff 58 04 01 04 18 08 | 00 ff 58 04 00 02 18 08 | 00 ff 58 04 04 ff 18 08 |
    00 ff 03 04 ff 1b 5b 41 | 00 ff 03 06 70 6c 61 79 65 72 | 00 ff 03 04 6a 61 6d 64 | 00 ff 20 01 05 |
    00 f0 03 01 02 f7 | 00 f7 02 90 3c | 00 f1 01 | 00 f2 01 02 | 00 f8 | 00 fe | 00 ff | 00 ff 7f 00 |
    00 ff 59 02 09 07 | 00 b0 78 00 | 10 b0 79 00 | 00 b0 7b 00 | 08 b0 7e 01 | 00 b0 42 7f | 20 b0 42 00 |
    00 b1 40 7f | 20 b1 40 00 | 00 b1 7b 00 | 00 91 3c 40 | 20 81 3c 40 | 00 90 3c 40 00 80 3c 00 |
    18 90 3c 50 00 80 3c 00 | 00 b0 65 00 00 64 06 00 06 04 | 00 bf 65 00 00 64 06 00 06 0f |
    00 b0 00 7f 00 c0 00 | 00 b9 00 79 00 c9 00 | 00 b1 00 78 | 00 f0 05 7e 7f 09 01 f7 |
    00 f0 0a 41 10 42 12 40 10 15 00 1b f7 | 00 f0 0a 41 10 42 12 40 12 15 02 17 f7 |
    00 f0 0a 41 10 42 12 40 00 7f 00 41 f7 | 00 f0 08 43 10 4c 08 01 07 02 f7 |
    00 f0 08 43 10 4c 00 00 7e 00 f7 | 00 ff 21 01 01
    """),
    END,
    b"\x00\xf0\x81\x00" + b"\x11" * 127 + b"\xf7",
)
LIVE_WORDS = words_of(
    """
    90 3c 40 | 80 3c 40 | 90 3c 00 | 90 3e 50 40 50 | b0 40 7f | b0 40 00 | b0 7b 00 | b0 78 00 | c0 05 |
    d0 40 | e0 00 40 | a0 3c 40 | f0 7e 7f 06 01 f7 | f0 01 02 | f7 | f1 10 | f2 10 00 | f2 7f 7f | f3 01 |
    f4 | f5 | f6 | f8 | f9 | fa | fb | fc | fd | fe | ff | 90 f8 3c f8 40 | 3c 40 | 90 | 90 3c | 90 80 80 |
    b0 79 00 | b0 7c 00 | b0 7d 00 | b0 7e 01 | b0 7f 00 | b0 42 7f | b0 42 00 | 91 3c 40 | 81 3c 40 |
    b1 40 7f | b1 40 00 | b1 7b 00 | b0 65 00 64 06 06 05 | bf 65 00 64 06 06 0f |
    fc f2 00 00 fb | f2 04 00 fb
    """
)
DIVISIONS = (1, 2, 24, 96, 120, 480, 960, 0x7FFF, 0, 0x8000, 0xE728, 0xE250, 0xE801, 0xFFFF)

# Text

LONG = (
    b"[" * 3000,
    b'{"a":' * 3000,
    b"{a=" * 3000,
    b"[" * 3000 + b"]" * 3000,
    b"a." * 3000 + b"a",
    b"9" * 5000,
    b'"' + b"x" * 3000 + b'"',
)
"""Deep, and long."""
ODD_JSON = (
    *rb"""
    null true false 0 -1 1 2 3 1.5 1e400 -1e400 NaN Infinity 1e9 1000000000 100000000000000000000000
    -9223372036854775809 18446744073709551616 "" "a" "1" [] {} [0] [[]] , : ] }
    """.split(),
    b'"\\u0000"',
    b'"\\ud800"',
    b'"\\u001b[2J\\n"',
    b'{"a": 0}',
)
ODD_PAGE = (
    *ODD_JSON,
    *rb"""
    127 128 143 144 159 160 176 177 191 192 255 64 120 121 123 1e999 1.0 "ping" "midi" "turn" "press" "preset"
    "model" "type" "bytes" "seconds" "knob" "value" "action" "name" "page" "tempo" "mode" "bars" "register"
    "duet" "solo" "panic" "loop" "vary" "save" "tap" "next-model" "ballad" "mine"
    """.split(),
    b"\n",
    b"\r",
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xa8",
    b'\n0 {"type":"midi","seconds":0,"bytes":[144,60,80]}\n',
    b'\n1 {"type":"midi","seconds":0,"bytes":[128,60,0]}\n',
    b'\n2 {"type":"press","action":"panic"}\n',
)
ODD_TOML = (
    *rb"""
    true false 0 -1 1 1.5 1e400 -inf nan 0x7fffffffffffffffffff 1_000 "" "a" [] [1] [[]] {} [listen]
    [bind] [[listen]] [listen.in] [evaluate] [jam] = # 1979-05-27T07:32:00Z 07:32:00 "program" "pedal"
    "bend" tempo temperature mode in metre bars split click key echo preset [preset.a] [preset] "blues"
    """.split(),
    b'"""\n',
    b'"\\u0000"',
    b'"\\u001b[2J"',
    b'"\\U0010ffff"',
    b'"',
    b'["a", "b"]',
    b"{a = 1}",
    b"listen.tempo = 1",
    b"\n",
    b"\r",
    b"\r\n",
    b"\xff",
    b"\xc3\xa9",
    b"\x1b",
    b"\x00",
    b"\xef\xbb\xbf",
    b'"cc 21"',
    b'"note 36 channel 10"',
    b'"cc 128"',
    b'"note 1 channel 17"',
    b'["cc 1", "cc 1"]',
    b"'''\n",
    b"'",
)
ODD_CSV = (
    *rb"""
    onset beat phrase_begin 0 1 2 -1 16 17 1e400 nan inf 1e308 -1e308 0.0000001 "" , ; ,,,,
    """.split(),
    b'"',
    b"'",
    b"\n",
    b"\r",
    b"\x00",
    b"\xff",
    b'"' + b"x\n" * 30,
)
ODD_SHAPES = tuple(b"F64 F16 F32 BF16 I64 U8 U16 U64 BOOL F8_E4M3 F4 C64".split())
