"""Text from outside made safe to print: names of files, ports, models, players; whatever others chose.

It stays on its line and says nothing to the terminal. Standard output takes the rest (see `streams`).
"""

from __future__ import annotations

import unicodedata

_UNSEEN = {"Cc", "Cs", "Zl", "Zp"}
"""Controls, bytes that are not UTF-8, and the ends of lines and paragraphs."""
_TURNING = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c")
"""They turn the direction of all that follows on the line. Scripts written to the left do without."""


def printable(text: object) -> str:
    """The text, with everything in it that would act on a terminal spelt out as an escape."""
    said = str(text)
    if said.isprintable():
        return said
    return "".join(
        _escape(sign) if unicodedata.category(sign) in _UNSEEN or sign in _TURNING else sign for sign in said
    )


def _escape(sign: str) -> str:
    byte = ord(sign) - 0xDC00  # where Python keeps a byte of a file name that is not UTF-8
    return (
        f"\\x{byte:02x}" if 0x80 <= byte <= 0xFF else sign.encode("unicode_escape", "surrogatepass").decode()
    )


def cell(text: object) -> str:
    """The same for one of rich's tables, which would take what stands in brackets for a colour."""
    from rich.markup import escape

    return escape(printable(text))
