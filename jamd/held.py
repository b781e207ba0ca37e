"""What a player holds down, so that it can be let go when its cable is pulled out."""

from __future__ import annotations

import mido

from jamd.controllers import ALL_SOUND_OFF, HOLDING, LETTING_GO, RESET_CONTROLLERS

_Thing = tuple[str, int, int]
"""What is held: its kind, its channel, its number."""


class Held:
    """Keys, holding pedals and the bent wheel, by channel: at most what a keyboard of 16 channels has."""

    def __init__(self) -> None:
        self._ends: dict[_Thing, mido.Message] = {}  # what lets go of each

    def take(self, message: mido.Message) -> None:
        """The player did this."""
        match message.type:
            case "note_on" | "note_off":
                end = mido.Message("note_off", channel=message.channel, note=message.note)
                down = message.type == "note_on" and message.velocity > 0
                self._put(("note", message.channel, message.note), end, down)
            case "control_change" if message.control in HOLDING:
                end = message.copy(value=0)
                self._put(("pedal", message.channel, message.control), end, message.value >= 64)
            case "control_change" if message.control == ALL_SOUND_OFF or message.control in LETTING_GO:
                self._forget(message.channel, "note")
            case "control_change" if message.control == RESET_CONTROLLERS:
                self._forget(message.channel, "pedal", "wheel")
            case "pitchwheel":
                self._put(("wheel", message.channel, 0), message.copy(pitch=0), message.pitch != 0)

    def _forget(self, channel: int, *kinds: str) -> None:
        for kind, its_channel, number in tuple(self._ends):
            if its_channel == channel and kind in kinds:
                del self._ends[kind, its_channel, number]

    def _put(self, which: _Thing, end: mido.Message, down: bool) -> None:
        if down:
            self._ends[which] = end
        else:
            self._ends.pop(which, None)

    def let_go(self) -> list[mido.Message]:
        """The messages that let go of all of it; then nothing is held."""
        ends = list(self._ends.values())
        self._ends.clear()
        return ends
