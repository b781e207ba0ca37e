"""What may keep jamd from playing well on this machine, looked at one thing after another."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from jamd.bench.machine import Machine
from jamd.bench.verdict import (
    busy,
    clocked_down,
    few_cores,
    virtual,
    without_priority,
)
from jamd.clock import COARSE_SECONDS
from jamd.errors import JamdError
from jamd.system.extras import adding, is_installed

LEAST_FREE_BYTES = 100 * 10**6
BLAS_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""What numpy's libraries look at first."""
OTHERS = 0o077


class State(StrEnum):
    """How a thing is: a fault stops the playing, a warning does not."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one thing, and what to do about it."""

    name: str
    state: State
    said: str
    remedy: str = ""


def of_machine(machine: Machine) -> Iterator[Finding]:
    """Whether the system lets notes leave in time."""
    load = "" if machine.load is None else f"load {machine.load:g}"
    governors = ", ".join(machine.governors)
    looked: tuple[tuple[str, Callable[[Machine], str | None], str], ...] = (
        ("real time", without_priority, "this user may have real-time priority"),
        ("cores", few_cores, f"{machine.cores}; the model keeps off the one of the notes"),
        ("clock rate", clocked_down, governors or "the system tells no governor"),
        ("other programs", busy, load or "the system tells no load"),
        ("machine", virtual, machine.processor),
    )
    for name, look, fine in looked:
        wanting = look(machine)
        what, _, remedy = (wanting or "").partition(": ")
        yield Finding(name, State.WARNING, what, remedy) if wanting else Finding(name, State.OK, fine)
    yield of_clock(machine.grain_seconds)


def of_clock(grain_seconds: float) -> Finding:
    """Whether the clock is fine enough."""
    if grain_seconds > COARSE_SECONDS:
        said = f"it counts in steps of {1000 * grain_seconds:.1f} ms, and notes are late by as much"
        return Finding("clock", State.WARNING, said, "a newer Python may have a finer one")
    return Finding("clock", State.OK, f"it counts in steps of {1e6 * grain_seconds:g} µs")


def of_numpy(environment: Mapping[str, str]) -> Finding:
    """Whether the model's products stay on one thread."""
    spread = [name for name in BLAS_VARIABLES if environment.get(name, "1") != "1"]
    if spread:
        said = f"{spread[0]}={environment[spread[0]]} spreads the model over the notes' core"
        return Finding("numpy", State.WARNING, said, f"unset {spread[0]}")
    return Finding("numpy", State.OK, "on one thread, as is right for playing")


def of_torch(there: Callable[[str], bool] = is_installed, gpu: Callable[[], bool] | None = None) -> Finding:
    """Whether torch is there, and a GPU; without loading it. Only a GPU, and learning, need it."""
    from jamd.models.opening import cuda_present

    has_gpu = (gpu or cuda_present)()
    if not there("torch"):
        if has_gpu:
            said = "a GPU driver is there and torch is not: numpy plays, on the CPU"
            return Finding("torch", State.WARNING, said, f"to play on the GPU: {adding('gpu')}")
        said = f"not installed, and only jamd train would need it; this adds it: {adding('train')}"
        return Finding("torch", State.OK, said)
    where = "a GPU driver is there: torch plays on it if it can" if has_gpu else "no GPU: numpy plays"
    return Finding("torch", State.OK, f"installed; {where}")


def of_config(path: Path | None = None) -> Finding:
    """Whether the config file is right: `listen` would refuse it."""
    from jamd.options import config

    try:
        found = config.find(path)
        found.bindings()
    except JamdError as error:
        return Finding(
            "config file", State.FAULT, str(error), "put it right, or away: see `jamd config --help`"
        )
    return Finding("config file", State.OK, str(found.path or f"none; yours would be {config.user_path()}"))


def of_folder(name: str, folder: Path, else_do: str = "") -> Finding:
    """Whether jamd may write in a folder of its own, there or not, and others may not look into it."""
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        remedy = f"make {there} a folder that you may write in{else_do}"
        return Finding(name, State.WARNING, f"no permission to write in {folder}", remedy)
    free = shutil.disk_usage(there).free
    if free < LEAST_FREE_BYTES:
        said = f"{free / 1e6:.0f} MB are free for {folder}"
        return Finding(name, State.WARNING, said, "make room on the disk")
    if os.name == "posix" and folder.exists() and folder.stat().st_mode & OTHERS:
        return Finding(name, State.WARNING, f"others may look into {folder}", f"chmod go= '{folder}'")
    return Finding(name, State.OK, str(folder))


def of_folders() -> Iterator[Finding]:
    """The same of all that listen writes to."""
    from jamd.options.model import models_folder
    from jamd.sessions import profiles, sessions

    until_then = "; until then sessions go to a place of last resort, or where listen --record FILE says"
    yield of_folder("sessions", sessions.folder(), until_then)
    yield of_folder("profiles", profiles.folder())
    yield of_folder("models", models_folder(), ", or jamd train -o FILE")


def of_model(step_seconds: Callable[[], float], sixteenth_seconds: float = 0.0625) -> Finding:
    """Whether the model is there, and quick enough for sixteenths at 240 BPM. `step_seconds` loads it and
    tells what a step of all candidates takes; it may raise JamdError."""
    try:
        took = step_seconds()
    except JamdError as error:
        return Finding("model", State.FAULT, str(error), "install jamd anew")
    share = took / sixteenth_seconds
    said = f"a step takes {1000 * took:.1f} ms, {share:.0%} of a sixteenth at 240 BPM"
    if share > 0.5:
        remedy = "jamd listen --candidates 4, or a slower tempo"
        return Finding("model", State.WARNING, said, remedy)
    return Finding("model", State.OK, said)


def stops(findings: list[Finding]) -> bool:
    """Whether something found stops the playing."""
    return any(finding.state is State.FAULT for finding in findings)
