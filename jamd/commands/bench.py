"""`jamd bench`: what this machine can do."""

from __future__ import annotations

from typing import Any

import click

from jamd.cli import variable_of
from jamd.playing import models_folder, one_blas_thread


@click.group()
def command() -> None:
    """Measure what this machine can do."""


@command.command()
@click.argument("model", default="default")
@click.option("--device", default="auto", show_default=True, type=click.Choice(["auto", "cpu", "cuda"]))
@click.option("--answers", default=10, show_default=True, type=click.IntRange(1, 1000), help="Of each kind.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def model(model: str, device: str, answers: int, as_json: bool) -> None:
    """Measure how long a model takes for a step and for an answer.

    Everything is warm and on one core of the CPU, or on the GPU. A step takes in what was played and chooses
    the next frame, with velocities, offsets and session memory; several courses are candidates side by side.
    """
    import json

    one_blas_thread()
    from jamd import model_times
    from jamd.models import bundle

    found = bundle.read(bundle.find(model, models_folder()))
    account = model_times.measure(found, device, answers)
    if as_json:
        click.echo(json.dumps(account, indent=2))
    else:
        _print(account)


def _print(account: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    from jamd.model_times import ANSWER_STEPS, PARTS

    console = Console()
    machine = account["machine"]
    device = machine.get("gpu", machine["processor"])
    load = "" if machine["load"] is None else f", load {machine['load'][0]}"
    console.print(
        f"{account['model']} ({account['arch']}) on {device}, {machine['cores']} cores{load}", markup=False
    )
    table = Table("milliseconds", "n", "5th percentile", "median", "99th")

    def add(name: str, times: dict[str, Any] | None) -> None:
        if times is not None:
            table.add_row(
                name, str(times["n"]), *(f"{times[key]:.3f}" for key in ("p5_ms", "median_ms", "p99_ms"))
            )

    for courses, parts in account["steps"].items():
        name = "a step" if courses == "1" else f"a step of {courses} candidates"
        add(f"{name} ({parts['notes_per_step']} notes each)", parts["step"])
        for part in PARTS[1:]:
            add(f"  {part}", parts[part])
    for count, times in account["answers"].items():
        add(f"an answer of {ANSWER_STEPS} steps, {count} candidates", times)
    if account["weights"]:
        add(f"reading {account['weights']['megabytes']} MB of weights once", account["weights"])
    console.print(table)


for _sub in command.commands.values():
    for _option in _sub.params:
        if isinstance(_option, click.Option):
            _option.envvar = variable_of(f"bench-{_sub.name}", max(_option.opts, key=len))
