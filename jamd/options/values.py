"""What a table of TOML gives the options of a command, each value checked as on the command line."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping
from typing import Any

import click

from jamd.errors import UsageError


def key_of(option: click.Parameter) -> str:
    """The key of an option in a table: its long name."""
    return max(option.opts, key=len).lstrip("-")


def values_of(
    table: Mapping[str, Any],
    options: Mapping[str, click.Option],
    ctx: click.Context,
    where: Callable[[str], str],
) -> dict[str, Any]:
    """What the table gives these options of a command, by parameter; None is what an option is by itself.
    Raises UsageError with `where` the wrong key stands."""
    values: dict[str, Any] = {}
    for key, value in table.items():
        option = options.get(key)
        if option is None:
            close = difflib.get_close_matches(key, options, 1)
            right = f"did you mean {close[0]!r}?" if close else f"see `jamd {ctx.info_name} --help`"
            raise UsageError(f"{where(key)}: no option {key!r} of {ctx.info_name}; {right}")
        if value is False and isinstance(option.flag_value, str):
            values[str(option.name)] = None
            continue
        try:
            given = _given(option, value)
            option.type_cast_value(ctx, given)
        except (ValueError, click.BadParameter) as error:
            complaint = error.message if isinstance(error, click.BadParameter) else error
            raise UsageError(f"{where(key)}: {key}: {complaint}") from None
        values[str(option.name)] = given
    return values


def _given(option: click.Option, value: Any) -> Any:
    """A value of TOML as click wants it. Raises ValueError when it is of another type than the option."""
    if option.multiple or option.nargs != 1:
        if not isinstance(value, list):
            raise ValueError(f"{_shown(value)} is no list; write [{_shown(value)}]")
        return [_one(option.type, item) for item in value]
    if value is True and isinstance(option.flag_value, str):
        return option.flag_value  # what the option means without a value
    if option.is_flag:
        if not isinstance(value, bool):
            raise ValueError(f"{_shown(value)} is neither true nor false")
        return value
    return _one(option.type, value)


def _one(kind: click.ParamType[Any], value: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(kind, click.types.IntParamType | click.types.FloatParamType):
        if not number:
            unquoted = "; write a number, without quotes" if isinstance(value, str) else ""
            raise ValueError(f"{_shown(value)} is not a number{unquoted}")
        if isinstance(kind, click.types.IntParamType) and not isinstance(value, int):
            raise ValueError(f"{value} is not a whole number")
        return value
    if isinstance(value, str):
        return value
    if isinstance(kind, click.types.StringParamType | click.Path):
        raise ValueError(f"{_shown(value)} is not text; write {_shown(str(value))}")
    return _shown(value)  # a choice, or a type of jamd's own: of words, and perhaps of numbers; it will say


def _shown(value: Any) -> str:
    """A value nearly as TOML has it."""
    return json.dumps(value, ensure_ascii=False, default=str)
