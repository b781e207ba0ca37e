"""Numbers with their words."""

from __future__ import annotations

from jamd.counted import counted


def test_one_is_one_and_all_else_is_several() -> None:
    assert [counted(number, "turn") for number in (0, 1, 2)] == ["0 turns", "1 turn", "2 turns"]
    assert [counted(number, "stretch", "stretches") for number in (1, 3)] == ["1 stretch", "3 stretches"]
