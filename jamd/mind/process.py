"""The model in a process of its own, where the system can fork: nothing it does can hold up the engine.

On a thread of the engine's process the model held Python's lock while other programs held its core, and the
notes waited with it: 17 ms (99th percentile) beside a busy loop on each of two cores. In real time, so that
nothing held it up, it held a core for the 70 ms of an answer, and whoever carries or sounds the notes waited.
"""

from __future__ import annotations

import ctypes
import gc
import os
import pickle
import signal
import socket
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NoReturn

from jamd.clock import seconds_now
from jamd.errors import JamdError
from jamd.mind.improviser import Due, Improviser, no_hurry
from jamd.mind.posts import Failed, Predicted
from jamd.mind.settings import Settings
from jamd.mind.worker import (
    MOST_WAITING,
    Frames,
    Post,
    ThreadWorker,
    Worker,
    reason_of,
)
from jamd.models.features import Place
from jamd.music.note import Frame
from jamd.system.priority import keep_to
from jamd.system.signals import ASKING, DEADLY, HALTING, numbers

MOST_BYTES = 1 << 20
"""Of a message between the two; the longest is the places of an answer."""
NAME = "jamd-model"
IGNORED = (*ASKING, *DEADLY)
"""A terminal or a service sends these to all processes; the model's ends when the engine's does."""
PR_SET_PDEATHSIG = 1
"""Of Linux: what a process is sent when the thread that forked it ends."""

Improvising = Callable[[], Improviser]


def possible() -> bool:
    """Whether a model can be in a process of its own here. Only Linux forks safely beside a MIDI system's
    threads, and a GPU that is in use cannot be taken along."""
    torch = sys.modules.get("torch")
    return sys.platform == "linux" and (torch is None or not torch.cuda.is_initialized())


def worker_of(improvisers: Improvising, post: Post, cores: frozenset[int] = frozenset()) -> Worker:
    """A model at work, in a process of its own or, where that cannot be, on a thread. It keeps to these
    cores; none are any."""
    if possible():
        return ProcessWorker(improvisers, post, cores)
    return ThreadWorker(improvisers(), post, cores).start()


class ProcessWorker:
    """Has the work of a `ThreadWorker` done in a process that it forks. What that is told waits in a buffer
    of the system's, so all of this returns at once.

    A process that ends by itself is told of as a fault: at once if it was writing, else when next it is told
    something.
    """

    def __init__(self, improvisers: Improvising, post: Post, cores: frozenset[int] = frozenset()) -> None:
        """`cores` are those that the process keeps to; none are any."""
        self._post = post
        self._unsent: deque[bytes] = deque()
        self._wanted = 0  # the number of the answer being written; 0 when none is
        self._closed = False
        self._ended = ""  # why, if the process has
        self._made = threading.Event()  # the model, or it cannot be
        self._near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (self._near, far):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MOST_BYTES)
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            with warnings.catch_warnings():
                # Newer Pythons warn of forking beside threads: no lock that those may hold is taken there.
                warnings.simplefilter("ignore", DeprecationWarning)
                self.pid = os.fork()
            if self.pid == 0:
                _live(far, improvisers, cores)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        far.close()
        self._thread = threading.Thread(target=self._listen, name="jamd-frames", daemon=True)
        self._thread.start()

    def hear(self, player: Frame, own: Frame, place: Place) -> None:
        self._tell("hear", player, own, place)

    def answer(
        self,
        number: int,
        first_step: int,
        places: Sequence[Place],
        due: Due = no_hurry,
        about: Frames | None = None,
    ) -> None:
        self._wanted = number
        # All processes have one clock, and while an answer is written the tempo hardly changes.
        now, first = seconds_now(), due(0)
        hurry = None if due is no_hurry else (now + first, due(1) - first)
        self._tell("answer", number, first_step, places, hurry, about)

    def plan(self, number: int, first_step: int, own: Frames, places: Sequence[Place], duet: bool) -> None:
        self._wanted = number
        self._tell("plan", number, first_step, own, places, duet)

    def turn(self, settings: Settings) -> None:
        self._tell("turn", settings)

    def cancel(self) -> None:
        self._wanted = 0
        self._tell("cancel")

    def close(self) -> None:
        """End the process, whatever it does."""
        self._closed = True
        with suppress(OSError):
            self._near.shutdown(socket.SHUT_RDWR)

    def wait_until_made(self) -> None:
        """Wait until the model is there. Raises JamdError when it cannot be."""
        self._made.wait()
        if self._ended:
            raise JamdError(self._ended)

    @property
    def lives(self) -> bool:
        return self._thread.is_alive()

    def join(self, seconds: float) -> None:
        """Wait until the process has ended."""
        self._thread.join(seconds)

    def _tell(self, *order: Any) -> None:
        if self._closed:
            return
        if self._ended:
            self._fail(self._ended)
            return
        self._unsent.append(pickle.dumps(order, pickle.HIGHEST_PROTOCOL))
        try:
            while self._unsent:
                self._near.send(self._unsent[0], socket.MSG_DONTWAIT)
                self._unsent.popleft()
        except BlockingIOError:
            if len(self._unsent) >= MOST_WAITING:
                self._fail(f"it is {MOST_WAITING} steps behind")
        except OSError:
            self._unsent.clear()  # it has ended: `_listen` sees to that

    def _fail(self, reason: str) -> None:
        """Say that this model is lost."""
        self.close()
        self._post(Failed(0, reason))

    def _listen(self) -> None:
        """The thread: passes on what the process writes, and sees to its end."""
        with self._near:
            why = ""
            with suppress(OSError):
                if data := self._near.recv(MOST_BYTES):
                    why = pickle.loads(data)
                    if not why:
                        self._made.set()
                while data := self._near.recv(MOST_BYTES):
                    event: Predicted | Failed = pickle.loads(data)
                    if not self._closed:
                        self._post(event)
            os.kill(self.pid, signal.SIGKILL)
            _, status = os.waitpid(self.pid, 0)
            self._ended = why or f"its process ended ({_how(status)})"
            self._made.set()
            if self._wanted and not self._closed:
                self._fail(self._ended)


def _how(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return signal.Signals(-code).name if code < 0 else f"exit status {code}"


def _live(far: socket.socket, improvisers: Improvising, cores: frozenset[int]) -> NoReturn:
    """The process. It touches nothing that was open where it was forked."""
    try:
        _keep_apart(far)
        keep_to(cores)
        tell = _teller(far)
        try:
            worker = ThreadWorker(improvisers(), tell, cores).start()
        except BaseException as error:
            tell(str(error) if isinstance(error, JamdError) else reason_of(error))
            raise
        tell("")  # it is made
        while data := far.recv(MOST_BYTES):
            _do(worker, *pickle.loads(data))
    finally:
        os._exit(0)


def _keep_apart(far: socket.socket) -> None:
    """Let go of what is the other process's: its signals, its files and ports, its terminal."""
    # Where that one is killed, nobody is left to end a model that stands still or hangs.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    for names, handler in ((IGNORED, signal.SIG_IGN), (HALTING, signal.SIG_DFL)):
        for number in numbers(names):
            signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    gc.freeze()  # what is here is never collected: to let go of a MIDI port would close it
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nowhere, descriptor)
    os.closerange(3, far.fileno())
    os.closerange(far.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
    with suppress(OSError), open("/proc/self/comm", "w") as comm:
        comm.write(NAME)


def _teller(far: socket.socket) -> Callable[[object], None]:
    return lambda what: far.sendall(pickle.dumps(what, pickle.HIGHEST_PROTOCOL))


def _do(worker: Worker, order: str, *told: Any) -> None:
    if order == "answer":
        number, first_step, places, hurry, about = told
        worker.answer(number, first_step, places, no_hurry if hurry is None else _due(*hurry), about)
    else:
        getattr(worker, order)(*told)


def _due(first_seconds: float, step_seconds: float) -> Due:
    return lambda step: first_seconds + step * step_seconds - seconds_now()
