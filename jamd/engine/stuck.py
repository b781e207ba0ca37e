"""Stuck notes: keys and pedals whose release was lost on the way, let go after a while."""

from __future__ import annotations

import logging

import mido

from jamd.midi.held import Held
from jamd.music.transport import Transport

QUIET_BARS, QUIET_SECONDS = 8, 20.0
"""Held so long, whichever is longer, while nothing at all comes from the player and jamd waits for silence:
by then a chord has died away on most instruments, and whoever holds one longer waits for jamd."""
LONG_BARS, LONG_SECONDS = 32, 60.0
"""The same where others are played meanwhile, or nobody waits: a drone may be that long."""
MOST_NAMED = 4

log = logging.getLogger(__name__)


class Forgotten:
    """Keeps when the player was last heard of, and each key and pedal that is down."""

    def __init__(self) -> None:
        self._held = Held()
        self._heard_step = 0.0
        self._said = False

    def take(self, message: mido.Message, position_steps: float) -> None:
        """The player did this. All that a key or a pedal does tells that it is down."""
        self._heard_step = position_steps
        self._held.take(message, position_steps)

    def lost(self, position_steps: float, transport: Transport, waits: bool) -> list[mido.Message]:
        """What lets go of all that has been down for too long, as it is taken for let go from here on.
        `waits`: it takes silence for jamd to go on."""
        quiet_steps = _steps(QUIET_BARS, QUIET_SECONDS, transport)
        if waits and position_steps - self._heard_step >= quiet_steps:
            ends = self._held.let_go()
        else:
            ends = self._held.let_go(position_steps - _steps(LONG_BARS, LONG_SECONDS, transport))
        ends = [end for end in ends if end.type != "pitchwheel"]
        if ends and not self._said:
            self._said = True
            log.warning("%s held for very long: taken for let go (was that lost on the way?)", _named(ends))
        return ends


def _steps(bars: int, seconds: float, transport: Transport) -> float:
    return max(bars * transport.metre.steps_per_bar, seconds / transport.seconds_per_step)


def _named(ends: list[mido.Message]) -> str:
    keys = sorted({end.note for end in ends if end.type == "note_off"})
    if not keys:
        return "the pedal is"
    if len(keys) == 1:
        return f"key {keys[0]} is"
    return f"keys {', '.join(map(str, keys))} are" if len(keys) <= MOST_NAMED else f"{len(keys)} keys are"
