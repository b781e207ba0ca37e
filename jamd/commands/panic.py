"""`jamd panic`: silence an output."""

from __future__ import annotations

import click

from jamd.midi.backends import BACKENDS, open_backend
from jamd.midi.silence import silence


@click.command()
@click.option("--out", "out_name", metavar="NAME", required=True, help="Part of the output's name.")
@click.option("--backend", default="auto", type=click.Choice(["auto", *BACKENDS]), help="MIDI system.")
def command(out_name: str, backend: str) -> None:
    """Silence an output now.

    Lifts the pedals, stops all sound and then lets go of every note of every channel: two seconds in all.
    """
    with open_backend(backend) as midi:
        port = midi.open_output(out_name)
        silence(port)
        click.echo(f"silenced {port.name}")
