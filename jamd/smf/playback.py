"""A file's music as it is played: every message at its second, each note-off where its note is let go.

Notes are let go as they are read (`notes`), so that whoever is played to hears what is read: a key that
is struck again is let go first, a note without length lasts a step, one without an end ends with the music.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import mido

from jamd.music.controllers import PEDAL, RESET_CONTROLLERS, SOSTENUTO
from jamd.music.transport import DEFAULT_TEMPO
from jamd.smf.drums import DrumParts
from jamd.smf.notes import (
    NEVER,
    SHORTEST_BEATS,
    VOICE,
    Press,
    presses,
)
from jamd.smf.read import LONGEST_BEATS, ONE_BYTE, Reading
from jamd.smf.voices import Group, groups_of, until, voices_of

Row = tuple[float, float, list[int]]
"""Beats, a rank among the messages of one instant, and the message's bytes."""


@dataclass(slots=True)
class _Strike:
    """A key's strike and its end, each with its rank among what is done at that instant."""

    velocity: int
    release_velocity: int
    start: tuple[float, float]
    up: tuple[float, float]


def played(tracks: Sequence[Reading], drums: bool) -> list[tuple[float, mido.Message]]:
    """Messages with their seconds from the beginning, in order, until the last note is silent."""
    notes = [note for voice in voices_of(tracks) for note in voice.notes]
    end_beats = max((note.end_beats for note in notes), default=0.0)
    kits = None if drums else DrumParts(tracks)
    rows: list[Row] = []
    strikes: dict[tuple[int, int, int, int], list[_Strike]] = {}  # by pattern, port, channel and pitch
    for group in groups_of(tracks):
        rows += _controls(group, tracks, end_beats, kits)
        for key, strike in _strikes(group, tracks, end_beats, kits):
            strikes.setdefault(key, []).append(strike)
    for (_, _, channel, pitch), struck in strikes.items():
        for strike in _one_key(sorted(struck, key=lambda strike: strike.start)):
            rows.append((*strike.start, [0x90 | channel, pitch, strike.velocity]))
            rows.append((*strike.up, [0x80 | channel, pitch, strike.release_velocity]))
    rows.sort(key=lambda row: row[:2])
    changes = sorted({at: tempo for track in tracks for at, tempo in track.tempos.items()}.items())
    seconds = _seconds((beats for beats, _, _ in rows), changes)
    return [(at, mido.Message.from_bytes(message)) for at, (_, _, message) in zip(seconds, rows, strict=True)]


def _strikes(
    group: Group, tracks: Sequence[Reading], end_beats: float, kits: DrumParts | None
) -> Iterator[tuple[tuple[int, int, int, int], _Strike]]:
    """A group's strikes, each with its key's pattern, port, channel and pitch."""
    for press in presses(group.events, group.controlled):
        number, channel = group.voices[press.key // VOICE]
        track = tracks[number]
        if kits and group.zone is None and kits.has(track.port, channel, press.start_beats):
            continue
        if press.start_beats <= end_beats:
            up = _up(press, track.end_beats, end_beats)
            release = _release_velocity(press, group)
            strike = _Strike(press.velocity, release, (press.start_beats, press.on), up)
            yield (track.pattern, track.port, channel, press.pitch), strike


def _release_velocity(press: Press, group: Group) -> int:
    """How fast a key is let go, where a note-off says so."""
    _, kind, _, value = group.events[press.off]
    return value if press.off != NEVER and kind == 0x80 else 64


def _up(press: Press, track_end_beats: float, music_beats: float) -> tuple[float, float]:
    """When a key is let go."""
    if press.up_beats > LONGEST_BEATS:
        return until(press.start_beats, math.inf, track_end_beats, music_beats), math.inf
    if press.up_beats > press.start_beats:
        return press.up_beats, press.off
    return press.start_beats + SHORTEST_BEATS, -1


def _one_key(struck: Sequence[_Strike]) -> Iterator[_Strike]:
    """The strikes of one key, each let go before the next; what is still held then is held on."""
    before: _Strike | None = None
    for strike in struck:
        if before and before.up > strike.start:
            strike.up = max(strike.up, before.up)
            before.up = (strike.start[0], strike.start[1] - 0.5)
        if before and before.start[0] < strike.start[0]:
            yield before
        before = strike
    if before:
        yield before


def _controls(
    group: Group, tracks: Sequence[Reading], end_beats: float, kits: DrumParts | None
) -> Iterator[Row]:
    """All but the notes; pedals that are never lifted are, at the end."""
    ports = {channel: tracks[track].port for track, channel in group.voices}
    pressed: set[tuple[int, int]] = set()
    for number, (beats, kind, first, second) in enumerate(group.events):
        channel = group.channels[number]
        if kind <= 0x90 or beats > end_beats:
            continue
        if kits and group.zone is None and kits.has(ports[channel], channel, beats):
            continue
        if kind == 0xB0 and first in (PEDAL, SOSTENUTO):
            (pressed.add if second >= 64 else pressed.discard)((channel, first))
        elif kind == 0xB0 and first == RESET_CONTROLLERS:
            pressed -= {(channel, PEDAL), (channel, SOSTENUTO)}
        yield beats, number, [kind | channel, first] + ([] if kind in ONE_BYTE else [second])
    for channel, pedal in sorted(pressed):
        yield end_beats, math.inf, [0xB0 | channel, pedal, 0]


def _seconds(beats: Iterable[float], changes: Sequence[tuple[float, float]]) -> Iterator[float]:
    """When positions that rise are heard, with the changes of tempo (BPM)."""
    to_come = iter([*changes, (math.inf, DEFAULT_TEMPO)])
    seconds, since_beats, tempo = 0.0, 0.0, DEFAULT_TEMPO
    change_beats, next_tempo = next(to_come)
    for at in beats:
        while change_beats <= at:
            seconds += (change_beats - since_beats) * 60 / tempo
            since_beats, tempo = change_beats, next_tempo
            change_beats, next_tempo = next(to_come)
        yield seconds + (at - since_beats) * 60 / tempo
