"""Hot-plug: ports that were unplugged are waited for, by name, and opened again.

It looks ten times a second, on a thread of its own: no MIDI system but JACK tells of what comes and goes, and
JACK only at a risk (see `libjack`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from jamd.errors import JamdError
from jamd.midi.backends import Backend
from jamd.midi.jackserver import JackServer, open_server
from jamd.midi.portname import meant, renumbered
from jamd.midi.ports import Port
from jamd.system.priority import keep_to

LOOK_SECONDS = 0.1
CLOSE_SECONDS = 2.0
"""A JACK server that stands still must not keep the program from ending."""

log = logging.getLogger(__name__)


def again(port: Port, names: Sequence[str | None]) -> str | None:
    """The name in the list that means this port, which may have come back with another number."""
    for found in (renumbered(port.name, names), meant(port.wanted or port.name, names)):
        if len(found) == 1:
            return found[0]
    return None


class Hotplug:
    """Watches the open ports of a backend, from `with` to its end."""

    def __init__(
        self,
        backend: Backend,
        returned: Callable[[Port], object] = lambda port: None,
        cores: frozenset[int] = frozenset(),
        server: JackServer | None = None,
    ) -> None:
        """`returned` is told each port that is back; `cores` are those that the thread keeps to."""
        self._backend, self._returned, self._cores = backend, returned, cores
        self._stopped = threading.Event()
        self._server = server
        self._missed: set[Port] = set()  # those that were said to be gone
        self._held_up: set[Port] = set()  # by a server that went or stood still
        self._down = False  # the server, which was said
        self._thread = threading.Thread(target=self._run, name="jamd-hotplug", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        keep_to(self._cores)
        if self._server is None and self._backend.name == "jack":
            self._server = open_server(time.monotonic)
        while not self._stopped.is_set():
            try:
                self.look()
            except Exception as error:  # of a driver's: the next look may go well
                log.debug("a look at the ports failed: %s", error, exc_info=True)
            self._stopped.wait(LOOK_SECONDS)
        if self._server is not None:
            self._server.close()

    def look(self) -> None:
        """See what went and what is back."""
        if self._server is not None and not self._serves(self._server):
            return
        listed = {"input": self._backend.inputs(), "output": self._backend.outputs()}
        for port in self._backend.ports:
            self._look_at(port, listed[port.kind])

    def _look_at(self, port: Port, names: Sequence[str]) -> None:
        target = None if port.wanted is None else again(port, names)
        listed = port.wanted is None or target is not None
        if port.plugged and listed:
            return
        only_held_up = listed and port in self._held_up
        self._held_up.discard(port)
        if port not in self._missed and not only_held_up:
            port.unplug()
            self._missed.add(port)
            log.warning("%s %s is gone; jamd goes on, and waits for it", port.kind, port.name)
        if listed and self._plug_in(port, target):
            if port in self._missed:
                self._missed.remove(port)
                log.warning("%s %s is back", port.kind, port.name)
            self._returned(port)

    def _plug_in(self, port: Port, target: str | None) -> bool:
        """Connect a port again, to that one; whether it is."""
        try:
            if self._server is None:
                self._backend.renew(port, target)
            elif target is not None:
                # rtmidi would do it with Python's lock in hand, and nothing be played meanwhile
                own = min(port.seen_as)
                ends = (target, own) if port.kind == "input" else (own, target)
                if not self._server.connect(*ends):
                    return False
                self._backend.settle()
        except JamdError as error:
            log.debug("%s %s is not back: %s", port.kind, port.name, error)
            return False
        port.name = target or port.name
        port.plug_in()
        return port.plugged

    def _serves(self, server: JackServer) -> bool:
        """Whether JACK is there; when it is back, all ports get clients of the new server."""
        if not server.gone:
            if server.stalled:
                self._server_down("JACK stands still")
            elif self._down:
                self._down = False
                log.warning("JACK goes on")
            return not self._down
        self._server_down("JACK is gone")
        ports = self._backend.ports
        self._missed.update(ports)
        for port in ports:
            self._backend.abandon(port)  # all of them before the first new client: see Backend._listing
        if not server.open():
            return False
        try:
            for port in ports:
                self._backend.renew(port, None)
        except JamdError as error:
            log.debug("JACK is not back: %s", error)
            server.close()
            return False
        log.warning("JACK is back")
        self._down = False
        return True

    def _server_down(self, what: str) -> None:
        if not self._down:
            self._down = True
            log.warning("%s; jamd goes on, and waits for it", what)
            for port in self._backend.ports:
                port.unplug()
                self._held_up.add(port)
