"""The table of commands: their names and what they do, and each one when it is asked for."""

from __future__ import annotations

import importlib

import click

from jamd.system.priority import one_blas_thread

COMMANDS = {
    "listen": "Play with you: hear one port, answer on another, in time",
    "web": "Play in your browser, with nothing plugged in",
    "jam": "Hear jamd play with a built-in player, nothing plugged in",
    "render": "Answer a MIDI file with a MIDI file",
    "train": "Learn from recordings: MIDI files, folders, archives",
    "evaluate": "Score models side by side, with a baseline beside them",
    "runs": "List training runs, show one, compare several",
    "bench": "Measure what this machine can do",
    "doctor": "Find what is wrong with the set-up",
    "models": "List the models that are bundled, and show their cards",
    "ports": "List the MIDI inputs and outputs of this machine",
    "panic": "Silence an output now, or all of them",
    "service": "Run jamd in the background, from login on",
    "sessions": "List the sessions that were kept; play, name or copy one",
    "profiles": "List what jamd has learned of each player; rename, delete",
    "config": "Show what is in force for listen, and from where",
    "learn": "Bind a knob of jamd to the control that you move",
}
"""Every command with the first sentence of its help, so that `jamd --help` imports none of them."""

PLAYING = frozenset({"listen", "web", "jam", "render", "evaluate", "bench", "doctor", "train"})
"""Those that step a model in numpy."""

TOLD = "jamd.told"
"""Under which the context keeps what was told on the command line, for who tells it again."""


def load(name: str) -> click.Command | None:
    """The command of that name, its module imported now; None if there is no such command."""
    if name not in COMMANDS:
        return None
    if name in PLAYING:
        one_blas_thread()  # before anything loads numpy, and any option may
    command: click.Command = importlib.import_module(f"jamd.commands.{name}").command
    command.name = name
    _name_variables(command, name)
    return command


def _name_variables(command: click.Command, name: str) -> None:
    """Each option's environment variable is named after the option. Click would name it after the function's
    argument: JAMD_LISTEN_IN_NAME for --in."""
    for option in command.params:
        if isinstance(option, click.Option) and option.envvar is None:
            option.envvar = variable_of(name, max(option.opts, key=len))
    if isinstance(command, click.Group):
        for below in command.commands.values():
            _name_variables(below, f"{name}-{below.name}")


def variable_of(command: str, option: str) -> str:
    """The environment variable of a command's option: JAMD_LISTEN_ANSWER_BARS for listen's --answer-bars."""
    return f"JAMD_{command}_{option.lstrip('-')}".upper().replace("-", "_")
