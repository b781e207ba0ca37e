"""The bars of a piece: from changes of metre to bar lines, and whose metre any step is in.

A change of metre begins a bar wherever it stands, as in the file format. A first bar that is shorter than the
next is an upbeat: bars are counted from the line behind it, and it is the end of the bar before that.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from jamd.music.note import STEPS_PER_BEAT, Note, frames_of, quantise
from jamd.music.transport import DEFAULT_METRE, Metre, Transport

STEPS_PER_WHOLE = 4 * STEPS_PER_BEAT


class Change(NamedTuple):
    """From this step on, which begins the bar of this number, all bars are of this metre."""

    step: int
    metre: Metre
    bar: int


@dataclass(frozen=True, slots=True)
class Bars:
    """Where bars begin, in steps. Before the first change they go on backwards, with numbers below 0."""

    changes: tuple[Change, ...]

    @classmethod
    def of(cls, metres: Iterable[tuple[float, Metre]]) -> Bars:
        """The bars of a piece whose metre changes at these beats, the first at 0 (`Piece.metres`)."""
        # of two changes on one step the later counts, and one that is a few ticks off is on its step
        at = {int(quantise(beats * STEPS_PER_BEAT)[0]): metre for beats, metre in metres}
        begins = sorted(at.items(), key=lambda change: change[0]) or [(0, DEFAULT_METRE)]
        if len(begins) > 1:
            (first, metre), (second, following) = begins[:2]
            if second - first <= metre.steps_per_bar and second - first < following.steps_per_bar:
                del begins[0]
        changes = [Change(*begins[0], bar=0)]
        for step, metre in begins[1:]:
            since, before, bar = changes[-1]
            changes.append(Change(step, metre, bar - (since - step) // before.steps_per_bar))
        return cls(tuple(changes))

    def at(self, step: int) -> Change:
        """The last change before this step or on it, else the first of all."""
        return self.changes[max(0, bisect_right(self.changes, step, key=attrgetter("step")) - 1)]

    def bar_of(self, step: int) -> int:
        """The number of the bar that holds a step."""
        since, metre, bar = self.at(step)
        return bar + (step - since) // metre.steps_per_bar

    def bar_line(self, bar: int) -> int:
        """The step on which a bar begins."""
        since, metre, first = self.changes[max(0, bisect_right(self.changes, bar, key=attrgetter("bar")) - 1)]
        return since + (bar - first) * metre.steps_per_bar

    def step_in_bar(self, step: int) -> int:
        """How many steps from the beginning of its bar."""
        return step - self.bar_line(self.bar_of(step))

    def lines(self, first_step: int, end_step: int) -> Iterator[int]:
        """The steps from one to before another on which bars begin."""
        bar = self.bar_of(first_step - 1) + 1
        while (line := self.bar_line(bar)) < end_step:
            yield line
            bar += 1

    def moved(self, steps: int) -> Bars:
        """The same bars so much later."""
        return Bars(tuple(change._replace(step=change.step + steps) for change in self.changes))

    def followed(self, last_step: int) -> Bars:
        """The bars of music that sounds up to this step, and of what follows it on the next bar line. A
        change of metre behind it is none, and after a last bar that is cut short it is as before that bar."""
        changes = [change for change in self.changes if change.step <= last_step] or [self.changes[0]]
        bars = Bars(tuple(changes))
        bar = bars.bar_of(last_step)
        since, metre, first = changes[-1]
        if len(changes) > 1 and bar == first and metre.steps_per_bar < changes[-2].metre.steps_per_bar:
            changes.append(Change(since + metre.steps_per_bar, changes[-2].metre, bar + 1))
        return Bars(tuple(changes))

    def metres(self) -> tuple[tuple[float, Metre], ...]:
        """As a file has them from beat 0 on (`Piece.metres`): an upbeat is a bar of its own."""
        bar = self.bar_of(-1) + 1
        line, metre = self.bar_line(bar), self.at(self.bar_line(bar)).metre
        upbeat = [(0, _cut_short(metre, line))] if line else []
        later = [(step, metre) for step, metre, _ in self.changes if step > line]
        return tuple((step / STEPS_PER_BEAT, metre) for step, metre in [*upbeat, (line, metre), *later])


def _cut_short(metre: Metre, steps: int) -> Metre:
    """A metre for so many steps of a bar, in its own unit where that is whole."""
    beats, rest = divmod(steps * metre.unit, STEPS_PER_WHOLE)
    if rest or metre.unit > STEPS_PER_WHOLE:
        return Metre(steps, STEPS_PER_WHOLE)
    return Metre(beats, metre.unit)


def answered(notes: Iterable[Note], metres: Iterable[tuple[float, Metre]]) -> tuple[int, int, Bars]:
    """The first step of a call and the last, and the bars of the call and its answer. A note that is let go a
    little late, up to a step behind a bar line, does not open another bar."""
    bars, frames = Bars.of(metres), frames_of(notes)
    sounding = [step for step, frame in enumerate(frames) if frame.sounding]
    first, last = sounding[0], sounding[-1]
    if last > first and not frames[last].onsets and bars.step_in_bar(last) == 0:
        last -= 1
    return first, last, bars.followed(last)


@dataclass(frozen=True, slots=True)
class Scored(Transport):
    """A grid whose bars are those of a piece, from step 0 on; an upbeat belongs to the first. `metre` and
    `downbeat_step` are not looked at."""

    bars: Bars = Bars((Change(0, DEFAULT_METRE, 0),))

    def bar_of(self, step: int) -> int:
        return max(0, self.bars.bar_of(step))

    def bar_line(self, bar: int) -> int:
        return self.bars.bar_line(bar) if bar else min(0, self.bars.bar_line(0))

    def step_in_bar(self, step: int) -> int:
        return self.bars.step_in_bar(step)

    def metre_at(self, step: int) -> Metre:
        return self.bars.at(step).metre
