"""The line of a TOML file in which each table and each key begins: what is wrong is said with it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

Lines = dict[tuple[str, ...], int]

_QUOTED = re.compile(
    r'''"""(?:\\.|(?!""").)*"{3,5}|\'{3}.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|#[^\n]*''', re.DOTALL
)
"""What is no bracket and no end of a line, whatever it looks like: texts and comments."""
_BRACKET_OR_END = re.compile(r"[][{}\n]|\Z")
_DEEPER = {"[": 1, "{": 1, "]": -1, "}": -1}


def key_lines(text: str) -> Lines:
    """The line, from 1, in which each table and each key of a table first begins; the text is TOML."""
    begun: Lines = {}
    header = ""
    for number, statement in _statements(text):
        if statement.startswith("["):
            header = statement
            statement = ""
        _begin(begun, (), tomllib.loads(header + statement), number)
    return begun


def _begin(begun: Lines, above: tuple[str, ...], table: Mapping[str, Any], number: int) -> None:
    for key, value in table.items():
        begun.setdefault((*above, key), number)
        if isinstance(value, dict):
            _begin(begun, (*above, key), value, number)


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """The statements of TOML that is right, each with the line in which it begins: one ends with its line,
    unless it is within brackets there, or a text."""
    bare = _QUOTED.sub(lambda found: " " * len(found[0]), text)
    first = depth = 0
    for found in _BRACKET_OR_END.finditer(bare):
        depth += _DEEPER.get(found[0], 0)
        if depth == 0 and found[0] in ("\n", ""):
            statement = text[first : found.end()]
            blank = len(statement) - len(statement.lstrip())
            yield 1 + text.count("\n", 0, first + blank), statement.lstrip()
            first = found.end()
