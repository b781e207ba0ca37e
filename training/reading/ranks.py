"""Reading shared by the processes of one training: each reads its part into the cache folder that all of them
see, on one machine or on several, and is told what the others found.

The pieces themselves go by way of the folder alone. A process that does not see what another one wrote parses
that music itself when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any

from torch import distributed

from jamd.errors import JamdError
from jamd.training.reading.lookup import Job, Outline
from jamd.training.recordings.recording import Skipped
from jamd.training.runs import processes

LONGEST_WAIT = timedelta(days=7)
"""For the others to have read their parts; the launcher ends us when one of them fails."""


class Ranks:
    """The processes that read together: all of the group once they have met (`group.together`), else this one
    alone. All must ask at about the same time."""

    def __init__(self, together: bool) -> None:
        together = together and processes.size() > 1 and distributed.is_initialized()
        self.size: int = processes.size() if together else 1
        self.rank: int = processes.rank() if together else 0
        # of its own kind, because GPUs have no use for what is told here
        self._group: Any = distributed.new_group(backend="gloo", timeout=LONGEST_WAIT) if together else None

    def numbers(self, count: int) -> range:
        """Those of `count` recordings that this process reads."""
        return range(self.rank, count, self.size)

    def everyones(
        self, jobs: Sequence[Job], mine: Iterable[Outline | Skipped], wrote: list[str]
    ) -> Iterator[Outline | Skipped]:
        """What all of them found, in the order of `jobs`, from what this one found. `wrote` are the shards it
        has written by the end of `mine`; the others' are added to it. Raises JamdError when not all have the
        same recordings."""
        if self.size == 1:
            yield from mine
            return
        names = sha256("\n".join(job.recording.name for job in jobs).encode(errors="replace")).hexdigest()
        parts: list[Any] = [None] * self.size
        distributed.all_gather_object(parts, (names, list(mine), wrote), group=self._group)
        if any(part[0] != names for part in parts):
            raise JamdError(
                "the processes did not all find the same recordings: do all see the same folders?"
            )
        wrote[:] = sorted({name for part in parts for name in part[2]})
        for number in range(len(jobs)):
            yield parts[number % self.size][1][number // self.size]
