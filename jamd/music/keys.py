"""Which notes sound on a player's channels: keys, pedals and channel modes, as MIDI 1.0 has them.

Each channel is a keyboard with pedals of its own. In an MPE zone (MIDI Polyphonic Expression, M1-100) the
pedals of the zone's master channel, the first or the last of all, are those of its member channels too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from jamd.music.controllers import (
    ALL_SOUND_OFF,
    DATA_ENTRY,
    LETTING_GO,
    PARAMETER_HIGH,
    PARAMETER_LOW,
    PEDAL,
    RESET_CONTROLLERS,
    SOSTENUTO,
)

Key = tuple[int, int]
"""Channel, from 0, and pitch."""

CHANNELS = range(16)
MASTERS = (0, 15)
ZONE_PARAMETER = (0, 6)
"""The registered parameter by which an instrument says how many member channels its zone has."""


@dataclass(slots=True)
class _Channel:
    down: set[int] = field(default_factory=set)  # keys
    let_go: set[int] = field(default_factory=set)  # of keys that a pedal holds
    caught: set[int] = field(default_factory=set)  # by the sostenuto: keys that were down as it was
    pedals: set[int] = field(default_factory=set)  # of these channels, that are down and hold here
    sostenutos: set[int] = field(default_factory=set)  # the same

    def release(self, pitch: int) -> bool:
        """A key goes up; whether its note ends."""
        if pitch not in self.down:
            return False
        self.down.remove(pitch)
        if self.pedals or pitch in self.caught:
            self.let_go.add(pitch)
            return False
        return True

    def press(self, by: int, sostenuto: bool, down: bool) -> set[int]:
        """A pedal of a channel goes down or up; the pitches whose notes end."""
        pedals = self.sostenutos if sostenuto else self.pedals
        if not down:
            pedals.discard(by)
        elif by not in pedals:
            pedals.add(by)
            if sostenuto:
                self.caught |= self.down
        if not self.sostenutos:
            self.caught.clear()
        ended = set() if self.pedals else self.let_go - self.caught
        self.let_go -= ended
        return ended


class Keys:
    """All channels. Each method takes one message, and tells whose notes end by it."""

    def __init__(self) -> None:
        self._channels = [_Channel() for _ in CHANNELS]
        self._played: set[int] = set()  # channels that ever had a note
        self._parameter: dict[int, tuple[int, int]] = {}  # the one that each channel has chosen
        self._members: dict[int, range] | None = None  # of each master; None: nobody ever said

    def is_down(self, key: Key) -> bool:
        return key[1] in self._channels[key[0]].down

    def strike(self, channel: int, pitch: int) -> list[Key]:
        """A key goes down. Its own earlier note ends, if one sounds."""
        on = self._channels[channel]
        ended = [(channel, pitch)] if pitch in on.down or pitch in on.let_go else []
        on.let_go.discard(pitch)
        on.down.add(pitch)
        if channel not in self._played:
            self._played.add(channel)
            if channel in MASTERS and self._members is None:  # no master, but a keyboard of its own
                ended += self._lift(channel, (other for other in CHANNELS if other != channel))
        return ended

    def release(self, channel: int, pitch: int) -> list[Key]:
        """A key goes up."""
        return [(channel, pitch)] if self._channels[channel].release(pitch) else []

    def control(self, channel: int, number: int, value: int) -> list[Key]:
        """A controller moves. Most end nothing."""
        ended: list[Key] = []
        if number in (PEDAL, SOSTENUTO):
            for each in (channel, *self._under(channel)):
                pitches = self._channels[each].press(channel, number == SOSTENUTO, value >= 64)
                ended += [(each, pitch) for pitch in pitches]
        elif number == RESET_CONTROLLERS:
            self._parameter.pop(channel, None)
            ended += self._lift(channel, CHANNELS)
        elif number == ALL_SOUND_OFF or number in LETTING_GO:
            for each in (channel, *(self._members or {}).get(channel, ())):
                ended += self._end(each, at_once=number == ALL_SOUND_OFF)
        elif number in (PARAMETER_LOW, PARAMETER_HIGH):
            high, low = self._parameter.get(channel, (127, 127))
            self._parameter[channel] = (high, value) if number == PARAMETER_LOW else (value, low)
        elif number == DATA_ENTRY and channel in MASTERS and self._parameter.get(channel) == ZONE_PARAMETER:
            ended += self._zone(channel, min(value, 15))
        return ended

    def _end(self, channel: int, at_once: bool) -> list[Key]:
        on = self._channels[channel]
        pitches = on.down | on.let_go if at_once else {pitch for pitch in tuple(on.down) if on.release(pitch)}
        if at_once:
            for notes in (on.down, on.let_go, on.caught):
                notes.clear()
        return [(channel, pitch) for pitch in pitches]

    def _lift(self, channel: int, others: Iterable[int]) -> list[Key]:
        """The pedals of a channel hold nothing on others."""
        ended: list[Key] = []
        for each in others:
            for sostenuto in (False, True):
                pitches = self._channels[each].press(channel, sostenuto, down=False)
                ended += [(each, pitch) for pitch in pitches]
        return ended

    def _under(self, channel: int) -> Iterable[int]:
        """The channels whose pedals are this one's. An instrument says so when it is switched on, which was
        maybe before we were; so until then a master is known by having no notes of its own."""
        if self._members is not None:
            return self._members.get(channel, ())
        is_master = channel in MASTERS and channel not in self._played
        return (other for other in CHANNELS if other != channel) if is_master else ()

    def _zone(self, master: int, count: int) -> list[Key]:
        """A master has so many member channels, taken from the other master where they overlap."""
        members = range(1, 1 + count) if master == 0 else range(15 - count, 15)
        zones = self._members or {}
        for other, its in zones.items():
            if other != master:
                kept = [each for each in its if each not in members and each != master]
                zones[other] = range(kept[0], kept[-1] + 1) if kept else range(0)
        zones[master] = members
        self._members = zones
        ended: list[Key] = []
        for each in MASTERS:
            under = (each, *zones.get(each, ()))
            ended += self._lift(each, [other for other in CHANNELS if other not in under])
        return ended
