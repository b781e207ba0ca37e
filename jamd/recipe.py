"""The options of `jamd train` that decide the outcome, beside the music and the network."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

import click

OPTIONS = (
    click.option(
        "--epochs", default=5, show_default=True, type=click.IntRange(1), help="Passes over the music."
    ),
    click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Fixes every choice."),
    click.option("--batch", default=16, show_default=True, type=click.IntRange(1, 4096), help="Sequences."),
    click.option(
        "--learning-rate", default=4e-3, show_default=True, type=click.FloatRange(0, 1, min_open=True)
    ),
    click.option("--dropout", default=0.1, show_default=True, type=click.FloatRange(0, 0.9)),
    click.option("--weight-decay", default=0.01, show_default=True, type=click.FloatRange(0, 1)),
    click.option(
        "--average",
        default=0.999,
        show_default=True,
        type=click.FloatRange(0, 1, max_open=True),
        help="How much of the running mean of the weights stays at each update.",
    ),
    click.option(
        "--check-updates",
        default=250,
        show_default=True,
        type=click.IntRange(1),
        help="Updates between two scorings of the held-out music; the best weights are kept.",
    ),
    click.option(
        "--patience",
        default=0,
        show_default=True,
        type=click.IntRange(0),
        help="End after so many scorings without a better one; 0: never early.",
    ),
)
NAMES = (
    "epochs",
    "seed",
    "batch",
    "learning_rate",
    "dropout",
    "weight_decay",
    "average",
    "check_updates",
    "patience",
)


def recipe_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options above; it receives them as one `recipe`, fields of `training.fit.Recipe`."""

    def gathered(**given: Any) -> Any:
        return function(recipe={name: given.pop(name) for name in NAMES}, **given)

    command = update_wrapper(gathered, function)
    for option in reversed(OPTIONS):
        command = option(command)
    return command
