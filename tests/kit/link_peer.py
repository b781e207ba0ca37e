"""Somebody else in the Link session: a process of its own that does as stdin says and prints what it sees.

Each line of stdin is JSON: {"tempo": beats a minute}, {"playing": true or false}, or {"tell": beats}, where
that is how long a bar is. Each line of stdout is JSON as well: {"ready": true} once, when its session is old
enough to win over a younger one; {"tempo": ..., "playing": ..., "peers": ...} whenever that has changed; and,
when told to tell, {"seconds": ..., "bar_beats": ...}: an instant of the monotonic clock and how much of its
bar is over then. The process ends when stdin does.
"""

from __future__ import annotations

import json
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from link import Link

OLD_SECONDS = 2.0
"""Two sessions founded within half a second of each other are equals, and either may win."""


def monotonic_of(link_clock: Callable[[], int]) -> float:
    """How far the monotonic clock is ahead of Link's, in seconds."""
    readings = []
    for _ in range(20):
        before, micros, after = time.monotonic(), link_clock(), time.monotonic()
        readings.append((after - before, after - micros / 1e6))
    return min(readings)[1]


def perform(tempo: float, commands: queue.Queue[dict[str, Any] | None]) -> None:
    """Be in the session until a None comes from `commands`."""
    peer = Link(tempo)
    peer.startStopSyncEnabled = peer.enabled = True
    said, old = None, time.monotonic() + OLD_SECONDS
    while True:
        try:
            command = commands.get(timeout=0.005)
        except queue.Empty:
            command = {}
        if command is None:
            break
        state, micros = peer.captureAppSessionState(), peer.clock().micros()
        match command:
            case {"tempo": tempo}:
                state.setTempo(tempo, micros)
                peer.commitAppSessionState(state)
            case {"playing": playing}:
                state.setIsPlaying(playing, micros)
                peer.commitAppSessionState(state)
            case {"tell": beats}:
                seconds = micros / 1e6 + monotonic_of(peer.clock().micros)
                tell(seconds=seconds, bar_beats=state.phaseAtTime(micros, beats))
        saw = {"tempo": state.tempo(), "playing": state.isPlaying(), "peers": peer.numPeers()}
        if saw != said:
            said = saw
            tell(**saw)
        if old and time.monotonic() > old:
            old = 0.0
            tell(ready=True)
    peer.enabled = False


def tell(**said: Any) -> None:
    print(json.dumps(said), flush=True)


def main() -> None:
    commands: queue.Queue[dict[str, Any] | None] = queue.Queue()

    def read() -> None:
        for line in sys.stdin:
            commands.put(json.loads(line))
        commands.put(None)

    threading.Thread(target=read, daemon=True).start()
    perform(float(sys.argv[1]), commands)


if __name__ == "__main__":
    main()
