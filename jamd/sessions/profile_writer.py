"""Tonight's music on its way into a profile, from a thread of its own: all is kept that is older than a
couple of minutes, whatever ends the program."""

from __future__ import annotations

import logging
import threading
import uuid
from datetime import datetime
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from jamd.errors import JamdError
from jamd.models.memory.evening import Heard, evening_of, joined, last_of
from jamd.models.memory.past import MOST_PAST_STEPS
from jamd.sessions import profiles
from jamd.system.priority import keep_to

PERIOD_SECONDS = 120.0
CLOSE_SECONDS = 5.0
"""A disk that hangs must not keep the program from ending."""
MOST_WAITING = 50_000
"""Steps not yet taken in. A disk that hangs must not fill the memory either."""

log = logging.getLogger(__name__)


class Tonight:
    """Keeps an evening in a profile while it is played.

    `hear` only hands over and never blocks: it is for the thread that plays. What cannot be written is
    complained of once and tried again. An evening without a note leaves nothing.
    """

    def __init__(
        self,
        name: str,
        began: datetime,
        period_seconds: float = PERIOD_SECONDS,
        cores: frozenset[int] = frozenset(),
    ) -> None:
        """`cores` are those that the thread keeps to; none are any."""
        self.name = name
        self.kept_steps = 0
        """How many of tonight's steps are in the profile."""
        self.fault = ""
        """Why the last of them are not, if so."""
        self._id, self._began, self._music = uuid.uuid4().hex, began, evening_of([])
        self._period_seconds, self._cores = period_seconds, cores
        self._inbox: SimpleQueue[Heard] = SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="jamd-profile", daemon=True)

    def hear(self, heard: Heard) -> None:
        """One step of both parts, as it was played."""
        if self._inbox.qsize() < MOST_WAITING:
            self._inbox.put(heard)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Keep the rest."""
        self._closing.set()
        self._thread.join(CLOSE_SECONDS)
        if self._thread.is_alive():
            self.fault = "the disk does not answer"

    def _keep(self) -> None:
        keep_to(self._cores)
        closing = False
        while not closing:
            closing = self._closing.wait(self._period_seconds)
            self._save()

    def _save(self) -> None:
        heard = [self._inbox.get() for _ in range(self._inbox.qsize())]
        if heard:
            self._music = last_of(joined(self._music, evening_of(heard)), MOST_PAST_STEPS)
        if not (heard or self.fault) or not len(self._music.notes):
            return
        try:
            said = profiles.keep(self.name, profiles.Kept(self._id, self._began, self._music))
        except JamdError as error:
            if not self.fault:
                log.warning("tonight is not being kept in profile %r: %s", self.name, error)
            self.fault = str(error)
            return
        if said:
            log.warning("%s", said)
        self.kept_steps, self.fault = self._music.steps, ""
