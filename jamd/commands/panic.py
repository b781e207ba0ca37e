"""`jamd panic`: silence an output."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import click

from jamd.errors import PortError
from jamd.midi.backends import BACKENDS, Backend, open_backend
from jamd.midi.plugged_in import instruments
from jamd.midi.ports import OutputPort
from jamd.midi.silence import silence
from jamd.printable import printable


@click.command()
@click.option(
    "--out", "out_name", metavar="NAME", help="MIDI output to silence: part of its name; without it, all."
)
@click.option("--backend", default="auto", type=click.Choice(["auto", *BACKENDS]), help="MIDI system to use.")
def command(out_name: str | None, backend: str) -> None:
    """Silence an output now, or all of them.

    Lifts the pedals, stops all sound and then lets go of every note of every channel: two seconds in all.
    """
    with open_backend(backend) as midi:
        ports = [midi.open_output(out_name)] if out_name is not None else _all(midi)
        with ThreadPoolExecutor(len(ports)) as pool:  # in two seconds, however many
            for port, _ in zip(ports, pool.map(silence, ports), strict=True):
                click.echo(f"silenced {printable(port.name)}")


def _all(midi: Backend) -> list[OutputPort]:
    """Every output that an instrument may be on. One that another program holds is said and left out."""
    ports = []
    for name in instruments(midi.outputs(), midi.name):
        try:
            ports.append(midi.open_output(name))
        except PortError as error:
            click.echo(f"jamd: {printable(str(error))}", err=True)
    if not ports:
        raise PortError("there is no output to silence (see `jamd ports`)")
    return ports
