"""`jamd config`: what is in force, and from where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from jamd.options.commands import load
from jamd.options.config import BIND, LISTEN, PRESET, Config, options_of, user_path
from jamd.options.config_options import OF_PRESET, file_option
from jamd.options.values import key_of
from jamd.printable import cell, printable


@click.command()
@file_option
@click.option(f"--{PRESET}", metavar="NAME", help="As it would be with this preset.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(path: Path | None, preset: str | None, as_json: bool) -> None:
    """Show what is in force for listen, and from where.

    Every option of `jamd listen` can stand in a TOML file, in the table [listen] under its long name, and
    what your controller moves (see `jamd learn`) in [bind]. [preset.NAME] holds a preset of your own, for
    `jamd listen --preset NAME`. Without --config, the file is your own: the one that this command names.

    \b
    [listen]
    in = "Keyboard"
    no-interrupt = true
    [bind]
    temperature = "cc 21"
    preset = "program"
    [preset.ballad]
    mode = "duet"
    tempo = 60

    An option on the command line goes before its environment variable, that before the preset, that before
    [listen], and that before the default. A preset that [listen] itself names comes after what else stands
    there. A program change picks the preset of that number while you play, where [bind] says so.
    """
    config, settings = in_force(path, preset)
    controls = config.bindings().bound
    numbered = list(enumerate(config.presets.items(), 1))
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
            "presets": [
                {"program": program, "name": name, "sets": table, "source": _source(config, name)}
                for program, (name, table) in numbered
            ],
        }
        click.echo(json.dumps(document, indent=2, default=str))
        return
    if config.path is None:
        click.echo(f"There is no config file; yours would be {printable(user_path())}")

    from rich.console import Console
    from rich.table import Table

    table = Table("listen", "value", "from")
    for setting in settings:
        table.add_row(setting["key"], cell(_shown(setting["value"])), cell(setting["source"]))
    Console().print(table)
    table = Table("program", "preset", "sets", "from")
    for program, (name, options) in numbered:
        sets = ", ".join(f"{key} {_shown(value)}" for key, value in options.items())
        table.add_row(str(program), cell(name), cell(sets), cell(_source(config, name)))
    Console().print(table)
    if controls:
        table = Table("bind", "controls", "from")
        for knob, bound in controls.items():
            table.add_row(knob, ", ".join(map(str, bound)), cell(config.where(BIND, knob)))
        Console().print(table)


def in_force(path: Path | None, preset: str | None = None) -> tuple[Config, list[dict[str, Any]]]:
    """The config file that listen would read now, and each of its options, with this preset if any: its key,
    value and source."""
    listen = load(LISTEN)
    assert listen is not None
    asked = {"--config": path, f"--{PRESET}": preset}
    ctx = listen.make_context(
        LISTEN, [word for flag, value in asked.items() if value is not None for word in (flag, str(value))]
    )
    config: Config = ctx.params["config"]
    settings = []
    for key, option in options_of(listen).items():
        name = str(option.name)
        source = ctx.get_parameter_source(name)
        if source is ParameterSource.ENVIRONMENT:
            said = str(option.envvar)
        elif source is ParameterSource.COMMANDLINE:
            said = f"--{key}"
        elif source is ParameterSource.DEFAULT_MAP and name in ctx.meta.get(OF_PRESET, ()):
            said = config.where_of_preset(ctx.params[PRESET], key)
        elif source is ParameterSource.DEFAULT_MAP:
            said = config.where(LISTEN, key_of(option))
        else:
            said = "default"
        settings.append({"key": key, "value": ctx.params[name], "source": said})
    return config, settings


def _source(config: Config, name: str) -> str:
    """Where a preset stands."""
    return config.where(PRESET, name) if name in config.tables.get(PRESET, {}) else "jamd"


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
