"""What pages ask for, as the engine's: keys and pedals to the intake, knobs and presses as orders."""

from __future__ import annotations

import logging
from collections.abc import Callable

import mido

from jamd.controls.knobs import Turned
from jamd.engine.desk import MODEL
from jamd.engine.events import Event
from jamd.engine.intake import Intake
from jamd.web.checks import Refused
from jamd.web.held import Held
from jamd.web.words import Chosen, Played, from_child

log = logging.getLogger(__name__)

PAGES = 0
"""All pages are one player here; who of them holds what, the server knows."""


class Orders:
    """Takes lines of the server's, one at a time, on the link's thread. What is refused is passed over: the
    server has said so to the page by then, and who came past the server is told nothing."""

    def __init__(
        self,
        intake: Intake,
        put: Callable[[Event], object],
        pick: Callable[[str], object],
        presets: tuple[str, ...] = (),
        models: tuple[str, ...] = (),
    ) -> None:
        """`pick` has a preset come to the engine in its own time; `presets` and `models` are those that
        there are."""
        self._intake, self._put, self._pick = intake, put, pick
        self._presets, self._models = presets, models
        self._held = Held()  # by the pages of this server

    def heed(self, line: str) -> None:
        """Do as it says."""
        try:
            word = from_child(line, self._presets, self._models)
        except Refused as error:
            log.debug("the page's server said %s", error)
            return
        match word:
            case Played(seconds, data):
                for each in self._held.play(PAGES, data):
                    self._intake.receive_at(mido.Message.from_bytes(each), seconds)
            case Turned():
                self._put(word)
            case Chosen("model", name):
                self._put(Turned(MODEL, name))
            case Chosen("preset", name):
                self._pick(name)
            case _:  # how many pages there are
                pass

    def let_go(self) -> None:
        """The server is gone, and nobody will say what is let go: so all is let go now."""
        for each in self._held.release(PAGES):
            self._intake.receive(mido.Message.from_bytes(each))
