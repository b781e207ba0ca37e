"""Options about ports, and the ports they name, opened together."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jamd.errors import UsageError
from jamd.midi.backends import BACKENDS, CLIENT
from jamd.options.group import Parsed, gathered
from jamd.options.time import OUTPUT

if TYPE_CHECKING:
    from jamd.midi.backends import Backend
    from jamd.midi.ports import OutputPort


ANY_FONT = "any"
"""The value of --synth without a file."""
SYNTH_OR_OUT = "--synth and --out contradict each other; give one"
LONGEST_NAME = 32
"""Characters; of JACK's names for clients, 63 bytes are what there is room for."""


def _client_name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > LONGEST_NAME or ":" in name or not name.isprintable():
        raise UsageError(f"{text!r} is no name for ports; up to {LONGEST_NAME} characters, and no colon")
    return name


@dataclass(frozen=True, slots=True)
class Cables:
    """What jamd plays to, and what it is to listen to. The inputs are opened when there is an engine to hear
    them."""

    midi: Backend
    in_name: str | None
    out: OutputPort
    lights: OutputPort | None
    clock: OutputPort | None


@dataclass(frozen=True, slots=True)
class Cabling:
    """What is to be plugged where, by parts of names. Without any, what is plugged in is taken; where one is
    named, or it is `virtual` or to `wait`, the others are ports of jamd's own."""

    in_name: str | None
    out_name: str | None
    synth: str | None
    virtual: bool
    name: str
    backend: str
    lights: str | None
    wait: bool
    silence_first: bool

    @property
    def names_ports(self) -> bool:
        """Whether there is anything to be plugged in."""
        return any((self.in_name, self.out_name, self.synth, self.virtual, self.lights))

    def check(self) -> None:
        """Raises UsageError for what does not go together."""
        if self.synth is not None and self.out_name is not None:
            raise UsageError(SYNTH_OR_OUT)

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
            midi = arrived(lambda: open_backend(self.backend, None, self.name), *names, time.sleep)
        else:
            midi = open_backend(self.backend, client_name=self.name)
        with ExitStack() as stack:
            in_name, out_name = self._taken(midi)
            if self.synth is not None:  # it ends after the ports are closed
                out_name = stack.enter_context(fluidsynth(midi, self.synth))
            stack.enter_context(midi)
            stack.enter_context(only_one(midi, in_name, out_name, self.name))
            out = midi.open_output(out_name)
            if self.silence_first and out_name is not None and self.synth is None:  # else nobody listens yet
                silence(out)
            lights = None if self.lights is None else midi.open_output(self.lights, sounds=False)
            clock = out if send_clock == OUTPUT else None
            if clock_name is not None:
                clock = midi.open_output(clock_name)
            yield Cables(midi, in_name, out, lights, clock)

    def _taken(self, midi: Backend) -> tuple[str | None, str | None]:
        """The names to go by, of what is plugged in too; None where a virtual port is wanted. A service, as
        it waits, must not change from day to day with what is plugged in."""
        if self.in_name is not None and self.out_name is not None:
            return self.in_name, self.out_name
        from jamd.options import unnamed
        from jamd.system.logs import say

        own, listed = self.virtual or self.wait, midi.as_opened or midi
        if self.in_name is not None or self.out_name is not None:
            if (
                not own
                and self.synth is None
                and (words := unnamed.hint(listed, self.in_name, self.out_name))
            ):
                say(words)
            return self.in_name, self.out_name
        if own:
            return None, None
        return unnamed.both(listed, say) if self.synth is None else (unnamed.an_input(listed, say), None)


@contextmanager
def fluidsynth(midi: Backend, font: str = ANY_FONT) -> Iterator[str]:
    """FluidSynth plays what comes to the output of this name, with this sound font or ANY_FONT, until the
    block ends. Raises JamdError with what is missing."""
    from jamd.midi import synth

    call = synth.arguments(*synth.found(None if font == ANY_FONT else Path(font)), midi.name)
    with synth.playing(midi, call) as name:
        yield name


synth_option = click.option(
    "--synth",
    metavar="[FILE]",
    is_flag=False,
    flag_value=ANY_FONT,
    help="Start FluidSynth and play to it, with this sound font or one that is found.",
)
virtual_option = click.option(
    "--virtual",
    is_flag=True,
    help="Where no port is named, one of jamd's own for a DAW to connect to, whatever is plugged in.",
)
name_option = click.option(
    "--name",
    default=CLIENT,
    metavar="NAME",
    type=Parsed("name", _client_name),
    help="What jamd's own ports are called: NAME in, NAME out.",
)

OPTIONS = (
    click.option(
        "--in",
        "in_name",
        metavar="NAME",
        help="Part of the input's name; without any port named, the only keyboard there is.",
    ),
    click.option(
        "--out",
        "out_name",
        metavar="NAME",
        help="Part of the output's name; without any port named, the only synth there is.",
    ),
    synth_option,
    virtual_option,
    name_option,
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
