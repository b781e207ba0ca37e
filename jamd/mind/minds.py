"""The model in use, the one that may take over from it, and the recent music that both are told."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from jamd.mind.settings import Settings
from jamd.mind.worker import Post, Worker
from jamd.models.memory.evening import Heard

REMEMBERED_STEPS = 512
"""What a mind that takes over is told of the session."""
REPEATED_STEPS = 64
"""What one is told that begins anew amid the session, and is soon to answer."""

MakeWorker = Callable[[Post], Worker]
StandIn = Callable[["Minds"], bool]
"""Fetches another mind for one that fails again and again, by `take_over`; False if there is none."""
Keep = Callable[[Heard], None]
"""Takes a step of the session as it was played, at once."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Another model is ready: its worker, which knows the first `heard_steps` of the session, and how to make
    another. Without them it is not to be had, for this `reason`. `wish` is the number of the wish for it."""

    name: str
    worker: Worker | None = None
    make_worker: MakeWorker | None = None
    heard_steps: int = 0
    reason: str = ""
    wish: int = 0


class Minds:
    """Keeps a worker at work. `make_worker` is called again after a fault: a mind that failed is not trusted
    with its memory."""

    def __init__(
        self,
        make_worker: MakeWorker,
        post: Post,
        keep: Keep | None = None,
        stand_in: StandIn = lambda minds: False,
    ) -> None:
        """`keep` is told all that is heard."""
        self._make_worker, self._post, self._keep, self._stand_in = make_worker, post, keep, stand_in
        self.worker = make_worker(post)
        self._next: tuple[Worker, MakeWorker] | None = None
        self._settings: Settings | None = None  # what the player has turned; None is as the mind was opened
        self._heard: deque[Heard] = deque(maxlen=REMEMBERED_STEPS)
        self._heard_steps = 0

    @property
    def heard(self) -> tuple[list[Heard], int]:
        """What was lately heard of the session, oldest first, and how many steps were heard in all."""
        return list(self._heard), self._heard_steps

    def hear(self, heard: Heard) -> None:
        """One step of both parts, as it was played."""
        self._heard.append(heard)
        self._heard_steps += 1
        if self._keep is not None:
            self._keep(heard)
        for worker in self._workers:
            worker.hear(*heard)

    def turn(self, settings: Settings) -> None:
        """Write answers like this from now on."""
        self._settings = settings
        for worker in self._workers:
            worker.turn(settings)

    @property
    def waits(self) -> bool:
        """Whether another mind waits for `swap`."""
        return self._next is not None

    def take_over(self, worker: Worker, make_worker: MakeWorker, heard_steps: int) -> None:
        """Let another mind, which knows the first so many steps of the session, wait for `swap`."""
        self.keep()
        missed = min(self._heard_steps - heard_steps, len(self._heard))
        for each in list(self._heard)[len(self._heard) - missed :]:
            worker.hear(*each)
        if self._settings is not None:
            worker.turn(self._settings)
        self._next = worker, make_worker

    def keep(self) -> None:
        """The mind that plays stays: one that waits is let go."""
        if self._next is not None:
            self._next[0].close()
            self._next = None

    def swap(self) -> None:
        """The other mind, if one waits, goes on from here."""
        if self._next is not None:
            self.worker.close()
            (self.worker, self._make_worker), self._next = self._next, None

    def replace(self, again: bool = False) -> None:
        """The mind has failed: a new one begins, with what was heard lately. If it failed `again`, that may
        be why, and the new one is told nothing."""
        self.worker.close()
        self.worker = self._make_worker(self._post)
        if self._settings is not None:
            self.worker.turn(self._settings)
        for heard in () if again else list(self._heard)[-REPEATED_STEPS:]:
            self.worker.hear(*heard)

    def stand_in(self) -> bool:
        """Have another mind fetched for this one; False if there is none."""
        return self._stand_in(self)

    def close(self) -> None:
        """The session is over."""
        for worker in self._workers:
            worker.close()

    @property
    def _workers(self) -> tuple[Worker, ...]:
        return (self.worker,) if self._next is None else (self.worker, self._next[0])
