"""The player's own tempo: found in the first phrase, then followed gently (`--tempo auto`).

A pulse is the beat that is felt and would be clicked: a quarter note, in 6/8 a dotted one, in 7/8 an eighth.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import mido

from jamd.beats.tracker import COMPOUND_FIGURES, FIGURES, USUAL_PULSE, BeatTracker
from jamd.music.note import STEPS_PER_BEAT
from jamd.music.transport import FASTEST_TEMPO, SLOWEST_TEMPO, Transport
from jamd.sync.metronome import steps_per_click
from jamd.sync.source import Internal

CHORD_SECONDS = 0.03
"""Notes struck within it are one onset."""

LEAST_ONSETS = 8
LEAST_SECONDS = 2.0
SURE = 0.8
"""After so many onsets and seconds, one tempo and phase so likely is taken for the player's,"""
PHRASE_ONSETS = 4
PAUSE_SECONDS = 1.5
LATEST_SECONDS = 8.0
"""and of a phrase of so many onsets the likeliest one when it pauses so long or has gone on so long."""
FORGET_SECONDS = 4.0
"""Fewer onsets before so long a pause were only trying out the sound."""
PICKUP = 0.42
"""A first onset that is so far past a beat, in pulses, leads to the next one."""

FOLLOWED = 0.5
"""What is less likely does not move the grid."""
NEAR, REACH = 0.2, 0.5
"""What differs by more than the first share from the tempo that is kept must be as SURE as the first phrase
was, to be drifted to: the phrase was taken wrongly. What differs by more than the second, as an octave does,
is not looked at."""
CATCH_UP_PULSES = 6.0
MOST_HURRY = 0.04
"""The grid comes to where the player is in so many pulses, hurrying or waiting by no more than this share."""
MOST_CHANGE = 0.03
"""The share by which the tempo that is kept changes in a pulse."""
REST_PULSES = 4
"""In a longer rest the player goes by our beat, not by one of their own."""


class Follow(Internal):
    """The grid begins under the player's first phrase as soon as its tempo is clear; then it goes along.

    A change of tempo meets the old grid at the latest instant that this was called with: the position neither
    jumps nor runs backwards. In a rest nothing changes but that the last correction comes to its end.
    """

    name = "the player's tempo"

    def __init__(self, transport: Transport) -> None:
        """The metre is the transport's; its tempo is nobody's."""
        super().__init__(transport)
        self._pulse_steps = steps_per_click(transport.metre)
        self._tracker = self._new_tracker()
        self._onsets: list[float] = []  # of the first phrase
        self._last_seconds: float | None = None  # the last onset
        self._now = -math.inf  # the latest instant heard of
        self._kept_tempo = transport.tempo  # without what hurries or waits
        self._settles_seconds: float | None = None  # when it has hurried or waited enough

    @property
    def due_seconds(self) -> float | None:
        if self.running or self._last_seconds is None or len(self._onsets) < PHRASE_ONSETS:
            return self._settles_seconds
        return min(self._last_seconds + PAUSE_SECONDS, self._onsets[0] + LATEST_SECONDS)

    def advance(self, seconds: float) -> None:
        self._now = max(self._now, seconds)
        due = self.due_seconds
        if due is None or seconds < due:
            return
        if self.running:
            self._settles_seconds = None
            self._move(self._kept_tempo)
        else:
            self._begin()

    def played(self, message: mido.Message, seconds: float) -> None:
        if message.type != "note_on" or message.velocity == 0:
            return
        self.advance(seconds)  # what was due before it
        last = self._last_seconds
        if last is not None and seconds - last < CHORD_SECONDS:
            return
        self._last_seconds = seconds
        if self.running:
            self._follow(last, seconds)
        else:
            self._listen(last, seconds)

    def set_tempo(self, tempo: float, seconds: float) -> None:
        """The player says it: it is this tempo, as nearly as they play it."""
        self._now = max(self._now, seconds)
        self._tracker = self._new_tracker()
        for early, late in pairwise(self._onsets):  # the first phrase, as far as it has come
            self._tracker.hear(late - early)
        if self.running:
            self._last_seconds = self._settles_seconds = None
            self._kept_tempo = min(max(tempo, SLOWEST_TEMPO), FASTEST_TEMPO)
            self._move(self._kept_tempo)
        self._tracker.keep_near(self._pulse(tempo), NEAR)

    def _new_tracker(self) -> BeatTracker:
        dotted = self._pulse_steps % 3 == 0
        figures = COMPOUND_FIGURES if dotted else FIGURES
        shorter = max(1.0, STEPS_PER_BEAT / self._pulse_steps)  # in 7/8 it is eighths that are counted
        return BeatTracker(figures, USUAL_PULSE * shorter)

    # The first phrase

    def _listen(self, last: float | None, seconds: float) -> None:
        if last is not None and seconds - last > FORGET_SECONDS and len(self._onsets) < PHRASE_ONSETS:
            self._tracker, last = self._new_tracker(), None
            self._onsets.clear()
        self._onsets.append(seconds)
        if last is None:
            return
        self._tracker.hear(seconds - last)
        enough = len(self._onsets) >= LEAST_ONSETS and seconds - self._onsets[0] >= LEAST_SECONDS
        if enough and self._tracker.best().likelihood >= SURE:
            self._begin()

    def _begin(self) -> None:
        """The grid is known: beat 1 of bar 1 was at the first onset, or soon after it."""
        beat, last = self._tracker.best(), self._onsets[-1]
        pulse_seconds = 60.0 / beat.tempo
        beat_seconds = last - beat.phase * pulse_seconds
        pulses = math.floor((self._onsets[0] - beat_seconds) / pulse_seconds + 1.0 - PICKUP)
        self._kept_tempo = self._tempo(beat.tempo)
        self.transport = replace(
            self.transport,
            tempo=self._kept_tempo,
            anchor_seconds=beat_seconds + pulses * pulse_seconds,
            anchor_step=0.0,
        )
        self.running = True
        self._onsets.clear()

    def _tempo(self, pulse: float) -> float:
        """Quarter notes a minute from pulses a minute."""
        return min(max(pulse * self._pulse_steps / STEPS_PER_BEAT, SLOWEST_TEMPO), FASTEST_TEMPO)

    def _pulse(self, tempo: float) -> float:
        """Pulses a minute from quarter notes a minute."""
        return tempo * STEPS_PER_BEAT / self._pulse_steps

    # And then

    def _follow(self, last: float | None, seconds: float) -> None:
        if last is None:
            return
        pulse_seconds = self._pulse_steps * self.transport.seconds_per_step
        rested = max(0, math.floor((seconds - last) / pulse_seconds) - REST_PULSES)
        self._tracker.hear(seconds - last - rested * pulse_seconds)
        self._tracker.keep_near(self._pulse(self._kept_tempo), REACH)
        beat = self._tracker.best()
        change = self._tempo(beat.tempo) / self._kept_tempo - 1.0
        if beat.likelihood < (FOLLOWED if abs(change) < NEAR else SURE):
            return
        most = MOST_CHANGE * min((seconds - last) / pulse_seconds, 1.0)
        self._kept_tempo *= 1.0 + min(max(change, -most), most)
        behind = beat.phase - self.transport.position_at(seconds) / self._pulse_steps
        behind -= round(behind)
        hurry = min(max(behind / CATCH_UP_PULSES, -MOST_HURRY), MOST_HURRY)
        self._settles_seconds = self._now + abs(behind / hurry) * pulse_seconds if hurry else None
        self._move(self._kept_tempo * (1.0 + hurry))

    def _move(self, tempo: float) -> None:
        """From now on the grid goes on at this tempo."""
        self.transport = self.transport.at_tempo(min(max(tempo, SLOWEST_TEMPO), FASTEST_TEMPO), self._now)
