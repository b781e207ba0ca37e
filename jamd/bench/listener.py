"""Another program that listens: opens an input, stamps what comes as it comes, and tells it when asked.

`python -m jamd.bench.listener BACKEND NAME`, started by `jamd.bench.arrival`; it ends when its stdin does. It
answers a line on stdin by a line of JSON: "clock" by the instant on its own clock, "take" by what came since
the last, as [seconds, status, pitch] of each note-on and note-off.
"""

from __future__ import annotations

import json
import sys
from array import array

import mido

from jamd.bench.lateness import NOTE_OFF, NOTE_ON
from jamd.clock import seconds_now
from jamd.errors import JamdError
from jamd.midi.backends import open_backend


class Heard:
    """What came, in little room: a long measurement has millions of notes."""

    def __init__(self) -> None:
        self._seconds, self._bytes = array("d"), bytearray()

    def receive(self, message: mido.Message) -> None:
        """For rtmidi's thread. The instant comes first: what follows may take its time."""
        now = seconds_now()
        if message.type in ("note_on", "note_off"):
            begins = message.type == "note_on" and message.velocity > 0
            self._bytes += bytes((NOTE_ON if begins else NOTE_OFF, message.note))
            self._seconds.append(now)  # last: it counts

    def take(self) -> list[tuple[float, int, int]]:
        """All since the last time."""
        count = len(self._seconds)
        spelt = self._bytes[: 2 * count]
        taken = list(zip(self._seconds[:count], spelt[::2], spelt[1::2], strict=True))
        del self._seconds[:count], self._bytes[: 2 * count]
        return taken


def main(backend: str, name: str) -> None:
    heard = Heard()

    def say(what: object) -> None:
        print(json.dumps(what), flush=True)

    try:
        with open_backend(backend) as midi:
            port = midi.open_input(name, heard.receive)
            say({"port": port.name})
            for line in sys.stdin:
                say(seconds_now() if line == "clock\n" else heard.take())
    except JamdError as error:
        say({"why_not": str(error)})


if __name__ == "__main__":
    main(*sys.argv[1:])
