"""A part of a report as words: a heading, sentences and rows, alike for the page and for the terminal.

Nothing here is escaped yet.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Link:
    """A cell that leads to a file, named from the run folder."""

    text: str
    file: str


Cell = str | Link


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report. The columns from `numbers_from` on hold numbers; there is no table without
    rows."""

    title: str
    lines: tuple[str, ...] = ()
    headings: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    numbers_from: int = 99


def plain(text: str) -> str:
    """A name without what would steer a terminal or turn the text around, and without halves of letters."""
    return "".join(
        c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text
    )
