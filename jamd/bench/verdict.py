"""Whether a machine is fit for the stage, said in words from what was measured, and what to change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jamd.bench.machine import Machine

TIMING, ROUND_TRIP, MODEL, START, MEMORY, CPU = "timing", "round trip", "model", "start", "memory", "cpu"
HEARD = "heard"
BUSY_LOAD = 0.5
"""So many programs that want to run beside jamd are too many."""
LONG_SECONDS = 300.0
"""In less, what drifts is the machine's mood."""
FIXED_GOVERNORS = {"performance"}


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure, and the most that jamd promises of it on a quiet machine and that a stage bears."""

    name: str
    about: str
    value: float
    unit: str
    promised: float | None
    bearable: float | None = None

    @property
    def kept(self) -> bool:
        return self.promised is None or self.value <= self.promised

    @property
    def fit(self) -> bool:
        return self.bearable is None or self.value <= self.bearable

    def __str__(self) -> str:
        return f"{self.value:g} {self.unit}".rstrip()


@dataclass(frozen=True, slots=True)
class Verdict:
    """In words: what was found, and what to change, the likeliest first."""

    fit: bool
    words: str
    advice: tuple[str, ...]


def late_or_missing(row: Mapping[str, Any]) -> int:
    """Notes that left too late or not at all, steps and answers that the model had not ready in time."""
    return int(row["late_notes"] + row["late_frames"] + row["faults"])


def judged(account: Mapping[str, Any]) -> list[Figure]:
    """The figures in an account of `jamd bench` that have limits; what was not measured has none."""
    figures: list[Figure] = []
    if account.get("rows"):
        row, answers = account["rows"][0], account["rows"][0].get("answers", {})
        figures += heard(account["rows"])
        figures.append(Figure("late or missing", TIMING, late_or_missing(row), "", 0, 0))
        if row["n"]:
            p99 = 0.3 if row["real_time"] else 0.5
            figures += [
                Figure("notes late, 99 %", TIMING, row["p99_ms"], "ms", p99, 2.0),
                Figure("notes late, at most", TIMING, row["max_ms"], "ms", 5.0, 10.0),
            ]
        if answers.get("n"):
            figures.append(Figure("answers late, at most", TIMING, answers["max_ms"], "ms", 5.0, 10.0))
        if row["drift_ms"] is not None and account["piece"]["seconds"] >= LONG_SECONDS:
            figures.append(Figure("drift from first to last", TIMING, abs(row["drift_ms"]), "ms", 0.1, 1.0))
    trip = (account.get("round_trip") or {}).get("median_ms")
    if trip is not None:
        figures.append(Figure("round trip, median", ROUND_TRIP, trip, "ms", None, 20.0))
    if account.get("model_step"):
        share = round(100 * account["model_step"]["share"], 1)
        figures.append(Figure("a model step, of a sixteenth", MODEL, share, "%", None, 50.0))
    if account.get("cpu"):
        share = round(100 * account["cpu"]["share"], 1)
        figures.append(Figure("of one core at 120 BPM", CPU, share, "%", 15.0, 60.0))
    ready = (account.get("start_up") or {}).get("median_s")
    if ready is not None:
        figures.append(Figure("ready after", START, ready, "s", 1.5))
    memory = account.get("memory") or {}
    if memory.get("resident_mb") is not None:
        promised = None if memory["torch"] else 250.0
        figures.append(Figure("memory", MEMORY, memory["resident_mb"], "MB", promised))
    return figures


def heard(rows: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """What another program heard of jamd as it plays here, alone and beside busy loops: what counts."""
    figures = []
    for row in rows:
        if row["name"] != rows[0]["name"] or "heard" not in row:
            continue
        found, beside = row["heard"], ", busy" if row["busy"] else ""
        lost = row["dropped"] + found["missing"] + row["faults"]
        figures.append(Figure(f"notes and answers lost{beside}", HEARD, lost, "", 0, 0))
        if (first := found["answers"])["n"]:
            figures += [
                Figure(f"first notes heard, median{beside}", HEARD, first["median_ms"], "ms", 5.0, 5.0),
                Figure(f"first notes heard, 99 %{beside}", HEARD, first["p99_ms"], "ms", 10.0, 10.0),
            ]
        if found["n"]:
            figures.append(Figure(f"notes heard, 99 %{beside}", HEARD, found["p99_ms"], "ms", 5.0, 10.0))
    return figures


def verdict(figures: Sequence[Figure], machine: Machine, backend: str | None) -> Verdict:
    """Fit or not, and why; advice for whatever is not as promised."""
    unfit = [figure for figure in figures if not figure.fit]
    missed = [figure for figure in figures if not (figure.fit and figure.kept)]
    if unfit:
        words = "not fit for the stage: " + "; ".join(
            f"{each.name} {each} (a stage bears {each.bearable:g})" for each in unfit
        )
    elif missed:
        words = "fit for the stage, if not as good as promised: " + "; ".join(
            f"{each.name} {each} (promised {each.promised:g})" for each in missed
        )
    else:
        words = "fit for the stage: all is as promised"
    return Verdict(not unfit, words, tuple(advice({each.about for each in missed}, machine, backend)))


def advice(about: set[str], machine: Machine, backend: str | None) -> list[str]:
    """What to change on this machine, for what is not as it should be."""
    said: list[str] = []
    if TIMING in about or HEARD in about:
        said += for_timing(machine)
    if ROUND_TRIP in about or HEARD in about:
        said.append(for_ports(backend))
    if MODEL in about or CPU in about:
        said.append("fewer candidates: jamd listen --candidates 4; or --device cuda, with a GPU")
    if MEMORY in about:
        said.append("the bundled model, on the CPU, is the small one: jamd listen --device cpu")
    if START in about:
        said.append("start jamd before it is needed: the first start after the machine's own is the slowest")
    return said


def for_timing(machine: Machine) -> list[str]:
    """What makes notes leave late here."""
    causes = (busy, without_priority, clocked_down, few_cores, virtual)
    return [said for cause in causes if (said := cause(machine))]


def busy(machine: Machine) -> str | None:
    """Others want to run as well."""
    if machine.load is None or machine.load <= BUSY_LOAD:
        return None
    return f"other programs are busy (load {machine.load:g}): close them, and look again"


def without_priority(machine: Machine) -> str | None:
    """The user may not have real-time priority."""
    if machine.real_time:
        return None
    if machine.root:
        return (
            "no real-time priority, not even for root: a container needs `--cap-add SYS_NICE`, a control "
            "group a share in cpu.rt_runtime_us"
        )
    if machine.system == "Linux":
        return (
            "no real-time priority: put `@audio - rtprio 95` into /etc/security/limits.d/audio.conf, then "
            "`sudo usermod -aG audio $USER`, and log in again"
        )
    return f"no real-time priority: jamd knows no way to it on {machine.system}, and does without"


def clocked_down(machine: Machine) -> str | None:
    """Cores that were idle are slow at first."""
    if set(machine.governors) <= FIXED_GOVERNORS:
        return None
    governors = ", ".join(machine.governors)
    return f"idle cores are clocked down ({governors}): `sudo cpupower frequency-set -g performance`"


def few_cores(machine: Machine) -> str | None:
    """Notes and model share a core."""
    if machine.cores < 2:
        return "one core is all there is: give jamd two, one for the notes and one for the model"
    if not machine.affinity:
        return f"{machine.system} keeps no thread to a core: the model may be in the notes' way"
    return None


def virtual(machine: Machine) -> str | None:
    """Another system decides when this one runs."""
    if not machine.virtual:
        return None
    return "this is a virtual machine, and its host decides when it runs: play on a real one"


def for_ports(backend: str | None) -> str:
    """What makes the way of a message shorter."""
    return {
        "jack": "a shorter JACK period: jackd ... -p 128, or the buffer size in QjackCtl or PipeWire",
        "alsa": "plug the device straight into the computer, without a hub; no power saving for USB",
        "coremidi": "plug the device straight into the computer; Bluetooth MIDI is slower than a cable",
        "winmm": "plug the device straight into the computer; close programs that pass MIDI on",
    }.get(backend or "", "another MIDI system: --backend (see `jamd doctor`)")
