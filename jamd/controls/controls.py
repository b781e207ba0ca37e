"""Controls of a MIDI controller (CC, note, pedal, program), and which knob is bound to which.

Pure: no ports. Channels and programs count from 1, CCs and notes from 0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from jamd.controls.knobs import Knob, knob_of
from jamd.errors import UsageError
from jamd.music.controllers import PEDAL

Kind = Literal["cc", "note", "program", "bend"]

NUMBERS = {"cc": (0, 119), "note": (0, 127), "program": (1, 128)}
"""The least and the greatest. A CC above 119 is an order to fall silent and never a control."""
EXAMPLES = "'cc 21', 'note 36 channel 10', 'program 5', 'pedal' or 'bend'"
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


class BindError(UsageError):
    """What stands at `key` in [bind] cannot be."""

    def __init__(self, key: str, complaint: str) -> None:
        super().__init__(complaint)
        self.key = key


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
