"""Whether a duet keeps up at 200 BPM: `.venv/bin/python -m tests.bench.duet [--minutes 10]`.

A scripted player in another process plays sixteenths, one every 75 ms, without an end, and `jamd listen
--mode duet` plays along over JACK's dummy driver. The lateness is that of jamd's own trace, actual against
intended instant at the send call. A gap is a step for which jamd had no frame of its mind's, so that what
sounded sounded on; jamd's summary counts them as late from the model.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.kit.realparts import KEYS, SYNTH, Jamd, Player, jack_server

TEMPO = 200
STEP_SECONDS = 60 / TEMPO / 4
LATE_MS = 10.0
"""A note that leaves later than this is called late."""
SCALE = (48, 50, 52, 53, 55, 57, 59, 60, 62, 64, 65, 67, 69, 71, 72, 74, 76, 77, 79, 81, 83, 84)


def told(name: str, lateness_ms: list[float]) -> str:
    median, p99 = np.percentile(lateness_ms, [50, 99])
    most = max(lateness_ms)
    return f"{name}: n {len(lateness_ms)}, median {median:.2f} ms, p99 {p99:.2f} ms, max {most:.2f} ms"


def score(steps: int) -> list[tuple[float, Sequence[int]]]:
    """A note on each step, which wanders up and down a scale."""
    rng, place = random.Random(1), len(SCALE) // 2
    notes: list[tuple[float, Sequence[int]]] = []
    for step in range(steps):
        place = min(max(place + rng.choice((-2, -1, 1, 2)), 0), len(SCALE) - 1)
        seconds, velocity = step * STEP_SECONDS, 90 if step % 4 == 0 else 70
        notes.append((seconds, (0x90, SCALE[place], velocity)))
        notes.append((seconds + 0.8 * STEP_SECONDS, (0x80, SCALE[place], 0)))
    return notes


def cpu_seconds(pid: int) -> float:
    """What a process has had of the CPUs, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(minutes: float, view: bool, options: Sequence[str]) -> None:
    steps = round(60 * minutes / STEP_SECONDS)
    ways = ("--mode", "duet", "--tempo", str(TEMPO), "--seed", "1", *options)
    with jack_server(), Player() as player, tempfile.TemporaryDirectory() as folder:
        ports = ("--backend", "jack", "--in", KEYS, "--out", SYNTH)
        with Jamd(Path(folder), *ports, *ways, terminal=view) as jamd:
            jamd.wait_until_listening()
            start = player.play(score(steps))
            player.listen_until(start)
            began, cpu_began = time.monotonic(), cpu_seconds(jamd.popen.pid)
            player.listen_until(start + steps * STEP_SECONDS)
            share = (cpu_seconds(jamd.popen.pid) - cpu_began) / (time.monotonic() - began)
            jamd.signal(signal.SIGTERM)
            summary = jamd.wait().stdout
        events = [event for event in jamd.trace() if event["bytes"][0] & 0xF0 in (0x80, 0x90)]
    player_ms = sorted(
        1000 * (message.seconds - start - seconds)
        for message, (seconds, _) in zip(player.sent, score(steps), strict=False)
    )
    strikes = [event for event in events if event["bytes"][0] & 0xF0 == 0x90]
    notes_ms = [1000 * (event["actual"] - event["intended"]) for event in strikes]
    all_ms = [1000 * (event["actual"] - event["intended"]) for event in events]
    late = sum(ms > LATE_MS for ms in notes_ms)
    counts = re.search(r"(\d+) dropped, (\d+) late from the model, (\d+) given up", summary)
    assert counts, summary
    dropped, gaps, given_up = counts.groups()
    print(f"duet at {TEMPO} BPM for {minutes:g} minutes, {steps} steps of {1000 * STEP_SECONDS:g} ms:")
    print(told("jamd's notes", notes_ms))
    print(told("all its events", all_ms))
    print(told("the player, as the machine let it", player_ms))
    print(f"{late} notes over {LATE_MS:g} ms late, {dropped} dropped, {gaps} gaps, {given_up} given up")
    print(f"jamd's process had {share:.0%} of one core")
    shown = ["--view"] if view else []
    print(" ".join([f".venv/bin/python -m tests.bench.duet --minutes {minutes:g}", *shown, *options]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", default=2, type=float)
    parser.add_argument("--view", action="store_true", help="with the view in a terminal")
    given, listen_options = parser.parse_known_args()
    main(given.minutes, given.view, listen_options)
