"""`jamd config`: what is in force, and from where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from jamd.options.commands import load
from jamd.options.config import (
    BIND,
    Config,
    file_option,
    key_of,
    options_of,
    user_path,
)
from jamd.printable import cell, printable


@click.command()
@file_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(path: Path | None, as_json: bool) -> None:
    """Show what is in force for listen, and from where.

    Every option of `jamd listen` can stand in a TOML file, in the table [listen] under its long name, and
    what your controller moves (see `jamd learn`) in [bind]. An option on the command line goes before its
    environment variable, that before the file, and that before the default. Without --config, the file is
    your own: the one that this command names.

    \b
    [listen]
    in = "Keyboard"
    answer-bars = 4
    no-interrupt = true
    [bind]
    temperature = "cc 21"
    turn = "pedal"
    """
    config, settings = in_force(path)
    controls = config.bindings().bound
    if as_json:
        import json

        bind = [
            {"knob": knob, "controls": [*map(str, bound)], "source": config.where(BIND, knob)}
            for knob, bound in controls.items()
        ]
        document = {
            "config": None if config.path is None else str(config.path),
            "listen": settings,
            "bind": bind,
        }
        click.echo(json.dumps(document, indent=2, ensure_ascii=False, default=str))
        return
    if config.path is None:
        click.echo(f"There is no config file; yours would be {printable(user_path())}")

    from rich.console import Console
    from rich.table import Table

    table = Table("listen", "value", "from")
    for setting in settings:
        table.add_row(setting["key"], cell(_shown(setting["value"])), cell(setting["source"]))
    Console().print(table)
    if controls:
        table = Table("bind", "controls", "from")
        for knob, bound in controls.items():
            table.add_row(knob, ", ".join(map(str, bound)), cell(config.where(BIND, knob)))
        Console().print(table)


def in_force(path: Path | None) -> tuple[Config, list[dict[str, Any]]]:
    """The config file that listen would read now, and each of its options: key, value and source."""
    listen = load("listen")
    assert listen is not None
    ctx = listen.make_context("listen", [] if path is None else ["--config", str(path)])
    config: Config = ctx.params["config"]
    settings = []
    for key, option in options_of(listen).items():
        source = ctx.get_parameter_source(str(option.name))
        if source is ParameterSource.ENVIRONMENT:
            said = str(option.envvar)
        elif source is ParameterSource.DEFAULT_MAP:
            said = config.where("listen", key_of(option))
        else:
            said = "default"
        settings.append({"key": key, "value": ctx.params[str(option.name)], "source": said})
    return config, settings


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
