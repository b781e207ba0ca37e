"""The JACK server as one of its clients sees it: whether it serves.

What rtmidi asks of JACK does not tell that the server has gone: the ports stay listed, and after some two
thousand messages that nobody takes the next is waited with for ever, Python's lock in hand. So a client
without ports keeps watch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from jamd.midi import libjack

CLIENT = "jamd watch"
STALLED_SECONDS = 0.5
"""The longest period of JACK is 0.19 s."""


class Client(Protocol):
    """See `libjack.JackClient`."""

    @property
    def gone(self) -> bool: ...

    @property
    def last_frame(self) -> int: ...

    def connect(self, source: str, target: str) -> bool: ...

    def close(self) -> None: ...


class JackServer:
    """Watches the server that JACK_DEFAULT_SERVER names. For one thread, which is not the engine's."""

    def __init__(self, client_of: Callable[[str], Client | None], now: Callable[[], float]) -> None:
        """`client_of` makes a client of this name, None without a server; `now` tells seconds."""
        self._client_of, self._now = client_of, now
        self._client: Client | None = None
        self._frame, self._frame_seconds = -1, 0.0

    def open(self) -> bool:
        """Become a client of the server, if there is one."""
        self.close()
        self._client = self._client_of(CLIENT)
        self._frame, self._frame_seconds = -1, self._now()
        return self._client is not None

    def close(self) -> None:
        """Leave the server; a second call does nothing."""
        if self._client is not None:
            self._client.close()
            self._client = None

    @property
    def gone(self) -> bool:
        """Whether the server has ended since it was opened."""
        return self._client is None or self._client.gone

    @property
    def stalled(self) -> bool:
        """Whether the server takes nothing any more, though it has not ended. Ask this often."""
        frame = -1 if self._client is None else self._client.last_frame
        if frame != self._frame:
            self._frame, self._frame_seconds = frame, self._now()
        return self._now() - self._frame_seconds > STALLED_SECONDS

    def connect(self, source: str, target: str) -> bool:
        """Lead one port to another; whether it is."""
        return self._client is not None and self._client.connect(source, target)


def open_server(now: Callable[[], float]) -> JackServer | None:
    """A watched JACK server; None where libjack is not there, or there is no server."""
    library = libjack.load()
    if library is None:
        return None
    server = JackServer(library.client, now)
    return server if server.open() else None
