"""The improviser listens through a mind and writes answers with it, frame by frame."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np

from jamd.mind.choice import scores, worn
from jamd.mind.repetition import Rut
from jamd.mind.settings import NO_WISHES, Settings, Wishes
from jamd.models.features import Cue, Place, pitch_classes, rolls_of
from jamd.models.mind import Mind
from jamd.models.opening import echo_of, set_echo
from jamd.models.phrases import Phrases
from jamd.models.sampling import Knobs, spell
from jamd.music.note import REST, Frame
from jamd.music.scales import scale_heard

RESERVE_SECONDS = 0.015
"""Beside the time that a decision takes, what is left of the time a frame is due in when it is decided
whatever else could be thought of: the frame has yet to reach the engine, and machines stand still for a
hundredth of a second now and then. With 6 ms one first note in a hundred came 11 to 17 ms late."""
FIRST_DECISION_SECONDS = 0.006
"""What one takes until one was made."""
REMEMBERED_DECISIONS = 8
FORGETTING = 0.9
"""Each step, of how long a step took at worst: what was slow once may be fast again."""
GROWTH = 0.7
"""A step of n candidates takes about n to this power times as long as one of a single one."""
CALL_STEPS, CALL_ONSETS = 128, 512
"""The most that is looked back at for what the call was like, whichever is less: to hold sixteen answers
against it takes 8 ms. Against 256 steps of 80 keys each, which a child's arm or a fault may strike, it took
79 ms, and the answer's first note was late."""

WARM_UP_PLACES = tuple(Place(step, 16) for step in range(4))
LATELY_STEPS = 64
"""The same where both play at once and no call ends."""
BOLDER = 0.4
"""How much hotter pitches are chosen where there is nothing but echoes."""

Due = Callable[[int], float]
"""The seconds left until a frame of the answer, counted from its first, must be out."""


def no_hurry(_: int) -> float:
    """All the time in the world."""
    return math.inf


class Improviser:
    """One player's ear and imagination. What was heard and what is imagined are kept apart: an answer is
    written ahead of time as if it were already played, and only what is really played is heard for good."""

    def __init__(
        self,
        mind: Mind,
        knobs: Knobs,
        seed: int | None = None,
        wishes: Wishes = NO_WISHES,
        learned: Phrases | None = None,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`learned` are the phrases that answers should not be made of; `now` tells the seconds that steps
        and decisions take, from any origin."""
        self.mind, self.knobs, self.wishes, self.learned = mind, knobs, wishes, learned
        self._now = now
        self._single_seconds = 0.0  # what a step of a single candidate took, at worst of late
        self._decision_seconds = deque([FIRST_DECISION_SECONDS], maxlen=REMEMBERED_DECISIONS)
        self._rng = np.random.default_rng(seed)
        self._thought = mind.start()
        self._heard: deque[Frame] = deque(maxlen=CALL_STEPS)  # the player's frames since jamd last played
        self._lately: deque[Frame] = deque(maxlen=LATELY_STEPS)  # the player's frames, whatever jamd did
        self._rut = Rut()
        self._echo = echo_of(mind)
        self._own = REST  # what jamd played last
        self._answered = False

    def warm_up(self) -> None:
        """Answer nothing, and forget it: a program's first answer begins four times as late as those after
        it, and takes the memory that all of them need."""
        other = Improviser(self.mind, self.knobs, 0, self.wishes, self.learned)
        for place in WARM_UP_PLACES:
            other.hear(REST, REST, place)
        for _ in other.answer(WARM_UP_PLACES):
            pass

    def turn(self, settings: Settings) -> None:
        """Play like this from now on."""
        self.knobs, self.wishes = settings.knobs, settings.wishes
        self._echo = settings.echo

    def hear(self, player: Frame, own: Frame, place: Place) -> None:
        """One step of both parts, as it was played."""
        self._thought.hear([player], [own], [place])
        self._rut.hear(player, own, place)
        if own.sounding:
            self._answered = True
        elif player.sounding and self._answered:
            self._heard.clear()
            self._answered = False
        self._heard.append(player)
        self._lately.append(player)
        self._own = own

    def plan(self, own: Sequence[Frame], places: Sequence[Place], duet: bool) -> Iterator[Frame]:
        """What jamd plays next while nobody knows the end, in a `duet` or alone: the frames that follow
        `own`, which it plays on the first of `places` whatever comes.

        The player is taken to hold what they hold. What they really do is known at the next plan. A solo
        comes in on its first step.
        """
        following = self._rut.follow(1)
        set_echo(self.mind, self._echo * (1 - self._rut.depth))
        thought = self._thought.fork([0])
        thought.begin()
        player = Frame((), self._lately[-1].sounding) if duet and self._lately else REST
        knobs, before = self._knobs(trimmed(self._lately)), self._own
        begins = not duet and not self._answered and not any(frame.sounding for frame in own)  # a solo
        for step, place in enumerate(places):
            if step:
                thought.hear([player], [before], [places[step - 1]])
            spelling = thought.spell([before], [Cue(place, duet)])
            if step < len(own):
                before = own[step]
            else:
                tired, attack = following and following.tired(place), begins and step == len(own)
                (before,), _ = spell(spelling, 1, knobs, self._rng, attack, tired)
                yield before
            if following:
                following.add([before], place)

    def answer(
        self, places: Sequence[Place], due: Due = no_hurry, about: Sequence[Frame] | None = None
    ) -> Iterator[Frame]:
        """The frames of an answer that lies on `places`, to the call, or `about` something else. It comes in
        on the first of them, so it is never empty.

        Several answers are imagined side by side. Which of them is played is decided as late as there is
        time: when the next frame is due, the one that is best so far is played up to here, and others are
        imagined from there on. Where even one more step of all would come too late, they are fewer.
        """
        call = end_of(trimmed(self._heard if about is None else about), CALL_ONSETS)
        depth = self._rut.depth
        knobs = hotter(self._knobs(call), depth)
        set_echo(self.mind, self._echo * (1 - depth))
        taste = worn(depth)
        count = self._in_time(due(0))
        following = self._rut.follow(count)
        thought = self._thought.fork([0] * count)
        thought.begin()
        written: list[list[Frame]] = [[] for _ in range(count)]
        nats = np.zeros(count)
        befores = [REST] * count
        played = 0
        for step, place in enumerate(places):
            began = self._now()
            if step:
                thought.hear([REST] * count, befores, [places[step - 1]] * count)
            cue = Cue(place, False, len(places) - step)
            spelling = thought.spell(befores, [cue] * count)
            tired = following and following.tired(place)
            befores, cost = spell(spelling, count, knobs, self._rng, step == 0, tired)
            if following:
                following.add(befores, place)
            nats += cost
            for frames, frame in zip(written, befores, strict=True):
                frames.append(frame)
            last = step + 1 == len(places)
            decided = self._now()
            self._single_seconds = max(FORGETTING * self._single_seconds, (decided - began) / count**GROWTH)
            if not last and due(played) >= self._needed_seconds(count, 2):
                continue
            best = 0
            if count > 1:
                register = self.wishes.register or 0.0
                density = self.knobs.density
                found = scores(written, call, nats, density, register, self.learned, taste)
                if following:
                    found -= following.staleness(written, places)
                best = int(found.argmax())
                self._decision_seconds.append(self._now() - decided)
            yield from written[best][played:]
            if not last:
                # what was played up to here is the beginning of all that follow
                played = step + 1
                count = self._in_time(due(played))
                thought = thought.fork([best] * count)
                following = following and following.fork([best] * count)
                written = [list(written[best]) for _ in range(count)]
                befores, nats = [befores[best]] * count, np.full(count, nats[best])

    def _in_time(self, due_seconds: float) -> int:
        """As many candidates, of those wished, as can go a step and be decided on before a frame is due."""
        count = self.wishes.candidates
        while count > 1 and self._needed_seconds(count, 1) > due_seconds:
            count //= 2
        return count

    def _needed_seconds(self, count: int, steps: int) -> float:
        """What so many steps take, with the decision after them."""
        steps_seconds = steps * self._single_seconds * float(count**GROWTH)
        return steps_seconds + max(self._decision_seconds) + RESERVE_SECONDS

    def _knobs(self, call: Sequence[Frame]) -> Knobs:
        knobs, wishes = self.knobs, self.wishes
        pitches = [onset.pitch for frame in call for onset in frame.onsets]
        if wishes.register is not None and pitches:
            knobs = replace(knobs, centre=float(np.mean(pitches)) + wishes.register)
        if wishes.follow_scale:
            attacks = rolls_of(call).attacks if call else rolls_of([REST]).attacks
            knobs = replace(knobs, scale=scale_heard(pitch_classes(attacks).sum(0)))
        elif wishes.scale is not None:
            knobs = replace(knobs, scale=wishes.scale)
        return knobs


def hotter(knobs: Knobs, depth: float) -> Knobs:
    """Bolder about pitches where so much, 0 to 1, is but an echo."""
    return replace(knobs, temperature=knobs.temperature * (1 + BOLDER * depth)) if depth else knobs


def trimmed(frames: Iterable[Frame]) -> list[Frame]:
    """Frames without the rests on either side."""
    frames = list(frames)
    sounding = [step for step, frame in enumerate(frames) if frame.sounding]
    return frames[sounding[0] : sounding[-1] + 1] if sounding else []


def end_of(frames: Sequence[Frame], onsets: int) -> Sequence[Frame]:
    """The last frames, as many as have no more than so many onsets together, or the very last."""
    for back, sum_of_onsets in enumerate(accumulate(len(frame.onsets) for frame in reversed(frames))):
        if sum_of_onsets > onsets:
            return frames[-max(1, back) :]
    return frames
