"""JSON from outside, taken only as it should be: strict, and each field held to its kind. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from jamd.errors import UsageError
from jamd.printable import printable

LARGEST = float(2**53)
"""Beyond it a page's numbers are no longer whole."""
MOST_SHOWN = 40
"""Characters of a value that is refused."""


class Refused(UsageError):
    """It is not taken, and why, in one line."""


Check = Callable[[Any], Any]
"""Gives back a value as it is taken; raises Refused."""
Fields = Mapping[str, Check]


def strict(content: str | bytes, most_bytes: int) -> dict[str, Any]:
    """One JSON object in UTF-8, without NaN and without a name twice. Raises Refused."""
    try:
        spelt = content.encode() if isinstance(content, str) else content
        if len(spelt) > most_bytes:
            raise Refused(f"{len(spelt)} bytes are too many; {most_bytes} are taken")
        found = json.loads(spelt.decode(), parse_constant=_constant, object_pairs_hook=_pairs)
    except (ValueError, RecursionError):
        raise Refused("no JSON") from None
    if not isinstance(found, dict):
        raise Refused(f"{shown(found)} is no JSON object")
    return found


def _constant(word: str) -> NoReturn:
    raise Refused(f"{word} is no number")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Refused("a name stands there twice")
    return found


def shown(value: object) -> str:
    """A value in an error, not longer than it takes to know it again."""
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    text = repr(value)
    return printable(text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}...")


def whole(low: float = -LARGEST, high: float = LARGEST) -> Check:
    """A whole number in this range; 1.0 and true are none."""

    def check(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise Refused(f"{shown(value)} is no whole number from {low:g} to {high:g}")
        return value

    return check


def number(low: float = -LARGEST, high: float = LARGEST) -> Check:
    """A number in this range, whole or not."""

    def check(value: Any) -> float:
        if type(value) not in (int, float) or not low <= value <= high:
            raise Refused(f"{shown(value)} is no number from {low:g} to {high:g}")
        return float(value)

    return check


def any_number(value: Any) -> float:
    """A finite number, however large."""
    if type(value) is int:
        value = float(min(max(value, -(2**53)), 2**53))
    if type(value) is not float or not math.isfinite(value):
        raise Refused(f"{shown(value)} is no number")
    return value


def text(most: int) -> Check:
    """Text that can be shown and passed on."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or len(value) > most or (not value.isascii() and _is_broken(value)):
            raise Refused(f"{shown(value)} is no text of at most {most} characters")
        return value

    return check


def _is_broken(value: str) -> bool:
    """Whether half a character is in it, which no UTF-8 spells."""
    return any("\ud800" <= sign <= "\udfff" for sign in value)


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Refused(f"{shown(value)} is neither true nor false")
    return value


def one_of(*choices: str | int | float) -> Check:
    """One of these; true is not 1, and 2.0 not 2."""

    def check(value: Any) -> str | int | float:
        for choice in choices:
            if type(value) is type(choice) and value == choice:
                return choice
        raise Refused(f"{shown(value)} is none of: {', '.join(map(str, choices)) or 'nothing'}")

    return check


def maybe(check: Check) -> Check:
    """The same, or null."""
    return lambda value: None if value is None else check(value)


def either(*checks: Check) -> Check:
    """What one of them takes."""

    def check(value: Any) -> Any:
        for each in checks[:-1]:
            try:
                return each(value)
            except Refused:
                pass
        return checks[-1](value)

    return check


def every(check: Check, most: int) -> Check:
    """A list, each of it right."""

    def check_all(value: Any) -> list[Any]:
        if not isinstance(value, list) or len(value) > most:
            raise Refused(f"{shown(value)} is no list of at most {most}")
        return [check(each) for each in value]

    return check_all


def row(*checks: Check) -> Check:
    """A list with a place for each."""

    def check(value: Any) -> list[Any]:
        if not isinstance(value, list) or len(value) != len(checks):
            raise Refused(f"{shown(value)} is no list of {len(checks)}")
        return [each(part) for each, part in zip(checks, value, strict=True)]

    return check


def named(check_name: Check, check_value: Check, most: int) -> Check:
    """An object with any names that are right."""

    def check(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict) or len(value) > most:
            raise Refused(f"{shown(value)} is no object of at most {most}")
        return {check_name(name): check_value(each) for name, each in value.items()}

    return check


def of(fields: Fields, optional: Fields | None = None) -> Check:
    """An object with all of these fields, perhaps some of the others, and no more."""
    known = {**fields, **(optional or {})}

    def check(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Refused(f"{shown(value)} is no object")
        for name in fields:
            if name not in value:
                raise Refused(f"{name} is missing")
        taken = {}
        for name, each in value.items():
            if name not in known:
                raise Refused(f"{shown(name)} is not known here")
            try:
                taken[name] = known[name](each)
            except Refused as error:
                raise Refused(f"{name}: {error}") from None
        return taken

    return check
