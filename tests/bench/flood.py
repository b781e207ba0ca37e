"""What a flood does to jamd's timing and memory: `python -m tests.bench.flood [--seconds 60] [--rate 1000]`.

Plays bars with the real engine and model in real time: some turns, then a flood with all that an input can
bring (notes at this rate, 128 keys held, controllers, keys let go that were never struck), then turns again.
Prints how late jamd's notes left before, during and after the flood, from one second after its end on, and of
each the longest queue and the resident memory.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import threading
import time

import mido
import numpy as np

from jamd.engine.turns import Form
from jamd.engine.voice import Voice
from jamd.live import Nowhere, Session, live_engine, run
from jamd.music.transport import Metre, Transport
from jamd.options.model import Playing
from jamd.sync.source import Internal

PLAYING = Playing(1.0, 0.98, 1.0, None, None, None, 1.0, 16, 0, "default", "cpu", 1.0, 1)
TEMPO, BAR_SECONDS, BEFORE_BARS, AFTER_BARS = 120.0, 2.0, 8, 12
CALL = (60, 64, 67, 72, 67, 64, 62, 59)

Script = list[tuple[float, mido.Message]]


def calls(first_bar: int, bars: int) -> Script:
    """A call in every other bar, in eighths."""
    script: Script = []
    for bar in range(first_bar, first_bar + bars, 2):
        for number, pitch in enumerate(CALL[:7]):
            seconds = bar * BAR_SECONDS + number * BAR_SECONDS / 8
            script.append((seconds, mido.Message("note_on", note=pitch, velocity=70)))
            script.append((seconds + 0.2, mido.Message("note_off", note=pitch)))
    return script


def flood(start_seconds: float, seconds: float, rate: int) -> Script:
    """Notes, all keys held in the middle of it, stuck controllers, and keys let go that nobody struck."""
    script: Script = []
    for number in range(int(seconds * rate)):
        at, pitch = start_seconds + number / rate, number * 7 % 128
        script.append((at, mido.Message("note_on", note=pitch, velocity=1 + number % 127)))
        script.append((at + 0.02, mido.Message("note_off", note=pitch)))
        if number % 4 == 0:
            script.append((at, mido.Message("control_change", control=number % 120, value=number % 128)))
            script.append((at, mido.Message("pitchwheel", pitch=number % 8191, channel=number % 16)))
            script.append((at, mido.Message("note_off", note=pitch, channel=5)))
    for pitch in range(128):
        script.append((start_seconds + seconds / 2, mido.Message("note_on", note=pitch, velocity=90)))
        script.append((start_seconds + seconds, mido.Message("note_off", note=pitch)))
    script.append((start_seconds + seconds, mido.Message("control_change", control=64, value=0)))
    return script


class Trace:
    """Keeps what the output would write."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, line: str) -> None:
        self.lines.append(line)

    def flush(self) -> None: ...


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seconds", type=float, default=60.0)
    options.add_argument("--rate", type=int, default=1000, help="notes a second")
    chosen = options.parse_args()
    first = BEFORE_BARS * BAR_SECONDS
    last = first + chosen.seconds
    after_bar = math.ceil((last + 1.0) / BAR_SECONDS / 2) * 2
    end = (after_bar + AFTER_BARS) * BAR_SECONDS
    script = calls(0, BEFORE_BARS) + flood(first, chosen.seconds, chosen.rate) + calls(after_bar, AFTER_BARS)
    script.sort(key=lambda event: event[0])

    trace, sizes = Trace(), []
    sync = Internal(Transport(TEMPO, Metre(4, 4)))
    session = Session(sync, Form(1, 1), Voice(0, 1.0), PLAYING.improvisers(), trace=trace)  # type: ignore[arg-type]
    with live_engine(session, Nowhere()) as (engine, output):

        def play() -> None:
            start = time.monotonic() + 0.5
            for seconds, message in script:
                while (left := start + seconds - time.monotonic()) > 0:
                    time.sleep(left)
                engine.intake.receive(message)
                sizes.append((seconds, engine.inbox.qsize(), resident_megabytes()))
            time.sleep(max(0.0, start + end - time.monotonic()))
            engine.stop()

        threading.Thread(target=play, daemon=True).start()
        cpu = time.process_time()
        run(engine)
        cpu = time.process_time() - cpu
    begin = sync.transport.seconds_at(0)
    sent = [json.loads(line) for line in trace.lines]
    late = np.array([[s["intended"] - begin, 1000 * (s["actual"] - s["intended"])] for s in sent])
    print(f"{chosen.rate} notes a second for {chosen.seconds:g} s; load {os.getloadavg()[0]:.1f}")
    print(f"{'':22}{'events':>8}{'median':>9}{'p99':>9}{'max ms':>9}{'queue':>8}{'MiB':>8}")
    parts = (("before", 0.0, first), ("flood", first, last), ("from 1 s after it", last + 1.0, math.inf))
    for name, since, until in parts:
        ms = late[(late[:, 0] >= since) & (late[:, 0] < until), 1]
        there = [size for size in sizes if since <= size[0] < until]
        row = f"{name:22}{len(ms):8}" + "".join(
            f"{np.percentile(ms, p):9.2f}" if len(ms) else " " * 9 for p in (50, 99, 100)
        )
        print(row + f"{max(q for _, q, _ in there):8}{max(m for _, _, m in there):8.1f}")
    account = engine.account
    print(
        f"{account.notes_heard} notes heard, {engine.intake.overrun} left out; {account.turns} turns,"
        f" {account.faults} given up"
    )
    print(f"{output.dropped} dropped; {cpu / end:.0%} of a core; sounding at the end: {len(output.sounding)}")


def resident_megabytes() -> float:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize() / 2**20


if __name__ == "__main__":
    main()
