"""What sounds on an output: which messages are still to be ended, and what ends them."""

from __future__ import annotations

import mido

from jamd.music.controllers import ALL_NOTES_OFF, HOLDING, PEDAL

MOST_OFFS = 4
"""Note-offs for one key: a synth may count how often it was struck, as two players of one channel may do."""


class Sounding:
    """Notes, held pedals and bent wheels, and the channels on which there were any since all was ended there:
    at most what 16 channels have."""

    def __init__(self) -> None:
        self._struck: dict[tuple[int, int], int] = {}  # channel and pitch; how often, and not let go
        self._others: dict[tuple[int, int], mido.Message] = {}  # channel and controller; what lets go of it
        self._channels: set[int] = set()
        self._early: dict[tuple[int, int], int] = {}  # note-offs that were sent before who plays sent them

    def take(self, message: mido.Message) -> bool:
        """This is to be sent; False if it was: a note-off of what `end` has ended."""
        match message.type:
            case "note_on" if message.velocity > 0:
                key = message.channel, message.note
                self._struck[key] = min(self._struck.get(key, 0) + 1, MOST_OFFS)
                self._channels.add(message.channel)
            case "note_on" | "note_off":
                key = message.channel, message.note
                if key in self._struck:
                    _count_down(self._struck, key)
                elif key in self._early:
                    _count_down(self._early, key)
                    return False
            case "control_change" if message.control in HOLDING:
                self._hold(message.control, message, message.value >= 64, message.copy(value=0))
            case "control_change" if message.control == ALL_NOTES_OFF:
                if not any(channel == message.channel for channel, _ in (*self._struck, *self._others)):
                    self._channels.discard(message.channel)
            case "pitchwheel":
                self._hold(-1, message, message.pitch != 0, message.copy(pitch=0))
        return True

    def _hold(self, which: int, message: mido.Message, held: bool, end: mido.Message) -> None:
        if held:
            self._others[message.channel, which] = end
            self._channels.add(message.channel)
        else:
            self._others.pop((message.channel, which), None)

    def end(self) -> list[mido.Message]:
        """The messages that end all of it; then nothing sounds. Explicit note-offs first, many synths know
        only those; the pedal up and all-notes-off last."""
        ends = [
            mido.Message("note_off", channel=channel, note=pitch)
            for (channel, pitch), count in self._struck.items()
            for _ in range(count)
        ]
        ends += self._others.values()
        for channel in sorted(self._channels):
            for control in (PEDAL, ALL_NOTES_OFF):
                ends.append(mido.Message("control_change", channel=channel, control=control, value=0))
        self._early, self._struck = self._struck, {}
        self._others.clear()
        self._channels.clear()
        return ends

    def clear(self) -> None:
        """All of it was ended otherwise."""
        self._struck.clear()
        self._others.clear()
        self._channels.clear()
        self._early.clear()


def _count_down(counts: dict[tuple[int, int], int], key: tuple[int, int]) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]
