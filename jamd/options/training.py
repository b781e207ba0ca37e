"""The options of `jamd train` that decide the outcome, beside the music and the network."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

import click

ANEW: dict[str, Any] = {
    "epochs": 5,
    "seed": 0,
    "batch": 16,
    "learning_rate": 4e-3,
    "dropout": 0.1,
    "weight_decay": 0.01,
    "average": 0.999,
    "check_updates": 250,
    "patience": 0,
}
"""What is used from scratch. Where a model learns on, the amount of music decides: `training.personal`."""
HELP: dict[str, tuple[click.ParamType, str]] = {  # type: ignore[type-arg]
    "epochs": (click.IntRange(1), "Passes over the music."),
    "seed": (click.IntRange(0), "Random seed: with the same, the same choices."),
    "batch": (click.IntRange(1, 4096), "Sequences learned from at once."),
    "learning_rate": (click.FloatRange(0, 1, min_open=True), "Highest learning rate."),
    "dropout": (click.FloatRange(0, 0.9), "Share of a layer left out at each update."),
    "weight_decay": (click.FloatRange(0, 1), "Weight decay, as in AdamW."),
    "average": (
        click.FloatRange(0, 1, max_open=True),
        "Moving average of the weights: how much of it stays at each update.",
    ),
    "check_updates": (
        click.IntRange(1),
        "Updates from one validation to the next; the best weights are kept.",
    ),
    "patience": (click.IntRange(0), "Stop early after so many validations without a better one; 0: never."),
}
AUTOMATIC = "by the amount of music; {} from scratch"
FROM_SCRATCH = {"check_updates": "a 20th of all, {} at most,"}
SAME = ("seed", "dropout")
"""What is the same either way."""


def recipe_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options above; it receives those that were given as one `recipe`, fields of
    `training.fit.Recipe`."""

    def gathered(**given: Any) -> Any:
        recipe = {name: given.pop(name) for name in ANEW}
        return function(recipe={name: value for name, value in recipe.items() if value is not None}, **given)

    command = update_wrapper(gathered, function)
    for name, (kind, text) in reversed(HELP.items()):
        default = FROM_SCRATCH.get(name, "{}").format(ANEW[name])
        default = default if name in SAME else AUTOMATIC.format(default)
        flag, metavar = f"--{name.replace('_', '-')}", "NUMBER"
        option = click.option(flag, type=kind, metavar=metavar, show_default=default, help=text)
        command = option(command)
    return command
