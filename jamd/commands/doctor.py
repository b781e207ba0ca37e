"""`jamd doctor`: what is wrong with the set-up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from jamd.counted import counted
from jamd.midi.backends import BACKENDS

if TYPE_CHECKING:
    from jamd.bench.doctor import Finding

FAULTY = 1


@click.command()
@click.option(
    "--in", "in_name", metavar="NAME", help="MIDI input to try: part of its name; without names, all ports."
)
@click.option("--out", "out_name", metavar="NAME", help="MIDI output to try: part of its name.")
@click.option("--backend", default="auto", type=click.Choice(["auto", *BACKENDS]), help="MIDI system to use.")
@click.option(
    "--model",
    metavar="MODEL",
    default="default",
    show_default=True,
    help="Model to try: its name or its file.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def command(
    ctx: click.Context,
    in_name: str | None,
    out_name: str | None,
    backend: str,
    model: str,
    as_json: bool,
) -> None:
    """Find what is wrong with the set-up.

    Looks at MIDI, the system, the model and your folders, and says what to do about what is found. A port is
    opened for a moment, and nothing is sent. Exit status 1 if something stops the playing.
    """
    from jamd.bench.doctor import State, stops

    found = []
    for finding in _examine(in_name, out_name, backend, model):
        found.append(finding)
        if not as_json:
            mark = "-" if finding.state is State.OK else finding.state
            remedy = f"; {finding.remedy}" if finding.remedy else ""
            click.echo(f"{mark:8}{finding.name:16}{finding.said}{remedy}")
    if as_json:
        import json

        document = {"plays": not stops(found), "findings": [asdict(finding) for finding in found]}
        click.echo(json.dumps(document, indent=2))
    else:
        count = {state: sum(finding.state is state for finding in found) for state in State}
        faults, warnings = counted(count[State.FAULT], "fault"), counted(count[State.WARNING], "warning")
        click.echo(f"{faults}, {warnings}; ", nl=False)
        click.echo("that stops the playing" if stops(found) else "nothing stops the playing")
    if stops(found):
        ctx.exit(FAULTY)


def _examine(in_name: str | None, out_name: str | None, backend: str, model: str) -> Iterator[Finding]:
    from jamd.bench import doctor, doctor_ports
    from jamd.bench.machine import look
    from jamd.bench.model_times import step_seconds
    from jamd.models import bundle
    from jamd.options.model import models_folder

    yield from doctor_ports.examine([("input", in_name), ("output", out_name)], backend)
    yield doctor_ports.of_fluidsynth()
    yield from doctor.of_machine(look())
    yield doctor.of_numpy(os.environ)
    yield doctor.of_model(lambda: step_seconds(bundle.read(bundle.find(model, models_folder()))))
    yield doctor.of_torch()
    yield doctor.of_config()
    yield from doctor.of_folders()
