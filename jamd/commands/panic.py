"""`jamd panic`: silence an output."""

from __future__ import annotations

import time
from collections.abc import Iterator

import click
import mido

from jamd.backends import BACKENDS, open_backend
from jamd.controllers import ALL_NOTES_OFF, ALL_SOUND_OFF, PEDAL, RESET_CONTROLLERS, SOFT, SOSTENUTO
from jamd.ports import OutputPort, paced

CONTROLS = (PEDAL, SOSTENUTO, SOFT, ALL_SOUND_OFF, RESET_CONTROLLERS, ALL_NOTES_OFF)
"""Pedals first: a synth may hold under the pedal what it is told to stop."""


def silencing() -> Iterator[mido.Message]:
    """What makes any synth fall silent: on all channels the controllers, then a note-off for every note."""
    for channel in range(16):
        for control in CONTROLS:
            yield mido.Message("control_change", channel=channel, control=control, value=0)
    for channel in range(16):
        for pitch in range(128):
            yield mido.Message("note_off", channel=channel, note=pitch, velocity=0)


def silence(port: OutputPort) -> None:
    """Send all that, as fast as a cable carries it."""
    for message in paced(silencing(), time.sleep):
        port.send(message)


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
