"""What may keep MIDI from coming and going: systems that do not open, and ports that others hold."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jamd.bench.doctor import Finding, State
from jamd.counted import counted
from jamd.errors import BackendError, JamdError, PortError
from jamd.midi import libjack
from jamd.midi.backends import (
    WITHOUT_VIRTUAL_PORTS,
    Backend,
    compiled_in,
    load_rtmidi,
    open_backend,
)
from jamd.midi.plugged_in import Several, take
from jamd.midi.ports import find
from jamd.midi.synth import found

SEQUENCER = Path("/dev/snd/seq")
LONG_PERIOD_SECONDS = 0.006
HOLDERS = {
    "alsa": "`fuser -v /dev/snd/midi*` names it",
    "winmm": "a port has one program at a time: close the other",
}

Period = Callable[[], tuple[int, int] | None]


def examine(
    names: Sequence[tuple[str, str | None]] = (),
    backend: str = "auto",
    rtmidi: Any = None,
    sequencer: Path = SEQUENCER,
    period: Period | None = None,
) -> Iterator[Finding]:
    """All of MIDI: the library, the systems, virtual ports, and each port. `names` are the ports that the
    user means, as ("input", its name)."""
    try:
        rtmidi = rtmidi or load_rtmidi()
    except BackendError as error:
        yield Finding("python-rtmidi", State.FAULT, *_parted(error))
        return
    compiled = compiled_in(rtmidi)
    yield Finding("python-rtmidi", State.OK, f"built for {', '.join(compiled) or 'nothing'}")
    tried = [of_backend(name, rtmidi, sequencer) for name in (compiled if backend == "auto" else [backend])]
    midi = next((opened for _, opened in tried if opened is not None), None)
    for finding, _ in tried:
        # one that does not open stops nothing where another does
        yield finding if midi is None else replace(finding, state=State.OK)
    if midi is None:
        return
    yield Finding("MIDI system", State.OK, f"jamd plays by {midi.name}")
    yield of_virtual_ports(midi.name)
    if midi.name == "jack":
        yield of_period((period or jack_period)())
    yield from of_ports(midi, names)
    if not any(name for _, name in names):
        yield of_unnamed(midi.inputs(), midi.outputs(), midi.name)


def of_backend(name: str, rtmidi: Any, sequencer: Path) -> tuple[Finding, Backend | None]:
    """Whether a MIDI system opens, and why not."""
    try:
        midi = open_backend(name, rtmidi)
    except BackendError as error:
        said, remedy = _parted(error)
        if name == "alsa" and sequencer.exists() and not os.access(sequencer, os.R_OK | os.W_OK):
            said = f"no permission on {sequencer}"
            remedy = "`sudo usermod -aG audio $USER`, and log in again"
        return Finding(name, State.FAULT, said, remedy), None
    ports = f"{counted(len(midi.inputs()), 'input')}, {counted(len(midi.outputs()), 'output')}"
    return Finding(name, State.OK, f"opens; {ports}"), midi


def of_virtual_ports(backend: str) -> Finding:
    """Whether a DAW can be played with directly."""
    if backend in WITHOUT_VIRTUAL_PORTS:
        said = f"{backend} has none, so listen needs --in and --out"
        return Finding("virtual ports", State.WARNING, said, "loopMIDI makes ports between programs")
    return Finding("virtual ports", State.OK, f"{backend} has them: jamd in, jamd out")


def of_period(found: tuple[int, int] | None) -> Finding:
    """How often JACK passes messages on: so many frames, at so many a second."""
    if found is None:
        return Finding("JACK", State.OK, "its period is not told")
    frames, rate = found
    said = f"{frames} frames at {rate} Hz, {1000 * frames / rate:.1f} ms"
    if frames / rate > LONG_PERIOD_SECONDS:
        return Finding("JACK", State.WARNING, f"a long period: {said}", "jackd ... -p 128")
    return Finding("JACK", State.OK, said)


def of_ports(midi: Backend, names: Sequence[tuple[str, str | None]]) -> Iterator[Finding]:
    """Whether the ports that are meant are there and open; without names, all that are listed."""
    listed = {"input": midi.inputs(), "output": midi.outputs()}
    wanted = [(kind, name) for kind, name in names if name is not None]
    if not wanted:
        wanted = [(kind, name) for kind, known in listed.items() for name in known]
    if not wanted:
        remedy = "plug in a keyboard and a synthesizer, or start one (see `jamd ports`)"
        yield Finding("ports", State.WARNING, "none is listed", remedy)
    for kind, name in wanted:
        yield of_port(midi, kind, name, listed[kind])


def of_unnamed(inputs: Sequence[str], outputs: Sequence[str], system: str) -> Finding:
    """What listen takes where no port is named."""
    taken = take(inputs, outputs, system)
    if isinstance(taken, Several):
        of_each = f"{counted(len(taken.inputs), 'input')} and {counted(len(taken.outputs), 'output')}"
        return Finding("without names", State.OK, f"listen asks which: there are {of_each}")
    key, synth = taken.input or "a port of its own", taken.output or "a port of its own"
    return Finding("without names", State.OK, f"listen takes {key}, and to sound {synth}")


def of_fluidsynth() -> Finding:
    """Whether there is something to sound on without a synth."""
    try:
        _, font = found()
    except JamdError as error:
        return Finding("--synth", State.OK, f"cannot be used: {error}")
    return Finding("--synth", State.OK, f"FluidSynth plays {font}")


def of_port(midi: Backend, kind: str, name: str, listed: Sequence[str]) -> Finding:
    """Whether a port opens. Nothing is sent to it."""
    try:
        shown = find(name, listed, "input" if kind == "input" else "output")
    except PortError as error:
        return Finding(kind, State.FAULT, str(error), "`jamd ports` lists them")
    try:
        port = midi.open_input(shown, _ignore) if kind == "input" else midi.open_output(shown)
        port.close()
    except JamdError as error:
        held = f"another program may hold it: {HOLDERS.get(midi.name, 'close it')}"
        return Finding(kind, State.WARNING, str(error), held)
    return Finding(kind, State.OK, f"{shown} opens")


def jack_period() -> tuple[int, int] | None:
    """Frames a period and frames a second of the JACK server that runs."""
    library = libjack.load()
    client = None if library is None else library.client("jamd doctor")
    if client is None:
        return None
    try:
        return client.period
    finally:
        client.close()


def _parted(error: JamdError) -> tuple[str, str]:
    """What is wrong, and what helps."""
    said, _, remedy = str(error).partition("; ")
    return said, remedy


def _ignore(message: object) -> None: ...
