"""The models to choose from while playing: the next is made ready beside the music, and then takes over."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from jamd.events import Loaded
from jamd.improviser import Improviser
from jamd.minds import MakeWorker, Minds
from jamd.models.evening import Heard
from jamd.priority import keep_to
from jamd.worker import Post

Improvisers = Callable[[str], Callable[[], Improviser]]


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
    ) -> None:
        """`name` plays now; `improvisers` loads a model and may raise JamdError."""
        self.name = name
        self._names = list(names) if name in names else [name, *names]
        self._make_worker, self._improvisers, self._post = make_worker, improvisers, post
        self._cores = cores

    def ask(self, by: int, minds: Minds) -> None:
        """Load the model so many places further on."""
        place = (self._names.index(self.name) + by) % len(self._names)
        if self._names[place] == self.name:
            return
        before, self.name = self.name, self._names[place]
        heard, steps = minds.heard
        thread = threading.Thread(
            target=self._load, args=(self.name, heard, steps, before), name="jamd-rack", daemon=True
        )
        thread.start()

    def _load(self, name: str, heard: Sequence[Heard], steps: int, before: str = "") -> None:
        keep_to(self._cores)
        try:
            improvisers = self._improvisers(name)
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
