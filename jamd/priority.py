"""What the system may be asked for so that the engine wakes on time. Each is asked, none is needed.

Measured on two cores with the model running: who wakes late woke on a core that another thread held.
"""

from __future__ import annotations

import os

REAL_TIME_PRIORITY = 20
"""Above everything that is not real-time."""


def ask_for_real_time() -> bool:
    """Give the calling thread real-time priority (SCHED_FIFO), if the user may have it; threads that it
    starts do not inherit it. False where the system has no such call or says no."""
    if not hasattr(os, "sched_setscheduler"):
        return False
    try:
        policy = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(0, policy, os.sched_param(REAL_TIME_PRIORITY))
    except OSError:
        return False
    return True


def leave_a_core_free() -> None:
    """Keep the calling thread off the first core it may run on, so that the engine finds one idle."""
    if not hasattr(os, "sched_setaffinity"):
        return
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, cores[1:])
