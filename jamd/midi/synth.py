"""FluidSynth as a synth of jamd's own: started, connected to, and ended with jamd, whatever ends that.

It reads commands from a pipe that only jamd holds. The system closes that pipe however jamd ends, kill -9
too, and FluidSynth ends where its commands do. One that dies by itself is a cable pulled out: see `hotplug`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Protocol

from jamd.errors import BackendError, JamdError
from jamd.system.fluidsynth import checked, how_to_get, program, sound_font

NAME = "jamd synth"
GAIN = 0.5
"""Of ten; as a rule FluidSynth plays at 0.2, half as loud as most else."""
START_SECONDS, LOOK_SECONDS = 20.0, 0.02
"""A large sound font takes long to load from a slow disk."""
END_SECONDS = 2.0
LINES = 20

DRIVERS = {
    "alsa": ("-m", "alsa_seq", "-p", NAME),
    "jack": ("-m", "jack", "-a", "jack", "-j", "-o", f"midi.jack.id={NAME}", "-o", f"audio.jack.id={NAME}"),
    "coremidi": ("-m", "coremidi", "-p", NAME),
}
"""By MIDI system, how FluidSynth listens there. Where sound goes is for FluidSynth to choose, but that a
JACK server has the sound card for itself."""


class Outputs(Protocol):
    """What is asked of a backend."""

    name: str

    def outputs(self) -> list[str]: ...


def arguments(fluidsynth: str, font: Path, system: str) -> list[str]:
    """How FluidSynth is called. Raises JamdError where it cannot have a port of its own."""
    if system not in DRIVERS:
        raise JamdError(f"{system} has no port for FluidSynth; name a synth with --out (see `jamd ports`)")
    return [fluidsynth, "-q", "-g", f"{GAIN}", *DRIVERS[system], str(font)]


def found(font: Path | None = None) -> tuple[str, Path]:
    """FluidSynth, and the sound font it is to play: this one, or one that is found. Raises JamdError with
    what to install."""
    fluidsynth = program()
    font = sound_font() if font is None else checked(font, "--synth")
    if fluidsynth is None or font is None:
        raise JamdError(how_to_get())
    return fluidsynth, font


@contextmanager
def playing(
    midi: Outputs,
    call: Sequence[str],
    wait: Callable[[float], object] = time.sleep,
    now: Callable[[], float] = time.monotonic,
) -> Iterator[str]:
    """FluidSynth, called like this, plays what comes to the output of this name until the block ends. Raises
    JamdError when it does not start, with what it said."""
    before = set(midi.outputs())
    try:
        process = subprocess.Popen(
            call,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=os.environ | {"JACK_NO_START_SERVER": "1"},
            start_new_session=sys.platform != "win32",  # Ctrl-C is for jamd, which silences before it ends
        )
    except OSError as error:
        raise JamdError(f"FluidSynth does not start: {call[0]}: {error.strerror}") from error
    assert process.stdin is not None
    assert process.stderr is not None
    said: deque[str] = deque(maxlen=LINES)
    reader = threading.Thread(target=_read, args=(process.stderr, said), name="jamd-synth", daemon=True)
    reader.start()
    try:
        deadline = now() + START_SECONDS
        while (name := _new_output(midi, before)) is None:
            if process.poll() is not None or _cannot(said) or now() > deadline:
                reader.join(END_SECONDS if process.poll() is not None else 0)
                raise JamdError(f"FluidSynth does not start: {_reason(said)}")
            wait(LOOK_SECONDS)
        yield name
    finally:
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join(END_SECONDS)
        process.stderr.close()


def _new_output(midi: Outputs, before: set[str]) -> str | None:
    with suppress(BackendError):  # asked for once more
        return next((name for name in midi.outputs() if NAME in name and name not in before), None)
    return None


def _cannot(said: Sequence[str]) -> bool:
    """Whether it goes on, but hears nothing."""
    return any(line.startswith("Failed to create the MIDI") for line in tuple(said))


def _read(stderr: IO[bytes], said: deque[str]) -> None:
    with suppress(OSError, ValueError):
        for line in stderr:
            said.append(line.decode(errors="replace").strip())


def _reason(said: Sequence[str]) -> str:
    """The first of its own complaints: what comes after follows from it."""
    own = [line.split("error: ")[1] for line in said if line.startswith("fluidsynth: error: ")]
    own += [line for line in said if line.startswith("Failed to")]
    return (own or ["it opens no MIDI port"])[0].rstrip(".")
