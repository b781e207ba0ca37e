"""What is asked of every night, virtual or real: its memory and its file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import mido

from jamd.smf import midifile

GROWTH = 1.05
"""The last eighth's resident memory may be so much of the second eighth's: the second hour of eight."""

Verdict = tuple[str, bool, str]
"""What was asked, whether it is so, and the figures."""
Verdicts = list[Verdict]


def resident_mib(pid: int | str = "self") -> float:
    """What a process has of the memory."""
    return sum(memory_mib(pid))


def memory_mib(pid: int | str) -> tuple[float, float]:
    """What a process has of the memory for itself, and what it shares, with a JACK server for one."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kib = {line.partition(":")[0]: int(line.split()[1]) for line in lines if line.endswith("kB")}
    return (kib["VmRSS"] - kib["RssShmem"]) / 1024, kib["RssShmem"] / 1024


def told(seconds: float, turns: int, heard: int, played: int, resident: float) -> str:
    """A line of a night."""
    return f"{seconds / 3600:8.3f} {turns:6d} {heard:7d} {played:7d} {resident:7.1f}"


def flat(resident: Sequence[float], lines: int) -> Verdict:
    """Whether the memory stays what it was; `resident` is in MiB, one for each line."""
    eighth = lines // 8
    early = max(resident[eighth : 2 * eighth])
    late = max(resident[-eighth:])
    figures = f"{early:.1f} MiB in the second eighth, {late:.1f} in the last: {late / early - 1:+.1%}"
    return "the memory is flat within 5 %", late <= GROWTH * early, figures


def file_verdicts(record: Path, heard: int, played: int) -> Verdicts:
    """Whether the session's file is whole, and holds all that was heard of the player and played by jamd."""
    tracks = {track.name: track for track in mido.MidiFile(record).tracks}
    verdicts = []
    for name, count in (("player", heard), ("jamd", played)):
        begun, ended, left, instant = _counted(tracks[name])
        whole = begun == ended == count and not left
        verdicts.append(
            (f"all of {name} is in the file and ended", whole, f"{begun} of {count}, {ended} ended")
        )
        read = sum(len(part.notes) for part in midifile.read(record).parts if part.name == name)
        readable = begun - instant <= read <= begun
        verdicts.append((f"jamd reads all of {name}", readable, f"{read} notes, {instant} of no length"))
    return verdicts


def _counted(track: mido.MidiTrack) -> tuple[int, int, int, int]:
    """Notes begun, ended, left sounding, and begun and ended on one tick."""
    sounding: dict[tuple[int, int], int] = {}
    begun = ended = instant = ticks = 0
    for message in track:
        ticks += message.time
        if message.type not in ("note_on", "note_off"):
            continue
        key = (message.channel, message.note)
        if message.type == "note_on" and message.velocity:
            begun += 1
            sounding[key] = ticks
        elif key in sounding:
            ended += 1
            instant += sounding.pop(key) == ticks
    return begun, ended, len(sounding), instant
