"""Bindings: which knob a controller's message turns, and what to send back to show how it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

import mido

from jamd.controls.controls import Control, Kind
from jamd.controls.knobs import KNOBS, Knob, Turned, Value

PRESSED, RELEASED = 64, 48
"""A pedal that trembles around the middle of its way is pressed once."""
FINE = 32
"""A CC from 0 to 31 may be followed by its finer half, the CC so much higher."""
COARSE_TOP, FINE_TOP = 127, 128 * 128 - 1


class Bindings:
    """What the messages of a controller mean, and what to send it so that it shows how things stand.

    Remembers which pedals are down and what may yet be refined, so it is for one thread.
    """

    def __init__(
        self, bound: Mapping[str, Sequence[Control]] | None = None, presets: tuple[str, ...] = ()
    ) -> None:
        """`presets` are the names that `preset` chooses among."""
        self.bound = {name: tuple(controls) for name, controls in (bound or {}).items()}
        self.presets = presets
        self._knobs = {control: self.knob(name) for name, bound in self.bound.items() for control in bound}
        self._coarse: mido.Message | None = None
        self._down: set[tuple[int, int]] = set()

    def knob(self, name: str) -> Knob:
        """The knob of this name, with all its choices."""
        knob = KNOBS[name]
        return replace(knob, choices=self.presets) if knob.named else knob

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
        if knob.kind == "choice" and not knob.choices:
            return None
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
        knob, messages = self.knob(name), []
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
