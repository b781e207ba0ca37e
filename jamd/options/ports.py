"""Options about ports, and the ports they name, opened together."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from jamd.midi.backends import BACKENDS
from jamd.options.group import gathered
from jamd.options.time import OUTPUT

if TYPE_CHECKING:
    from jamd.midi.backends import Backend
    from jamd.midi.ports import OutputPort


@dataclass(frozen=True, slots=True)
class Cables:
    """What jamd plays to. The inputs are opened when there is an engine to hear them."""

    midi: Backend
    out: OutputPort
    lights: OutputPort | None
    clock: OutputPort | None


@dataclass(frozen=True, slots=True)
class Cabling:
    """What is to be plugged where, by parts of names; without a name, `in_name` and `out_name` are ports of
    jamd's own."""

    in_name: str | None
    out_name: str | None
    backend: str
    lights: str | None
    wait: bool
    silence_first: bool

    @contextmanager
    def plugged(self, clock_in: str | None, send_clock: str | None) -> Iterator[Cables]:
        """The outputs, open; `send_clock` is a name, or OUTPUT for the one of the notes. Waits, if that is
        wished, until all of them are there, `clock_in` too. Raises BackendError, PortError, and JamdError
        where another jamd plays on this pair."""
        from jamd.midi.backends import open_backend
        from jamd.midi.instance import only_one
        from jamd.midi.silence import silence
        from jamd.midi.wait_for_ports import arrived

        clock_name = None if send_clock == OUTPUT else send_clock
        if self.wait:
            names = [self.in_name, clock_in], [self.out_name, self.lights, clock_name]
            midi = arrived(lambda: open_backend(self.backend), *names, time.sleep)
        else:
            midi = open_backend(self.backend)
        with midi, only_one(midi, self.in_name, self.out_name):
            out = midi.open_output(self.out_name)
            if self.silence_first and self.out_name is not None:  # to a port of its own nobody listens yet
                silence(out)
            lights = None if self.lights is None else midi.open_output(self.lights, sounds=False)
            clock = out if send_clock == OUTPUT else None
            if clock_name is not None:
                clock = midi.open_output(clock_name)
            yield Cables(midi, out, lights, clock)


OPTIONS = (
    click.option(
        "--in", "in_name", metavar="NAME", help="Part of the input's name; without it, a virtual port."
    ),
    click.option(
        "--out", "out_name", metavar="NAME", help="Part of the output's name; without it, a virtual port."
    ),
    click.option(
        "--backend", default="auto", type=click.Choice(["auto", *BACKENDS]), help="MIDI system to use."
    ),
    click.option(
        "--lights",
        metavar="NAME",
        help="Output back to your controller, whose lights and faders show how jamd is set.",
    ),
    click.option(
        "--wait",
        is_flag=True,
        help="Wait for the MIDI system and these ports to appear; without it, what is missing is an error.",
    ),
    click.option(
        "--silence-first",
        is_flag=True,
        help="First silence the output, where a session that was killed may have left notes hanging (2 s).",
    ),
)


cabling_options = gathered("cabling", Cabling, "Ports", OPTIONS)
"""Give a command the options above; it receives them as one `cabling`."""
