"""Knobs: what of jamd can be turned, within which range, and where it stands."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from typing import Literal

from jamd.errors import UsageError

Value = float | str


@dataclass(frozen=True, slots=True)
class Knob:
    """Something in jamd that a control moves: through a range, among choices, or at a press.

    A position is how far a control is turned, 0 to 1.
    """

    name: str
    what: str
    low: float = 0.0
    high: float = 0.0
    logarithmic: bool = False
    whole: bool = False
    choices: tuple[Value, ...] = ()
    named: bool = False
    """Its choices are names that are known to the session alone."""

    @property
    def kind(self) -> Literal["continuous", "choice", "action"]:
        if self.choices or self.named:
            return "choice"
        return "continuous" if self.high > self.low else "action"

    @property
    def range(self) -> str:
        """What it can be, in words."""
        if self.choices:
            return ", ".join(map(str, self.choices))
        if self.named:
            return "see `jamd config`"
        return f"{self.low:g} to {self.high:g}" if self.kind == "continuous" else "a press"

    def value_at(self, position: float) -> Value:
        """The value of this position. Not for actions."""
        if self.choices:
            return self.choices[min(int(position * len(self.choices)), len(self.choices) - 1)]
        if self.logarithmic:
            return float(self.low * (self.high / self.low) ** position)
        value = self.low + (self.high - self.low) * position
        return float(round(value)) if self.whole else value

    def position_of(self, value: Value) -> float:
        """The position of this value, or of the nearest end if it lies outside. Not for actions."""
        if self.choices:
            return self._place(value) / max(1, len(self.choices) - 1)
        number = min(max(float(value), self.low), self.high)
        if self.logarithmic:
            return math.log(number / self.low) / math.log(self.high / self.low)
        return (number - self.low) / (self.high - self.low)

    def held_to(self, value: object) -> Value | None:
        """A value from outside, held to the range or found among the choices; None if it is none. Not for
        actions."""
        if self.choices:
            return next((choice for choice in self.choices if choice == value), None)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        if isinstance(value, float) and not math.isfinite(value):
            return None
        number = float(min(max(value, self.low), self.high))
        return float(round(number)) if self.whole else number

    def after(self, value: Value) -> Value:
        """The choice after this one, the first after the last and where it is none of them."""
        if isinstance(value, str) and value not in self.choices:
            return self.choices[0]
        return self.choices[(self._place(value) + 1) % len(self.choices)]

    def moved(self, value: Value, by: float) -> float:
        """The value so much further on, as far as the knob goes. For a range."""
        number = float(value)
        return min(max(number + by, min(self.low, number)), max(self.high, number))

    def _place(self, value: Value) -> int:
        """Which choice it is, or follows: 3 bars come after 2."""
        if value in self.choices:
            return self.choices.index(value)
        numbers = [choice for choice in self.choices if not isinstance(choice, str)]
        return max(0, sum(number <= value for number in numbers if not isinstance(value, str)) - 1)


KNOBS = {
    knob.name: knob
    for knob in (
        Knob("temperature", "boldness", 0.1, 2),
        Knob("echo", "what comes back", 0, 2),
        Knob("density", "more or fewer notes", 0.25, 4, logarithmic=True),
        Knob("register", "semitones off the call", -24, 24, whole=True),
        Knob("feel", "0: on the grid", 0, 1),
        Knob("tempo", "beats a minute", 40, 240),
        Knob("mode", "who plays when", choices=("answer", "duet", "solo")),
        Knob("bars", "bars of a turn", choices=(1, 2, 4, 8)),
        Knob("preset", "recall a preset", named=True),
        Knob("turn", "give jamd the turn"),
        Knob("tap", "tap the tempo"),
        Knob("panic", "all notes off"),
        Knob("loop", "loop, or stop it"),
        Knob("vary", "vary the answer"),
        Knob("save", "keep the answer"),
        Knob("next-model", "the next model"),
        Knob("previous-model", "the model before"),
    )
}


def knob_of(name: str) -> Knob:
    """The knob of that name. Raises UsageError with the nearest name, or all of them."""
    if name in KNOBS:
        return KNOBS[name]
    close = difflib.get_close_matches(name, KNOBS, 1)
    right = f"did you mean {close[0]!r}?" if close else f"the knobs are: {', '.join(KNOBS)}"
    raise UsageError(f"no knob {name!r}; {right}")


@dataclass(frozen=True, slots=True)
class Turned:
    """A knob was turned to this value, or `by` so much. Without: an action was asked for, or the next of a
    knob's choices."""

    knob: str
    value: Value | None = None
    by: float | None = None
