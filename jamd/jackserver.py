"""The JACK server as one of its clients sees it: whether it serves, and which ports come and go.

What rtmidi asks of JACK does not tell that the server has gone: the ports stay listed, and after some two
thousand messages that nobody takes the next is waited with for ever, Python's lock in hand. So a client of
JACK-Client's keeps watch, whose calls do not hold the lock.
"""

from __future__ import annotations

import ctypes.util
import errno
from collections.abc import Callable
from contextlib import suppress
from typing import Any

CLIENT = "jamd watch"
STALLED_SECONDS = 0.5
"""The longest period of JACK is 0.19 s."""

_find_library = ctypes.util.find_library


class JackServer:
    """Watches the server that JACK_DEFAULT_SERVER names. `changed` is called when something came or went, on
    a thread of JACK's. For one thread, which is not the engine's."""

    def __init__(self, changed: Callable[[], None], now: Callable[[], float], jack: Any) -> None:
        """`now` tells seconds; `jack` is the module JACK-Client."""
        self._changed, self._now, self._jack = changed, now, jack
        self._client: Any = None
        self._gone = True
        self._left: set[str] = set()
        self._frames, self._frames_seconds = -1, 0.0

    def open(self) -> bool:
        """Become a client of the server, if there is one."""
        self.close()
        try:
            client = self._jack.Client(CLIENT, no_start_server=True)
        except self._jack.JackError:
            return False
        self._gone, self._left = False, set()
        self._frames, self._frames_seconds = -1, self._now()
        client.set_shutdown_callback(self._shut_down)
        client.set_port_registration_callback(self._registered)
        client.activate()
        client.get_ports()  # so that JACK-Client knows those that are there by name
        self._client = client
        return True

    def close(self) -> None:
        """Leave the server; a second call does nothing."""
        if self._client is not None:
            client, self._client = self._client, None
            client.close()
        self._gone = True

    @property
    def gone(self) -> bool:
        """Whether the server has ended since it was opened."""
        return self._gone

    @property
    def stalled(self) -> bool:
        """Whether the server takes nothing any more, though it has not ended. Ask this often."""
        frames = self._client.last_frame_time
        if frames != self._frames:
            self._frames, self._frames_seconds = frames, self._now()
        return self._now() - self._frames_seconds > STALLED_SECONDS

    def left(self) -> set[str]:
        """The ports that went since this was last asked, be they back or not."""
        left, self._left = self._left, set()
        return left

    def connect(self, source: str, target: str) -> bool:
        """Lead one port to another, if both are there."""
        try:
            self._client.connect(source, target)
        except self._jack.JackErrorCode as error:
            return bool(error.code == errno.EEXIST)  # as it was
        except self._jack.JackError:
            return False
        return True

    def _shut_down(self, _status: object, _reason: str) -> None:
        self._gone = True
        self._changed()

    def _registered(self, port: Any, registered: bool) -> None:
        if not registered:
            self._left.add(port.name)
        self._changed()


def open_server(changed: Callable[[], None], now: Callable[[], float]) -> JackServer | None:
    """A watched JACK server; None where libjack is not there, or there is no server."""
    ctypes.util.find_library = libjack  # which is how JACK-Client looks for it
    try:
        import jack
    except (ImportError, OSError):
        return None
    finally:
        ctypes.util.find_library = _find_library
    jack.set_error_function(_say_nothing)
    jack.set_info_function(_say_nothing)
    server = JackServer(changed, now, jack)
    return server if server.open() else None


def libjack(name: str) -> str | None:
    """The libjack that rtmidi has loaded, which may be one of its own, else the system's. A second one in a
    process would map another 100 MB of the memory that JACK shares."""
    with suppress(OSError), open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        for line in maps:
            path = line.rstrip("\n").split(maxsplit=5)[-1]
            if path.rsplit("/", 1)[-1].startswith("libjack"):
                return path
    return _find_library(name)


def _say_nothing(_: str) -> None:
    """What libjack would print; what matters of it is said in jamd's words."""
