"""Running the model: on a thread of its own, never on the engine's; its frames come back by the inbox.

That thread is in a process of its own where there can be one (see `process`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from queue import SimpleQueue
from typing import Protocol

from jamd.mind.improviser import Due, Improviser, no_hurry
from jamd.mind.posts import Failed, Predicted
from jamd.mind.settings import Settings
from jamd.models.features import Place
from jamd.music.note import Frame
from jamd.system.priority import keep_to

MOST_WAITING = 512
"""Steps that a model may be behind in listening, a minute of music: then it hangs."""

Post = Callable[[Predicted | Failed], None]
Job = Callable[[], None]
Frames = Sequence[Frame]


class Worker(Protocol):
    """What the engine asks of it. All of it returns at once."""

    def hear(self, player: Frame, own: Frame, place: Place) -> None: ...

    def answer(
        self, number: int, first_step: int, places: Sequence[Place], due: Due, about: Frames | None = None
    ) -> None:
        """Write an answer; each frame comes back as Predicted, a fault as Failed. `due` tells how much time
        there is; `about` is what to answer instead of the call."""

    def plan(self, number: int, first_step: int, own: Frames, places: Sequence[Place], duet: bool) -> None:
        """Write on after `own`, the first frames on `places`, which is jamd's part whatever comes; each
        frame comes back as Predicted."""

    def turn(self, settings: Settings) -> None:
        """Play like this from now on."""

    def cancel(self) -> None:
        """Write no more of the answer being written."""

    def close(self) -> None: ...


class InlineWorker:
    """Does the work at once, on the caller's thread: for virtual time, which stands still meanwhile. So there
    is no hurry, and how busy the machine is decides nothing."""

    def __init__(self, improviser: Improviser, post: Post) -> None:
        self._improviser, self._post = improviser, post
        self._broken = False  # while listening, which was said
        self._wanted = 0  # the number of the answer to be written; 0 when none is

    def hear(self, player: Frame, own: Frame, place: Place) -> None:
        self._do(lambda: self._hear(player, own, place))

    def answer(
        self,
        number: int,
        first_step: int,
        places: Sequence[Place],
        due: Due = no_hurry,
        about: Frames | None = None,
    ) -> None:
        self._wanted = number
        self._do(lambda: self._answer(number, first_step, places, self._hurry(due), about))

    def plan(self, number: int, first_step: int, own: Frames, places: Sequence[Place], duet: bool) -> None:
        self._wanted = number
        self._do(lambda: self._plan(number, first_step, own, places, duet))

    def turn(self, settings: Settings) -> None:
        self._do(lambda: self._improviser.turn(settings))

    def cancel(self) -> None:
        self._wanted = 0

    def close(self) -> None:
        self.cancel()

    def _do(self, job: Job) -> None:
        job()

    def _hurry(self, due: Due) -> Due:
        return no_hurry

    def _hear(self, player: Frame, own: Frame, place: Place) -> None:
        if self._broken:
            return
        try:
            self._improviser.hear(player, own, place)
        except Exception as error:
            self._broken = True
            self._post(Failed(0, reason_of(error)))

    def _answer(
        self, number: int, first_step: int, places: Sequence[Place], due: Due, about: Frames | None
    ) -> None:
        if about is None:  # an improviser need not know how to vary
            self._stream(number, first_step, lambda: self._improviser.answer(places, due))
        else:
            self._stream(number, first_step, lambda: self._improviser.answer(places, due, about))

    def _plan(self, number: int, first_step: int, own: Frames, places: Sequence[Place], duet: bool) -> None:
        self._stream(number, first_step + len(own), lambda: self._improviser.plan(own, places, duet))

    def _stream(self, number: int, first_step: int, write: Callable[[], Iterator[Frame]]) -> None:
        if self._wanted != number:
            return
        try:
            for step, frame in enumerate(write(), first_step):
                if self._wanted != number:
                    return
                self._post(Predicted(number, step, frame))
        except Exception as error:
            self._post(Failed(number, reason_of(error)))


class ThreadWorker(InlineWorker):
    """Does the same work in order on its own thread.

    The thread is a daemon, because a model that hangs cannot be ended and must not keep the process alive.
    """

    def __init__(self, improviser: Improviser, post: Post, cores: frozenset[int] = frozenset()) -> None:
        """`cores` are those that the thread keeps to; none are any."""
        super().__init__(improviser, post)
        self._cores = cores
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._hangs = False  # which was said
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="jamd-model", daemon=True)

    def start(self) -> ThreadWorker:
        self._thread.start()
        self._jobs.put(self._warm_up)
        return self

    def _do(self, job: Job) -> None:
        if self._jobs.qsize() < MOST_WAITING:
            self._jobs.put(job)
        elif not self._hangs:
            self._hangs = True
            self._post(Failed(0, f"it is {MOST_WAITING} steps behind"))

    def _hurry(self, due: Due) -> Due:
        return due

    def close(self) -> None:
        super().close()
        self._closed = True  # what waits to be done is of no use any more
        self._jobs.put(None)

    def _warm_up(self) -> None:
        with suppress(Exception):  # a model that cannot says so when it is asked for an answer
            self._improviser.warm_up()

    def _work(self) -> None:
        keep_to(self._cores)
        while (job := self._jobs.get()) is not None and not self._closed:
            try:
                job()
            except BaseException as error:  # what would end the thread without a word
                self._post(Failed(self._wanted, reason_of(error)))
                return


def reason_of(error: BaseException) -> str:
    """What is said of a fault, in one line."""
    return f"{type(error).__name__}: {error}".splitlines()[0]
