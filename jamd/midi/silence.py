"""Silencing a synth, whoever made it sound."""

from __future__ import annotations

import time
from collections.abc import Iterator

import mido

from jamd.midi.ports import OutputPort, paced
from jamd.music.controllers import (
    ALL_NOTES_OFF,
    ALL_SOUND_OFF,
    PEDAL,
    RESET_CONTROLLERS,
    SOFT,
    SOSTENUTO,
)

CONTROLS = (PEDAL, SOSTENUTO, SOFT, ALL_SOUND_OFF, RESET_CONTROLLERS, ALL_NOTES_OFF)
"""Pedals first: a synth may hold under the pedal what it is told to stop."""


def silencing() -> Iterator[mido.Message]:
    """On all channels the controllers, then a note-off for every note."""
    for channel in range(16):
        for control in CONTROLS:
            yield mido.Message("control_change", channel=channel, control=control, value=0)
    for channel in range(16):
        for pitch in range(128):
            yield mido.Message("note_off", channel=channel, note=pitch, velocity=0)


def silence(port: OutputPort) -> None:
    """Send all that, as fast as a cable carries it: two seconds."""
    for message in paced(silencing(), time.sleep):
        port.send(message)
