"""A player and a listener in a process of their own: plays what stdin says, prints what it sent and heard.

Each line of stdin is JSON: {"play": [[seconds, [byte, ...]], ...]} sends at instants of the monotonic clock,
{"tell": seconds} answers {"told": seconds} when that instant has come. Each line of stdout is JSON as well:
{"ready": true} once, then {"sent": seconds, "bytes": [...]} and {"heard": seconds, "bytes": [...]}. The
process ends when stdin does.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import json
import queue
import sys
import threading
import time
from typing import Any

import rtmidi

Deadline = tuple[float, int, list[int] | None]
"""When, the order of asking, and the bytes to send; None is a wish to be told."""


def opened(port: Any, name: str, virtual: bool) -> Any:
    """The port, opened: one of its own called `name`, or another program's whose name holds `name`."""
    if virtual:
        port.open_virtual_port(name)
        return port
    names = port.get_ports()
    found = [number for number, known in enumerate(names) if name in known]
    if len(found) != 1:
        sys.exit(f"no single port {name!r} among {names}")
    port.open_port(found[0])
    return port


def tell(**said: Any) -> None:
    sys.stdout.write(json.dumps(said) + "\n")  # one write: two threads come here
    sys.stdout.flush()


def perform(commands: queue.Queue[Any], keys: Any) -> None:
    """Send each message at its deadline until a None comes from `commands`."""
    order = itertools.count()
    deadlines: list[Deadline] = []
    while True:
        timeout = max(0.0, deadlines[0][0] - time.monotonic()) if deadlines else None
        try:
            command = commands.get(timeout=timeout)
        except queue.Empty:
            seconds, _, message = heapq.heappop(deadlines)
            if message is None:
                tell(told=seconds)
            else:
                now = time.monotonic()
                keys.send_message(message)
                tell(sent=now, bytes=message)
            continue
        if command is None:
            return
        if "tell" in command:
            heapq.heappush(deadlines, (command["tell"], next(order), None))
        for seconds, message in command.get("play", ()):
            heapq.heappush(deadlines, (seconds, next(order), message))


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--keys", required=True, help="name of the port that plays")
    options.add_argument("--synth", required=True, help="name of the port that listens")
    options.add_argument("--join", action="store_true", help="the ports are another program's: open them")
    options.add_argument("--echo", action="store_true", help="send back whatever is heard")
    chosen = options.parse_args()

    keys = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=chosen.keys)
    synth = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name=chosen.synth)
    synth.ignore_types(sysex=False, timing=False, active_sense=False)

    def hear(event: tuple[list[int], float], _: object) -> None:
        now = time.monotonic()
        if chosen.echo:
            keys.send_message(event[0])
        tell(heard=now, bytes=event[0])

    opened(keys, chosen.keys, not chosen.join)
    synth.set_callback(hear)
    opened(synth, chosen.synth, not chosen.join)
    tell(ready=True)

    commands: queue.Queue[Any] = queue.Queue()

    def read() -> None:
        for line in sys.stdin:
            commands.put(json.loads(line))
        commands.put(None)

    threading.Thread(target=read, daemon=True).start()
    perform(commands, keys)
    for port in (keys, synth):
        port.close_port()
        port.delete()


if __name__ == "__main__":
    main()
