"""What a page may say in a second, and a page that takes nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from jamd.web import pages
from jamd.web.pages import MOST_WAITING_BYTES, Page, Rate, tell


def test_so_many_at_once_and_then_so_many_a_second() -> None:
    rate = Rate(a_second=10, at_once=3, since_seconds=100.0)
    assert [rate.takes(100.0) for _ in range(4)] == [True, True, True, False]
    assert [rate.takes(100.05), rate.takes(100.15), rate.takes(100.19)] == [False, True, False]


def test_a_long_rest_saves_up_no_more_than_that() -> None:
    rate = Rate(a_second=10, at_once=3, since_seconds=0.0)
    assert [rate.takes(1000.0) for _ in range(4)] == [True, True, True, False]


class Socket:
    """A connection with so much that was not taken."""

    def __init__(self, waiting_bytes: int) -> None:
        self.dropped = False
        self.transport = SimpleNamespace(get_write_buffer_size=lambda: waiting_bytes, abort=self.abort)

    def abort(self) -> None:
        self.dropped = True


def test_a_page_that_takes_nothing_is_let_go_of_and_the_others_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[Any] = []
    monkeypatch.setattr(pages, "broadcast", lambda connections, text: told.append((connections, text)))
    quick, slow = Socket(MOST_WAITING_BYTES), Socket(MOST_WAITING_BYTES + 1)
    tell([Page(1, slow, False, 0.0), Page(2, quick, False, 0.0)], "a word")  # type: ignore[arg-type]
    assert told == [([quick], "a word")]
    assert (slow.dropped, quick.dropped) == (True, False)
