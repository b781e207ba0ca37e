"""`jamd ports`: the MIDI inputs and outputs of this machine."""

from __future__ import annotations

import click

from jamd.errors import BackendError
from jamd.midi.backends import BACKENDS, open_backend, opening, what_helps
from jamd.printable import cell


@click.command()
@click.option(
    "--backend", default="auto", type=click.Choice(["auto", *BACKENDS]), help="MIDI system; auto: all."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(backend: str, as_json: bool) -> None:
    """List the MIDI inputs and outputs of this machine.

    Any part of a name that no other port has will do for --in and --out.
    """
    backends = opening() if backend == "auto" else [open_backend(backend)]
    ports = {midi.name: {"inputs": midi.inputs(), "outputs": midi.outputs()} for midi in backends}
    if as_json:
        import json

        click.echo(json.dumps(ports, indent=2))
        return
    if not ports:
        raise BackendError(f"no MIDI backend opens; {what_helps()}")
    from rich.console import Console
    from rich.table import Table

    table = Table("backend", "direction", "port")
    for name, kinds in ports.items():
        for kind, direction in (("inputs", "in"), ("outputs", "out")):
            for port in kinds[kind]:
                table.add_row(name, direction, cell(port))
    if table.row_count:
        Console().print(table)
    else:
        click.echo(
            f"no ports, though {' and '.join(ports)} opened: plug in a keyboard or start a synthesizer; "
            "`jamd listen` makes virtual ports where it is given no names"
        )
