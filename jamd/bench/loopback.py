"""Round-trip latency of MIDI: by a cable, a synth that passes on, or jamd's own two ports."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import mido
import numpy as np

from jamd.clock import SystemClock
from jamd.counted import counted
from jamd.engine.events import EngineClock, Event, Inbox, Received
from jamd.errors import JamdError, PortError, UsageError
from jamd.midi.backends import open_backend
from jamd.midi.ports import InputPort, OutputPort
from jamd.system.priority import on_time

PITCHES = range(96, 120)
"""High; each comes again only when the one before must be back."""
VELOCITY = 8
NOTE_SECONDS = 0.01
SHORTEST_SECONDS, LONGEST_SECONDS = 0.02, 0.04
"""From one note to the next: irregular, so that all places in a period of the MIDI system are met."""
PATIENCE_SECONDS = 0.4
"""What takes longer is not back. Less than one round of the pitches."""
MOST_LATENCY_MS = 100.0
"""The most that `--out-latency` takes."""

Send = Callable[[mido.Message], object]


@dataclass(frozen=True, slots=True)
class RoundTrips:
    """How many notes were sent, and how long those took that came back."""

    sent: int
    seconds: tuple[float, ...]

    def summary(self) -> dict[str, float]:
        """Counts, times in milliseconds, and half a round trip, a fair guess for one way."""
        median, p99, most = (float(ms) for ms in np.percentile(1000 * np.array(self.seconds), [50, 99, 100]))
        return {
            "sent": self.sent,
            "came_back": len(self.seconds),
            "median_ms": round(median, 3),
            "p99_ms": round(p99, 3),
            "max_ms": round(most, 3),
            "out_latency_ms": min(round(median / 2, 1), MOST_LATENCY_MS),
        }


def measure(send: Send, inbox: Inbox, clock: EngineClock, count: int, seed: int = 0) -> RoundTrips:
    """Send so many notes, and match what comes to `inbox` with them by pitch: channel and velocity may change
    on the way."""
    rng = random.Random(seed)
    sent_seconds: dict[int, float] = {}  # of what has not come back, by pitch
    took: list[float] = []

    def hear(event: Event) -> None:
        if isinstance(event, Received) and event.message.type == "note_on" and event.message.velocity:
            sent = sent_seconds.pop(event.message.note, None)
            if sent is not None and event.seconds - sent <= PATIENCE_SECONDS:
                took.append(event.seconds - sent)

    def listen(until_seconds: float) -> None:
        while (event := clock.wait(inbox, until_seconds)) is not None:
            hear(event)

    due = clock.now()
    for number in range(count):
        pitch = PITCHES[number % len(PITCHES)]
        listen(due)
        now = sent_seconds[pitch] = clock.now()
        try:
            send(mido.Message("note_on", note=pitch, velocity=VELOCITY))
            listen(now + NOTE_SECONDS)
        finally:
            send(mido.Message("note_off", note=pitch, velocity=0))
        due = now + rng.uniform(SHORTEST_SECONDS, LONGEST_SECONDS)
    end = clock.now() + PATIENCE_SECONDS
    while sent_seconds and (event := clock.wait(inbox, end)) is not None:
        hear(event)
    return RoundTrips(count, tuple(took))


@dataclass(frozen=True, slots=True)
class Loop:
    """Two open ports, and where what comes in goes, stamped on arrival."""

    backend: str
    out_port: OutputPort
    in_port: InputPort
    inbox: Inbox
    clock: EngineClock

    def measure(self, count: int) -> RoundTrips:
        """As the engine would send. Raises JamdError when nothing comes back."""
        with on_time():
            trips = measure(self.out_port.send, self.inbox, self.clock, count)
        if not trips.seconds:
            raise JamdError(
                f"of {counted(count, 'note')} to {self.out_port.name} nothing came back on"
                f" {self.in_port.name}; lay a cable from the one to the other, or let what is plugged in"
                " pass on what it hears (MIDI thru)"
            )
        return trips


@contextmanager
def open_loop(backend: str, in_name: str | None, out_name: str | None) -> Iterator[Loop]:
    """The ports of these names; without, two of jamd's own, connected. Raises UsageError for one name."""
    if (in_name is None) != (out_name is None):
        raise UsageError("--in and --out go together: name both, or neither for jamd's own two ports")
    inbox = Inbox()
    clock = SystemClock()

    def receive(message: mido.Message) -> None:
        inbox.put(Received(clock.now(), message))

    with ExitStack() as stack:
        far = stack.enter_context(open_backend(backend))
        if out_name is not None:
            out_port = far.open_output(out_name)
            in_port = far.open_input(in_name, receive)
        else:
            # A program is not shown its own ports, so another client opens the output. It closes last.
            near = stack.enter_context(open_backend(far.name))
            in_port = near.open_input(None, receive)
            if not in_port.seen_as:
                raise PortError(f"{far.name} does not show jamd its own port; give --in and --out")
            out_port = far.open_output(min(in_port.seen_as))
        yield Loop(far.name, out_port, in_port, inbox, clock)
