"""What a page that comes later, or again, must know of the last bars; and the take that is in them. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from jamd.web.words import Message

KEPT_BARS = 32
MOST_EVENTS = 8192
MOST_SPANS = 512
EARLY_BEATS = 0.125
"""A note so little before its turn belongs to it."""
OFF, ON = 0x80, 0x90

Heard = tuple[str, float, Message]
Span = tuple[float, float | None, str]


class History:
    """The notes of both parts, and whose turn it was, as far back as a page shows it."""

    def __init__(self) -> None:
        self.metre: tuple[int, int] = (4, 4)
        self.tempo = 120.0
        self._heard: deque[Heard] = deque(maxlen=MOST_EVENTS)
        self._spans: dict[float, Span] = {}

    def heard(self, part: str, beats: float, message: Message) -> None:
        """This went into the session's file."""
        self._heard.append((part, beats, message))

    def span(self, start: float, end: float | None, turn: str) -> None:
        """It is somebody's turn from here on, or was until there. It ends where the next begins."""
        self._spans.pop(start, None)
        for since, (_, until, whose) in reversed(self._spans.items()):
            if until is None and since < start:
                self._spans[since] = (since, start, whose)
            break
        self._spans[start] = (start, end, turn)
        while len(self._spans) > MOST_SPANS:
            del self._spans[next(iter(self._spans))]

    def begin_with(self, heard: Sequence[Sequence[Any]], spans: Sequence[Sequence[Any]]) -> None:
        """All this was before: another kept it."""
        self._heard.clear()
        self._heard.extend((part, beats, message) for part, beats, message in heard)
        self._spans.clear()
        for start, end, turn in spans:
            self.span(start, end, turn)

    def word(self) -> dict[str, Any]:
        """The last bars, for a page."""
        beats, unit = self.metre
        since = self._now() - KEPT_BARS * 4 * beats / unit
        return {
            "type": "history",
            "heard": [[part, at, *message] for part, at, message in whole_notes(self._since(since))],
            "spans": [list(span) for span in self._spans.values() if span[1] is None or span[1] > since],
        }

    def take(self) -> tuple[float, list[Heard]] | None:
        """The last call with its answer: where it begins, and the events. Without one, the last turn."""
        spans = [span for span in self._spans.values() if span[2] != "wait"]
        if not spans or not self._heard:
            return None
        last = max((number for number, span in enumerate(spans) if span[2] != "call"), default=len(spans) - 1)
        first = last - 1 if last and spans[last][2] == "answer" and spans[last - 1][2] == "call" else last
        start, end = spans[first][0], spans[last][1]
        since = self._since(start - EARLY_BEATS)
        return start, whole_notes(event for event in since if end is None or event[1] <= end)

    def _now(self) -> float:
        return max((beats for _, beats, _ in self._heard), default=0.0)

    def _since(self, beats: float) -> list[Heard]:
        return sorted((event for event in self._heard if event[1] >= beats), key=lambda event: event[1])


def whole_notes(events: Any) -> list[Heard]:
    """The events, but for the ends of notes whose beginnings are not among them."""
    struck: set[tuple[str, int, int]] = set()
    found = []
    for part, beats, message in events:
        status, number, value = message
        key = part, status & 0x0F, number
        if status & 0xF0 == ON and value:
            struck.add(key)
        elif status & 0xF0 in (OFF, ON):
            if key not in struck:
                continue
            struck.discard(key)
        found.append((part, beats, message))
    return found
