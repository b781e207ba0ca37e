"""`jamd panic`: silence an output."""

from __future__ import annotations

import time
from collections.abc import Iterator

import click
import mido

from jamd.backends import BACKENDS, open_backend

SUSTAIN, SOSTENUTO, SOFT = 64, 66, 67
ALL_SOUND_OFF, RESET_CONTROLLERS, ALL_NOTES_OFF = 120, 121, 123
CONTROLS = (SUSTAIN, SOSTENUTO, SOFT, ALL_SOUND_OFF, RESET_CONTROLLERS, ALL_NOTES_OFF)
"""Pedals first: a synth may hold under the pedal what it is told to stop."""

BURST_MESSAGES = 16
SECONDS_PER_MESSAGE = 0.001
"""A MIDI cable carries 3125 bytes a second, and an interface keeps only a few hundred of them waiting."""


def silencing() -> Iterator[mido.Message]:
    """What makes any synth fall silent: on all channels the controllers, then a note-off for every note."""
    for channel in range(16):
        for control in CONTROLS:
            yield mido.Message("control_change", channel=channel, control=control, value=0)
    for channel in range(16):
        for pitch in range(128):
            yield mido.Message("note_off", channel=channel, note=pitch, velocity=0)


@click.command()
@click.option("--out", "out_name", metavar="NAME", required=True, help="Part of the output's name.")
@click.option("--backend", default="auto", type=click.Choice(["auto", *BACKENDS]), help="MIDI system.")
def command(out_name: str, backend: str) -> None:
    """Silence an output now.

    Lifts the pedals, stops all sound and then lets go of every note of every channel: two seconds in all.
    """
    with open_backend(backend) as midi:
        port = midi.open_output(out_name)
        for number, message in enumerate(silencing()):
            if number % BURST_MESSAGES == 0:
                time.sleep(BURST_MESSAGES * SECONDS_PER_MESSAGE)
            port.send(message)
        click.echo(f"silenced {port.name}")
