"""The config file: options of a command in a table of its name, live controls in [bind], one's own presets.

Its values come after the command line and the environment, before the defaults. Whatever is wrong in it is
said with its line before anything else happens.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jamd.errors import UsageError
from jamd.options import presets
from jamd.options.commands import COMMANDS, load
from jamd.options.lines import key_lines
from jamd.options.values import key_of, values_of

if TYPE_CHECKING:
    from jamd.controls.bindings import Bindings

LARGEST_BYTES, LONGEST_LINE = 2**16, 2000
"""Of a config file, and characters of a line in it: a key of thousands of names or a number of thousands of
digits would be more than Python takes."""
BIND, PRESET, LISTEN = "bind", "preset", "listen"
"""Tables; PRESET holds one for each preset, and is also the option that asks for one."""

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

    @property
    def presets(self) -> presets.Presets:
        """All there are, in the order in which programs pick them: one's own, and then those that ship with
        jamd, of which one's own of the same name stands in the place."""
        own = self.tables.get(PRESET, {})
        return {**own, **{name: table for name, table in presets.shipped().items() if name not in own}}

    def where_of_preset(self, name: str, key: str) -> str:
        """Where it stands what a preset says of an option."""
        own = name in self.tables.get(PRESET, {})
        return f"{self.where(PRESET, name, key)}, preset {name}" if own else f"preset {name}"

    def bindings(self) -> Bindings:
        """What [bind] binds."""
        from jamd.controls.bindings import Bindings
        from jamd.controls.controls import read_bind

        return Bindings(read_bind(self.tables.get(BIND, {})), tuple(self.presets))


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
        if name == PRESET:
            _check_presets(config, table)
            continue
        command = None if name == BIND else configured(name)
        if name != BIND and command is None:
            raise UsageError(f"{config.where(name)}: {_no_table(name)}")
        if not isinstance(table, dict):
            raise UsageError(f"{config.where(name)}: {name} should be a table; begin it with [{name}]")
        if command is not None:
            values_in(config, name, command)
    try:
        read_bind(config.tables.get(BIND, {}))
    except BindError as error:
        raise UsageError(f"{config.where(BIND, error.key)}: {error}") from None
    for name, table in config.tables.items():
        try:
            if name not in (BIND, PRESET) and PRESET in table:
                presets.check(table[PRESET], config.presets)
        except UsageError as error:
            raise UsageError(f"{config.where(name, PRESET)}: {PRESET}: {error}") from None
    return config


def _check_presets(config: Config, tables: object) -> None:
    """Raises UsageError, with the line, for what is wrong in one's own presets."""
    if not isinstance(tables, dict):
        raise UsageError(f"{config.where(PRESET)}: {_no_table(PRESET)}")
    for name, table in tables.items():
        where = config.where(PRESET, name)
        if not isinstance(table, dict):
            raise UsageError(f"{where}: {name!r} stands in no preset; put it under [{PRESET}.NAME]")
        if not presets.is_name(name):
            right = "letters, digits, spaces, dots and hyphens, 40 at most"
            raise UsageError(f"{where}: {name!r} is no name for a preset; take {right}")
        preset_values(config, name)


def options_of(command: click.Command) -> dict[str, click.Option]:
    """What a table of this command may hold, by key."""
    options = [option for option in command.params if isinstance(option, click.Option)]
    return {key_of(option): option for option in options if option.name != "config"}


def values_in(config: Config, name: str, command: click.Command) -> dict[str, Any]:
    """What the command's table gives its options, by parameter. Raises UsageError with the line."""
    ctx, where = click.Context(command, info_name=name), partial(config.where, name)
    return values_of(config.tables.get(name, {}), options_of(command), ctx, where)


def preset_values(config: Config, name: str) -> dict[str, Any]:
    """What a preset gives the options of listen, by parameter. Raises UsageError, with the line, or with the
    nearest name where there is no such preset."""
    presets.check(name, config.presets)
    listen = configured(LISTEN)
    assert listen is not None
    options = {key: option for key, option in options_of(listen).items() if key != PRESET}
    ctx, where = click.Context(listen, info_name=LISTEN), partial(config.where_of_preset, name)
    return values_of(config.presets[name], options, ctx, where)


def configured(name: str) -> click.Command | None:
    """The command of that name, if it takes a config."""
    command = load(name)
    takes = command is not None and any(option.name == "config" for option in command.params)
    return command if takes else None


def _no_table(name: str) -> str:
    tables = {table: options_of(command) for table in COMMANDS if (command := configured(table))}
    homes = [table for table, options in tables.items() if name in options]
    if homes:
        return f"{name!r} stands in no table; put it under [{homes[0]}]"
    names = [*tables, f"{PRESET}.NAME", BIND]
    close = difflib.get_close_matches(name, names, 1)
    right = f"did you mean {close[0]!r}?" if close else f"the tables are: {', '.join(names)}"
    return f"no table {name!r}; {right}"
