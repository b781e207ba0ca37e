"""The MIDI systems of this machine. Only this module opens ports.

A backend is a system's way to MIDI, and a client is one program's place in it. What the C libraries print
while a client is tried is kept away: the user hears one line, from BackendError or PortError.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from jamd.errors import BackendError, PortError
from jamd.midi.ports import (
    InputPort,
    Kind,
    OutputPort,
    Port,
    Receive,
    Wait,
    find,
)
from jamd.printable import printable
from jamd.system.signals import in_order, undisturbed
from jamd.system.stderr import quiet_libraries

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
"""What jamd calls itself, if nothing else is wished: there may be several."""

JACK_SETTLE_SECONDS = 0.02
"""How long messages may take to leave before a port closes, and a new connection to carry them.

At 64 frames a period, what was sent as the last before closing or the first after opening was lost in 15
and 5 of 100 tries; with 5 ms in between, in none. Longer periods lost nothing even without.
"""

JACK_HUSH_SECONDS = 0.1
"""The same where nothing is closed in step with JACK, and the machine may be busy: a client that stands still
or is killed sends nothing more."""

JACK_ATTEMPTS = 5
"""JACK refused one client in 1200, for no lasting reason, when they came and went as fast as they could."""

P = TypeVar("P", bound=Port)


@dataclass(frozen=True, slots=True)
class Listing:
    """The ports that a backend had at one time, asked for as of a backend."""

    name: str
    client_name: str
    listed_inputs: list[str]
    listed_outputs: list[str]

    def inputs(self) -> list[str]:
        return self.listed_inputs

    def outputs(self) -> list[str]:
        return self.listed_outputs


class Backend:
    """One way to MIDI that opens; `open_backend` makes it. Closing it closes the ports that it opened, and
    with `with` so does whatever ends the program: see `jamd.system.signals`."""

    def __init__(self, name: str, rtmidi: Any, wait: Wait | None = None, client_name: str = CLIENT) -> None:
        """To others this program is `client_name`, and so are its virtual ports: "jamd in", "jamd out"."""
        self.name, self.client_name = name, client_name
        self.as_opened: Listing | None = None
        """What there was when `open_backend` made it."""
        self._rtmidi = rtmidi
        self._wait = wait or time.sleep
        self._ports: list[Port] = []
        self._in_order = ExitStack()

    def inputs(self) -> list[str]:
        """The names of the ports that can be listened to, without those that this backend opened."""
        return self._names("input")

    def outputs(self) -> list[str]:
        """The names of the ports that can be played to, without those that this backend opened."""
        return self._names("output")

    def open_input(self, name: str | None, callback: Receive) -> InputPort:
        """Listen to the port that `name` means (see `find`); None makes a virtual port.

        Open the outputs first: what JACK does while notes come in may be held up by them.
        """
        return self._open(
            "input", name, lambda shown, client: InputPort(shown, client, self._wait, callback, name)
        )

    def open_output(self, name: str | None, sounds: bool = True) -> OutputPort:
        """Play to the port that `name` means (see `find`); None makes a virtual port. Where nothing
        `sounds`, as on a controller's lights, nothing is ended when it closes."""
        fault, settle_seconds = self._rtmidi.RtMidiError, self._settle_seconds
        return self._open(
            "output",
            name,
            lambda shown, client: OutputPort(shown, client, self._wait, settle_seconds, name, fault, sounds),
        )

    def own_name(self, kind: Kind) -> str:
        """What its virtual port of this kind is called."""
        return own_name(self.client_name, kind)

    @property
    def ports(self) -> list[Port]:
        """The ports that this backend opened and that are not closed."""
        return [port for port in self._ports if not port.closed]

    def abandon(self, port: Port) -> None:
        """Let go of the client of a port whose server has gone, and keep the port."""
        if port.kind == "output" and port.client is not None:
            # To close it, rtmidi would wait a second for the server, with Python's lock in hand. libjack
            # frees what it holds as the next client is made, and rtmidi must not do so again: it lives on.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(port.client))
            port.client = None
        else:
            with quiet_libraries():
                port.drop()

    def renew(self, port: Port, name: str | None) -> None:
        """Give a port whose cable was out another client, connected to the port of this very name, or to none
        yet. Raises PortError or BackendError when that cannot be; the port is then without a client."""
        port.drop()
        client, port.seen_as = self._connected(port.kind, name)
        port.renew(client)

    def close(self) -> None:
        # Inputs first: an output closes in step with JACK, which waits for events that are not yet heard.
        for port in sorted(self._ports, key=lambda port: isinstance(port, OutputPort)):
            port.close()
        self._ports.clear()

    @contextmanager
    def hushed(self) -> Iterator[None]:
        """What sounds on its outputs is ended, and nothing is sent there until the block ends."""
        with ExitStack() as stack:
            for port in self.ports:
                if isinstance(port, OutputPort):
                    stack.enter_context(port.hushed())
            if self.name == "jack":
                self._wait(JACK_HUSH_SECONDS)
            yield

    def __enter__(self) -> Self:
        self._in_order.enter_context(in_order(self.hushed))
        return self

    def __exit__(self, *_: object) -> None:
        with self._in_order, undisturbed():
            self.close()

    def _open(self, kind: Kind, name: str | None, port_of: Callable[[str, Any], P]) -> P:
        if name is None and self.name in WITHOUT_VIRTUAL_PORTS:
            option = "--in" if kind == "input" else "--out"
            raise PortError(f"{self.name} has no virtual ports; name one with {option} (see `jamd ports`)")
        shown = self.own_name(kind) if name is None else find(name, self._names(kind), kind)
        client, seen_as = self._connected(kind, None if name is None else shown)
        port = port_of(shown, client)
        port.seen_as = seen_as
        self._ports = [*self.ports, port]
        return port

    def _connected(self, kind: Kind, name: str | None) -> tuple[Any, frozenset[str]]:
        """A client with a port, connected to the one of this very name or virtual, and the names under which
        its port is in the system's lists."""
        own = self.own_name(kind)
        with ExitStack() as undo:
            client = self._client(kind)
            undo.callback(client.delete)
            # A port that takes in is, to the others, one to play to: it comes up in the opposite list.
            with self._listing("output" if kind == "input" else "input") as listing:
                before = _names_of(listing)
                try:
                    if name is None:
                        client.open_virtual_port(own)
                    else:
                        client.open_port(_names_of(client).index(name), own)
                        self.settle()
                except (self._rtmidi.RtMidiError, ValueError) as error:  # unplugged since it was listed
                    raise PortError(f"{kind} {name or own!r} does not open: {error}") from error
                seen_as = frozenset(n for n in _names_of(listing) if own in n and n not in before)
            undo.pop_all()
        return client, seen_as

    def _names(self, kind: Kind) -> list[str]:
        own = {name for port in self.ports for name in port.seen_as}
        with self._listing(kind) as listing:
            return [name for name in _names_of(listing) if name not in own]

    @contextmanager
    def _listing(self, kind: Kind) -> Iterator[Any]:
        """A client that can list the ports of a kind: an open port's, or one made for it.

        An open one is quicker, and safer: after the death of the JACK server the attempt to make a client
        frees what the open ones still use, and closing them would crash.
        """
        for port in self.ports:
            if port.kind == kind and port.client is not None:
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
                return make(getattr(self._rtmidi, f"API_{api}"), name=self.client_name)
        raise BackendError(f"MIDI backend {self.name} does not open; {remedy}")

    def settle(self) -> None:
        """Give a new connection the time to carry messages."""
        if self._settle_seconds:
            self._wait(self._settle_seconds)

    @property
    def _settle_seconds(self) -> float:
        return JACK_SETTLE_SECONDS if self.name == "jack" else 0.0


def _names_of(client: Any) -> list[str]:
    """The names of the ports that a client can be connected to, in the order of their numbers, as they may be
    shown and typed: a system may have a port without a name, or with one in another alphabet."""
    try:
        names = client.get_ports()
    except UnicodeDecodeError:
        raw = client.get_ports(encoding=None)
        names = [None if name is None else name.decode(errors="surrogateescape") for name in raw]
    return [printable(name) if name else f"port {number}" for number, name in enumerate(names, 1)]


def own_name(client_name: str, kind: Kind) -> str:
    """What a virtual port of a client is called."""
    return f"{client_name} {'in' if kind == 'input' else 'out'}"


def open_backend(name: str = "auto", rtmidi: Any = None, client_name: str = CLIENT) -> Backend:
    """The MIDI backend of that name, or the first that really opens. Raises BackendError with what to do."""
    rtmidi = rtmidi or load_rtmidi()
    if name == "auto":
        for backend in opening(rtmidi, client_name):
            return backend
        raise BackendError(f"no MIDI backend opens; {what_helps(rtmidi)}")
    if name not in (compiled := compiled_in(rtmidi)):
        has = ", ".join(compiled) or "none"
        raise BackendError(f"MIDI backend {name} is not in this python-rtmidi, which has: {has}")
    backend = Backend(name, rtmidi, client_name=client_name)
    # The proof that it opens; on JACK, to list once more would take 30 ms.
    backend.as_opened = Listing(name, client_name, backend.inputs(), backend.outputs())
    return backend


def opening(rtmidi: Any = None, client_name: str = CLIENT) -> Iterator[Backend]:
    """The MIDI backends that open on this machine, the preferred one first."""
    rtmidi = rtmidi or load_rtmidi()
    for name in compiled_in(rtmidi):
        with suppress(BackendError):
            yield open_backend(name, rtmidi, client_name)


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
