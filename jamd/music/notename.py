"""Names of notes, in English and in German: F# and Bb, Fis and Es.

H is the German name of B natural. B is what it is in English, the same key, and never the German B flat,
which is Bb here.
"""

from __future__ import annotations

import re

LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11, "H": 11}
ALTERED = {"": 0, "#": 1, "♯": 1, "is": 1, "b": -1, "♭": -1, "es": -1, "s": -1}
NOTE = "[A-H](?:#|♯|is|b|♭|es)?|[AE]s"
_NOTE = re.compile(NOTE, re.IGNORECASE)


def semitones_of(name: str) -> int | None:
    """Semitones above the C of its octave, -1 for Ces to 12 for His; None for what names no note."""
    if not _NOTE.fullmatch(name):
        return None
    return LETTERS[name[0].upper()] + ALTERED[name[1:].lower()]
