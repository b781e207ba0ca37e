"""What `jamd bench` prints of its accounts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from jamd.bench.machine import Machine
from jamd.bench.model_times import ANSWER_STEPS, PARTS
from jamd.bench.verdict import Figure, late_or_missing
from jamd.counted import counted

TIMES = ("median_ms", "p99_ms", "p999_ms", "max_ms")


def print_timing(account: dict[str, Any], figures: Sequence[Figure], machine: Machine) -> None:
    """All but the verdict."""
    console, piece = Console(), account["piece"]
    click.echo(_of_machine(machine))
    click.echo(_of_ports(account["ports"]))
    click.echo(
        f"{counted(piece['turns'], 'turn')} of {piece['metre']} in sixteenths at {piece['tempo']:g} BPM"
    )
    if (listener := account.get("listener")) and listener["in"]:
        click.echo(f"heard by another program on {listener['in']}, {_of_clocks(listener)}")
    console.print(_rows(account))
    if stolen := account["stolen_share"]:
        click.echo(f"meanwhile this machine's host gave {100 * stolen:.2g} % of the cores' time to others")
    table = Table("here", "figure", "promised at most", "a stage bears")
    for figure in figures:
        limits = ("" if limit is None else f"{limit:g}" for limit in (figure.promised, figure.bearable))
        table.add_row(figure.name, str(figure), *limits)
    console.print(table)
    if "model_step" in account:
        step = account["model_step"]
        click.echo(
            f"the model: {step['median_ms']:.1f} ms a step of {counted(step['candidates'], 'candidate')} "
            "(more of it: jamd bench model)"
        )
    missing = (("listener", "listener"), ("round_trip", "round trip"), ("start_up", "start"))
    for key, name in missing:
        if why_not := (account.get(key) or {}).get("why_not"):
            click.echo(f"no {name}: {why_not}")


def _rows(account: dict[str, Any]) -> Table:
    table = Table("milliseconds late", "n", "median", "99 %", "99.9 %", "most", "late or missing")
    for row in account["rows"]:
        name = row["name"] + (", beside busy loops" if row["busy"] else "")
        table.add_row(name, *_times(row), str(late_or_missing(row)))
        if row["answers"]["n"]:
            table.add_row("  first of each answer", *_times(row["answers"]), "")
        if heard := row.get("heard"):
            table.add_row("  as heard", *_times(heard), str(heard["missing"]))
            table.add_row("  first of each answer, as heard", *_times(heard["answers"]), "")
    return table


def _of_clocks(listener: dict[str, Any]) -> str:
    """How the instants of two programs were compared."""
    if not listener["clock_added_ms"]:
        return "by one clock"
    return f"its clock set to within {listener['clock_within_ms']:g} ms"


def _times(figures: dict[str, Any]) -> list[str]:
    return [str(figures["n"]), *(f"{figures[key]:.2f}" if key in figures else "" for key in TIMES)]


def _of_machine(machine: Machine) -> str:
    """The machine in a line, and what it has not."""
    load = "" if machine.load is None else f", load {machine.load:g}"
    wants = {
        "no affinity of threads to cores": not machine.affinity,
        "no real-time priority": not machine.real_time,
        "a virtual machine": machine.virtual,
    }
    said = "".join(f"; {want}" for want, lacking in wants.items() if lacking)
    return f"{machine.processor}, {machine.system}, {counted(machine.cores, 'core')}{load}{said}"


def _of_ports(way: dict[str, Any]) -> str:
    if way["backend"] is None:
        return f"to a port that leads nowhere: {way['why_not']}"
    return f"to {way['out']}, by {way['backend']}"


def print_model(account: dict[str, Any]) -> None:
    """A model's times as a table."""
    console = Console()
    machine = account["machine"]
    device = machine.get("gpu", machine["processor"])
    load = "" if machine["load"] is None else f", load {machine['load'][0]}"
    console.print(
        f"{account['model']} ({account['arch']}) on {device}, {counted(machine['cores'], 'core')}{load}",
        markup=False,
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
        add(f"an answer of {ANSWER_STEPS} steps, {counted(int(count), 'candidate')}", times)
    if account["weights"]:
        add(f"reading {account['weights']['megabytes']} MB of weights once", account["weights"])
    console.print(table)
