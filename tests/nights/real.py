"""A part of a night in real time: JACK, FluidSynth, `jamd listen` and the player, each its own process."""

from __future__ import annotations

import json
import os
import re
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, nullcontext
from itertools import takewhile
from pathlib import Path
from statistics import median

import jack
import numpy as np

from jamd.engine.events import Received
from jamd.music.note import STEPS_PER_BEAT
from tests.bench.duet import cpu_seconds
from tests.kit.realparts import (
    KEYS,
    SAMPLES_PER_SECOND,
    SYNTH,
    Jamd,
    Player,
    Synth,
    default_server,
    one_at_a_time,
    serving,
    sounding,
)
from tests.nights.player import NightPlayer
from tests.nights.verdicts import GROWTH, Verdict, Verdicts, file_verdicts, memory_mib, told

AHEAD_SECONDS = 20.0
"""The player's process is told so far ahead what to play."""
REST_SECONDS = 15.0
OFF_GRID_SECONDS = 1e-6
DRIFT_MS = 10.0
"""Between the first tenth and the last, of how late the median note-on leaves and is heard: six millionths of
half an hour."""
FEW = 50
"""Note-ons from which on a tenth has a median to speak of."""
WARM_MINUTES = 2
SHORT_GROWTH = 1.25
"""The same of less than five minutes, in which much is done for the first time."""
DROPPED = 0.01
"""Of the notes, a machine that is held up by others may make so many come too late to be played, or a little
late and so off the grid."""
READINGS = 10
"""Of the memory, to a line. The least counts: an answer gives back what it took while it was written."""
RELEASE_SECONDS = 6.0
SILENCE = 1.0
"""The loudness, in 16-bit sample values, that is none."""


def play(minutes: float, tempo: float, seed: int, server: str | None = None) -> Verdicts:
    """Play it, tell of each minute (of a short one, each tenth), and judge it. `server` is a JACK server that
    runs; else there is one of its own."""
    player_of_chance = NightPlayer(seed, tempo, knobs=False, rest_seconds=REST_SECONDS, first_seconds=0.0)
    ways = ("--tempo", f"{tempo:g}", "--bars", "2", "--answer-bars", "2", "--feel", "0", "--seed", str(seed))
    ports = ("--backend", "jack", "--in", KEYS, "--out", SYNTH, "--quiet")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with nullcontext() if server else one_at_a_time():  # until all is opened: nobody shall wait longer
            if server is None:
                stack.enter_context(default_server(f"jamd-night-{os.getpid()}"))
                stack.enter_context(serving(os.environ["JACK_DEFAULT_SERVER"]))
            synth, player = stack.enter_context(Synth(folder)), stack.enter_context(Player())
            jamd = stack.enter_context(Jamd(folder, *ports, *ways))
            jamd.wait_until_listening()
            _also_to(synth.port)
        memory = _perform(player_of_chance, 60 * minutes, player, jamd)
        jamd.signal(signal.SIGTERM)
        summary = jamd.wait(30).stdout
        player.listen_until(player.now() + 0.5)
        synth.wait_for_seconds(synth.seconds + RELEASE_SECONDS)
        loudness = _last_loudness(synth.audio)
        counts = re.search(r"(\d+) notes heard, (\d+) played; (\d+) dropped, (\d+) late.*", summary)
        assert counts, summary
        heard, played, dropped, _ = map(int, counts.groups())
        struck = sum(message.strikes for message in player.heard)
        sent = sum(message.strikes for message in player.sent)
        ended = sum(message.releases for message in player.heard)
        left = sounding(player.heard)
        lines = [json.loads(line) for line in jamd.trace_file.read_text().splitlines()]
        return [
            (
                "every note-on has its note-off",
                struck == played == ended and not left,
                f"{struck} heard on, {ended} off, {played} sent",
            ),
            (
                "after stop nothing sounds",
                loudness < SILENCE,
                f"loudness {loudness:.2f} {RELEASE_SECONDS:g} s after it",
            ),
            _flat(memory),
            (
                "all that was played was heard, and one in a hundred of jamd's was too late at most",
                heard == sent and dropped <= DROPPED * played,
                f"{sent} played, {counts[0]}",
            ),
            *_drift([line for line in lines if line["bytes"][0] & 0xF0 == 0x90], player, tempo),
            *file_verdicts(jamd.record, heard, played),
        ]


def _perform(night: NightPlayer, seconds: float, player: Player, jamd: Jamd) -> list[tuple[float, float]]:
    """Have it played for so long; jamd's memory minute by minute: its own, and what it shares."""
    events = takewhile(lambda event: event.seconds < seconds, night)
    line_seconds = min(60.0, seconds / 10)
    start, memory = player.now() + 0.5, list[tuple[float, float]]()
    pid, fed = jamd.popen.pid, 0.0
    print("   hours   line   heard  played  MiB     CPU, of a core")
    while len(memory) * line_seconds < seconds:
        until = (len(memory) + 1) * line_seconds
        cpu, began, readings = cpu_seconds(pid), time.monotonic(), []
        while player.now() < start + until:
            if fed < player.now() - start + AHEAD_SECONDS / 2:
                fed += AHEAD_SECONDS
                player.play(_score(events, fed), start)
            player.listen_until(min(start + until, player.now() + line_seconds / READINGS))
            readings.append(memory_mib(pid))
        memory.append(min(readings))
        share = (cpu_seconds(pid) - cpu) / (time.monotonic() - began)
        sent, heard = (sum(message.strikes for message in ms) for ms in (player.sent, list(player.heard)))
        print(f"{told(until, len(memory), sent, heard, sum(memory[-1]))} {share:7.1%}", flush=True)
    return memory


def _flat(memory: Sequence[tuple[float, float]]) -> Verdict:
    """Whether the resident memory stays what it was after some minutes; its own part is told, too."""
    warm = memory[min(WARM_MINUTES, len(memory)) - 1 :]
    limit = GROWTH if len(memory) > 10 else SHORT_GROWTH
    (first, most), (own, most_own) = (
        (each[0], max(each)) for each in ([sum(both) for both in warm], [own for own, _ in warm])
    )
    figures = (
        f"{first:.1f} MiB, {most:.1f} at most: {most / first - 1:+.1%}; its own {own:.1f}, {most_own:.1f}"
    )
    return (
        f"the memory grows by {limit - 1:.0%} at most from minute {WARM_MINUTES} on",
        most <= limit * first,
        figures,
    )


def _score(events: Iterator[Received], until_seconds: float) -> list[tuple[float, Sequence[int]]]:
    """What is played up to an instant, and the first note after it."""
    score = []
    for event in events:
        score.append((event.seconds, event.message.bytes()))
        if event.seconds >= until_seconds:
            break
    return score


def _also_to(synth: str) -> None:
    """Let the synthesizer hear what the listener hears."""
    client = jack.Client("jamd-night", no_start_server=True)
    try:
        (listener,) = client.get_ports(SYNTH, is_midi=True, is_input=True)
        (fluid,) = client.get_ports(synth, is_midi=True, is_input=True)
        for source in client.get_all_connections(listener):
            client.connect(source, fluid)
    finally:
        client.close()


def _last_loudness(audio: Path) -> float:
    """Root mean square of the last second, in 16-bit sample values."""
    samples = np.fromfile(audio, "<i2", offset=max(0, audio.stat().st_size // 4 - SAMPLES_PER_SECOND) * 4)
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


def _drift(strikes: list[dict[str, object]], player: Player, tempo: float) -> Verdicts:
    """Whether note-ons lie on the grid of the first, and leave and are heard as late as ever."""
    step_seconds = 60 / tempo / STEPS_PER_BEAT
    intended = np.array([line["intended"] for line in strikes], float)
    late_ms = 1000 * (np.array([line["actual"] for line in strikes], float) - intended)
    steps = (intended - intended[0]) / step_seconds
    off_grid = np.abs(steps - np.round(steps)) * step_seconds
    late = float(np.mean(off_grid > OFF_GRID_SECONDS))  # those that came too late for their step
    at_last = median(off_grid[-max(len(steps) // 10, 1) :])
    heard = np.array([message.seconds for message in player.heard if message.strikes])
    heard_ms = 1000 * (heard - intended) if len(heard) == len(intended) else np.array([np.inf])
    verdicts = [
        (
            "no drift: what is meant for a step is on it",
            at_last < OFF_GRID_SECONDS and late <= DROPPED,
            f"{len(steps)} note-ons, {1 - late:.2%} on it; at last {1e6 * at_last:.3f} us off it (median)",
        )
    ]
    for how, ms in (("leaves", late_ms), ("is heard", heard_ms)):
        tenth = max(len(ms) // 10, min(FEW, len(ms) // 2), 1)
        drift = median(ms[-tenth:]) - median(ms[:tenth])
        p50, p99 = np.percentile(ms, [50, 99])
        figures = f"{drift:+.3f} ms; median {p50:.2f}, p99 {p99:.2f}, max {ms.max():.2f} ms late"
        verdicts.append((f"a note {how} at the end as it did at first", abs(drift) < DRIFT_MS, figures))
    return verdicts
