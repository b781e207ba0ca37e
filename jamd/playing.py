"""What listen, jam and render share: their options, and how an improviser is made from them."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from jamd.improviser import Improviser
    from jamd.voice import Voice


@dataclass(frozen=True, slots=True)
class Playing:
    """How jamd answers, whatever it plays on."""

    temperature: float
    seed: int | None
    model: str
    device: str
    feel: float
    out_channel: int

    def improvisers(self) -> Callable[[], Improviser]:
        """Load the model once; each call gives an improviser that has heard nothing yet."""
        from jamd.improviser import Improviser
        from jamd.models import bundle
        from jamd.models.mind import open_mind
        from jamd.models.sampling import Knobs

        mind = open_mind(bundle.read(bundle.find(self.model, models_folder())), self.device)
        return lambda: Improviser(mind, Knobs(temperature=self.temperature), self.seed)

    def voice(self) -> Voice:
        from jamd.voice import Voice

        return Voice(self.out_channel - 1, self.feel)


def one_blas_thread() -> None:
    """Keep numpy's matrix products on one thread, if numpy is not loaded yet: spread over two busy cores, a
    step of the model takes ten times as long."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ.setdefault(name, "1")


def models_folder() -> Path:
    """Where the user's own models are."""
    import platformdirs

    return platformdirs.user_data_path("jamd", appauthor=False) / "models"


class Number(click.FloatRange):
    """A number in a range; click lets NaN through, which is in none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value} is not a number", param, ctx)
        return number


OPTIONS = (
    click.option("--temperature", default=0.9, show_default=True, type=Number(0.05, 3), help="Boldness."),
    click.option("--seed", type=click.IntRange(0), help="Fixes every choice that chance makes."),
    click.option("--model", default="default", show_default=True, help="A model's name or file."),
    click.option(
        "--device",
        default="auto",
        show_default=True,
        type=click.Choice(["auto", "cpu", "cuda"]),
        help="Where the model runs.",
    ),
    click.option(
        "--feel",
        default=1.0,
        show_default=True,
        type=Number(0, 1),
        help="0 plays exactly on the grid, 1 with the model's timing.",
    ),
    click.option(
        "--out-channel",
        default=1,
        show_default=True,
        type=click.IntRange(1, 16),
        help="The MIDI channel of the answers.",
    ),
)


def playing_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options above; it receives them as one `playing`."""

    def gathered(
        temperature: float,
        seed: int | None,
        model: str,
        device: str,
        feel: float,
        out_channel: int,
        **others: Any,
    ) -> Any:
        one_blas_thread()
        return function(playing=Playing(temperature, seed, model, device, feel, out_channel), **others)

    command = update_wrapper(gathered, function)
    for option in reversed(OPTIONS):
        command = option(command)
    return command
