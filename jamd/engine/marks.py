"""Tempo and bars in the session's file: written where they change, and nowhere else."""

from __future__ import annotations

from jamd.engine.account import Recorder
from jamd.music.note import STEPS_PER_BEAT
from jamd.music.transport import Transport

LEAST_CHANGE = 0.002
"""A change of tempo by a smaller share is not worth a line."""


class Marks:
    """Knows what the recorder was last told."""

    def __init__(self, recorder: Recorder, transport: Transport) -> None:
        """The recorder began with this tempo and metre."""
        self._recorder = recorder
        self._tempo = transport.tempo
        self._bar = (0, transport.metre)  # a step on which a bar begins, and the metre since

    def write(self, step: int, transport: Transport) -> None:
        """This step is over; what changed by it is told."""
        if abs(transport.tempo / self._tempo - 1) > LEAST_CHANGE:
            self._tempo = transport.tempo
            self._recorder.tempo(step / STEPS_PER_BEAT, self._tempo)
        if transport.step_in_bar(step) == 0:
            self._write_bar(step, transport)

    def _write_bar(self, step: int, transport: Transport) -> None:
        """A bar begins here: worth a line if the file would have none otherwise."""
        since, told = self._bar
        metre = transport.metre_at(step)
        if metre != told or (step - since) % told.steps_per_bar:
            self._bar = (step, metre)
            self._recorder.metre(step / STEPS_PER_BEAT, metre)
