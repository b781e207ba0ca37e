"""All options of a session in real time, together: for the commands that play one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import update_wrapper
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from jamd.errors import UsageError
from jamd.options.config import Config
from jamd.options.config_options import config_option, preset_option
from jamd.options.evening import Keeping, keeping_options
from jamd.options.group import one_of
from jamd.options.model import ANSWERS, Playing, playing_options
from jamd.options.ports import Cabling, cabling_options
from jamd.options.sections import section
from jamd.options.time import Timing, timing_options
from jamd.options.turns import Floor, floor_options
from jamd.options.zones import Keyboard, keyboard_options
from jamd.system.logs import log_option


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for, but for the page."""

    config: Config
    preset: str | None
    cabling: Cabling
    timing: Timing
    floor: Floor
    keyboard: Keyboard
    playing: Playing
    program: int | None
    transpose: int
    keeping: Keeping
    quiet: bool
    trace: Path | None


def check(context: click.Context) -> None:
    """Raises UsageError for options that do not go together, and what [bind] says."""
    params = context.params
    for group in (Cabling, Timing, Floor, Keyboard):
        one_of(group, params).check()  # type: ignore[attr-defined]
    one_of(Keeping, params).check(context.get_parameter_source("profile") is ParameterSource.COMMANDLINE)
    if one_of(Floor, params).endless and "turn" not in params["config"].bindings().bound:
        raise UsageError("--bars open ends by nothing; give --silence BEATS, or `jamd learn turn`")


OPTIONS = (
    section("Presets and config file", config_option, preset_option),
    cabling_options,
    timing_options,
    floor_options,
    keyboard_options,
    playing_options,
    section(
        ANSWERS,
        click.option(
            "--program",
            type=click.IntRange(1, 128),
            metavar="NUMBER",
            help="Program change sent first, for the sound of the answers; counted from 1.",
        ),
        click.option(
            "--transpose",
            default=0,
            type=click.IntRange(-48, 48),
            metavar="SEMITONES",
            help="Transpose the answers.",
        ),
    ),
    keeping_options,
    section(
        "Screen and logs",
        click.option("--quiet", is_flag=True, help="No picture of the jam in the terminal."),
        click.option(
            "--trace",
            metavar="FILE",
            type=click.Path(path_type=Path),
            help="Write every event sent, one line of JSON each.",
        ),
        log_option,
    ),
)


def session_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command all of these; it receives them as one `asked`."""
    mine = {field.name for field in fields(Asked)}

    def asking(**given: Any) -> Any:
        others = {name: value for name, value in given.items() if name not in mine}
        return function(**others, asked=Asked(**{name: given[name] for name in mine}))

    command: Callable[..., Any] = update_wrapper(asking, function)
    for option in reversed(OPTIONS):
        command = option(command)
    return command
