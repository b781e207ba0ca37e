"""Where the model works: on a thread of its own, never on the engine's; its frames come back by the inbox."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Protocol

from jamd.events import Event, Failed, Predicted
from jamd.improviser import Due, Improviser, no_hurry
from jamd.models.features import Place
from jamd.note import Frame
from jamd.priority import keep_to

Post = Callable[[Event], None]
Job = Callable[[], None]


class Worker(Protocol):
    """What the engine asks of it. All of it returns at once."""

    def hear(self, player: Frame, own: Frame, place: Place) -> None: ...

    def answer(self, number: int, first_step: int, places: Sequence[Place], due: Due) -> None:
        """Write an answer; each frame comes back as Predicted, a fault as Failed. `due` tells how much time
        there is."""

    def cancel(self) -> None:
        """Write no more of the answer being written."""

    def close(self) -> None: ...


class InlineWorker:
    """Does the work at once, on the caller's thread: for virtual time, which stands still meanwhile. So there
    is no hurry, and how busy the machine is decides nothing."""

    def __init__(self, improviser: Improviser, post: Post) -> None:
        self._improviser, self._post = improviser, post
        self._wanted = 0  # the number of the answer to be written; 0 when none is

    def hear(self, player: Frame, own: Frame, place: Place) -> None:
        self._hear(player, own, place)

    def answer(self, number: int, first_step: int, places: Sequence[Place], due: Due = no_hurry) -> None:
        self._wanted = number
        self._answer(number, first_step, places, no_hurry)

    def cancel(self) -> None:
        self._wanted = 0

    def close(self) -> None:
        self.cancel()

    def _hear(self, player: Frame, own: Frame, place: Place) -> None:
        try:
            self._improviser.hear(player, own, place)
        except Exception as error:
            self._post(Failed(0, _reason(error)))

    def _answer(self, number: int, first_step: int, places: Sequence[Place], due: Due) -> None:
        try:
            for step, frame in enumerate(self._improviser.answer(places, due), first_step):
                if self._wanted != number:
                    return
                self._post(Predicted(number, step, frame))
        except Exception as error:
            self._post(Failed(number, _reason(error)))


class ThreadWorker(InlineWorker):
    """Does the same work in order on its own thread.

    The thread is a daemon, because a model that hangs cannot be ended and must not keep the process alive.
    """

    def __init__(self, improviser: Improviser, post: Post, cores: frozenset[int] = frozenset()) -> None:
        """`cores` are those that the thread keeps to; none are any."""
        super().__init__(improviser, post)
        self._cores = cores
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="jamd-model", daemon=True)

    def start(self) -> ThreadWorker:
        self._thread.start()
        return self

    def hear(self, player: Frame, own: Frame, place: Place) -> None:
        self._jobs.put(lambda: self._hear(player, own, place))

    def answer(self, number: int, first_step: int, places: Sequence[Place], due: Due = no_hurry) -> None:
        self._wanted = number
        self._jobs.put(lambda: self._answer(number, first_step, places, due))

    def close(self) -> None:
        super().close()
        self._jobs.put(None)

    def _work(self) -> None:
        keep_to(self._cores)
        while (job := self._jobs.get()) is not None:
            job()


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
