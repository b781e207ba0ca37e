"""The machine: its cores, clocks, load and priorities, as far as they decide the timing."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

from jamd.clock import seconds_now
from jamd.system.priority import cores, real_time_is_had

STEAL = 7
"""Its place among the times of /proc/stat; those after it are counted in others already."""
GOVERNORS = "sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor"


@dataclass(frozen=True, slots=True)
class Machine:
    """What was found. None and empty are what the system does not tell."""

    system: str
    """As `platform.system` says: Linux, Darwin, Windows."""
    processor: str
    cores: int
    """Those that this program may use."""
    load: float | None
    """How many programs wanted to run, on average over the last minute."""
    governors: tuple[str, ...]
    """How the clock rate of the cores is chosen."""
    virtual: bool
    """Whether it is a virtual machine, of which another system decides when it runs."""
    affinity: bool
    """Whether a thread can be kept to a core."""
    real_time: bool
    """Whether this user may have real-time priority."""
    grain_seconds: float
    """The smallest difference between two instants of the clock."""
    root: bool = False
    """Whether this user is root, who is refused nothing outside of containers."""


def look(root: Path = Path("/"), system: str = "") -> Machine:
    """This machine; `root` is where /proc and /sys are, `system` another system's name."""
    flags = [line for line in _read(root / "proc/cpuinfo").splitlines() if line.startswith("flags")]
    return Machine(
        system=system or platform.system(),
        processor=processor_name(root),
        cores=len(cores()) or os.cpu_count() or 1,
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        governors=tuple(sorted({_read(path).strip() for path in root.glob(GOVERNORS)} - {""})),
        virtual=any("hypervisor" in line.split() for line in flags),
        affinity=hasattr(os, "sched_setaffinity"),
        real_time=real_time_is_had(),
        grain_seconds=_grain_seconds(),
        root=hasattr(os, "geteuid") and os.geteuid() == 0,
    )


def core_seconds() -> float:
    """The time on all cores that this program took so far, and its processes that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def peak_megabytes(root: Path = Path("/")) -> float | None:
    """The most memory that this program has had resident so far."""
    for line in _read(root / "proc/self/status").splitlines():
        if line.startswith("VmHWM:"):
            return round(int(line.split()[1]) * 1024 / 1e6, 1)
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak * (1 if platform.system() == "Darwin" else 1024) / 1e6, 1)


@dataclass(frozen=True, slots=True)
class CoreTicks:
    """The time of all cores since the system's start, in its own ticks (proc(5), /proc/stat)."""

    all: int
    stolen: int
    """In which this machine had work to do and its host ran something else."""

    def stolen_since(self, before: CoreTicks) -> float:
        """The host's share of the time since then, 0 to 1."""
        return (self.stolen - before.stolen) / max(1, self.all - before.all)


def core_ticks(root: Path = Path("/")) -> CoreTicks | None:
    """As of now; None where the system does not tell."""
    fields = [int(field) for field in _read(root / "proc/stat").partition("\n")[0].split()[1:]]
    return CoreTicks(sum(fields[: STEAL + 1]), fields[STEAL]) if len(fields) > STEAL else None


def processor_name(root: Path = Path("/")) -> str:
    """What the processor calls itself."""
    info = _read(root / "proc/cpuinfo").splitlines()
    names = [line.partition(":")[2].strip() for line in info if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _grain_seconds() -> float:
    return time.get_clock_info("monotonic" if seconds_now is time.monotonic else "perf_counter").resolution


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
