"""A built-in player: plays a MIDI file in real time, as a pianist would, into whatever takes its messages."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import mido

from jamd.smf.midifile import performance

__all__ = ["Player", "TimedMessages", "performance"]

LATE_SECONDS = 0.2
"""So late a busy machine is now and then; what comes later is no longer music."""

TimedMessages = Sequence[tuple[float, mido.Message]]


class Player:
    """Plays timed messages on a thread of its own, each at its absolute instant; then, after a rest, calls
    `finished`. After a halt of the program it leaves out what it would
    have struck meanwhile."""

    def __init__(
        self,
        timed: TimedMessages,
        play: Callable[[mido.Message], object],
        rest_seconds: float,
        finished: Callable[[], None],
    ) -> None:
        self._timed, self._play, self._rest_seconds = timed, play, rest_seconds
        self._finished = finished
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._perform, name="jamd-player", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Play no more."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _perform(self) -> None:
        start_seconds = time.monotonic()
        seconds = 0.0
        for seconds, message in self._timed:
            if self._stopped.wait(max(0.0, start_seconds + seconds - time.monotonic())):
                return
            late_seconds = time.monotonic() - start_seconds - seconds
            if message.type != "note_on" or late_seconds <= LATE_SECONDS:
                self._play(message)
        if not self._stopped.wait(max(0.0, start_seconds + seconds + self._rest_seconds - time.monotonic())):
            self._finished()
