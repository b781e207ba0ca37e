"""How long a model takes on this machine: for a step, each part of it, and a whole answer."""

from __future__ import annotations

import copy
import os
import platform
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from jamd import __version__
from jamd.bench.machine import processor_name
from jamd.mind.improviser import Improviser
from jamd.mind.settings import Wishes
from jamd.models.bundle import Bundle
from jamd.models.features import Cue, Place
from jamd.models.memory.memory import Remembering
from jamd.models.mind import Mind
from jamd.models.opening import open_mind
from jamd.models.sampling import Knobs, spell
from jamd.music.note import REST, Frame, frames_of
from jamd.smf import midifile

COURSES = (1, 8, 16)
CANDIDATES = (1, 16)
ANSWER_STEPS = 32
STEPS_PER_BAR = 16
CACHE_BYTES = 64 * 2**20
"""Touched before the weights are read, so that they come from memory."""
PARTS = ("step", "state", "spelling", "hear", "memory")
"""A whole step; of it the state for a frame, the frame note by note, and hearing it; the memory's share."""

Seconds = list[float]


def measure(bundle: Bundle, device: str, answers: int) -> dict[str, Any]:
    """The account of a model that `--json` prints; times in milliseconds."""
    mind = open_mind(bundle, device)
    network: Any = mind
    while hasattr(network, "mind"):
        network = network.mind
    on_gpu = str(getattr(network, "device", "cpu")).startswith("cuda")
    call = _call()
    watched, memory_seconds = _watch_memory(mind)
    steps = {}
    for courses in COURSES:
        account = _steps(mind, call, courses, answers, on_gpu)
        account["memory"] = None
        if memory_seconds is not None:
            account["memory"] = _steps(watched, call, courses, answers, on_gpu, memory_seconds)["memory"]
        steps[str(courses)] = account
    return {
        "model": bundle.name,
        "arch": bundle.header["arch"],
        "device": "cuda" if on_gpu else "cpu",
        "machine": _machine(on_gpu),
        "steps": steps,
        "answers": {str(count): _answers(mind, call, count, answers) for count in CANDIDATES},
        "weights": None if on_gpu else _reading(bundle),
    }


def step_seconds(bundle: Bundle, candidates: int = max(COURSES), answers: int = 2) -> float:
    """What a step of so many candidates takes on the CPU, as a rule."""
    steps = _steps(open_mind(bundle, "cpu"), _call(), candidates, answers, on_gpu=False)
    return float(steps["step"]["median_ms"]) / 1000


def _call() -> list[Frame]:
    """Four bars of the call that comes with jamd."""
    return frames_of(midifile.read(Path(str(files("jamd"))) / "call.mid").notes)[: 4 * STEPS_PER_BAR]


def _steps(
    mind: Mind,
    call: list[Frame],
    courses: int,
    answers: int,
    on_gpu: bool,
    memory_seconds: Callable[[], float] = lambda: 0.0,
) -> dict[str, Any]:
    """Times of each part of a step, over the steps of so many answers after a first one that warms up."""

    def now() -> float:
        if on_gpu:
            import torch

            torch.cuda.synchronize()
        return time.perf_counter()

    rng = np.random.default_rng(0)
    took: dict[str, Seconds] = {part: [] for part in PARTS}
    notes = 0
    for _ in range(answers + 1):
        thought = mind.start()
        for step, frame in enumerate(call):
            thought.hear([frame], [REST], [Place(step % STEPS_PER_BAR, STEPS_PER_BAR)])
        thought = thought.fork([0] * courses)
        thought.begin()
        frames = [REST] * courses
        for step in range(ANSWER_STEPS):
            place = Place(step % STEPS_PER_BAR, STEPS_PER_BAR)
            began, remembered = now(), memory_seconds()
            spelling = thought.spell(frames, [Cue(place, False, ANSWER_STEPS - step)] * courses)
            known = now()
            frames, _ = spell(spelling, courses, Knobs(), rng, attack=step == 0)
            spelt = now()
            thought.hear([REST] * courses, frames, [place] * courses)
            heard, memory = now(), memory_seconds() - remembered
            parts = (heard - began, known - began, spelt - known, heard - spelt, memory)
            for part, seconds in zip(PARTS, parts, strict=True):
                took[part].append(seconds)
            notes += sum(len(frame.onsets) + len(frame.held) for frame in frames)
    account: dict[str, Any] = {part: _summary(seconds[ANSWER_STEPS:]) for part, seconds in took.items()}
    return {**account, "notes_per_step": round(notes / len(took["step"]) / courses, 2)}


def _answers(mind: Mind, call: list[Frame], candidates: int, answers: int) -> dict[str, float]:
    """Times from the request of a two-bar answer to its last frame, choice included."""
    places = [Place(step % STEPS_PER_BAR, STEPS_PER_BAR) for step in range(ANSWER_STEPS)]
    took = []
    for seed in range(answers + 1):
        improviser = Improviser(mind, Knobs(), seed, Wishes(candidates=candidates))
        for step, frame in enumerate(call):
            improviser.hear(frame, REST, places[step % STEPS_PER_BAR])
        began = time.perf_counter()
        list(improviser.answer(places))
        took.append(time.perf_counter() - began)
    return _summary(took[1:])


class _Watched:
    """A mind, a thought or a spelling, and where the seconds that its calls take are summed, `took[0]`."""

    def __init__(self, inner: Any, took: Seconds) -> None:
        self.inner, self.took = inner, took

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.inner, name)
        if not callable(value):
            return value

        def called(*arguments: Any) -> Any:
            began = time.perf_counter()
            result = value(*arguments)
            self.took[0] += time.perf_counter() - began
            return _Watched(result, self.took) if name in ("start", "fork", "spell") else result

        return called


def _watch_memory(mind: Any) -> tuple[Any, Callable[[], float] | None]:
    """A mind like this one, and what tells the seconds that its session memory took so far; None without."""
    if not isinstance(mind, Remembering):
        if not hasattr(mind, "mind"):
            return mind, None
        outer = copy.copy(mind)
        outer.mind, memory_seconds = _watch_memory(mind.mind)
        return outer, memory_seconds
    inside, around = [0.0], [0.0]
    memory = copy.copy(mind)
    memory.mind = _Watched(mind.mind, inside)
    return _Watched(memory, around), lambda: around[0] - inside[0]


def _reading(bundle: Bundle) -> dict[str, float]:
    """How much the weights are, and the times of reading them all once from memory."""
    arrays = list(bundle.weights.values())
    flushed = np.zeros(CACHE_BYTES // 8)
    took = []
    for _ in range(10):
        flushed += 1
        began = time.perf_counter()
        for array in arrays:
            array.sum()
        took.append(time.perf_counter() - began)
    return {"megabytes": round(sum(array.nbytes for array in arrays) / 1e6, 1), **_summary(took)}


def _summary(took: Seconds) -> dict[str, float]:
    """Of times in seconds: how many, and the 5th percentile, median and 99th in milliseconds. The 5th is
    about what a quiet machine would show."""
    low, median, high = (round(1000 * float(x), 4) for x in np.percentile(took, [5, 50, 99]))
    return {"n": len(took), "p5_ms": low, "median_ms": median, "p99_ms": high}


def _machine(on_gpu: bool) -> dict[str, Any]:
    machine: dict[str, Any] = {
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "load": [round(load, 2) for load in os.getloadavg()] if hasattr(os, "getloadavg") else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "jamd": __version__,
    }
    if on_gpu:
        import torch

        machine |= {"torch": torch.__version__, "gpu": torch.cuda.get_device_name()}
    return machine
