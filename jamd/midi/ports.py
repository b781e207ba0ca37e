"""MIDI ports: the one that a name means, and what goes in and out of one that is open (see `backends`)."""

from __future__ import annotations

import gc
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import mido

from jamd.errors import PortError
from jamd.midi.held import Held
from jamd.midi.portname import meant
from jamd.midi.sounding import Sounding
from jamd.music.controllers import ALL_NOTES_OFF, PEDAL

INPUT_SETTLE_SECONDS = 0.05
"""How long an event that came may wait for Python's lock until it is heard: ten turns of other threads."""
HUSH_SECONDS = 0.5
"""How long whoever is sending may take, until what sounds is ended beside it."""
BURST_MESSAGES = 16
SECONDS_PER_MESSAGE = 0.001
"""A MIDI cable carries 3125 bytes a second, and an interface keeps only a few hundred of them waiting."""

Kind = Literal["input", "output"]
Receive = Callable[[mido.Message], None]
Wait = Callable[[float], None]


def find(name: str, names: Sequence[str | None], kind: Kind) -> str:
    """The port that `name` means (see `portname`).

    Raises PortError with a list of the ports when there is none such, or several.
    """
    matches = meant(name, names)
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise PortError(f"{kind} {name!r} could be any of: {', '.join(matches)}; give more of its name")
    there = ", ".join(each for each in names if each)
    known = f"the {kind}s are: {there}" if there else f"there are no {kind}s (see `jamd ports`)"
    raise PortError(f"no {kind} matches {name!r}; {known}")


def messages_in(data: Sequence[int]) -> list[mido.Message]:
    """The MIDI messages in the bytes of one event. Bytes that are none are left out."""
    try:
        return [mido.Message.from_bytes(data)]
    except (ValueError, IndexError):  # several messages in one event, or broken ones
        return list(mido.parse_all(data))


def paced(messages: Iterable[mido.Message], wait: Wait) -> Iterator[mido.Message]:
    """Many messages, no faster than a cable carries them."""
    for number, message in enumerate(messages):
        if number % BURST_MESSAGES == 0:
            wait(BURST_MESSAGES * SECONDS_PER_MESSAGE)
        yield message


class Port(ABC):
    """An open port, with mido's names: `name`, `closed` and `close()`. Its cable may be out for a while."""

    kind: Kind

    def __init__(self, name: str, client: Any, wanted: str | None = None) -> None:
        """`wanted` is what the user called it; None for a virtual port."""
        self.name, self.wanted = name, wanted
        self.client = client
        self.seen_as: frozenset[str] = frozenset()
        """The full names under which it is in the system's lists."""
        self.closed = False
        self.plugged = True
        """Whether it is connected, as far as is known."""

    def close(self) -> None:
        """Let go of the port. A second call does nothing."""
        if not self.closed:
            self.closed = True
            self.drop()

    def drop(self) -> None:
        """Let go of the client, and have none."""
        if self.client is not None:
            self._before_closing()
            client, self.client = self.client, None
            client.close_port()
            client.delete()

    @abstractmethod
    def unplug(self) -> None:
        """The cable is out."""

    @abstractmethod
    def plug_in(self) -> None:
        """The cable is in again."""

    def renew(self, client: Any) -> None:
        """Take another client, instead of one that was dropped."""
        self.client = client

    @abstractmethod
    def _before_closing(self) -> None:
        """Hand over or wait for what is under way, as the kind of port needs it."""


class InputPort(Port):
    """Calls `receive` with each message, on a thread of rtmidi's: clock too, sysex and active sensing not."""

    kind = "input"

    def __init__(
        self, name: str, client: Any, wait: Wait, receive: Receive, wanted: str | None = None
    ) -> None:
        super().__init__(name, client, wanted)
        self._wait = wait
        self._receive = receive
        self._held = Held()
        self._listen(client)

    def _listen(self, client: Any) -> None:
        client.ignore_types(sysex=True, timing=False, active_sense=True)
        # The callback comes last. While a port opens, rtmidi holds Python's lock and JACK waits for what
        # comes in to be heard: with a callback, which needs the lock, that takes seconds.
        while event := client.get_message():
            self._on_event(event, None)
        client.set_callback(self._on_event)

    def _on_event(self, event: tuple[Sequence[int], float], _data: object) -> None:
        for message in messages_in(event[0]):
            self._held.take(message)
            self._receive(message)

    def unplug(self) -> None:
        """The cable is out, and nobody will say what is let go: so all is let go now."""
        self.plugged = False
        for message in self._held.let_go():
            self._receive(message)

    def plug_in(self) -> None:
        self.plugged = True

    def renew(self, client: Any) -> None:
        super().renew(client)
        self._listen(client)

    def _before_closing(self) -> None:
        # An event may be under way on rtmidi's thread, waiting for Python's lock. rtmidi would free what that
        # is about to call, and then wait for the thread with the lock in hand, for ever.
        kept = gc.get_referents(self.client)
        self.client.cancel_callback()
        self._wait(INPUT_SETTLE_SECONDS)
        del kept


class OutputPort(Port):
    """Sends messages, from any thread. Closing ends whatever was sent and still sounds, whoever sent it, and
    gives the last messages the time to leave."""

    kind = "output"

    def __init__(
        self,
        name: str,
        client: Any,
        wait: Wait,
        settle_seconds: float = 0.0,
        wanted: str | None = None,
        fault: type[Exception] = OSError,
        sounds: bool = True,
    ) -> None:
        """`settle_seconds` is how long messages take to leave; `fault` is what the client raises when the
        device is not there any more. Where nothing `sounds`, as on lights, nothing is ended."""
        super().__init__(name, client, wanted)
        self._sounds = sounds
        self._wait, self._settle_seconds, self._fault = wait, settle_seconds, fault
        # rtmidi's queue to JACK takes one writer; a signal's handler may come in between, on its thread
        self._sending = threading.RLock()
        self._sounding = Sounding()
        self._hushes = 0
        self._struck: dict[tuple[int, int], None] = {}  # channel, pitch; whether or not let go
        self.unheard = 0
        """Note-ons that went nowhere, while the cable was out."""

    def send(self, message: mido.Message) -> None:
        """Send one message now, nowhere while the cable is out. Raises PortError when the port is closed."""
        if not self.plugged and not self.closed:  # who plugs it in may need the lock for a while
            self._miss(message)
            return
        with self._sending:
            if self.closed:
                raise PortError(f"output {self.name!r} is closed")
            if not self.plugged:
                self._miss(message)
                return
            if message.type == "note_on" and self._sounds:
                self._struck[message.channel, message.note] = None
            hushes, data = self._hushes, message.bytes()
            # Counted before it leaves: whatever comes in between, it is ended.
            if self._sounds and not self._sounding.take(message):
                return
            try:
                self.client.send_message(data)
            except self._fault:
                self.plugged = False
                self._miss(message)
            if (
                self._sounds and hushes != self._hushes
            ):  # all was silenced in between, and only then did it leave
                self._sounding.take(message)

    @contextmanager
    def hushed(self) -> Iterator[None]:
        """End what sounds here, and send nothing more until the block ends. For a signal's handler, too."""
        mine = self._sending.acquire(timeout=HUSH_SECONDS)
        try:
            self._hush()
            yield
        finally:
            if mine:
                self._sending.release()

    def _hush(self) -> None:
        """Pedals go up and notes end, the explicit way and then by the channel."""
        self._hushes += 1
        ends = self._sounding.end()
        if not self.plugged or self.client is None:
            return
        try:
            for message in paced(ends, self._wait) if len(ends) > BURST_MESSAGES else ends:
                self.client.send_message(message.bytes())
        except self._fault:
            self.plugged = False

    def _miss(self, message: mido.Message) -> None:
        if message.type == "note_on" and message.velocity > 0:
            self.unheard += 1

    def unplug(self) -> None:
        """The cable is out: what is sent from now on goes nowhere."""
        self.plugged = False

    def plug_in(self) -> None:
        """The cable is in again. What was sent last before it was out may not have arrived, so that every
        note that was ever struck here is ended first."""
        with self._sending:
            channels = sorted({channel for channel, _ in self._struck})
            endings = [mido.Message("note_off", channel=c, note=pitch) for c, pitch in self._struck]
            for control in (PEDAL, ALL_NOTES_OFF):
                endings += [mido.Message("control_change", channel=c, control=control) for c in channels]
            try:
                for message in paced(endings, self._wait):
                    self.client.send_message(message.bytes())
            except self._fault:  # out again
                return
            self._struck.clear()
            self._sounding.clear()
            self.plugged = True

    def _before_closing(self) -> None:
        with self._sending:  # whoever is sending has finished, and nobody can begin
            self._hush()
            if self.plugged and self._settle_seconds:
                self._wait(self._settle_seconds)
