"""How late jamd's events leave, on real ports: `.venv/bin/python tests/bench_answers.py [ANSWERS]`.

A scripted player in another process trades bars at 240 BPM with `jamd listen` over JACK's dummy driver; the
lateness is that of jamd's own trace, actual against intended instant at the send call.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
from realparts import KEYS, SYNTH, Jamd, Player, jack_server

TEMPO, BAR_SECONDS = 240, 1.0
CALL = (60, 64, 67, 72)


def told(name: str, lateness_ms: list[float]) -> str:
    median, p99 = np.percentile(lateness_ms, [50, 99])
    most = max(lateness_ms)
    return f"{name}: n {len(lateness_ms)}, median {median:.2f} ms, p99 {p99:.2f} ms, max {most:.2f} ms"


def main(answers: int) -> None:
    score = []
    for turn in range(answers):
        for beat, pitch in enumerate(CALL):
            seconds = 2 * turn * BAR_SECONDS + beat * BAR_SECONDS / 4
            score += [(seconds, (0x90, pitch, 80)), (seconds + 0.2, (0x80, pitch, 0))]
    options = ("--tempo", str(TEMPO), "--bars", "1", "--answer-bars", "1", "--seed", "1")
    with jack_server(), Player() as player, tempfile.TemporaryDirectory() as folder:
        with Jamd(Path(folder), "--backend", "jack", "--in", KEYS, "--out", SYNTH, *options) as jamd:
            jamd.wait_until_listening()
            start = player.play(score)
            player.listen_until(start + (2 * answers + 0.5) * BAR_SECONDS)
            jamd.signal(signal.SIGTERM)
            print(jamd.wait().stdout.splitlines()[-2])
        events = [event for event in jamd.trace() if event["bytes"][0] & 0xF0 in (0x80, 0x90)]
    lateness = [1000 * (event["actual"] - event["intended"]) for event in events]
    # an answer's first event is the first note-on after a bar's rest
    gaps = [True] + [b["intended"] - a["intended"] > 0.99 * BAR_SECONDS for a, b in pairwise(events)]
    begins = [gap and event["bytes"][0] & 0xF0 == 0x90 for gap, event in zip(gaps, events, strict=True)]
    print(told("first event of an answer", [ms for ms, begun in zip(lateness, begins, strict=True) if begun]))
    print(told("all events", lateness))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
