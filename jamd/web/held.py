"""Who holds which key and which pedal, by page: what a hand does becomes what the engine hears. Pure.

All pages are one player. A key is let go when the last page does, and struck anew it ends first, so that no
note is begun twice and none is left.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from jamd.music.controllers import (
    ALL_SOUND_OFF,
    HOLDING,
    LETTING_GO,
    MODES,
    RESET_CONTROLLERS,
    SOFT,
)
from jamd.web.words import Message

PEDALS = frozenset((*HOLDING, SOFT))
DOWN = 64
"""From this value on a pedal is."""
LIFTED = 64
"""The velocity with which a key is let go that nobody let go of."""

OFF, ON, CONTROL = 0x80, 0x90, 0xB0


@dataclass(slots=True)
class _Hands:
    """What a page holds, by channel and number, in the order in which it came."""

    keys: dict[tuple[int, int], None] = field(default_factory=dict)
    pedals: dict[tuple[int, int], None] = field(default_factory=dict)


class Held:
    """The keys and pedals of all pages. Each method gives the messages that the engine is to hear."""

    def __init__(self) -> None:
        self._pages: dict[int, _Hands] = {}

    def holds(self, page: int) -> bool:
        """Whether this page holds anything."""
        hands = self._pages.get(page)
        return hands is not None and bool(hands.keys or hands.pedals)

    def play(self, page: int, message: Message) -> list[Message]:
        """A hand of this page did this."""
        status, number, value = message
        kind, channel = status & 0xF0, status & 0x0F
        if kind == ON and value > 0:
            return self._strike(page, channel, number, value)
        if kind in (OFF, ON):
            return self._let_go(page, channel, number, value if kind == OFF else LIFTED)
        if number in PEDALS:
            return self._press(page, channel, number, value)
        if number == RESET_CONTROLLERS:
            return self._lift(page, channel)
        if number == ALL_SOUND_OFF or number in LETTING_GO:
            return self._release(page, channel)
        return [] if number in MODES else [message]

    def release(self, page: int) -> list[Message]:
        """This page is gone, or is no longer heard from."""
        ended = [
            each
            for channel in range(16)
            for each in (*self._release(page, channel), *self._lift(page, channel))
        ]
        self._pages.pop(page, None)
        return ended

    def release_all(self) -> list[Message]:
        """Nobody holds anything."""
        return [each for page in tuple(self._pages) for each in self.release(page)]

    def _hands(self, page: int) -> _Hands:
        return self._pages.setdefault(page, _Hands())

    def _strike(self, page: int, channel: int, pitch: int, velocity: int) -> list[Message]:
        key = channel, pitch
        down = any(key in hands.keys for hands in self._pages.values())
        self._hands(page).keys[key] = None
        ended = [(OFF | channel, pitch, LIFTED)] if down else []
        return [*ended, (ON | channel, pitch, velocity)]

    def _let_go(self, page: int, channel: int, pitch: int, velocity: int) -> list[Message]:
        keys, key = self._hands(page).keys, (channel, pitch)
        if key not in keys:
            return []
        del keys[key]
        if any(key in hands.keys for hands in self._pages.values()):
            return []
        return [(OFF | channel, pitch, velocity)]

    def _press(self, page: int, channel: int, pedal: int, value: int) -> list[Message]:
        pedals, foot = self._hands(page).pedals, (channel, pedal)
        if value >= DOWN:
            pedals[foot] = None
        else:
            pedals.pop(foot, None)
            if any(foot in hands.pedals for hands in self._pages.values()):
                return []
        return [(CONTROL | channel, pedal, value)]

    def _release(self, page: int, channel: int) -> list[Message]:
        """The keys of a channel go up."""
        pitches = [pitch for on, pitch in self._hands(page).keys if on == channel]
        return [each for pitch in pitches for each in self._let_go(page, channel, pitch, LIFTED)]

    def _lift(self, page: int, channel: int) -> list[Message]:
        """The pedals of a channel go up."""
        pedals = [pedal for on, pedal in self._hands(page).pedals if on == channel]
        return [each for pedal in pedals for each in self._press(page, channel, pedal, 0)]
