"""How soon jamd plays on after a cable is put in again: `python -m tests.bench.hotplug [--times 20]`.

On JACK's dummy driver: keyboard and synth are pulled (their process is killed amid an answer) and come back;
then the JACK server is killed and started again, as often. Prints the seconds from the instant at which both
ports, or the server, were there again to jamd's word that it is back, and how many notes hang in the end.
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from tests.commands.test_live import BAR, ONE_BAR, PORTS, phrase
from tests.kit.realparts import Jamd, Player, default_server, one_at_a_time, serving, sounding


def back(jamd: Jamd, what: str, count: int, since: float) -> float:
    """The seconds until jamd has said for the `count`-th time that something is back."""

    wait_to_hear(jamd, what, "is back", count)
    return time.monotonic() - since


def wait_to_hear(jamd: Jamd, what: str, news: str, count: int) -> None:
    """Wait until jamd has said this for the `count`-th time."""

    def said() -> list[str]:
        return [line for line in jamd.stderr if what in line and news in line][count - 1 :]

    jamd.wait_for(said, 20, f"{what} {news}")


def row(name: str, seconds: list[float]) -> None:
    median, p99 = np.percentile(seconds, [50, 99])
    print(f"{name:34}{len(seconds):5}{median:9.3f}{p99:9.3f}{max(seconds):9.3f}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--times", type=int, default=20)
    chosen = options.parse_args()
    name = f"jamd-bench-{os.getpid()}"
    ports, servers, after, hanging = [], [], [], 0
    with one_at_a_time(), default_server(name), ExitStack() as stack:
        home, running = Path(tempfile.mkdtemp()), ExitStack()
        server = running.enter_context(serving(name))
        stack.callback(lambda: running.close())
        player = stack.enter_context(Player())
        jamd = stack.enter_context(Jamd(home, "--backend", "jack", *PORTS, *ONE_BAR))
        jamd.wait_until_listening()
        for count in range(1, chosen.times + 1):
            start = player.play(phrase())
            player.wait_for_strike(after_seconds=start)
            player.signal(signal.SIGKILL)
            player.wait()
            wait_to_hear(jamd, "put", "is gone", 2 * count)
            player = stack.enter_context(Player())
            ports.append(back(jamd, "put", 2 * count, time.monotonic()))
            player.listen_until(time.monotonic() + 2 * BAR)
            hanging += sum(pitches > 0 for pitches in sounding(player.heard).values())
        for count in range(1, chosen.times + 1):
            server.signal(signal.SIGKILL)
            server.wait()
            wait_to_hear(jamd, "JACK", "is gone", count)
            player.signal(signal.SIGKILL)
            player.wait()
            running.close()
            server = running.enter_context(serving(name))
            servers.append(back(jamd, "JACK", count, time.monotonic()))
            player = stack.enter_context(Player())
            after.append(back(jamd, "put", 2 * (chosen.times + count), time.monotonic()))
        jamd.stop()
    print(f"{'seconds until it is back':34}{'n':>5}{'median':>9}{'p99':>9}{'max':>9}")
    row("keyboard and synth", ports)
    row("the JACK server", servers)
    row("keyboard and synth after that", after)
    print(f"notes left hanging: {hanging}; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
