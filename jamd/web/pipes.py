"""Lines from and to the engine's process, each by a thread of its own: the loop waits for neither."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from io import FileIO
from queue import SimpleQueue

MOST_CHUNKS = 16
"""Read and not yet looked at: then the engine's pipe fills, and it is the engine that decides."""
CHUNK_BYTES = 1 << 16
MOST_WAITING, MOST_ENDS_WAITING = 2_000, 20_000
"""Lines that wait for the engine's process: so many until a word is refused, and more until the end of a note
is."""


class Lines:
    """Bytes become lines; one that is too long is passed over."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._begun = bytearray()
        self._passing_over = False

    def feed(self, content: bytes) -> list[bytes]:
        """The lines that are whole now, without their ends."""
        *ends, rest = content.split(b"\n")
        lines = []
        for end in ends:
            self._begun += end
            if not self._passing_over and len(self._begun) <= self._most_bytes:
                lines.append(bytes(self._begun))
            self._begun.clear()
            self._passing_over = False
        self._begun += rest
        if len(self._begun) > self._most_bytes:
            self._begun.clear()
            self._passing_over = True
        return lines


class Reader:
    """Reads from the engine's process, and hands over to the loop."""

    def __init__(
        self,
        source: FileIO,
        loop: asyncio.AbstractEventLoop,
        take: Callable[[bytes], None],
        end: Callable[[], None],
    ) -> None:
        self._source, self._loop, self._take, self._end = source, loop, take, end
        self._room = threading.Semaphore(MOST_CHUNKS)
        self._thread = threading.Thread(target=self._read, name="jamd-words-in", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _read(self) -> None:
        with suppress(RuntimeError):  # the loop is closed
            with suppress(OSError):
                while content := self._source.read(CHUNK_BYTES):
                    self._room.acquire()
                    self._loop.call_soon_threadsafe(self._taken, content)
            self._loop.call_soon_threadsafe(self._end)

    def _taken(self, content: bytes) -> None:
        self._room.release()
        self._take(content)


class Writer:
    """Writes to the engine's process."""

    def __init__(self, sink: FileIO, loop: asyncio.AbstractEventLoop, end: Callable[[], None]) -> None:
        self._sink, self._loop, self._end = sink, loop, end
        self._waiting: SimpleQueue[str] = SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="jamd-words-out", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, line: str, ends: bool = False) -> bool:
        """Whether there was room; what `ends` a note is given more."""
        if self._waiting.qsize() >= (MOST_ENDS_WAITING if ends else MOST_WAITING):
            return False
        self._waiting.put(line)
        return True

    def _write(self) -> None:
        try:
            while True:
                content = memoryview(self._waiting.get().encode() + b"\n")
                while content:
                    content = content[self._sink.write(content) :]
        except OSError:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._end)
