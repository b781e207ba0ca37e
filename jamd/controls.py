"""The controls: what a hand moves on a controller, the knobs of jamd that follow, and what is bound to what.

Pure: no ports. Channels and programs count from 1, CCs and notes from 0.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import mido

from jamd.errors import UsageError

Kind = Literal["cc", "note", "program", "bend"]
Value = float | str

PEDAL = 64
NUMBERS = {"cc": (0, 119), "note": (0, 127), "program": (1, 128)}
"""The least and the greatest. A CC above 119 is an order to fall silent and never a control."""
EXAMPLES = "'cc 21', 'note 36 channel 10', 'program 5', 'pedal' or 'bend'"
PRESSED, RELEASED = 64, 48
"""A pedal that trembles around the middle of its way is pressed once."""
FINE = 32
"""A CC from 0 to 31 may be followed by its finer half, the CC so much higher."""
COARSE_TOP, FINE_TOP = 127, 128 * 128 - 1

_WRITTEN = re.compile(r"(?:(pedal|bend|program)|(cc|note|program) ([0-9]{1,3}))(?: channel ([0-9]{1,2}))?")


@dataclass(frozen=True, slots=True)
class Control:
    """One thing that a hand moves or presses; without a channel (1 to 16), that thing on any of them."""

    kind: Kind
    number: int | None = None
    channel: int | None = None

    @classmethod
    def parse(cls, text: str) -> Control:
        """Read `cc 21`, `note 36 channel 10`, `program`, `program 5`, `pedal` (cc 64) or `bend`.

        Raises UsageError for anything else.
        """
        written = _WRITTEN.fullmatch(" ".join(text.casefold().split()))
        if written is None:
            raise UsageError(f"{text!r} is no control; write it like {EXAMPLES}")
        bare, numbered, number_text, channel_text = written.groups()
        channel = None if channel_text is None else int(channel_text)
        if channel is not None and not 1 <= channel <= 16:
            raise UsageError(f"{text!r} is no control; channels go from 1 to 16")
        if bare == "pedal":
            return cls("cc", PEDAL, channel)
        kind = cast(Kind, bare or numbered)
        number = None if number_text is None else int(number_text)
        if number is not None:
            least, most = NUMBERS[kind]
            if not least <= number <= most:
                raise UsageError(f"{text!r} is no control; {kind} goes from {least} to {most}")
        return cls(kind, number, channel)

    def __str__(self) -> str:
        named = "pedal" if (self.kind, self.number) == ("cc", PEDAL) else self.kind
        number = "" if self.number is None or named == "pedal" else f" {self.number}"
        return named + number + ("" if self.channel is None else f" channel {self.channel}")

    def overlaps(self, other: Control) -> bool:
        """Whether one message could be both. A program of its own number goes before `program`."""
        same = (self.kind, self.number) == (other.kind, other.number)
        return same and (self.channel == other.channel or None in (self.channel, other.channel))


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

    @property
    def kind(self) -> Literal["continuous", "choice", "action"]:
        if self.choices:
            return "choice"
        return "continuous" if self.high > self.low else "action"

    @property
    def range(self) -> str:
        """What it can be, in words."""
        if self.choices:
            return ", ".join(map(str, self.choices))
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
            return self._place(value) / (len(self.choices) - 1)
        number = min(max(float(value), self.low), self.high)
        if self.logarithmic:
            return math.log(number / self.low) / math.log(self.high / self.low)
        return (number - self.low) / (self.high - self.low)

    def after(self, value: Value) -> Value:
        """The choice after this one, the first after the last."""
        return self.choices[(self._place(value) + 1) % len(self.choices)]

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
        Knob("turn", "give the floor"),
        Knob("tap", "tap the tempo"),
        Knob("panic", "all notes off"),
        Knob("loop", "loop, or stop it"),
        Knob("vary", "vary the answer"),
        Knob("save", "keep the answer"),
        Knob("next-model", "the next model"),
        Knob("previous-model", "the model before"),
    )
}


class BindError(UsageError):
    """What stands at `key` in [bind] cannot be."""

    def __init__(self, key: str, complaint: str) -> None:
        super().__init__(complaint)
        self.key = key


def knob_of(name: str) -> Knob:
    """The knob of that name. Raises UsageError with the nearest name, or all of them."""
    if name in KNOBS:
        return KNOBS[name]
    close = difflib.get_close_matches(name, KNOBS, 1)
    right = f"did you mean {close[0]!r}?" if close else f"the knobs are: {', '.join(KNOBS)}"
    raise UsageError(f"no knob {name!r}; {right}")


def fits(knob: Knob, control: Control) -> bool:
    """Whether this control can move this knob: a range needs a way to go, an action a press."""
    if knob.kind == "continuous":
        return control.kind in ("cc", "bend")
    return knob.kind == "choice" or (control.kind != "bend" and control.number is not None)


def read_bind(table: Mapping[str, object]) -> dict[str, tuple[Control, ...]]:
    """The controls of each knob in a [bind] table: `knob = "control"` or `knob = ["control", ...]`.

    Raises BindError for an unknown knob, what is no control, one that does not fit its knob, and one that is
    bound already.
    """
    bound: dict[str, tuple[Control, ...]] = {}
    for name, entry in table.items():
        controls: list[Control] = []
        try:
            knob = knob_of(name)
        except UsageError as error:
            raise BindError(name, str(error)) from None
        for text in entry if isinstance(entry, list) else [entry]:
            if not isinstance(text, str):
                raise BindError(name, f"{name}: {text!r} is no control; write it like {EXAMPLES}")
            try:
                control = Control.parse(text)
            except UsageError as error:
                raise BindError(name, f"{name}: {error}") from None
            if not fits(knob, control):
                right = (
                    "cc or bend" if knob.kind == "continuous" else "note, cc, pedal or program with a number"
                )
                raise BindError(name, f"{name}: {text!r} cannot move it; use a {right}")
            for other, taken in [*bound.items(), (name, tuple(controls))]:
                if any(control.overlaps(one) for one in taken):
                    raise BindError(name, f"{name}: {text!r} moves {other} already")
            controls.append(control)
        bound[name] = tuple(controls)
    return bound


@dataclass(frozen=True, slots=True)
class Turned:
    """A knob was turned to this value. None: an action was asked for, or the next of a knob's choices."""

    knob: str
    value: Value | None = None


class Bindings:
    """What the messages of a controller mean, and what to send it so that it shows how things stand.

    Remembers which pedals are down and what may yet be refined, so it is for one thread.
    """

    def __init__(self, bound: Mapping[str, Sequence[Control]] | None = None) -> None:
        self.bound = {name: tuple(controls) for name, controls in (bound or {}).items()}
        self._knobs = {control: KNOBS[name] for name, bound in self.bound.items() for control in bound}
        self._coarse: mido.Message | None = None
        self._down: set[tuple[int, int]] = set()

    def is_bound(self, message: mido.Message) -> bool:
        """Whether this message is a control's and so no music; the end of a bound note is, too."""
        return self._found(message) is not None or self._refined(message) is not None

    def match(self, message: mido.Message) -> Turned | None:
        """What this message turns, if anything. To be called once with each message that is bound.

        A press is a note-on, a program, or a CC on its way up past the middle.
        """
        if knob := self._refined(message):
            coarse = self._coarse
            if coarse is None or (coarse.channel, coarse.control) != (
                message.channel,
                message.control - FINE,
            ):
                return None
            return Turned(knob.name, knob.value_at((coarse.value * 128 + message.value) / FINE_TOP))
        if message.type == "control_change":
            self._coarse = message
        found = self._found(message)
        if found is None:
            return None
        control, knob = found
        if control.kind == "program" and control.number is None:
            chosen = message.program < len(knob.choices)
            return Turned(knob.name, knob.choices[message.program]) if chosen else None
        if knob.kind != "action" and control.kind in ("cc", "bend"):
            return Turned(knob.name, knob.value_at(_position(message)))
        return Turned(knob.name) if self._pressed(message) else None

    def lights(self, name: str, value: Value | None) -> list[mido.Message]:
        """What tells the controller that this knob stands at `value`; of an action, whether it is on.

        A control that is bound on any channel is told on channel 1; a program's is told nothing.
        """
        knob, messages = KNOBS[name], []
        if knob.kind == "action":
            position = 1.0 if value else 0.0
        else:
            position = 0.0 if value is None else knob.position_of(value)
        for control in self.bound.get(name, ()):
            channel = (control.channel or 1) - 1
            if control.kind == "cc":
                level = round(position * COARSE_TOP)
                messages.append(
                    mido.Message("control_change", channel=channel, control=control.number, value=level)
                )
            elif control.kind == "note":
                lit = 127 if position else 0
                messages.append(mido.Message("note_on", channel=channel, note=control.number, velocity=lit))
            elif control.kind == "bend":
                bend = round(position * FINE_TOP) + mido.MIN_PITCHWHEEL
                messages.append(mido.Message("pitchwheel", channel=channel, pitch=bend))
        return messages

    def _found(self, message: mido.Message) -> tuple[Control, Knob] | None:
        return next(((c, self._knobs[c]) for c in meanings(message) if c in self._knobs), None)

    def _refined(self, message: mido.Message) -> Knob | None:
        """The knob whose coarser half this message follows, unless it is a control in its own right."""
        if message.type != "control_change" or not FINE <= message.control < 2 * FINE:
            return None
        coarser = self._found(message.copy(control=message.control - FINE))
        if coarser is None or coarser[1].kind != "continuous" or self._found(message):
            return None
        return coarser[1]

    def _pressed(self, message: mido.Message) -> bool:
        if message.type != "control_change":
            return message.type != "note_off" and not (message.type == "note_on" and message.velocity == 0)
        place = (message.channel, message.control)
        pressed = message.value >= PRESSED and place not in self._down
        if pressed:
            self._down.add(place)
        elif message.value < RELEASED:
            self._down.discard(place)
        return pressed


def meanings(message: mido.Message) -> Iterator[Control]:
    """The controls that a message could be, the most exact first; none for what no hand binds."""
    if message.type == "control_change":
        kind, numbers = "cc", [message.control]
    elif message.type in ("note_on", "note_off"):
        kind, numbers = "note", [message.note]
    elif message.type == "program_change":
        kind, numbers = "program", [message.program + 1, None]
    elif message.type == "pitchwheel":
        kind, numbers = "bend", [None]
    else:
        return
    for number in numbers:
        for channel in (message.channel + 1, None):
            yield Control(cast(Kind, kind), number, channel)


def _position(message: mido.Message) -> float:
    if message.type == "pitchwheel":
        return float((message.pitch - mido.MIN_PITCHWHEEL) / FINE_TOP)
    return float(message.value / COARSE_TOP)
