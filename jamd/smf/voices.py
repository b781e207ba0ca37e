"""A file's voices: what each track plays on each channel, with the pedals that are the channel's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from jamd.smf.drums import DrumParts
from jamd.smf.mpe import masters
from jamd.smf.notes import (
    CONTROLS,
    SHORTEST_BEATS,
    VOICE,
    Press,
    sounding,
)
from jamd.smf.read import LONGEST_BEATS, Event, Reading

LATE_END_BEATS = 16.0
"""An end-of-track so long after the music says nothing of it: many files have theirs hours away."""
LAST_NOTE_BEATS = 4.0
"""What the last note of all lasts that has no other end."""


@dataclass(slots=True)
class Voice:
    """What a track plays on a channel."""

    track: int
    port: int
    channel: int
    zone: int | None
    """The master of the MPE zone that it is in: all its voices are one player's."""
    notes: list[Press]


@dataclass(slots=True)
class Group:
    """Voices under the same controllers: a channel's or an MPE zone's. Their events are in order of time,
    each with its channel, the keys of notes counted on from voice to voice."""

    voices: list[tuple[int, int]]
    """Track and channel."""
    zone: int | None
    events: list[Event]
    channels: Sequence[int]
    controlled: bool


def groups_of(tracks: Sequence[Reading]) -> Iterator[Group]:
    """All that is done on channels."""
    places: dict[tuple[int, int], list[int]] = {}
    for number, track in enumerate(tracks):
        places.setdefault((track.pattern, track.port), []).append(number)
    for numbers in places.values():
        zones = masters([tracks[number] for number in numbers])
        together: dict[tuple[bool, int], list[tuple[int, int]]] = {}
        for number in numbers:
            for channel in sorted(tracks[number].events):
                which = channel in zones, zones.get(channel, channel)
                together.setdefault(which, []).append((number, channel))
        for (is_zone, channel), voices in together.items():
            zone = channel if is_zone else None
            controlled = any(CONTROLS & tracks[n].moved.get(each, frozenset()) for n, each in voices)
            if controlled and len(voices) > 1:
                events, channels = _merged(tracks, voices, zone)
                yield Group(voices, zone, events, channels, True)
                continue
            for number, each in voices:
                events = tracks[number].events[each]
                yield Group([(number, each)], zone, events, [each] * len(events), controlled)


def _merged(
    tracks: Sequence[Reading], voices: Sequence[tuple[int, int]], zone: int | None
) -> tuple[list[Event], list[int]]:
    """The events of several voices. At one instant each track keeps its order; and of several tracks what
    ends notes goes before controllers, which go before what begins notes."""
    rows: list[tuple[float, int, Event, int]] = []
    for voice, (number, channel) in enumerate(voices):
        at, phase, first_key = -1.0, 0, VOICE * voice
        for beats, kind, first, second in tracks[number].events[channel]:
            if beats != at:
                at, phase = beats, 0
            if kind <= 0x90:
                phase = 2 if kind == 0x90 and second else phase
                rows.append((beats, phase, (beats, kind, first + first_key, second), channel))
            elif zone in (None, channel) or kind != 0xB0 or first not in CONTROLS:
                phase = max(phase, 1)
                rows.append((beats, phase, (beats, kind, first, second), channel))
    rows.sort(key=lambda row: row[:2])
    return [row[2] for row in rows], [row[3] for row in rows]


def voices_of(tracks: Sequence[Reading]) -> list[Voice]:
    """The voices that have notes, by their tracks and channels. All notes end."""
    found: list[Voice] = []
    for group in groups_of(tracks):
        for number, notes in sounding(group.events, group.controlled).items():
            track, channel = group.voices[number]
            found.append(Voice(track, tracks[track].port, channel, group.zone, notes))
    music_beats = end_of(found)
    for voice in found:
        for note in voice.notes:
            if note.end_beats > LONGEST_BEATS:
                track_end_beats = tracks[voice.track].end_beats
                note.end_beats = until(note.start_beats, note.up_beats, track_end_beats, music_beats)
                note.up_beats = min(note.up_beats, note.end_beats)
    return sorted(found, key=lambda voice: (voice.track, voice.channel))


def end_of(voices: Sequence[Voice]) -> float:
    """Where the music ends, as far as that is known."""
    last = 0.0
    for voice in voices:
        for note in voice.notes:
            end_beats = note.end_beats if note.end_beats <= LONGEST_BEATS else note.up_beats
            last = max(last, end_beats if end_beats <= LONGEST_BEATS else note.start_beats)
    return last


def until(start_beats: float, up_beats: float, track_end_beats: float, music_beats: float) -> float:
    """The end of a note that has none: its track's, or the music's where that is far behind it."""
    if track_end_beats <= music_beats + LATE_END_BEATS:
        end_beats = track_end_beats
    elif music_beats > start_beats:
        end_beats = music_beats
    else:
        end_beats = start_beats + LAST_NOTE_BEATS
    return max(end_beats, up_beats if up_beats <= LONGEST_BEATS else start_beats + SHORTEST_BEATS)


def melodies(tracks: Sequence[Reading], voices: Sequence[Voice]) -> list[Voice]:
    """The voices without what is drums. In an MPE zone nothing is: its tenth channel is like the others."""
    drums = DrumParts(tracks)
    kept: list[Voice] = []
    for voice in voices:
        if voice.zone is not None:
            kept.append(voice)
        elif notes := drums.without(voice.port, voice.channel, voice.notes):
            kept.append(replace(voice, notes=notes))
    return kept
