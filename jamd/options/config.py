"""The config file: options of a command in a table of its name, live controls in [bind].

Its values come after the command line and the environment, before the defaults. Whatever is wrong in it is
said with its line before anything else happens.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jamd.errors import UsageError
from jamd.options.commands import COMMANDS, load

if TYPE_CHECKING:
    from jamd.controls.bindings import Bindings

LARGEST_BYTES, LONGEST_LINE = 2**16, 2000
"""Of a config file, and characters of a line in it: a key of thousands of names or a number of thousands of
digits would be more than Python takes."""
BIND = "bind"
VARIABLE = "JAMD_LISTEN_CONFIG"

_QUOTED = re.compile(
    r'''"""(?:\\.|(?!""").)*"{3,5}|\'{3}.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|#[^\n]*''', re.DOTALL
)
"""What is no bracket and no end of a line, whatever it looks like: texts and comments."""
_BRACKET_OR_END = re.compile(r"[][{}\n]|\Z")
_DEEPER = {"[": 1, "{": 1, "]": -1, "}": -1}
_PLACE = re.compile(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)")


@dataclass(frozen=True, slots=True)
class Config:
    """A config file that was read and found right; without a path, none was."""

    path: Path | None = None
    text: str = ""
    tables: Mapping[str, Any] = field(default_factory=dict)

    def where(self, *keys: str) -> str:
        """The file and the line in which this table, or key of a table, begins."""
        return f"{self.path} line {key_lines(self.text)[keys]}"

    def bindings(self) -> Bindings:
        """What [bind] binds."""
        from jamd.controls.bindings import Bindings
        from jamd.controls.controls import read_bind

        return Bindings(read_bind(self.tables.get(BIND, {})))


def user_path() -> Path:
    """The user's own config file, there or not."""
    import platformdirs

    return platformdirs.user_config_path("jamd", appauthor=False) / "config.toml"


def find(path: Path | None) -> Config:
    """The config file at `path`, without one the user's own if there is one. Raises as `read` does."""
    if path is not None:
        return read(path)
    own = user_path()
    if not os.path.lexists(own):
        return Config()
    if own.exists() and not own.is_file():  # a pipe would be waited for
        raise UsageError(f"{own} is not a file")
    return read(own)


def read(path: Path) -> Config:
    """Read a config file and check all that is in it.

    Raises UsageError, with the line, for what is no TOML, an unknown table or key and a wrong value.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
        text = content.decode("utf-8-sig")  # its line ends as they are
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    if len(content) > LARGEST_BYTES:
        raise UsageError(f"{path} is too large for a config file: over {LARGEST_BYTES >> 10} KiB")
    return parse(text, path)


def parse(text: str, path: Path) -> Config:
    """The config in `text`, which is or will be at `path`. Raises UsageError as `read` does."""
    try:
        return _parsed(text, path)
    except RecursionError:
        raise UsageError(f"{path} is nested too deeply: options are no more than lists") from None


def _parsed(text: str, path: Path) -> Config:
    from jamd.controls.controls import BindError, read_bind

    for place, characters in enumerate(map(len, text.split("\n")), 1):
        if characters > LONGEST_LINE:
            raise UsageError(f"{path} line {place} is too long: over {LONGEST_LINE} characters")
    try:
        config = Config(path, text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        found = _PLACE.fullmatch(str(error))
        complaint, number = found.groups() if found else (str(error), None)
        line = number or len(text.splitlines())
        raise UsageError(f"{path} line {line} is not TOML: {complaint}") from None
    for name, table in config.tables.items():
        command = None if name == BIND else _configured(name)
        if name != BIND and command is None:
            raise UsageError(f"{config.where(name)}: {_no_table(name)}")
        if not isinstance(table, dict):
            raise UsageError(f"{config.where(name)}: {name} should be a table; begin it with [{name}]")
        if command is not None:
            _values(config, name, command)
    try:
        read_bind(config.tables.get(BIND, {}))
    except BindError as error:
        raise UsageError(f"{config.where(BIND, error.key)}: {error}") from None
    return config


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """The line, from 1, in which each table and each key of a table first begins; the text is TOML."""
    begun: dict[tuple[str, ...], int] = {}
    header = ""
    for number, statement in _statements(text):
        if statement.startswith("["):
            header = statement
            statement = ""
        tables = tomllib.loads(header + statement)
        for name, table in tables.items():
            begun.setdefault((name,), number)
            for key in table if isinstance(table, dict) else ():
                begun.setdefault((name, key), number)
    return begun


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


def config_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --config; it receives a `Config`, and its other options what its table says."""
    return click.option(
        "--config",
        is_eager=True,  # before the options that it speaks for
        metavar="FILE",
        type=click.Path(path_type=Path),
        callback=_take,
        help="Options and controls in a TOML file; without it, your own (see `jamd config`).",
    )(function)


def file_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command that is about listen's config file --config; it receives `path`."""
    return click.option(
        "--config",
        "path",
        metavar="FILE",
        envvar=VARIABLE,
        type=click.Path(path_type=Path),
        help="The file; without it, your own.",
    )(function)


def key_of(option: click.Parameter) -> str:
    """The key of an option in the file: its long name."""
    return max(option.opts, key=len).lstrip("-")


def options_of(command: click.Command) -> dict[str, click.Option]:
    """What a table of this command may hold, by key."""
    options = [option for option in command.params if isinstance(option, click.Option)]
    return {key_of(option): option for option in options if option.callback is not _take}


def _take(ctx: click.Context, _: click.Parameter, path: Path | None) -> Config:
    if ctx.resilient_parsing:
        return Config()
    config = find(path)
    name = ctx.info_name or ""
    if name in config.tables:
        ctx.default_map = {**(ctx.default_map or {}), **_values(config, name, ctx.command)}
    return config


def _configured(name: str) -> click.Command | None:
    """The command of that name, if it takes a config."""
    command = load(name)
    takes = command is not None and any(option.callback is _take for option in command.params)
    return command if takes else None


def _no_table(name: str) -> str:
    tables = {table: options_of(command) for table in COMMANDS if (command := _configured(table))}
    homes = [table for table, options in tables.items() if name in options]
    if homes:
        return f"{name!r} stands in no table; put it under [{homes[0]}]"
    close = difflib.get_close_matches(name, [*tables, BIND], 1)
    right = f"did you mean {close[0]!r}?" if close else f"the tables are: {', '.join([*tables, BIND])}"
    return f"no table {name!r}; {right}"


def _values(config: Config, name: str, command: click.Command) -> dict[str, Any]:
    """What the command's table gives its options, by parameter. Raises UsageError with the line."""
    values, options, ctx = {}, options_of(command), click.Context(command, info_name=name)
    for key, value in config.tables[name].items():
        option = options.get(key)
        if option is None:
            close = difflib.get_close_matches(key, options, 1)
            right = f"did you mean {close[0]!r}?" if close else f"see `jamd {name} --help`"
            raise UsageError(f"{config.where(name, key)}: no option {key!r} of {name}; {right}")
        if value is False and isinstance(option.flag_value, str):
            continue
        try:
            given = _given(option, value)
            option.type_cast_value(ctx, given)
        except (ValueError, click.BadParameter) as error:
            complaint = error.message if isinstance(error, click.BadParameter) else error
            raise UsageError(f"{config.where(name, key)}: {key}: {complaint}") from None
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
