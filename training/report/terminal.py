"""A report in the terminal: the same sections, a curve of letters, and the verdict as the last line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jamd.counted import counted
from jamd.training.report import words
from jamd.training.report.curve import Curve, curve_of
from jamd.training.report.report import Report
from jamd.training.report.section import Cell, Link, Section, plain

MOST_ROWS = 20
CURVE_COLUMNS, CURVE_ROWS = 60, 8
LETTERS = str.maketrans({"●": "o", "·": ".", "─": "-", "│": "|"})
"""For terminals whose encoding lacks them."""


def show(report: Report, console: Console, page: Path | None = None) -> None:
    """Print a report; `page` is where it lies as a page."""
    for section in (
        words.what_was_read(report, MOST_ROWS),
        words.what_was_skipped(report, MOST_ROWS),
        words.how(report),
    ):
        _section(section, console)
    _section(words.curves(report), console)
    curve = curve_of(report.losses, report.start_nats_per_step)
    for line in drawn(curve) if curve else ():
        _line(line, console)
    _section(words.answers(report), console)
    _section(words.before_and_after(report), console)
    if play := words.play(report, with_folders=True):
        _section(play, console)
    console.print()
    if page is not None:
        _line(f"The same as a page, with pictures: {plain(str(page))}", console)
    _line(plain(report.verdict), console, "bold")


def drawn(curve: Curve) -> list[str]:
    """A curve as lines of letters, each point the mean of the rows that fall there."""
    letters = np.full((CURVE_ROWS, CURVE_COLUMNS), " ")

    def row_of(nats: float) -> int:
        share = (curve.highest - min(nats, curve.highest)) / (curve.highest - curve.lowest or 1.0)
        return round(float(share) * (CURVE_ROWS - 1))

    marks = ["● held out", "· learned from, with dropout"]
    if np.isfinite(curve.start):
        letters[row_of(curve.start)] = "─"
        marks.append("─ the model before")
    updates = curve.updates
    columns = np.rint((updates - updates[0]) / (updates[-1] - updates[0] or 1) * (CURVE_COLUMNS - 1))
    for values, letter in ((curve.learned, "·"), (curve.held_out, "●")):
        for column in np.unique(columns):
            here = values[(columns == column) & np.isfinite(values)]
            if len(here):
                letters[row_of(here.mean()), int(column)] = letter
    levels = {0: f"{curve.highest:.2f}", CURVE_ROWS - 1: f"{curve.lowest:.2f}"}
    lines = [f"{levels.get(row, ''):>6} │{''.join(line).rstrip()}" for row, line in enumerate(letters)]
    first, last = f"{updates[0]:.0f}", counted(round(updates[-1]), "update")
    return [*lines, f"{'':8}{first}{last:>{CURVE_COLUMNS - len(first)}}", f"{'':8}{'   '.join(marks)}"]


def _section(section: Section, console: Console) -> None:
    console.print()
    _line(section.title, console, "bold underline")
    for line in section.lines:
        _line(line, console)
    if not section.rows:
        return
    table = Table(show_header=bool(section.headings), box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for place in range(len(section.rows[0])):
        heading = _sayable(section.headings[place], console) if section.headings else ""
        table.add_column(
            escape(heading), justify="right" if place >= section.numbers_from else "left", overflow="fold"
        )
    for row in section.rows:
        table.add_row(*(escape(_sayable(_told(cell), console)) for cell in row))
    console.print(table, highlight=False)
    files = sorted(
        {cell.file.rpartition("/")[0] for row in section.rows for cell in row if isinstance(cell, Link)}
    )
    if files:
        _line(f"To listen to: the files in {', '.join(files)} of the run's folder.", console)


def _told(cell: Cell) -> str:
    return cell.text if isinstance(cell, Link) else cell


def _line(text: str, console: Console, style: str = "") -> None:
    console.print(
        _sayable(text, console), style=style, markup=False, highlight=False, soft_wrap=not console.is_terminal
    )


def _sayable(text: str, console: Console) -> str:
    """The text in letters that the console's encoding has."""
    if console.options.ascii_only:  # rich's word for every encoding but Unicode's
        text = text.translate(LETTERS)
    return text.encode(console.encoding, errors="replace").decode(console.encoding)
