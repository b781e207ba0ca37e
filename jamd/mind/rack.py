"""Models to switch between while playing: the next is loaded beside the music, and then takes over."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue

from jamd.mind.improviser import Improviser
from jamd.mind.minds import Loaded, MakeWorker, Minds
from jamd.mind.posts import Failed, Predicted
from jamd.mind.process import ProcessWorker
from jamd.mind.worker import Worker
from jamd.models.memory.evening import Heard
from jamd.system.priority import keep_to

log = logging.getLogger(__name__)

SETTLE_SECONDS = 0.1
"""So long a model must be wished for before it is loaded."""

Improvisers = Callable[[str], Callable[[], Improviser]]
"""Loads a model by its name."""


@dataclass(frozen=True, slots=True)
class StandIn:
    """A model for when another fails; `where` it runs if that is what it is about."""

    name: str
    load: Callable[[], Callable[[], Improviser]]
    where: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """A model to be loaded, and what it is to be told of the session: the last steps, and how many there were
    in all."""

    number: int
    name: str
    load: Callable[[], Callable[[], Improviser]]
    heard: Sequence[Heard]
    steps: int


class ModelRack:
    """Loads models by name, on one thread of its own, and lets each hear what was played lately.

    Only the latest wish counts: whoever turns an encoder through all models gets the one it stops at. What is
    loaded and not wanted any more is let go. All but the loading itself is for the engine's thread.
    """

    def __init__(
        self,
        names: Sequence[str],
        name: str,
        make_worker: Callable[[Callable[[], Improviser]], MakeWorker],
        improvisers: Improvisers,
        post: Callable[[Predicted | Failed | Loaded], None],
        cores: frozenset[int] = frozenset(),
        stand_ins: Sequence[StandIn] = (),
        apart: bool = False,
    ) -> None:
        """`name` plays now; `improvisers` loads a model and may raise JamdError. The `stand_ins` are for
        models that fail, one after another. A model that plays `apart`, in a process of its own, is loaded
        there too."""
        self.name = name
        self._names = list(names) if name in names else [name, *names]
        self._place = self._names.index(name)
        self._playing, self._waiting = name, ""
        self._make_worker, self._improvisers, self._post = make_worker, improvisers, post
        self._cores = cores
        self._stand_ins, self._apart = list(stand_ins), apart
        self._number = 0  # of the latest wish
        self._wishes: SimpleQueue[Wish | None] = SimpleQueue()
        self._loader: threading.Thread | None = None

    def ask(self, by: int, minds: Minds) -> None:
        """Load the model so many places further on."""
        self._look(minds)
        self._place = (self._place + by) % len(self._names)
        name = self._names[self._place]
        if name == self.name:
            return
        self.name = name
        self._number += 1  # whatever is being loaded is not wanted now
        if name == self._waiting:
            return
        if name == self._playing:
            minds.keep()
            self._waiting = ""
            return
        self._hand_over(Wish(self._number, name, lambda: self._improvisers(name), *minds.heard))

    def choose(self, name: str, minds: Minds) -> None:
        """Load the model of that name, one of those to choose from. Others are passed over."""
        if name in self._names:
            self.ask(self._names.index(name) - self._place, minds)

    def stand_in(self, minds: Minds) -> bool:
        """Load the next of the stand-ins, as the model that plays fails; False if there is none left."""
        if not self._stand_ins:
            return False
        self._look(minds)
        other = self._stand_ins.pop(0)
        log.warning("%s fails again and again; %s%s stands in for it", self.name, other.name, other.where)
        self.name = other.name
        self._number += 1
        self._hand_over(Wish(self._number, other.name, other.load, *minds.heard))
        return True

    def loaded(self, event: Loaded, minds: Minds) -> bool:
        """A model has come, or is not to be had; whether it takes over. One that is not wanted any more is
        let go."""
        self._look(minds)
        wanted = event.wish == self._number
        if event.worker is None or event.make_worker is None:
            if wanted:
                self.name = self._waiting or self._playing
            return False
        if not wanted:
            event.worker.close()
            return False
        minds.take_over(event.worker, event.make_worker, event.heard_steps)
        self._waiting = event.name
        return True

    def close(self) -> None:
        """The session is over: nothing more is loaded."""
        self._number += 1
        self._wishes.put(None)

    def _look(self, minds: Minds) -> None:
        """See whether the model that waited plays by now."""
        if self._waiting and not minds.waits:
            self._playing, self._waiting = self._waiting, ""

    def _hand_over(self, wish: Wish) -> None:
        self._wishes.put(wish)
        if self._loader is None:
            self._loader = threading.Thread(target=self._serve, name="jamd-rack", daemon=True)
            self._loader.start()

    def _serve(self) -> None:
        """Load what is wished, as long as there are wishes."""
        keep_to(self._cores)
        while (wish := self._wishes.get()) is not None:
            if wish.number == self._number:
                time.sleep(SETTLE_SECONDS)  # an encoder that is being turned stops somewhere
            if wish.number == self._number:
                self._load(wish)
            del wish  # nothing of a model stays here while the next is waited for

    def _load(self, wish: Wish) -> None:
        try:
            improvisers: Callable[[], Improviser] = (lambda: wish.load()()) if self._apart else wish.load()
            worker = self._worker(improvisers, wish)
        except Exception as error:  # whatever is in the file, the music goes on
            self._post(Loaded(wish.name, reason=str(error), wish=wish.number))
            return
        if worker is not None:
            make_worker = self._make_worker(improvisers)
            self._post(Loaded(wish.name, worker, make_worker, wish.steps, wish=wish.number))

    def _worker(self, improvisers: Callable[[], Improviser], wish: Wish) -> Worker | None:
        """One who knows what was heard; None if another is asked for meanwhile."""

        def taught() -> Improviser:
            made = improvisers()
            for each in wish.heard:
                if wish.number != self._number:
                    break
                made.hear(*each)
            return made

        if not self._apart:
            first = taught()
            return self._make_worker(lambda: first)(self._post) if wish.number == self._number else None
        worker = self._make_worker(taught)(self._post)
        if isinstance(worker, ProcessWorker):
            worker.wait_until_made()
        if wish.number == self._number:
            return worker
        worker.close()
        return None
