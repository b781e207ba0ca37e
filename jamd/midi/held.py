"""Which keys and pedals an input holds down, to release them when it is unplugged."""

from __future__ import annotations

import math

import mido

from jamd.music.controllers import ALL_SOUND_OFF, HOLDING, LETTING_GO, RESET_CONTROLLERS

_Thing = tuple[str, int, int]
"""What is held: its kind, its channel, its number."""


class Held:
    """Keys, holding pedals and the bent wheel, by channel: at most what a keyboard of 16 channels has."""

    def __init__(self) -> None:
        # what lets go of each, and where it was heard of last, in this order
        self._ends: dict[_Thing, tuple[mido.Message, float]] = {}

    def take(self, message: mido.Message, at: float = 0.0) -> None:
        """The player did this, there in time: where is not before the last."""
        match message.type:
            case "note_on" | "note_off":
                end = mido.Message("note_off", channel=message.channel, note=message.note)
                down = message.type == "note_on" and message.velocity > 0
                self._put(("note", message.channel, message.note), end, down, at)
            case "polytouch" if ("note", message.channel, message.note) in self._ends:
                thing = ("note", message.channel, message.note)
                self._put(thing, self._ends[thing][0], True, at)
            case "control_change" if message.control in HOLDING:
                end = message.copy(value=0)
                self._put(("pedal", message.channel, message.control), end, message.value >= 64, at)
            case "control_change" if message.control == ALL_SOUND_OFF or message.control in LETTING_GO:
                self._forget(message.channel, "note")
            case "control_change" if message.control == RESET_CONTROLLERS:
                self._forget(message.channel, "pedal", "wheel")
            case "pitchwheel":
                self._put(("wheel", message.channel, 0), message.copy(pitch=0), message.pitch != 0, at)

    def _forget(self, channel: int, *kinds: str) -> None:
        for kind, its_channel, number in tuple(self._ends):
            if its_channel == channel and kind in kinds:
                del self._ends[kind, its_channel, number]

    def _put(self, which: _Thing, end: mido.Message, down: bool, at: float) -> None:
        self._ends.pop(which, None)
        if down:
            self._ends[which] = (end, at)

    def let_go(self, until: float = math.inf) -> list[mido.Message]:
        """The messages that let go of all that was last heard of by then, which is held no more."""
        ends = []
        while self._ends and (which := next(iter(self._ends))) and self._ends[which][1] <= until:
            ends.append(self._ends.pop(which)[0])
        return ends
