"""The only things that can reach the engine: what was received, what was predicted, what was commanded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import mido

from jamd.knobs import Turned
from jamd.note import Frame
from jamd.preset import Reloaded

if TYPE_CHECKING:
    from jamd.minds import MakeWorker
    from jamd.worker import Worker


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


@dataclass(frozen=True, slots=True)
class Loaded:
    """Another model is ready: its worker, which knows the first `heard_steps` of the session, and how to make
    another. Without them it is not to be had, for this `reason`. `wish` is the number of the wish for it."""

    name: str
    worker: Worker | None = None
    make_worker: MakeWorker | None = None
    heard_steps: int = 0
    reason: str = ""
    wish: int = 0


Commanded = Stop | Hush | Panic | Turned | Loaded | Replugged | Reloaded
Event = Received | Clocked | Unheeded | Predicted | Failed | Commanded
