"""Tempo, metre and grid: seconds become steps and back here and nowhere else."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from jamd.errors import UsageError
from jamd.music.note import STEPS_PER_BEAT, quantise

SLOWEST_TEMPO, FASTEST_TEMPO = 20.0, 400.0
LONGEST_BAR_STEPS = 64
UNITS = (1, 2, 4, 8, 16)
"""The notes that a metre may count in, down to the grid's step."""
METRES_TAKEN = "like 4/4, 7/8 or 17/16; the longest are " + ", ".join(
    f"{LONGEST_BAR_STEPS * unit // (4 * STEPS_PER_BEAT)}/{unit}" for unit in UNITS
)


@dataclass(frozen=True, slots=True)
class Metre:
    """A time signature: `beats` notes of value 1/`unit` to the bar, as written (6/8 is 6, 8)."""

    beats: int
    unit: int

    @staticmethod
    def fits(beats: int, unit: int) -> bool:
        """Whether a bar of this metre is a whole number of steps, and not too many."""
        steps, rest = divmod(beats * 4 * STEPS_PER_BEAT, unit) if unit > 0 else (0, 1)
        return rest == 0 and 0 < steps <= LONGEST_BAR_STEPS

    @classmethod
    def parse(cls, text: str) -> Metre:
        """A metre from its usual spelling, such as 4/4 or 7/8. Raises UsageError."""
        written = re.fullmatch("([0-9]{1,3})/([0-9]{1,2})", text)
        beats, unit = map(int, written.groups()) if written else (0, 0)
        if unit not in UNITS or not cls.fits(beats, unit):
            raise UsageError(f"metre {text!r} is not one jamd can count; write it {METRES_TAKEN}")
        return cls(beats, unit)

    @property
    def steps_per_bar(self) -> int:
        return self.beats * 4 * STEPS_PER_BEAT // self.unit

    def __str__(self) -> str:
        return f"{self.beats}/{self.unit}"


DEFAULT_TEMPO = 120.0
DEFAULT_METRE = Metre(4, 4)


def check_tempo(tempo: float) -> float:
    """The tempo itself if a musician could mean it. Raises UsageError."""
    if not SLOWEST_TEMPO <= tempo <= FASTEST_TEMPO:
        raise UsageError(
            f"tempo {tempo:g} is out of range; give {SLOWEST_TEMPO:g} to {FASTEST_TEMPO:g} beats a minute"
        )
    return tempo


@dataclass(frozen=True, slots=True)
class Transport:
    """Where the grid lies in time. Frozen: a change of tempo makes a new one that meets the old one now.

    Step n's instant is computed from the anchor, never by adding durations, so nothing drifts.
    """

    tempo: float
    metre: Metre
    anchor_seconds: float = 0.0
    anchor_step: float = 0.0
    downbeat_step: int = 0
    """A step on which a bar begins; the other bar lines are counted from it."""

    @property
    def seconds_per_step(self) -> float:
        return 60.0 / self.tempo / STEPS_PER_BEAT

    def seconds_at(self, position_steps: float) -> float:
        """The instant of a position on the grid, fractions allowed."""
        return self.anchor_seconds + (position_steps - self.anchor_step) * self.seconds_per_step

    def position_at(self, seconds: float) -> float:
        """The position on the grid, in steps with their fraction, at an instant."""
        return self.anchor_step + (seconds - self.anchor_seconds) / self.seconds_per_step

    def step_at(self, seconds: float) -> int:
        """The step that an event at this instant is heard as."""
        return int(quantise(self.position_at(seconds))[0])

    def beats_at(self, seconds: float) -> float:
        return self.position_at(seconds) / STEPS_PER_BEAT

    def bar_of(self, step: int) -> int:
        """The number of the bar that holds a step; bar 0 begins on `downbeat_step`."""
        return (step - self.downbeat_step) // self.metre.steps_per_bar

    def bar_line(self, bar: int) -> int:
        """The step on which a bar begins."""
        return self.downbeat_step + bar * self.metre.steps_per_bar

    def step_in_bar(self, step: int) -> int:
        return (step - self.downbeat_step) % self.metre.steps_per_bar

    def metre_at(self, step: int) -> Metre:
        """The metre of the bar that holds a step."""
        return self.metre

    def at_tempo(self, tempo: float, seconds: float) -> Transport:
        """The transport from this instant on at another tempo; the position does not jump."""
        return replace(self, tempo=tempo, anchor_seconds=seconds, anchor_step=self.position_at(seconds))
