"""The only things that can reach the engine: what was received, what was predicted, what was commanded."""

from __future__ import annotations

from dataclasses import dataclass

import mido

from jamd.note import Frame


@dataclass(frozen=True, slots=True)
class Received:
    """A MIDI message from the player, stamped on arrival."""

    seconds: float
    message: mido.Message


@dataclass(frozen=True, slots=True)
class Clocked:
    """A message of the master's clock (see `clockin`), stamped on arrival."""

    seconds: float
    message: mido.Message


@dataclass(frozen=True, slots=True)
class Predicted:
    """One frame of the answer with this number, for this step."""

    answer: int
    step: int
    frame: Frame


@dataclass(frozen=True, slots=True)
class Failed:
    """The model broke off the answer with this number (0: while listening)."""

    answer: int
    reason: str


@dataclass(frozen=True, slots=True)
class Stop:
    """End the session, all notes off."""


@dataclass(frozen=True, slots=True)
class Panic:
    """All notes off now; the session goes on."""


Event = Received | Clocked | Predicted | Failed | Stop | Panic
