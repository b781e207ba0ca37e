"""What is to be sent, and where on the grid."""

from __future__ import annotations

import heapq
from itertools import count

import mido


class Scheduler:
    """Messages by their position in steps, so that a change of tempo moves them all. At one position
    note-offs come before anything else."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, bool, int, mido.Message]] = []
        self._count = count()  # keeps the order of equals, and keeps messages from being compared

    def add(self, position_steps: float, message: mido.Message) -> None:
        heapq.heappush(self._heap, (position_steps, message.type != "note_off", next(self._count), message))

    def next_position(self) -> float | None:
        """The position of the earliest message, in steps."""
        return self._heap[0][0] if self._heap else None

    def pop(self) -> tuple[float, mido.Message]:
        """Take the earliest message, with its position."""
        position, _, _, message = heapq.heappop(self._heap)
        return position, message

    def clear(self) -> None:
        self._heap.clear()
