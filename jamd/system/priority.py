"""Scheduling: priority, cores and timer slack that the system may grant. Each is asked, none is needed.

Measured on two cores with the model running: who wakes late woke on a core that another thread held. So the
engine's thread gets a core that the model's keeps off, and real-time priority where the user may have it. It
works for microseconds at a time. Nothing else of jamd's is in real time: what holds a core for longer holds
up those who carry and sound the notes, JACK's threads, a synth, a browser, and what was sent in time is
heard late. The model is content with its share. With less, at a nice value of 3, the first notes of one
answer in ten were 80 ms late beside busy programs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

REAL_TIME_PRIORITY = 20
"""The engine's: above everything that is not in real time."""
FINE_MS = 1
"""The finest tick that Windows has."""

_asking = True  # for real time at all


def model_cores() -> frozenset[int]:
    """The cores for the model: all that this thread may run on but the first, which is the engine's. Empty
    where there is only one, or where the system does not tell."""
    return frozenset(cores()[1:])


def keep_to(cores: frozenset[int]) -> None:
    """Keep the calling thread to these cores; none are any."""
    if cores:
        os.sched_setaffinity(0, cores)


@contextmanager
def on_time() -> Iterator[None]:
    """Keep the calling thread on its first core, and in real time (SCHED_FIFO) if the user may have it.

    Threads that it starts meanwhile are not in real time.
    """
    mine = cores()
    keep_to(frozenset(mine[:1]) if len(mine) > 1 else frozenset())
    real_time = _ask_for_real_time()
    fine = _ask_for_fine_waits()
    try:
        yield
    finally:
        if fine:
            _winmm().timeEndPeriod(FINE_MS)
        keep_to(frozenset(mine))
        if real_time:
            _give_back()


@contextmanager
def as_ordinary_user() -> Iterator[None]:
    """Ask for no real time in here: what the figures are where the user may not have it."""
    global _asking
    before, _asking = _asking, False
    try:
        yield
    finally:
        _asking = before


def real_time_is_had() -> bool:
    """Whether the user may have real-time priority. Asks for it, and gives it back."""
    had = _ask_for_real_time()
    if had:
        _give_back()
    return had


def cores() -> list[int]:
    """The cores that this thread may run on; empty where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def _ask_for_real_time() -> bool:
    if not _asking or not hasattr(os, "sched_setscheduler"):
        return False
    try:
        policy = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(0, policy, os.sched_param(REAL_TIME_PRIORITY))
    except OSError:
        return False
    return True


def _ask_for_fine_waits() -> bool:
    """On Windows, waits end on a tick of 15.6 ms unless a program wishes otherwise."""
    return (winmm := _winmm()) is not None and winmm.timeBeginPeriod(FINE_MS) == 0


def _winmm() -> Any:
    if os.name != "nt":
        return None
    import ctypes

    return getattr(ctypes, "windll").winmm  # noqa: B009, elsewhere the checker knows of none


def _give_back() -> None:
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def one_blas_thread() -> None:
    """Keep numpy's matrix products on one thread, if numpy is not loaded yet: spread over two busy cores, a
    step of the model takes ten times as long."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ.setdefault(name, "1")
