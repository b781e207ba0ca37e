"""The words of the music: note, onset, frame; and the one way from beats to steps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

STEPS_PER_BEAT = 4
"""The grid: sixteenth notes. A beat is a quarter note, as in MIDI."""

Steps = TypeVar("Steps", float, npt.NDArray[np.float64])


@dataclass(frozen=True, slots=True)
class Note:
    """One note of a recording, in beats (quarter notes) from its beginning."""

    pitch: int
    velocity: int
    start_beats: float
    end_beats: float


@dataclass(frozen=True, slots=True)
class Onset:
    """A note that begins in a frame. `offset_steps` is how early (< 0) or late it comes, -0.5 to 0.5."""

    pitch: int
    velocity: int
    offset_steps: float = 0.0


@dataclass(frozen=True, slots=True)
class Frame:
    """One step of one part: the notes that begin here and the pitches that go on sounding.

    A repeated note is an onset and a held one is in `held`: a single plane could not tell them apart.
    A pitch is in one of the two at most.
    """

    onsets: tuple[Onset, ...] = ()
    held: frozenset[int] = frozenset()

    @property
    def sounding(self) -> frozenset[int]:
        """Every pitch heard during the step."""
        return self.held.union(onset.pitch for onset in self.onsets)


REST = Frame()


def quantise(position_steps: Steps) -> tuple[Steps, Steps]:
    """The grid step nearest to a position, and the offset left over in [-0.5, 0.5); scalars or arrays.

    Nearest and not floor, because players anticipate: a downbeat played 20 ms early is still the downbeat.
    Live capture and training both come through here, so the network meets in performance the roll that it
    learnt from.
    """
    step = (position_steps + 0.5) // 1
    return step, position_steps - step


def length_steps(start_step: Steps, end_steps: Steps) -> Steps:
    """How many steps a note that starts at `start_step` and is let go at `end_steps` sounds: at least one."""
    sounding = quantise(end_steps)[0] - start_step
    return sounding + (1.0 - sounding) * (sounding < 1.0)


def together(notes: Iterable[Note]) -> list[Note]:
    """Several parts' notes as one keyboard would have them, in order of their beginnings: a pitch that one
    part strikes while another holds it is struck again, and goes on for as long as either would."""
    played: list[Note] = []
    latest: dict[int, int] = {}  # where the latest note of each pitch is
    for note in sorted(notes, key=lambda note: (note.start_beats, note.pitch)):
        at = latest.get(note.pitch)
        if at is not None and played[at].end_beats > note.start_beats:
            before = played[at]
            end_beats = max(before.end_beats, note.end_beats)
            if before.start_beats == note.start_beats:
                velocity = max(before.velocity, note.velocity)
                played[at] = Note(note.pitch, velocity, note.start_beats, end_beats)
                continue
            played[at] = Note(before.pitch, before.velocity, before.start_beats, note.start_beats)
            note = Note(note.pitch, note.velocity, note.start_beats, end_beats)
        latest[note.pitch] = len(played)
        played.append(note)
    return played


def frames_of(notes: Iterable[Note]) -> list[Frame]:
    """A part's notes as frames, the first at beat 0. The later of two notes on one pitch cuts the earlier."""
    onsets: dict[int, dict[int, Onset]] = {}
    ends: dict[tuple[int, int], int] = {}
    for note in sorted(notes, key=lambda note: note.start_beats):
        step, offset = quantise(note.start_beats * STEPS_PER_BEAT)
        length = length_steps(step, note.end_beats * STEPS_PER_BEAT)
        onsets.setdefault(int(step), {})[note.pitch] = Onset(note.pitch, note.velocity, offset)
        ends[int(step), note.pitch] = int(step + length)
    frames: list[Frame] = []
    until: dict[int, int] = {}
    for step in range(max(ends.values(), default=0)):
        here = onsets.get(step, {})
        held = frozenset(p for p, end in until.items() if end > step and p not in here)
        until = {p: until[p] for p in held} | {p: ends[step, p] for p in here}
        frames.append(Frame(tuple(sorted(here.values(), key=lambda o: -o.pitch)), held))
    return frames
