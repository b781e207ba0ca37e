"""The MIDI ports of this machine. Only this module opens them.

A backend is the system's way to MIDI. What its C libraries say on stderr while one is tried is kept away:
the user hears one line, from BackendError or PortError.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Literal, Self

import mido

from jamd.errors import BackendError, PortError

BACKENDS = {"alsa": "LINUX_ALSA", "jack": "UNIX_JACK", "coremidi": "MACOSX_CORE", "winmm": "WINDOWS_MM"}
"""jamd's names of the backends, in the order in which they are tried, and rtmidi's."""

WITHOUT_VIRTUAL_PORTS = {"winmm"}

JACK_SETTLE_SECONDS = 0.02
"""How long a JACK connection takes to carry messages, and messages to leave before it may be cut.

JACK connects and sends at its next period; what is sent at once after opening or just before closing was lost
in 5 to 15 of 100 tries at 64 frames a period. 5 ms cured all of it; longer periods wait for themselves.
"""

CLIENT = "jamd"
OWN = re.compile(rf"{CLIENT}(-\d+)?:|{CLIENT} (in|out)\b")

Kind = Literal["input", "output"]
Receive = Callable[[mido.Message], None]


def find(name: str, names: Sequence[str], kind: Kind) -> str:
    """The one port that `name` means: the same name, else the only one that contains it, in any case.

    Raises PortError with the ports there are when none matches, or several.
    """
    wanted = name.casefold()
    if name in names:
        return name
    matches = [n for n in dict.fromkeys(names) if n.casefold() == wanted] or [
        n for n in dict.fromkeys(names) if wanted in n.casefold()
    ]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise PortError(f"{kind} port {name!r} could be any of: {', '.join(matches)}; give more of its name")
    there_are = f"the {kind}s are: {', '.join(names)}" if names else f"there are no {kind}s; see `jamd ports`"
    raise PortError(f"no {kind} port matches {name!r}; {there_are}")


def messages_in(data: Sequence[int]) -> list[mido.Message]:
    """The MIDI messages in the bytes of one event; what is no message is left out."""
    try:
        return [mido.Message.from_bytes(data)]
    except (ValueError, IndexError):  # several messages in one event, or broken ones
        return list(mido.parse_all(data))


class Port:
    """An open port, under mido's names: `name`, `closed`, `close()`; closes itself at the end of a `with`."""

    def __init__(self, name: str, client: Any, settle: Callable[[], None]) -> None:
        self.name = name
        self.client = client
        self.seen_as: frozenset[str] = frozenset()
        """What other programs see of it, by full name."""
        self.closed = False
        self._settle = settle

    def close(self) -> None:
        """Let go of the port. A second call does nothing."""
        if not self.closed:
            self.closed = True
            self._last_words()
            self.client.close_port()
            self.client.delete()

    def _last_words(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class InputPort(Port):
    """Calls `receive` with each message, on a thread of rtmidi's: clock yes, active sensing and sysex no."""

    def __init__(self, name: str, client: Any, settle: Callable[[], None], receive: Receive) -> None:
        super().__init__(name, client, settle)
        self._receive = receive
        client.ignore_types(sysex=True, timing=False, active_sense=True)
        client.set_callback(self._on_event)

    def _on_event(self, event: tuple[Sequence[int], float], _data: object) -> None:
        for message in messages_in(event[0]):
            self._receive(message)

    def _last_words(self) -> None:
        self.client.cancel_callback()  # first: an event that comes while the port closes could crash


class OutputPort(Port):
    """Sends messages; may be called from any thread."""

    def __init__(self, name: str, client: Any, settle: Callable[[], None]) -> None:
        super().__init__(name, client, settle)
        self._sending = threading.Lock()

    def send(self, message: mido.Message) -> None:
        """Send one message now. On a closed port it raises PortError."""
        with self._sending:
            if self.closed:
                raise PortError(f"output port {self.name!r} is closed")
            self.client.send_message(message.bytes())

    def _last_words(self) -> None:
        self._settle()  # the last note-offs must leave


class Backend:
    """One way to MIDI that opens, from `open_backend`. Closing it closes the ports it opened."""

    def __init__(self, name: str, rtmidi: ModuleType, wait: Callable[[float], None] = time.sleep) -> None:
        self.name = name
        self._rtmidi = rtmidi
        self._wait = wait
        self._ports: list[Port] = []  # kept: a port that nobody refers to is closed by rtmidi

    def inputs(self) -> list[str]:
        """The names of the ports that can be listened to, jamd's own left out."""
        return self._others("input")

    def outputs(self) -> list[str]:
        """The names of the ports that can be played to, jamd's own left out."""
        return self._others("output")

    def open_input(self, name: str | None, receive: Receive) -> InputPort:
        """Listen to the port that `name` means; without a name, to a new virtual port "jamd in"."""
        return self._open("input", name, lambda *port: InputPort(*port, receive))

    def open_output(self, name: str | None) -> OutputPort:
        """Play to the port that `name` means; without a name, to a new virtual port "jamd out"."""
        return self._open("output", name, OutputPort)

    def close(self) -> None:
        for port in self._ports:
            port.close()
        self._ports.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
