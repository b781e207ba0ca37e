"""What the system may be asked for so that the engine wakes on time. Each is asked, none is needed.

Measured on two cores with the model running: who wakes late woke on a core that another thread held. So the
engine's thread gets a core that the model's keeps off, and real-time priority where the user may have it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

REAL_TIME_PRIORITY = 20
"""Above everything that is not real-time."""


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
    try:
        yield
    finally:
        keep_to(frozenset(mine))
        if real_time:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def cores() -> list[int]:
    """The cores that this thread may run on; empty where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def _ask_for_real_time() -> bool:
    if not hasattr(os, "sched_setscheduler"):
        return False
    try:
        policy = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(0, policy, os.sched_param(REAL_TIME_PRIORITY))
    except OSError:
        return False
    return True


def one_blas_thread() -> None:
    """Keep numpy's matrix products on one thread, if numpy is not loaded yet: spread over two busy cores, a
    step of the model takes ten times as long."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ.setdefault(name, "1")
