"""The MIDI ports of this machine. Only this module opens them.

A backend is a system's way to MIDI, and a client is one program's place in it. What the C libraries print
while a client is tried is kept away: the user hears one line, from BackendError or PortError.
"""

from __future__ import annotations

import gc
import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Literal, Self, TypeVar

import mido

from jamd.errors import BackendError, PortError

START_JACK = "start JACK, without a sound card by `jackd -r --no-mlock -d dummy -r 48000 -p 64 &`"

BACKENDS = {
    "alsa": ("LINUX_ALSA", "load the ALSA sequencer by `sudo modprobe snd-seq`"),
    "jack": ("UNIX_JACK", START_JACK),
    "coremidi": ("MACOSX_CORE", "open Audio MIDI Setup once, or restart the Mac"),
    "winmm": ("WINDOWS_MM", "restart the Windows MIDI service"),
}
"""By name, in the order in which they are tried: rtmidi's name, and what helps when it does not open."""

WITHOUT_VIRTUAL_PORTS = {"winmm"}

CLIENT = "jamd"
OWN_PORTS = {"input": "jamd in", "output": "jamd out"}

JACK_SETTLE_SECONDS = 0.02
"""How long messages may take to leave before a port closes, and a new connection to carry them.

At 64 frames a period, what was sent as the last before closing or the first after opening was lost in 15
and 5 of 100 tries; with 5 ms in between, in none. Longer periods lost nothing even without.
"""

JACK_ATTEMPTS = 5
"""JACK refused one client in 1200, for no lasting reason, when they came and went as fast as they could."""

INPUT_SETTLE_SECONDS = 0.05
"""How long an event that came may wait for Python's lock until it is heard: ten turns of other threads."""

Kind = Literal["input", "output"]
Receive = Callable[[mido.Message], None]
Wait = Callable[[float], None]
P = TypeVar("P", bound="Port")


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


class Backend:
    """One way to MIDI that opens; `open_backend` makes it. Closing it closes the ports that it opened."""

    def __init__(self, name: str, rtmidi: Any, wait: Wait | None = None) -> None:
        self.name = name
        self._rtmidi = rtmidi
        self._wait = wait or time.sleep
        self._ports: list[Port] = []

    def inputs(self) -> list[str]:
        """The names of the ports that can be listened to, without those that this backend opened."""
        return self._names("input")

    def outputs(self) -> list[str]:
        """The names of the ports that can be played to, without those that this backend opened."""
        return self._names("output")

    def open_input(self, name: str | None, callback: Receive) -> InputPort:
        """Listen to the port that `name` means (see `find`); None makes the virtual port "jamd in".

        Open the outputs first: what JACK does while notes come in may be held up by them.
        """
        return self._open("input", name, lambda shown, client: InputPort(shown, client, self._wait, callback))

    def open_output(self, name: str | None) -> OutputPort:
        """Play to the port that `name` means (see `find`); None makes the virtual port "jamd out"."""
        return self._open("output", name, lambda shown, client: OutputPort(shown, client, self._settle))

    def close(self) -> None:
        # Inputs first: an output closes in step with JACK, which waits for events that are not yet heard.
        for port in sorted(self._ports, key=lambda port: isinstance(port, OutputPort)):
            port.close()
        self._ports.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, kind: Kind, name: str | None, port_of: Callable[[str, Any], P]) -> P:
        if name is None and self.name in WITHOUT_VIRTUAL_PORTS:
            option = "--in" if kind == "input" else "--out"
            raise PortError(f"{self.name} has no virtual ports; name one with {option} (see `jamd ports`)")
        own = OWN_PORTS[kind]
        shown = own if name is None else find(name, self._names(kind), kind)
        with ExitStack() as undo:
            client = self._client(kind)
            undo.callback(client.delete)
            # A port that takes in is, to the others, one to play to: it comes up in the opposite list.
            with self._listing("output" if kind == "input" else "input") as listing:
                before = listing.get_ports()
                try:
                    if name is None:
                        client.open_virtual_port(own)
                    else:
                        client.open_port(client.get_ports().index(shown), own)
                        self._settle()
                except (self._rtmidi.RtMidiError, ValueError) as error:  # unplugged since it was listed
                    raise PortError(f"{kind} {shown!r} does not open: {error}") from error
                seen_as = frozenset(n for n in listing.get_ports() if own in n and n not in before)
            undo.pop_all()
        port = port_of(shown, client)
        port.seen_as = seen_as
        self._ports = [p for p in self._ports if not p.closed] + [port]
        return port

    def _names(self, kind: Kind) -> list[str]:
        own = {name for port in self._ports if not port.closed for name in port.seen_as}
        with self._listing(kind) as listing:
            return [name for name in listing.get_ports() if name not in own]

    @contextmanager
    def _listing(self, kind: Kind) -> Iterator[Any]:
        """A client that can list the ports of a kind: an open port's, or one made for it.

        An open one is quicker, and safer: after the death of the JACK server the attempt to make a client
        frees what the open ones still use, and closing them would crash.
        """
        of_kind = InputPort if kind == "input" else OutputPort
        for port in self._ports:
            if isinstance(port, of_kind) and not port.closed:
                yield port.client
                return
        client = self._client(kind)
        try:
            yield client
        finally:
            client.delete()

    def _client(self, kind: Kind) -> Any:
        """A client without a port yet. Raises BackendError when none can be made."""
        make = self._rtmidi.MidiIn if kind == "input" else self._rtmidi.MidiOut
        api, remedy = BACKENDS[self.name]
        for attempt in range(JACK_ATTEMPTS if self.name == "jack" else 1):
            if attempt:
                self._wait(attempt * JACK_SETTLE_SECONDS)
            with quiet_libraries(), suppress(self._rtmidi.RtMidiError):
                return make(getattr(self._rtmidi, f"API_{api}"), name=CLIENT)
        raise BackendError(f"MIDI backend {self.name} does not open; {remedy}")

    def _settle(self) -> None:
        if self.name == "jack":
            self._wait(JACK_SETTLE_SECONDS)


def open_backend(name: str = "auto", rtmidi: Any = None) -> Backend:
    """The MIDI backend of that name, or the first that really opens. Raises BackendError with what to do."""
    rtmidi = rtmidi or load_rtmidi()
    if name == "auto":
        for backend in opening(rtmidi):
            return backend
        raise BackendError(f"no MIDI backend opens; {what_helps(rtmidi)}")
    if name not in (compiled := compiled_in(rtmidi)):
        has = ", ".join(compiled) or "none"
        raise BackendError(f"MIDI backend {name} is not in this python-rtmidi, which has: {has}")
    backend = Backend(name, rtmidi)
    backend.inputs(), backend.outputs()  # the proof that it opens
    return backend


def opening(rtmidi: Any = None) -> Iterator[Backend]:
    """The MIDI backends that open on this machine, the preferred one first."""
    rtmidi = rtmidi or load_rtmidi()
    for name in compiled_in(rtmidi):
        with suppress(BackendError):
            yield open_backend(name, rtmidi)


def what_helps(rtmidi: Any = None) -> str:
    """What to do on this machine for want of a MIDI backend."""
    remedies = [BACKENDS[name][1] for name in compiled_in(rtmidi or load_rtmidi())]
    return ", or ".join(remedies) or "install a python-rtmidi that is built with one"


def compiled_in(rtmidi: Any) -> list[str]:
    """The names of the backends that this python-rtmidi was built with."""
    compiled = rtmidi.get_compiled_api()
    return [name for name, (api, _) in BACKENDS.items() if getattr(rtmidi, f"API_{api}") in compiled]


def load_rtmidi() -> Any:
    """python-rtmidi. Raises BackendError when a library that it needs is missing."""
    try:
        import rtmidi
    except ImportError as error:
        raise BackendError(f"python-rtmidi: {error}; on Debian, apt-get install libasound2") from error
    return rtmidi


_redirecting = threading.Lock()


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Send nowhere what C libraries print on file descriptor 2, past Python, as they fail to open."""
    with _redirecting:
        try:
            stderr = os.dup(2)
        except OSError:  # the program was started without one
            yield
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(nowhere)
            os.close(stderr)
