"""MIDI ports: the one that a name means, and what goes in and out of one that is open (see `backends`)."""

from __future__ import annotations

import gc
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Literal

import mido

from jamd.errors import PortError

INPUT_SETTLE_SECONDS = 0.05
"""How long an event that came may wait for Python's lock until it is heard: ten turns of other threads."""

Kind = Literal["input", "output"]
Receive = Callable[[mido.Message], None]
Wait = Callable[[float], None]


def find(name: str, names: Sequence[str], kind: Kind) -> str:
    """The port that `name` means: the one of that very name, else the only one with it inside, in any case.

    Raises PortError with a list of the ports when there is none such, or several.
    """
    if name in names:
        return name
    wanted = name.casefold()
    matches = sorted({n for n in names if wanted in n.casefold()})
    matches = [n for n in matches if wanted == n.casefold()] or matches
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise PortError(f"{kind} {name!r} could be any of: {', '.join(matches)}; give more of its name")
    known = f"the {kind}s are: {', '.join(names)}" if names else f"there are no {kind}s (see `jamd ports`)"
    raise PortError(f"no {kind} matches {name!r}; {known}")


def messages_in(data: Sequence[int]) -> list[mido.Message]:
    """The MIDI messages in the bytes of one event. Bytes that are none are left out."""
    try:
        return [mido.Message.from_bytes(data)]
    except (ValueError, IndexError):  # several messages in one event, or broken ones
        return list(mido.parse_all(data))


class Port(ABC):
    """An open port, with mido's names: `name`, `closed` and `close()`."""

    def __init__(self, name: str, client: Any) -> None:
        self.name = name
        self.client = client
        self.seen_as: frozenset[str] = frozenset()
        """The full names under which it is in the system's lists."""
        self.closed = False

    def close(self) -> None:
        """Let go of the port. A second call does nothing."""
        if not self.closed:
            self.closed = True
            self._before_closing()
            self.client.close_port()
            self.client.delete()

    @abstractmethod
    def _before_closing(self) -> None:
        """Hand over or wait for what is under way, as the kind of port needs it."""


class InputPort(Port):
    """Calls `receive` with each message, on a thread of rtmidi's: clock too, sysex and active sensing not."""

    def __init__(self, name: str, client: Any, wait: Wait, receive: Receive) -> None:
        super().__init__(name, client)
        self._wait = wait
        self._receive = receive
        client.ignore_types(sysex=True, timing=False, active_sense=True)
        # The callback comes last. While a port opens, rtmidi holds Python's lock and JACK waits for what
        # comes in to be heard: with a callback, which needs the lock, that takes seconds.
        while event := client.get_message():
            self._on_event(event, None)
        client.set_callback(self._on_event)

    def _on_event(self, event: tuple[Sequence[int], float], _data: object) -> None:
        for message in messages_in(event[0]):
            self._receive(message)

    def _before_closing(self) -> None:
        # An event may be under way on rtmidi's thread, waiting for Python's lock. rtmidi would free what that
        # is about to call, and then wait for the thread with the lock in hand, for ever.
        kept = gc.get_referents(self.client)
        self.client.cancel_callback()
        self._wait(INPUT_SETTLE_SECONDS)
        del kept


class OutputPort(Port):
    """Sends messages, from any thread. Closing gives the last of them the time to leave."""

    def __init__(self, name: str, client: Any, settle: Callable[[], None]) -> None:
        super().__init__(name, client)
        self._settle = settle
        self._sending = threading.Lock()  # rtmidi's queue to JACK takes one writer

    def send(self, message: mido.Message) -> None:
        """Send one message now. Raises PortError when the port is closed."""
        with self._sending:
            if self.closed:
                raise PortError(f"output {self.name!r} is closed")
            self.client.send_message(message.bytes())

    def _before_closing(self) -> None:
        with self._sending:  # whoever is sending has finished, and nobody can begin
            self._settle()
