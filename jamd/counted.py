"""A number with its word, as one says it: 1 turn, 2 turns."""

from __future__ import annotations


def counted(number: int, word: str, words: str = "") -> str:
    """So many of a thing; `words` is how one calls several of it, where that is not the word with an s."""
    return f"{number} {word if number == 1 else words or word + 's'}"
