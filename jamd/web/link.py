"""The engine's side of the page: what is played and shown goes to its server, what hands do comes back.

The server is a process of its own (`jamd.web.server`): nothing that a page does can hold Python's lock here.
The engine's thread only puts into a queue; a thread writes to the server, another reads from it. A server
that dies, or that takes nothing for a while, is replaced, and the music goes on.
"""

from __future__ import annotations

import json
import logging
import select
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from queue import SimpleQueue
from typing import IO, Any, Protocol

import mido

from jamd.clock import Clock
from jamd.engine.snapshot import Snapshot, Turn
from jamd.errors import JamdError
from jamd.music.transport import Metre
from jamd.system.priority import keep_to
from jamd.web import telling

SERVING_SECONDS = 10.0
"""So long the server may take to begin."""
AGAIN_SECONDS = (0.1, 1.0, 5.0)
"""Until a server that died is started again: the first time, the second, and from then on."""
MOST_WAITING = 10_000
"""Words that may wait for a server, whatever becomes of it."""
HANG_SECONDS = 2.0
"""A server that takes nothing for so long hangs."""
KEPT, KEPT_WORDS = frozenset({"heard", "span"}), 4096
"""What a later server is told again, and how much of it: minutes of dense music."""
END_SECONDS = 2.0

log = logging.getLogger(__name__)

Word = Mapping[str, Any]


class Heeds(Protocol):
    """Takes what pages say, on the link's thread."""

    def heed(self, line: str) -> None:
        """A line of the server's. It looked it through; it is not trusted."""

    def let_go(self) -> None:
        """The server is gone: whatever its pages held is let go."""


class Begin(Protocol):
    """Starts a server; tests hand in another."""

    def __call__(self) -> subprocess.Popen[str]: ...


def begin_server() -> subprocess.Popen[str]:
    """The real one. It ends when its standard input does, and not by the terminal's Ctrl-C before that."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "jamd.web.server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        bufsize=1,
        start_new_session=True,
    )


class Link:
    """Speaks with the server. Is a port (`send`, `send_at`), a recorder, and takes snapshots."""

    name = "page"

    def __init__(
        self,
        settings: Word,
        clock: Clock,
        cores: frozenset[int] = frozenset(),
        begin: Begin = begin_server,
    ) -> None:
        """`settings` are the server's: see `jamd.web.server`. Raises JamdError when it cannot serve."""
        self._settings, self._clock = dict(settings), clock
        self.heeds: Heeds | None = None
        """Who does what pages say, once there is an engine."""
        self._begin, self._cores = begin, cores
        self._waiting: SimpleQueue[Callable[[], Sequence[Word]] | None] = SimpleQueue()
        self._hello: Word | None = None
        self._told = telling.Told()
        self._lately: deque[Word] = deque(maxlen=KEPT_WORDS)  # for a server that is started later
        self._ended = threading.Event()
        self._process, self.port_number = self._served()
        self._threads = [
            threading.Thread(target=target, name=f"jamd-page-{name}", daemon=True)
            for name, target in (("out", self._write), ("in", self._read))
        ]
        for thread in self._threads:
            thread.start()

    # What the engine calls, on its thread: nothing here takes longer than to put something into a queue.

    def send(self, message: mido.Message) -> None:
        """To be heard now."""
        self.send_at(message, self._clock.now())

    def send_at(self, message: mido.Message, seconds: float) -> None:
        """To be heard at this instant."""
        self._put(lambda: telling.note(message, seconds))

    def record(self, part: str, beats: float, message: mido.Message) -> None:
        """This went into the session's file."""
        self._put(lambda: telling.heard(part, beats, message))

    def tempo(self, beats: float, tempo: float) -> None: ...

    def metre(self, beats: float, metre: Metre) -> None: ...

    def turn(self, beats: float, turn: Turn) -> None:
        """Whose turn it is from this beat on."""
        self._put(lambda: telling.span(beats, turn))

    def show(self, snapshot: Snapshot) -> None:
        """How all stands."""
        self._put(lambda: self._told.changes(snapshot))

    def say(self, text: str) -> None:
        """A line for the player."""
        self._put(lambda: [{"type": "said", "text": text}])

    def greet(self, hello: Word) -> None:
        """What every page is told first, also by a server that is started later."""
        self._hello = hello
        self._put(lambda: [hello])

    def _put(self, words: Callable[[], Sequence[Word]]) -> None:
        if self._waiting.qsize() < MOST_WAITING:
            self._waiting.put(words)

    # The threads

    def _write(self) -> None:
        keep_to(self._cores)
        while (words := self._waiting.get()) is not None:
            for word in words():
                if word["type"] in KEPT:
                    self._lately.append(word)
                self._line(word)

    def _line(self, word: Word) -> None:
        process = self._process
        assert process.stdin is not None
        with suppress(OSError, ValueError):  # it died; `_read` sees to another
            if not takes(process.stdin, HANG_SECONDS):
                log.warning("the page's server takes nothing any more, and is ended")
                process.kill()
                return
            process.stdin.write(json.dumps(word, allow_nan=False) + "\n")
            process.stdin.flush()

    def _read(self) -> None:
        keep_to(self._cores)
        deaths = 0
        while True:
            stdout = self._process.stdout
            assert stdout is not None
            for line in stdout:
                if self.heeds is not None:
                    self.heeds.heed(line)
            if self.heeds is not None:
                self.heeds.let_go()
            if self._ended.is_set():
                return
            _let_go(self._process)
            log.warning("the page's server ended (status %s); it is started again", self._process.returncode)
            if self._ended.wait(AGAIN_SECONDS[min(deaths, len(AGAIN_SECONDS) - 1)]):
                return
            deaths += 1
            try:
                process, _ = self._served()
            except JamdError as error:
                log.warning("%s; the music goes on without", error)
                return
            self._process = process
            self._put(self._all_anew)

    def _all_anew(self) -> Sequence[Word]:
        """What a server must know that was not there before. On the writing thread."""
        self._told = telling.Told()
        lately = list(self._lately)
        self._lately.clear()
        return [*([self._hello] if self._hello else []), *lately]

    def _served(self) -> tuple[subprocess.Popen[str], int]:
        """A server that serves, and at which port."""
        process = self._begin()
        assert process.stdin is not None
        assert process.stdout is not None
        answer: list[str] = []
        with suppress(OSError):
            process.stdin.write(json.dumps({"type": "settings", **self._settings}) + "\n")
            process.stdin.flush()
        asking = threading.Thread(target=lambda: answer.append(_first(process.stdout)), daemon=True)
        asking.start()
        asking.join(SERVING_SECONDS)
        said: Any = {}
        with suppress(ValueError):
            said = json.loads(answer[0]) if answer else {}
        if said.get("type") != "serving":
            process.kill()
            _let_go(process)
            why = said.get("why", "its server does not begin")
            raise JamdError(f"the page cannot be served: {why}")
        self._settings |= {
            "port": said["port"],
            "tries": 1,
        }  # later ones at the same, where pages look for it
        return process, int(said["port"])

    def close(self) -> None:
        """The session is over: what waits is told, and the server ends."""
        self._ended.set()
        self._waiting.put(lambda: [{"type": "ended"}])
        self._waiting.put(None)
        self._threads[0].join(END_SECONDS)
        process = self._process
        assert process.stdin is not None
        with suppress(OSError):
            process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(END_SECONDS)
        if process.poll() is None:
            process.kill()
        self._threads[1].join(END_SECONDS)
        _let_go(process)


def _let_go(process: subprocess.Popen[str]) -> None:
    """See a process to its end, and close what led to it."""
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):  # what was not written leads nowhere now
                pipe.close()


def takes(stdin: IO[str], within_seconds: float) -> bool:
    """Whether a line may be written without waiting for longer. Windows cannot tell of a pipe, and waits."""
    if sys.platform == "win32":
        return True
    return bool(select.select([], [stdin], [], within_seconds)[1])


def _first(stdout: IO[str] | None) -> str:
    return "" if stdout is None else stdout.readline()
