"""What a model knows, as music: it plays with itself.

A network that learns something new forgets what it is not shown meanwhile (French, Trends in Cognitive
Sciences 3, 1999). Shown what it played itself before, it keeps what it knew: pseudo-rehearsal (Robins,
Connection Science 7, 1995), for which none of the music that it once learned from is needed. Frames are drawn
as likely as the model has them, so that another model's nats on this music are above its own by the
Kullback-Leibler divergence of the two: a measure of what was forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from jamd.models.features import Cue, Place, Rolls, rolls_of
from jamd.models.mind import Mind
from jamd.models.sampling import Knobs, spell
from jamd.music.note import REST, Frame
from jamd.training.batches.conversations import Conversation
from jamd.training.fitting.showing import Track, untracked

COURSES = 16
"""Conversations that go on side by side: they cost three times what one does."""
AS_LIKELY = Knobs(top_p=1.0)


@dataclass(frozen=True, slots=True)
class Talk:
    """How the two take turns: bars of so many steps, `span_bars` each, or both at once."""

    steps_per_bar: int
    span_bars: int
    duet: bool = False

    def within(self, steps: int) -> Talk:
        """The same in spans so short that both have a turn in so many steps."""
        return replace(self, span_bars=max(1, min(self.span_bars, steps // self.steps_per_bar // 2)))


TALKS = (
    Talk(16, 2), Talk(16, 4, duet=True), Talk(12, 4), Talk(16, 1), Talk(16, 4), Talk(12, 2, duet=True),
    Talk(16, 2), Talk(8, 4), Talk(16, 2, duet=True), Talk(12, 2), Talk(16, 4), Talk(16, 2),
)  # fmt: skip
"""The ways of talking, in the order in which they are used; most are in common time."""


def conversations(
    mind: Mind, groups: range, steps: int, seed: int, track: Track = untracked
) -> list[Conversation]:
    """What a mind that is in C plays with itself: in each group `COURSES` conversations of so many steps,
    each from both sides. A group is the same whichever others are asked for."""
    return [
        conversation
        for group in track(groups, description="playing")
        for conversation in _group(mind, TALKS[group % len(TALKS)].within(steps), steps, (seed, group))
    ]


def _group(mind: Mind, talk: Talk, steps: int, seed: tuple[int, int]) -> list[Conversation]:
    rng = np.random.default_rng(seed)
    sides = [mind.start().fork([0] * COURSES) for _ in range(2)]
    rests = [REST] * COURSES
    played: tuple[list[list[Frame]], ...] = ([], [])
    span = talk.span_bars * talk.steps_per_bar
    for step in range(steps):
        place = Place(step % talk.steps_per_bar, talk.steps_per_bar)
        cue = Cue(place, talk.duet, 0 if talk.duet else span - step % span)
        now = [rests, rests]
        for side in range(2) if talk.duet else (step // span % 2,):
            if step == 0 or (step % span == 0 and not talk.duet):
                sides[side].begin()
            before = played[side][-1] if step else rests
            spelling = sides[side].spell(before, [cue] * COURSES)
            now[side], _ = spell(spelling, COURSES, AS_LIKELY, rng, attack=step == 0)
        for side in range(2):
            sides[side].hear(now[1 - side], now[side], [place] * COURSES)
            played[side].append(now[side])
    return [_heard_from(side, course, played, talk) for course in range(COURSES) for side in range(2)]


def _heard_from(side: int, course: int, played: tuple[list[list[Frame]], ...], talk: Talk) -> Conversation:
    """One conversation with this side's part as the own one."""
    player, own = (rolls_of([frames[course] for frames in played[which]]) for which in (1 - side, side))
    rolls = Rolls(
        *(
            np.stack([getattr(part, name) for part in (player, own)])
            for name in ("attacks", "holds", "offsets")
        )
    )
    steps, span = len(played[0]), talk.span_bars * talk.steps_per_bar
    starts = range(0, steps, span) if talk.duet else range(side * span, steps, 2 * span)
    turns = [(start, min(start + span, steps)) for start in starts]
    places = np.arange(steps) % talk.steps_per_bar
    return Conversation(rolls, places, np.full(steps, talk.steps_per_bar), turns, talk.duet)
