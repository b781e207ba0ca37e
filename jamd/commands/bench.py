"""`jamd bench`: what this machine can do."""

from __future__ import annotations

from typing import Any

import click

from jamd.backends import BACKENDS
from jamd.cli import variable_of
from jamd.playing import models_folder


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


@command.command()
@click.option("--in", "in_name", metavar="NAME", help="Part of the input's name.")
@click.option("--out", "out_name", metavar="NAME", help="Part of the output's name.")
@click.option("--backend", default="auto", type=click.Choice(["auto", *BACKENDS]), help="MIDI system.")
@click.option("--n", "count", default=200, type=click.IntRange(1, 100_000), help="Notes to send.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def loopback(in_name: str | None, out_name: str | None, backend: str, count: int, as_json: bool) -> None:
    """Measure how long MIDI takes out and back in again.

    Sends quiet high notes to --out and waits for them on --in: lay a cable from the one to the other, or let
    a synth or a DAW pass on what it hears. Without names jamd connects two ports of its own.
    """
    from jamd.loopback import open_loop

    with open_loop(backend, in_name, out_name) as loop:
        found = loop.measure(count).summary()
        ports = {"backend": loop.backend, "out": loop.out_port.name, "in": loop.in_port.name}
    if as_json:
        import json

        click.echo(json.dumps(ports | found, indent=2, ensure_ascii=False))
        return
    way = f"{ports['out']} -> {ports['in']}" if out_name else "nothing plugged in: jamd's own two ports"
    click.echo(f"{way}, by {loop.backend}")
    click.echo(f"{found['sent']} notes sent, {found['came_back']} came back; round trip: ", nl=False)
    click.echo(", ".join(f"{key} {found[f'{key}_ms']:.2f} ms" for key in ("median", "p99", "max")))
    click.echo(
        f"half of it is a fair guess for one way: --out-latency {found['out_latency_ms']:g}; what a synth "
        "takes from the note to its sound MIDI cannot tell: add that by ear"
    )


for _sub in command.commands.values():
    for _option in _sub.params:
        if isinstance(_option, click.Option):
            _option.envvar = variable_of(f"bench-{_sub.name}", max(_option.opts, key=len))
