"""The models to choose from while playing: the next is made ready beside the music, and then takes over."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jamd.events import Loaded
from jamd.improviser import Improviser
from jamd.minds import MakeWorker, Minds
from jamd.models.evening import Heard
from jamd.priority import keep_to
from jamd.worker import Post

log = logging.getLogger(__name__)

Improvisers = Callable[[str], Callable[[], Improviser]]
"""Loads a model by its name."""


@dataclass(frozen=True, slots=True)
class StandIn:
    """A model for when another fails; `where` it runs if that is what it is about."""

    name: str
    load: Callable[[], Callable[[], Improviser]]
    where: str = ""


class ModelRack:
    """Loads models by name, on a thread of its own, and lets each hear what was played lately."""

    def __init__(
        self,
        names: Sequence[str],
        name: str,
        make_worker: Callable[[Callable[[], Improviser]], MakeWorker],
        improvisers: Improvisers,
        post: Post,
        cores: frozenset[int] = frozenset(),
        stand_ins: Sequence[StandIn] = (),
    ) -> None:
        """`name` plays now; `improvisers` loads a model and may raise JamdError. The `stand_ins` are for
        models that fail, one after another."""
        self.name = name
        self._names = list(names) if name in names else [name, *names]
        self._make_worker, self._improvisers, self._post = make_worker, improvisers, post
        self._cores = cores
        self._stand_ins = list(stand_ins)

    def ask(self, by: int, minds: Minds) -> None:
        """Load the model so many places further on."""
        place = (self._names.index(self.name) + by) % len(self._names)
        if self._names[place] == self.name:
            return
        before, self.name = self.name, self._names[place]
        name = self.name
        self._start(lambda: self._load(name, lambda: self._improvisers(name), *minds.heard, before))

    def stand_in(self, minds: Minds) -> bool:
        """Load the next of the stand-ins, as the model that plays fails; False if there is none left."""
        if not self._stand_ins:
            return False
        other = self._stand_ins.pop(0)
        log.warning("%s fails again and again; %s%s stands in for it", self.name, other.name, other.where)
        before, self.name = self.name, other.name
        self._start(lambda: self._load(other.name, other.load, *minds.heard, before))
        return True

    def _start(self, load: Callable[[], None]) -> None:
        threading.Thread(target=load, name="jamd-rack", daemon=True).start()

    def _load(
        self,
        name: str,
        load: Callable[[], Callable[[], Improviser]],
        heard: Sequence[Heard],
        steps: int,
        before: str = "",
    ) -> None:
        keep_to(self._cores)
        try:
            improvisers = load()
            first = improvisers()
            for each in heard:
                first.hear(*each)
        except Exception as error:  # whatever is in the file, the music goes on
            if self.name == name:
                self.name = before or name
            self._post(Loaded(name, reason=str(error)))
            return
        if self.name != name:
            return  # another was asked for meanwhile
        make_worker = self._make_worker(improvisers)
        worker = self._make_worker(lambda: first)(self._post)
        self._post(Loaded(name, worker, make_worker, steps))
