"""Which note-off ends which note of a file, and until when pedals hold it.

The rules of keys, pedals and channel modes are those of live playing (`keys`). But a file is known to its
end: so a key that is struck again before its note-off can be told from a note-off that was lost.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from jamd.music.controllers import (
    ALL_SOUND_OFF,
    LETTING_GO,
    PEDAL,
    RESET_CONTROLLERS,
    SOSTENUTO,
)
from jamd.music.note import STEPS_PER_BEAT
from jamd.smf.read import Event

CONTROLS = frozenset((PEDAL, SOSTENUTO, ALL_SOUND_OFF, RESET_CONTROLLERS, *LETTING_GO))
"""The controllers that say how long a note lasts."""
SHORTEST_BEATS = 1 / STEPS_PER_BEAT
"""A note without length lasts a step, as it does live."""
LATE_BEATS = 1 / 16
"""So long after a key was struck again, its earlier note may still get its note-off."""
NEVER = -1
VOICE = 128
"""Keys to a voice: key 128 v + p is the pitch p of voice v."""


@dataclass(slots=True)
class Press:
    """A key that was struck: by its events' numbers where it was struck, let go, and silent, or `NEVER`; and
    when that was, in beats, infinity where it never comes."""

    key: int
    velocity: int
    on: int
    start_beats: float
    off: int = NEVER
    end: int = NEVER
    up_beats: float = math.inf
    end_beats: float = math.inf

    @property
    def pitch(self) -> int:
        return self.key % VOICE


def presses(events: Sequence[Event], controlled: bool) -> list[Press]:
    """The keys struck in events, in order of time; `controlled` where any of them is of `CONTROLS`."""
    found = _paired(events)
    if controlled:
        _hold(found, events)
    for press in found:
        if press.off != NEVER:
            press.up_beats = press.end_beats = events[press.off][0]
        if controlled:
            press.end_beats = events[press.end][0] if press.end != NEVER else math.inf
    return found


def _paired(events: Sequence[Event]) -> list[Press]:
    """A key that is struck while it is down is let go by that. A note-off just after is the earlier
    note's: it was written late, and the new note's is still to come."""
    found: list[Press] = []
    down: dict[int, Press] = {}
    owed: dict[int, tuple[int, float]] = {}  # by key: note-offs that may come late, and until when
    late: dict[int, int] = {}  # those that did, of keys that are down
    for number, (beats, kind, key, value) in enumerate(events):
        if kind == 0x90 and value:
            press = Press(key, value, number, beats)
            found.append(press)
            if key in down:
                down[key].off = number
                count, until_beats = owed.get(key, (0, beats))
                owed[key] = (count + 1 if beats <= until_beats else 1, beats + LATE_BEATS)
                late.pop(key, None)
            down[key] = press
        elif kind <= 0x90:
            if key in owed:
                count, until_beats = owed.pop(key)
                if beats <= until_beats:
                    if count > 1:
                        owed[key] = count - 1, until_beats
                    late[key] = number
                    continue
            if key in down:
                down.pop(key).off = number
                if late:
                    late.pop(key, None)
        elif kind == 0xB0 and (key in LETTING_GO or key == ALL_SOUND_OFF):
            for press in down.values():
                press.off = number
            down.clear()
            owed.clear()
            late.clear()
    for key, number in late.items():  # none came after it, so it was the last note's own
        down[key].off = number
    return found


def _hold(found: list[Press], events: Sequence[Event]) -> None:
    """Where each note ends, with the pedals."""
    let_go: dict[int, list[Press]] = {}
    for press in found:
        let_go.setdefault(press.off, []).append(press)
    pedal, sostenuto = False, NEVER  # the latter as the event that pressed it
    held: dict[int, list[Press]] = {}  # let go and held by the pedal, by key
    caught: dict[
        int, list[Press]
    ] = {}  # the same by the sostenuto, which holds keys that were down before it
    again: set[int] = set()  # of these, struck again
    for number, (_, kind, key, value) in enumerate(events):
        for press in let_go.get(number, ()):
            if press.on < sostenuto or press.key in again:
                caught.setdefault(press.key, []).append(press)
            elif pedal:
                held.setdefault(press.key, []).append(press)
            else:
                press.end = number
        if kind == 0x90 and value:
            if key in caught:
                again.add(key)
            _end(held.pop(key, []) + caught.pop(key, []), number)
        elif kind == 0xB0 and key in CONTROLS:
            if key == PEDAL:
                pedal = value >= 64
            elif key == SOSTENUTO:
                sostenuto = NEVER if value < 64 else number if sostenuto == NEVER else sostenuto
            elif key == RESET_CONTROLLERS:
                pedal, sostenuto = False, NEVER
            if sostenuto == NEVER or key == ALL_SOUND_OFF:
                for each, notes in caught.items():
                    held.setdefault(each, []).extend(notes)
                caught.clear()
                again.clear()
            if not pedal or key == ALL_SOUND_OFF:
                for notes in held.values():
                    _end(notes, number)
                held.clear()


def _end(notes: Sequence[Press], number: int) -> None:
    for press in notes:
        press.end = number


def sounding(events: Sequence[Event], controlled: bool) -> dict[int, list[Press]]:
    """The notes of events by their voices, each voice's in order of their beginnings and pitches.

    A key struck twice in one instant is one note, the longer and the louder.
    """
    voices: dict[int, list[Press]] = {}
    for press in presses(events, controlled):
        voices.setdefault(press.key // VOICE, []).append(press)
    return {voice: _once(notes) for voice, notes in voices.items()}


def _once(notes: list[Press]) -> list[Press]:
    notes.sort(key=lambda note: (note.start_beats, note.key))
    once: list[Press] = []
    last: Press | None = None
    for note in notes:
        if last and last.start_beats == note.start_beats and last.key == note.key:
            last.velocity = max(last.velocity, note.velocity)
            last.up_beats = max(last.up_beats, note.up_beats)
            last.end_beats = max(last.end_beats, note.end_beats)
        else:
            once.append(note)
            last = note
    if any(note.up_beats == note.start_beats for note in once):
        _lengthen(once)
    return once


def _lengthen(notes: Sequence[Press]) -> None:
    """Give notes without length a step, or what there is until the key is struck again."""
    again: dict[int, float] = {}
    for note in reversed(notes):
        if note.up_beats == note.start_beats:
            next_beats = again.get(note.key, math.inf)
            note.up_beats = min(note.start_beats + SHORTEST_BEATS, next_beats)
            note.end_beats = max(note.end_beats, note.up_beats)
        again[note.key] = note.start_beats
