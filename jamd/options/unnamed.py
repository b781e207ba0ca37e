"""Ports that nobody named: what is plugged in is taken where there is one way to, else the player is told
what to type."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Sequence
from typing import Protocol

import click

from jamd.errors import UsageError
from jamd.midi.backends import WITHOUT_VIRTUAL_PORTS, own_name
from jamd.midi.plugged_in import Several, only, synths, take
from jamd.midi.portname import shortest
from jamd.midi.ports import Kind
from jamd.options.commands import TOLD

Say = Callable[[str], None]
Named = dict[str, tuple[Sequence[str], Sequence[str]]]
"""By option: the ports to choose from, and all that there are."""
SYNTH = "or hear FluidSynth with --synth"


class Ports(Protocol):
    """What is asked of a backend."""

    @property
    def name(self) -> str: ...

    @property
    def client_name(self) -> str: ...

    def inputs(self) -> list[str]: ...

    def outputs(self) -> list[str]: ...


def both(midi: Ports, say: Say) -> tuple[str | None, str | None]:
    """The keyboard and the synth that are plugged in; None where a virtual port is to do. What is taken, or
    else to be done, is said. Raises UsageError for more than one of a kind, when all are listed."""
    inputs, outputs = midi.inputs(), midi.outputs()
    found = take(inputs, outputs, midi.name)
    if isinstance(found, Several):
        raise UsageError(_to_type({"--in": (found.inputs, inputs), "--out": (found.outputs, outputs)}))
    key, out = found.input, found.output
    if key is not None and key == out:
        say(f"taken: {key}, to play and to sound, as there is nothing else; if it is silent: --synth")
    elif key is not None and out is not None:
        say(f"taken: {key}, and to sound {out}; there are no others")
    elif key is not None:
        say(f"taken: {key}; {_no_synth(midi)}")
    elif out is not None:
        say(f"taken: {out}; {_no_keyboard(midi)}")
    elif midi.name not in WITHOUT_VIRTUAL_PORTS:  # else who opens one says what to do
        own_in, own_out = _own(midi, "input"), _own(midi, "output")
        say(f"nothing is plugged in: connect a keyboard to {own_in}, and {own_out} to a synth, {SYNTH}")
    return key, out


def an_input(midi: Ports, say: Say) -> str | None:
    """The only keyboard or controller that is plugged in; None where a virtual port is to do."""
    names = midi.inputs()
    return _one("--in", only(names, midi.name), names, say, _no_keyboard(midi))


def an_output(midi: Ports, say: Say) -> str | None:
    """The only synth that is plugged in; None where a virtual port is to do."""
    names = midi.outputs()
    found = synths(midi.inputs(), names, midi.name) or only(names, midi.name)
    return _one("--out", found, names, say, _no_synth(midi))


def hint(midi: Ports, in_name: str | None, out_name: str | None) -> str:
    """Where one port is named and the other is virtual: what to type for the one that is plugged in."""
    inputs, outputs = midi.inputs(), midi.outputs()
    ways: tuple[tuple[Kind, str, str | None, Sequence[str], Sequence[str]], ...] = (
        ("input", "--in", in_name, only(inputs, midi.name), inputs),
        ("output", "--out", out_name, synths(inputs, outputs, midi.name), outputs),
    )
    for kind, option, name, found, names in ways:
        if name is None and len(found) == 1:
            port = quoted(shortest(found[0], names))
            return f"{_own(midi, kind)} waits for a cable; to take what is plugged in: {option} {port}"
    return ""


def quoted(name: str) -> str:
    """A name as it is typed in a shell."""
    if os.name == "nt" or not re.search(r'["$`\\!]', name):
        return f'"{name}"'
    return shlex.quote(name)


def _no_keyboard(midi: Ports) -> str:
    return f"no keyboard is plugged in: {_connect(midi, 'input')}"


def _no_synth(midi: Ports) -> str:
    return f"no synth is plugged in: {_connect(midi, 'output')}, {SYNTH}"


def _connect(midi: Ports, kind: Kind) -> str:
    if midi.name in WITHOUT_VIRTUAL_PORTS:
        return "plug one in"
    return f"connect one to {_own(midi, kind)}" if kind == "input" else f"connect {_own(midi, kind)} to one"


def _own(midi: Ports, kind: Kind) -> str:
    return f'"{own_name(midi.client_name, kind)}"'


def _one(option: str, found: Sequence[str], names: Sequence[str], say: Say, without: str) -> str | None:
    """The only port found; None without any, which is said in these words."""
    if len(found) > 1:
        raise UsageError(_to_type({option: (found, names)}))
    say(f"taken: {found[0]}; there is no other" if found else without)
    return found[0] if found else None


def _to_type(named: Named) -> str:
    """What to type, with the first of each kind; all there are are listed, a line each."""
    for option, (found, names) in named.items():
        for name in found:
            click.echo(f"  {option:6}{quoted(shortest(name, names))}", err=True)
    words = [word if re.fullmatch(r"[\w./:=-]+", word) else quoted(word) for word in _told()]
    for option, (found, names) in named.items():
        words += [option, quoted(shortest(found[0], names))] if found else []
    return f"there are several to choose from; say which, like: {' '.join(['jamd', *words])}"


def _told() -> Sequence[str]:
    context = click.get_current_context(silent=True)
    told: Sequence[str] = () if context is None else context.meta.get(TOLD, ())
    return told
