"""Names of files as they may be shown: on one line, without a word to the terminal."""

from __future__ import annotations

import unicodedata

LONGEST = 120
"""Characters of an archive's member's name, which may have 65,535."""
_UNSEEN = {"Cc", "Cs", "Zl", "Zp"}
"""Controls, bytes that are not UTF-8, and the ends of lines and paragraphs."""
_TURNING = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c")
"""They turn the direction of all that follows on the line. Scripts written to the left do without."""


def printable(name: str) -> str:
    """The name, with everything in it that would act on a terminal spelt out as an escape."""
    if name.isprintable():
        return name
    return "".join(
        _escape(sign) if unicodedata.category(sign) in _UNSEEN or sign in _TURNING else sign for sign in name
    )


def _escape(sign: str) -> str:
    byte = ord(sign) - 0xDC00  # where Python keeps a byte of a file name that is not UTF-8
    return (
        f"\\x{byte:02x}" if 0x80 <= byte <= 0xFF else sign.encode("unicode_escape", "surrogatepass").decode()
    )


def shortened(name: str) -> str:
    """The name, with its middle left out if it is very long; its end tells what it is."""
    half = (LONGEST - 1) // 2
    return name if len(name) <= LONGEST else f"{name[:half]}…{name[-half:]}"


def of_member(name: str) -> str:
    """The name of an archive's member as it was meant: where UTF-8 was not marked as such and was taken for
    code page 437, and where folders stand before a backslash."""
    name = name.replace("\\", "/")
    try:
        return name.encode("cp437").decode()
    except UnicodeError:
        return name
