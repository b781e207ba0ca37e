"""Help in titled sections, after examples.

Made of click's own hooks. cloup would do the sections, and rich-click a frame around each besides, at a price
that every start of jamd pays; neither knows a group of options that a command receives as one thing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

HELP = "Help"
WIDEST_TERM = 27
"""Columns of an option with its value, beside what is said of it."""
INDENT = 2
"""Of what is said of an example, below it."""

Decorator = Callable[..., Any]
_RANGE = re.compile(r"(?:([^\s\[]+?)(<=?))?x(?:([<>]=?)([^\s\]]+))?(?=\]$)")


def section(title: str, *options: Decorator) -> Decorator:
    """Give a command these options, which stand in its help under this title."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        command: Any = function
        before = len(getattr(command, "__click_params__", ()))
        for option in reversed(options):
            command = option(command)
        for param in command.__click_params__[before:]:
            param.section = title
        return command  # type: ignore[no-any-return]

    return decorate


def section_of(option: click.Parameter) -> str | None:
    """The title under which an option stands; None if it stands under none."""
    return HELP if "--help" in option.opts else getattr(option, "section", None)


class Sectioned(click.Command):
    """A command whose help shows `examples`, each with what it does, and then its options by section."""

    def __init__(self, *rest: Any, examples: Sequence[tuple[str, str]] = (), **named: Any) -> None:
        super().__init__(*rest, **named)
        self.examples = tuple(examples)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Examples"):
                formatter.write_dl(self.examples, INDENT)
        rows: dict[str, list[tuple[str, str]]] = {}
        for option in self.get_params(ctx):
            record = option.get_help_record(ctx) if isinstance(option, click.Option) else None
            if record is not None:
                rows.setdefault(section_of(option) or "Options", []).append(record)
        for title, records in rows.items():
            with formatter.section(title):
                formatter.write_dl(list(_aligned(records)), WIDEST_TERM)


def _aligned(records: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    """The same with the second column where every other section has it, and ranges in words."""
    for term, text in records:
        yield term.ljust(WIDEST_TERM), _RANGE.sub(_in_words, text)


def _in_words(found: re.Match[str]) -> str:
    """A range as people write it: click has `0<=x<=8`, and `x>=1`."""
    low, low_sign, sign, high = found.groups()
    if low is None and sign is not None:
        return f"{high} or {'more' if '>' in sign else 'less'}" if "=" in sign else found[0]
    if low is None or high is None:
        return found[0]
    below = "" if sign == "<=" else "below "
    return f"{'above ' if low_sign == '<' else ''}{low} to {below}{high}"
