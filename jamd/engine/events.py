"""The events that the engine handles: what was received, what was predicted, what was commanded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import mido

from jamd.clock import Clock, Queue
from jamd.controls.knobs import Turned
from jamd.engine.preset import Picked, Reloaded
from jamd.mind.minds import Loaded
from jamd.mind.posts import Failed, Predicted


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
class Unheeded:
    """A master's clock comes in by an input whose clock is not followed."""


@dataclass(frozen=True, slots=True)
class Replugged:
    """An output is back that carries the clock, or the lights, or neither."""

    clock: bool
    lights: bool


@dataclass(frozen=True, slots=True)
class Stop:
    """End the session, all notes off."""


@dataclass(frozen=True, slots=True)
class Hush:
    """Silence now, and then do this, for as long as it takes: the program stands still, or ends."""

    then: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Panic:
    """All notes off now; the session goes on."""


Commanded = Stop | Hush | Panic | Turned | Loaded | Replugged | Reloaded | Picked
Event = Received | Clocked | Unheeded | Predicted | Failed | Commanded
Inbox = Queue[Event]


class EngineClock(Clock, Protocol):
    """The clock that the engine waits by."""

    def wait(self, inbox: Inbox, until_seconds: float | None) -> Event | None:
        """The next event, or None once `until_seconds` has come; without it, wait for the event."""
