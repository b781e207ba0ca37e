"""What jamd asks of the JACK server itself, beside what rtmidi does: a client in plain C calls (jack/jack.h).

It asks, and has itself told next to nothing. What JACK tells it tells on a thread of its own, and it cancels
that when the client is closed, whatever the thread holds: Python's lock, if it was to call a function in
Python, or a lock of libjack's. Then the program stands still for ever. (Both were seen, once in some hundred
times.)
"""

from __future__ import annotations

import ctypes
import ctypes.util
import errno
from contextlib import suppress
from typing import Any

NO_START_SERVER = 0x01
SEMAPHORE_BYTES = 128
"""More than any system's sem_t."""


class Semaphore:
    """One that C may raise, on any thread (POSIX, sem_overview(7))."""

    def __init__(self, libc: Any) -> None:
        """Raises OSError where a program has none of its own, as on macOS."""
        self._libc, self._memory = libc, ctypes.create_string_buffer(SEMAPHORE_BYTES)
        if libc.sem_init(self._memory, 0, 0) != 0:
            raise OSError("no semaphores without a name")

    @property
    def raising(self) -> tuple[ctypes.c_void_p, ctypes.c_void_p]:
        """The function in C that raises it, and what that is to be given."""
        raise_it = ctypes.cast(self._libc.sem_post, ctypes.c_void_p)
        return raise_it, ctypes.cast(self._memory, ctypes.c_void_p)

    def taken(self) -> bool:
        """Whether it was raised; then it is lowered."""
        return bool(self._libc.sem_trywait(self._memory) == 0)


class JackClient:
    """A client of the server, without ports. For one thread."""

    def __init__(self, jack: Any, libc: Any, pointer: int) -> None:
        self._jack, self._pointer, self._gone = jack, ctypes.c_void_p(pointer), False
        self._shut_down = Semaphore(libc)
        jack.jack_on_shutdown(self._pointer, *self._shut_down.raising)
        jack.jack_activate(self._pointer)

    @property
    def gone(self) -> bool:
        """Whether the server has ended."""
        self._gone = self._gone or self._shut_down.taken()
        return self._gone

    @property
    def last_frame(self) -> int:
        """The server's time, in frames, of the period before this one."""
        return int(self._jack.jack_last_frame_time(self._pointer))

    @property
    def period(self) -> tuple[int, int]:
        """Frames a period and frames a second."""
        buffer_size = self._jack.jack_get_buffer_size(self._pointer)
        return int(buffer_size), int(self._jack.jack_get_sample_rate(self._pointer))

    def connect(self, source: str, target: str) -> bool:
        """Lead one port to another, if both are there."""
        status = self._jack.jack_connect(self._pointer, source.encode(), target.encode())
        return status in (0, errno.EEXIST)

    def close(self) -> None:
        self._jack.jack_client_close(self._pointer)


class Libjack:
    """The library."""

    def __init__(self, path: str) -> None:
        """Raises OSError or AttributeError where it, or what it takes of the system, is not there."""
        self._jack: Any = ctypes.CDLL(path)
        self._libc: Any = ctypes.CDLL(None)
        Semaphore(self._libc)  # or there is no use in all this
        self._jack.jack_client_open.restype = ctypes.c_void_p
        self._jack.jack_last_frame_time.restype = ctypes.c_uint32
        for silence in (self._jack.jack_set_error_function, self._jack.jack_set_info_function):
            silence(self._libc.strlen)  # reads what would be printed, and no more

    def client(self, name: str) -> JackClient | None:
        """A client of the server that JACK_DEFAULT_SERVER names; None if there is no server."""
        status = ctypes.c_int()
        pointer = self._jack.jack_client_open(name.encode(), NO_START_SERVER, ctypes.byref(status))
        return None if pointer is None else JackClient(self._jack, self._libc, pointer)


def load() -> Libjack | None:
    """The library that rtmidi has loaded, which may be one of its own, else the system's; None without. A
    second one in a process would map another 100 MB of the memory that JACK shares."""
    path = _loaded() or ctypes.util.find_library("jack")
    with suppress(OSError, AttributeError, TypeError):  # the last on Windows, whose C library has no name
        return None if path is None else Libjack(path)
    return None


def _loaded() -> str | None:
    with suppress(OSError), open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        for line in maps:
            path = line.rstrip("\n").split(maxsplit=5)[-1]
            if path.rsplit("/", 1)[-1].startswith("libjack"):
                return path
    return None
