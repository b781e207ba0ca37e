"""Options about turns: whose turn it is, for how long, and what ends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from jamd.errors import UsageError
from jamd.options.group import Number, OrWord, gathered

if TYPE_CHECKING:
    from jamd.engine.part import Ahead
    from jamd.engine.turns import Form

OPEN, AS_CALLED = "open", "call"


@dataclass(frozen=True, slots=True)
class Floor:
    """How turns are taken."""

    mode: str
    bars: int | str
    answer_bars: int | str
    silence: float | None
    no_interrupt: bool
    lookahead: float
    commit: float

    def check(self) -> None:
        """Raises UsageError for what does not go together."""
        if self.lookahead <= self.commit:
            raise UsageError(
                f"--lookahead {self.lookahead:g} is not beyond --commit {self.commit:g}; give more beats"
            )

    @property
    def endless(self) -> bool:
        """Whether a call has no end by itself."""
        return self.mode == "answer" and self.bars == OPEN and self.silence is None

    def form(self) -> Form:
        from jamd.engine.turns import Form, Mode

        return Form(
            None if isinstance(self.bars, str) else self.bars,
            None if isinstance(self.answer_bars, str) else self.answer_bars,
            not self.no_interrupt,
            self.silence,
            Mode(self.mode),
        )

    def ahead(self) -> Ahead:
        from jamd.engine.part import Ahead

        return Ahead(self.lookahead, self.commit)


OPTIONS = (
    click.option(
        "--mode",
        default="answer",
        type=click.Choice(["answer", "duet", "solo"]),
        help="answer: call and response; duet: both at once; solo: jamd carries on when you stop, and "
        "yields when you play.",
    ),
    click.option(
        "--bars",
        default="2",
        type=OrWord(click.IntRange(1, 64), OPEN),
        help="Bars of a call; open: until you rest (--silence) or give jamd the turn (`jamd learn turn`).",
    ),
    click.option(
        "--answer-bars",
        default="2",
        type=OrWord(click.IntRange(1, 64), AS_CALLED),
        help="Bars of an answer; call: as long as the call.",
    ),
    click.option(
        "--silence",
        type=Number(0.25, 64),
        metavar="BEATS",
        help="So long a rest ends your call, too; in a solo, jamd carries on after it (2 without this).",
    ),
    click.option(
        "--no-interrupt",
        is_flag=True,
        help="Finish the answer even if you play meanwhile; without this, playing stops it.",
    ),
    click.option(
        "--lookahead",
        default=2.0,
        type=Number(0.5, 16),
        metavar="BEATS",
        help="In a duet or a solo: how far ahead jamd composes.",
    ),
    click.option(
        "--commit",
        default=0.25,
        type=Number(0, 8),
        metavar="BEATS",
        help="In a duet or a solo: how much of that stays, whatever you play meanwhile.",
    ),
)

floor_options = gathered("floor", Floor, "Turns", OPTIONS)
