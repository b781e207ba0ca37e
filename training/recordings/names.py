"""Names of files as they may be shown: on one line, without a word to the terminal."""

from __future__ import annotations

from jamd.printable import printable as printable

LONGEST = 120
"""Characters of an archive's member's name, which may have 65,535."""


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
