"""Time sources: what says where the grid lies, and jamd's own time, which begins with the first note.

A sync is owned by the engine and called on its thread alone. It knows the clock only by the seconds it is
given, so that all of it runs on virtual time too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import mido

from jamd.music.controllers import MODES
from jamd.music.transport import FASTEST_TEMPO, SLOWEST_TEMPO, Transport
from jamd.sync.tap import Taps

PRESSED = 64
"""A controller from this value on is a tap, if it was below."""
EARLY_SECONDS = 0.1
"""So long before its first beat the grid is there: a first note comes early, too."""


class Sync(Protocol):
    """A source of tempo and beat. The engine takes over `transport` and `running` after every call.

    Our position never runs backwards while `running`: a master that jumps moves its bar lines
    (`downbeat_step`), and we go on with the next step. `transport.anchor_seconds` may lie in the past when
    it begins to run: what was played since then is heard as played on the grid.
    """

    transport: Transport
    """Where the grid lies, as far as is known."""
    running: bool
    """Whether time passes: False before the beginning and while a master stands still."""

    @property
    def name(self) -> str:
        """What the player is shown as the source of the tempo, such as "MIDI clock" or "Link, 2 peers"."""

    @property
    def due_seconds(self) -> float | None:
        """The instant at which `advance` wants to be called, if any."""

    def advance(self, seconds: float) -> None:
        """It is this instant: look again. Called when `due_seconds` has come, and maybe at other times."""

    def clocked(self, message: mido.Message, seconds: float) -> None:
        """A message of a master's clock came (see `clockin.MESSAGES`)."""

    def played(self, message: mido.Message, seconds: float) -> None:
        """The player's message came: a note, a controller."""

    def tap(self, seconds: float) -> None:
        """The player taps the beat. A master's time does not ask for it."""

    def set_tempo(self, tempo: float, seconds: float) -> None:
        """The player wants this tempo from this instant on. A master's time does not ask for it."""

    def close(self) -> None:
        """The session is over."""


class Free:
    """A sync that asks for nothing and is told nothing; what the others begin from."""

    name = ""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.running = False

    @property
    def due_seconds(self) -> float | None:
        return None

    def advance(self, seconds: float) -> None: ...

    def clocked(self, message: mido.Message, seconds: float) -> None: ...

    def played(self, message: mido.Message, seconds: float) -> None: ...

    def tap(self, seconds: float) -> None: ...

    def set_tempo(self, tempo: float, seconds: float) -> None: ...

    def close(self) -> None: ...


class Internal(Free):
    """jamd's own tempo: the player's first note is beat 1 of bar 1."""

    name = "own tempo"

    def __init__(self, transport: Transport, running: bool = False) -> None:
        """`running`: the grid begins by itself, where the transport says, and not with a note."""
        super().__init__(transport)
        self.running = running
        self.taps = Taps()

    def played(self, message: mido.Message, seconds: float) -> None:
        if not self.running and message.type == "note_on" and message.velocity > 0:
            self.running = True
            self.transport = replace(self.transport, anchor_seconds=seconds, anchor_step=0.0)

    def tap(self, seconds: float) -> None:
        if (interval := self.taps.add(seconds)) is not None:
            self.set_tempo(60.0 / interval, seconds)

    def set_tempo(self, tempo: float, seconds: float) -> None:
        tempo = min(max(tempo, SLOWEST_TEMPO), FASTEST_TEMPO)
        self.transport = self.transport.at_tempo(tempo, seconds)


class Counted(Internal):
    """jamd's own tempo, and the grid begins by itself: with a bar or two to count in."""

    def __init__(self, transport: Transport, early_seconds: float = 0.0) -> None:
        """`early_seconds`: how long before its time the first click is sent."""
        super().__init__(transport)
        self._early_seconds = EARLY_SECONDS + early_seconds

    @property
    def due_seconds(self) -> float | None:
        return None if self.running else 0.0

    def advance(self, seconds: float) -> None:
        if not self.running:
            self.running = True
            self.transport = replace(self.transport, anchor_seconds=seconds + self._early_seconds)

    def played(self, message: mido.Message, seconds: float) -> None: ...


class Tapped(Internal):
    """The player taps four beats, with any note or controller; the next beat is beat 1 of bar 1."""

    name = "tapped"

    def __init__(self, transport: Transport, early_seconds: float = 0.0) -> None:
        """`early_seconds`: how long before its time a first click is sent."""
        super().__init__(transport)
        self._early_seconds = EARLY_SECONDS + early_seconds
        self._begins_seconds: float | None = None
        self._down: set[tuple[int, int]] = set()  # controllers that are pressed

    @property
    def due_seconds(self) -> float | None:
        if self.running or self._begins_seconds is None:
            return None
        return self._begins_seconds - self._early_seconds

    def played(self, message: mido.Message, seconds: float) -> None:
        if not self.running and self._taps(message):
            self.tap(seconds)

    def tap(self, seconds: float) -> None:
        if self.running:
            super().tap(seconds)
        elif (interval := self.taps.add(seconds)) is not None:
            self._begins_seconds = seconds + interval
            self.transport = replace(
                self.transport, tempo=60.0 / interval, anchor_seconds=self._begins_seconds, anchor_step=0.0
            )

    def advance(self, seconds: float) -> None:
        """The count is over."""
        if self._begins_seconds is not None and seconds >= self._begins_seconds - self._early_seconds:
            self.running = True

    def _taps(self, message: mido.Message) -> bool:
        if message.type == "control_change" and message.control not in MODES:
            control = (message.channel, message.control)
            was_down = control in self._down
            (self._down.add if message.value >= PRESSED else self._down.discard)(control)
            return not was_down and message.value >= PRESSED
        return bool(message.type == "note_on" and message.velocity > 0)
