"""The options that have a config file and a preset speak for the others: --config and --preset.

The command line goes before the environment, that before the preset, that before the file's table of the
command, and that before the defaults. Only a preset that this table itself names comes after what stands
beside it there: what is said of one option goes before what is said of many.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from jamd.options import presets
from jamd.options.config import PRESET, Config, find, preset_values, values_in
from jamd.options.model import Playing

VARIABLE = "JAMD_LISTEN_CONFIG"
OF_PRESET = f"{__name__}.of_preset"
"""Under which a context keeps the parameters that its preset speaks for."""


@dataclass(frozen=True, slots=True)
class Given:
    """As the `obj` of a context: a config that was read already, and a preset that was picked."""

    config: Config
    preset: str


def config_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --config; it receives a `Config`, and its other options what its table says."""
    return click.option(
        "--config",
        is_eager=True,  # before the options that it speaks for
        metavar="FILE",
        type=click.Path(path_type=Path),
        callback=_take,
        help="Options, presets and controls in a TOML file; without it, your own (see `jamd config`).",
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


def preset_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command with --config, above this, --preset; it receives the name."""
    return click.option(
        f"--{PRESET}",
        is_eager=True,
        metavar="NAME",
        callback=_pick,
        help=f"Many options at once: {', '.join(presets.shipped())}, or your own (see `jamd config`). What "
        "you set beside it, as --key A, goes before it; it goes before the config file.",
    )(function)


def answers_preset_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command without a config --preset, of which it takes what is said of the answers."""
    return click.option(
        f"--{PRESET}",
        is_eager=True,
        expose_value=False,
        metavar="NAME",
        callback=_answer_like,
        help="Answer as with this preset of listen: what it says of turns and of time is not for here.",
    )(function)


def _take(ctx: click.Context, _: click.Parameter, path: Path | None) -> Config:
    if ctx.resilient_parsing:
        return Config()
    config = ctx.obj.config if isinstance(ctx.obj, Given) else find(path)
    _speak(ctx, values_in(config, ctx.info_name or "", ctx.command))
    if PRESET in ctx.params:  # it stood before --config
        _speak_preset(ctx, config, ctx.params[PRESET])
    return config


def _pick(ctx: click.Context, _: click.Parameter, name: str | None) -> str | None:
    if ctx.resilient_parsing:
        return None
    if isinstance(ctx.obj, Given):
        name = ctx.obj.preset
    if "config" in ctx.params:
        _speak_preset(ctx, ctx.params["config"], name)
    return name


def _answer_like(ctx: click.Context, _: click.Parameter, name: str | None) -> None:
    if ctx.resilient_parsing or name is None:
        return
    answers = {field.name for field in fields(Playing)}
    values = preset_values(find(None), name)
    _speak(ctx, {param: value for param, value in values.items() if param in answers})


def _speak_preset(ctx: click.Context, config: Config, name: str | None) -> None:
    if name is None:
        return
    here, beside = {param.name for param in ctx.command.params}, ctx.default_map or {}
    values = {param: value for param, value in preset_values(config, name).items() if param in here}
    by_file = ctx.get_parameter_source(PRESET) is ParameterSource.DEFAULT_MAP
    if by_file and not isinstance(ctx.obj, Given):
        values = {param: value for param, value in values.items() if param not in beside}
    _speak(ctx, values)
    ctx.meta[OF_PRESET] = frozenset(values)


def _speak(ctx: click.Context, values: Mapping[str, Any]) -> None:
    """Have these be what the options are without another word; None is what one of them is by itself."""
    said = {**(ctx.default_map or {}), **values}
    ctx.default_map = {param: value for param, value in said.items() if value is not None}
