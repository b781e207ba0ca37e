"""A page that is open: what it may say and how often, and what it is told, without ever waiting for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from websockets.asyncio.server import ServerConnection, broadcast

WORDS_A_SECOND, WORDS_AT_ONCE = 400.0, 400.0
REFUSALS_A_SECOND, REFUSALS_AT_ONCE = 4.0, 4.0
EXCESS_A_SECOND, EXCESS_AT_ONCE = 200.0, 4000.0
"""Words beyond the rate, until the page is closed: it does not listen."""
MOST_WAITING_BYTES = 1 << 21
"""For a page to take, until it is let go of."""


@dataclass(slots=True)
class Rate:
    """So many a second, and so many at once after a rest."""

    a_second: float
    at_once: float
    since_seconds: float
    left: float = field(init=False)

    def __post_init__(self) -> None:
        self.left = self.at_once

    def takes(self, seconds: float) -> bool:
        """Whether one more is within the rate."""
        rest = seconds - self.since_seconds
        self.left = min(self.at_once, self.left + rest * self.a_second)
        self.since_seconds = seconds
        if self.left < 1.0:
            return False
        self.left -= 1.0
        return True


@dataclass(slots=True, eq=False)
class Page:
    """One page and its socket."""

    number: int
    connection: ServerConnection
    watches: bool
    heard_seconds: float
    """When it last said anything."""
    words: Rate = field(init=False)
    refusals: Rate = field(init=False)
    excess: Rate = field(init=False)

    def __post_init__(self) -> None:
        self.words = Rate(WORDS_A_SECOND, WORDS_AT_ONCE, self.heard_seconds)
        self.excess = Rate(EXCESS_A_SECOND, EXCESS_AT_ONCE, self.heard_seconds)
        self.refusals = Rate(REFUSALS_A_SECOND, REFUSALS_AT_ONCE, self.heard_seconds)

    def drop(self) -> None:
        """It does not answer: no goodbyes."""
        self.connection.transport.abort()


def tell(pages: Iterable[Page], text: str) -> None:
    """Tell these pages, and wait for none; one that takes nothing is let go of."""
    taking = []
    for page in pages:
        if page.connection.transport.get_write_buffer_size() > MOST_WAITING_BYTES:
            page.drop()
        else:
            taking.append(page.connection)
    broadcast(taking, text)
