"""Options of a command that belong together, handed to it as one thing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, TypeVar

import click

from jamd.errors import UsageError
from jamd.options.sections import section

if TYPE_CHECKING:
    ParamType = click.ParamType[Any]
else:
    ParamType = click.ParamType  # which before click 8.2 is not generic

T = TypeVar("T")


class Number(click.FloatRange):
    """A number in a range; click lets NaN through, which is in none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value} is not a number", param, ctx)
        return number


class OrWord(ParamType):
    """What another type takes, or one of some words."""

    def __init__(self, other: ParamType, *words: str) -> None:
        self.other, self.words = other, words
        self.name = other.name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value in self.words:
            return value
        try:
            return self.other.convert(value, param, ctx)
        except click.BadParameter as error:
            return self.fail(f"{error.message.rstrip('.')}, nor is it {' or '.join(self.words)}.", param, ctx)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return "|".join(["NUMBER", *self.words])


class Parsed(ParamType):
    """What a function makes of text; its UsageError becomes the option's."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name, self._parse = name, parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except UsageError as error:
            return self.fail(str(error), param, ctx)


def one_of(kind: type[T], params: Mapping[str, Any]) -> T:
    """The dataclass `kind`, of those of a command's parameters that are its fields."""
    return kind(**{field.name: params[field.name] for field in fields(kind)})  # type: ignore[arg-type]


def gathered(
    name: str,
    kind: type[Any],
    title: str,
    options: Sequence[Callable[..., Any]],
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command these options, under this title in its help; it receives them as one `kind`, a
    dataclass, by this name."""

    of_kind = {field.name for field in fields(kind)}

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        def gathering(**given: Any) -> Any:
            others = {key: value for key, value in given.items() if key not in of_kind}
            return function(**others, **{name: one_of(kind, given)})

        command: Callable[..., Any] = section(title, *options)(update_wrapper(gathering, function))
        return command

    return decorate
