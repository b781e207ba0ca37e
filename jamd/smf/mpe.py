"""MIDI Polyphonic Expression in a file (MPE, M1-100): one player's notes on a channel each, and their pedals
on the zone's master channel, which is the first or the last of all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from jamd.music.controllers import DATA_ENTRY, PARAMETER_HIGH, PARAMETER_LOW, PEDAL
from jamd.music.keys import MASTERS, ZONE_PARAMETER
from jamd.smf.read import Event, Reading

BRIGHTNESS = 74
"""The controller that is one note's, in such a zone."""
LEAST_SHARE_CHANGED = 0.75
"""Of the notes, that go to another channel than the one before: channels are handed out in turn."""
MOST_SHARE_CHORDS = 0.05
"""Of the notes, that begin while their channel sounds: there are as many channels as fingers."""


def masters(readings: Sequence[Reading]) -> dict[int, int]:
    """The master of each channel that is in a zone, itself included, in the tracks of one port."""
    said = {master: count for reading in readings for master, count in _said(reading) if count}
    found: dict[int, int] = {}
    for master, count in said.items():
        members = range(1, 1 + count) if master == 0 else range(15 - count, 15)
        found |= dict.fromkeys((master, *members), master)
    if said:
        return found
    sounding = [reading for reading in readings if any(map(_plays, reading.events.values()))]
    for master in MASTERS:
        if len(sounding) == 1 and _is_zone(sounding[0], master):
            return dict.fromkeys((master, *sounding[0].events), master)
    return {}


def _said(reading: Reading) -> Iterator[tuple[int, int]]:
    """Masters with the number of their members, as an instrument says it when it is switched on."""
    for master in MASTERS:
        if {PARAMETER_HIGH, PARAMETER_LOW, DATA_ENTRY} <= reading.moved.get(master, set()):
            parameter = {PARAMETER_HIGH: 127, PARAMETER_LOW: 127}
            for _, kind, number, value in reading.events[master]:
                if kind == 0xB0 and number in parameter:
                    parameter[number] = value
                elif kind == 0xB0 and number == DATA_ENTRY and tuple(parameter.values()) == ZONE_PARAMETER:
                    yield master, min(value, 15)


def _is_zone(reading: Reading, master: int) -> bool:
    """Whether a track is a zone though nobody says so. Careful, as a pedal that holds too much does more harm
    than one that is not heard: nothing but pedals may be on the master, no pedal, no programme and hardly a
    chord on the others, and they are used in turn or bent one by one."""
    members = {channel: events for channel, events in reading.events.items() if channel != master}
    if PEDAL not in reading.moved.get(master, ()) or _plays(reading.events[master]):
        return False
    playing = [channel for channel, events in members.items() if _plays(events)]
    if len(playing) < 2 or any(PEDAL in reading.moved.get(channel, ()) for channel in members):
        return False
    if any(kind == 0xC0 for events in members.values() for _, kind, _, _ in events):
        return False
    begins = sorted((beats, channel) for channel in playing for beats in _notes(members[channel]))
    chords = sum(map(_overlaps, members.values()))
    changed = sum(early[1] != late[1] for early, late in pairwise(begins))
    in_turn = changed >= LEAST_SHARE_CHANGED * (len(begins) - 1)
    expressive = all(_is_bent(members[channel]) for channel in playing)
    return chords <= MOST_SHARE_CHORDS * len(begins) and (in_turn or expressive)


def _notes(events: Sequence[Event]) -> Iterator[float]:
    """Where notes begin."""
    return (beats for beats, kind, _, value in events if kind == 0x90 and value)


def _plays(events: Sequence[Event]) -> bool:
    return any(True for _ in _notes(events))


def _overlaps(events: Sequence[Event]) -> int:
    """How many notes of a channel begin while another one sounds."""
    down: set[int] = set()
    count = 0
    for _, kind, pitch, value in events:
        if kind == 0x90 and value:
            count += bool(down)
            down.add(pitch)
        elif kind <= 0x90:
            down.discard(pitch)
    return count


def _is_bent(events: Sequence[Event]) -> bool:
    return any(
        kind in (0xD0, 0xE0) or (kind == 0xB0 and number == BRIGHTNESS) for _, kind, number, _ in events
    )
