"""How even jamd's MIDI clock is, as another process hears it: `.venv/bin/python -m tests.bench.clock`.

`jamd listen --send-clock` at 120 BPM trades bars with a scripted player over JACK's dummy driver. Beside it,
in the same run, a bare thread of another process does nothing but wait on a queue for absolute instants and
send a tick at each: what the machine gives. Each is heard by a process of its own.

Jitter: how far ticks are from an even grid, the line from the median of the first tenth of them to that of
the last; a tick that comes late says nothing of the tempo. Drift: the tempo of that grid against the
monotonic clock, and how far off its last tick is.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import mido
import numpy as np
from rich.console import Console
from rich.table import Table

from jamd.clock import SystemClock
from jamd.engine.events import Inbox
from jamd.midi.backends import open_backend
from jamd.system.priority import on_time
from tests.kit.processes import Process
from tests.kit.realparts import KEYS, SYNTH, Jamd, Message, Player, jack_server

TEMPO = 120
TICK_SECONDS = 60 / TEMPO / 24
BAR_SECONDS = 4 * 60 / TEMPO
BARE_KEYS, BARE_SYNTH = "bare-keys", "bare-synth"
CALL = (60, 64, 67, 72, 71, 67, 64, 62)
TICK, START = 0xF8, 0xFA


def bare(port: str, minutes: float) -> None:
    """Send ticks for so long, and nothing else."""
    inbox = Inbox()
    clock = SystemClock()
    with open_backend("jack") as midi:
        out_port, tick = midi.open_output(port), mido.Message("clock")
        print("ready", flush=True)
        begin = clock.now() + 1
        with on_time():
            for number in range(ticks_in(minutes)):
                clock.wait(inbox, begin + number * TICK_SECONDS)
                out_port.send(tick)


def ticks_in(minutes: float) -> int:
    return round(60 * minutes / TICK_SECONDS)


def score(minutes: float) -> list[tuple[float, Sequence[int]]]:
    """A bar of eighths in each second bar."""
    notes: list[tuple[float, Sequence[int]]] = []
    for turn in range(int(60 * minutes / BAR_SECONDS / 2)):
        for number, pitch in enumerate(CALL):
            seconds = 2 * turn * BAR_SECONDS + number * BAR_SECONDS / len(CALL)
            notes += [(seconds, (0x90, pitch, 80)), (seconds + 0.2, (0x80, pitch, 0))]
    return notes


def ticks(heard: Sequence[Message], count: int) -> list[float]:
    """When the ticks came: those of the grid, after the start where there is one."""
    starts = [number for number, message in enumerate(heard) if message.bytes[0] == START]
    after = heard[starts[0] :] if starts else heard
    return [message.seconds for message in after if message.bytes[0] == TICK][:count]


def told(name: str, seconds: Sequence[float], count: int) -> list[str]:
    """A row of the table."""
    tenth, number = len(seconds) // 10, np.arange(len(seconds))
    off = np.array(seconds) - seconds[0] - number * TICK_SECONDS
    slower = (np.median(off[-tenth:]) - np.median(off[:tenth])) / (len(off) - tenth)  # seconds a tick
    off_grid = off - slower * number
    jitter_ms = 1000 * np.abs(off_grid - np.median(off_grid))
    jitter = [f"{ms:.2f}" for ms in (*np.percentile(jitter_ms, [50, 99]), jitter_ms.max())]
    drift_ppm, end_ms = -1e6 * slower / TICK_SECONDS, 1000 * slower * len(off)
    return [name, f"{len(off)} of {count}", *jitter, f"{drift_ppm:+.2f}", f"{end_ms:+.3f}"]


def main(minutes: float) -> None:
    seconds, count = 60 * minutes, ticks_in(minutes)
    options = ("--tempo", str(TEMPO), "--bars", "1", "--answer-bars", "1", "--seed", "1", "--send-clock")
    myself = [sys.executable, "-m", "tests.bench.clock", "--minutes", str(minutes), "--bare", BARE_SYNTH]
    with (
        tempfile.TemporaryDirectory() as folder,
        jack_server(),
        Player() as player,
        Player(BARE_KEYS, BARE_SYNTH) as other,
        Jamd(Path(folder), "--backend", "jack", "--in", KEYS, "--out", SYNTH, *options) as jamd,
        Process(myself) as bare_one,
    ):
        jamd.wait_until_listening()
        bare_one.wait_for_line("ready", 20)
        start = player.play(score(minutes))
        player.listen_until(start + seconds + 0.5)
        other.listen_until(start + seconds + 0.5)
        jamd.signal(signal.SIGTERM)
        summary = jamd.wait().stdout.splitlines()[-2]
    table = Table("ticks", "came", "median ms", "p99 ms", "max ms", "drift ppm", "at the end ms")
    for name, listener in (("jamd, answering", player), ("a bare thread", other)):
        table.add_row(*told(name, ticks(listener.heard, count), count))
    print(f"MIDI clock at {TEMPO} BPM for {minutes:g} minutes: |deviation| from an even grid, drift")
    Console(width=110).print(table)
    print(summary)
    print(f".venv/bin/python -m tests.bench.clock --minutes {minutes:g}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", default=2, type=float)
    parser.add_argument("--bare", metavar="PORT", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.bare:
        bare(chosen.bare, chosen.minutes)
    else:
        main(chosen.minutes)
