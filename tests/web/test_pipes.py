"""Lines to and from the engine's process: whole ones, none too long, and a pipe that nobody empties."""

from __future__ import annotations

import asyncio
import os
from io import FileIO
from random import Random

import pytest

from jamd.web.pipes import MOST_ENDS_WAITING, MOST_WAITING, Lines, Writer


@pytest.mark.parametrize("seed", range(5))
def test_lines_are_the_same_however_the_bytes_come(seed: int) -> None:
    rng, lines, found = Random(seed), Lines(100), []
    said = [b"x" * rng.choice((0, 1, 50, 100)) for _ in range(200)]
    content = b"".join(line + b"\n" for line in said)
    while content:
        length = rng.randrange(1, 200)
        found += lines.feed(content[:length])
        content = content[length:]
    assert found == said


def test_a_line_that_is_too_long_is_passed_over_and_takes_no_room() -> None:
    lines = Lines(10)
    for _ in range(1000):
        assert lines.feed(b"x" * 1000) == []
    assert len(lines._begun) <= 10
    assert lines.feed(b"\nnext\n" + b"y" * 11 + b"\nlast\n") == [b"next", b"last"]


def test_a_pipe_that_nobody_empties_fills_no_memory() -> None:
    """Ends of notes have more room than their beginnings."""
    reading, writing = os.pipe()
    with FileIO(writing, "w") as sink:
        loop = asyncio.new_event_loop()
        writer = Writer(sink, loop, lambda: None)
        taken = sum(writer.put("on") for _ in range(MOST_ENDS_WAITING))
        assert taken == MOST_WAITING
        assert sum(writer.put("off", ends=True) for _ in range(2 * MOST_ENDS_WAITING)) == (
            MOST_ENDS_WAITING - MOST_WAITING
        )
        loop.close()
    os.close(reading)
