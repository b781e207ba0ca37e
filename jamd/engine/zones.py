"""Several players at one keyboard: which keys and channels are the call, and what is passed through."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import mido

NOTES = frozenset({"note_on", "note_off", "polytouch"})


class Thru(StrEnum):
    """What of the player's goes on to the output as it comes."""

    OFF = "off"
    REST = "rest"  # what is no call: the left hand's comping, say
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Zones:
    """The call comes from the keys at and above `split` (with `below`: from those under it; None: from all)
    and on `channel` (None: on any). What is passed through is moved to `thru_channel` and by
    `thru_transpose` semitones. Channels count from 0."""

    split: int | None = None
    below: bool = False
    channel: int | None = None
    thru: Thru = Thru.OFF
    thru_channel: int | None = None
    thru_transpose: int = 0

    def is_call(self, message: mido.Message) -> bool:
        """Whether this is for jamd to hear. Pedals and other controllers count for the keys of their
        channel on both sides of the split."""
        if self.channel is not None and getattr(message, "channel", self.channel) != self.channel:
            return False
        if self.split is None or message.type not in NOTES:
            return True
        return bool(message.note < self.split) == self.below

    def passed(self, message: mido.Message) -> mido.Message | None:
        """What goes through at once in place of this message, if anything does."""
        if self.thru is Thru.OFF or not hasattr(message, "channel"):
            return None
        if self.thru is Thru.REST and message.type in NOTES and self.is_call(message):
            return None
        if self.thru is Thru.REST and self.split is None and self.is_call(message):
            return None
        channel = message.channel if self.thru_channel is None else self.thru_channel
        if message.type not in NOTES:
            return message.copy(channel=channel)
        pitch = message.note + self.thru_transpose
        return message.copy(channel=channel, note=pitch) if 0 <= pitch < 128 else None
