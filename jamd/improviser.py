"""The improviser listens through a mind and writes answers with it, frame by frame."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from jamd.choice import scores
from jamd.models.features import Cue, Place, pitch_classes, rolls_of
from jamd.models.mind import Mind
from jamd.models.sampling import Knobs, spell
from jamd.note import REST, Frame
from jamd.scales import PitchClasses, scale_heard

CANDIDATES = 12
RESERVE_SECONDS = 0.012
"""What is left of the time a frame is due in, when it must be decided whatever else could be thought of."""
CALL_STEPS = 256
"""The most that is looked back at for what the call was like."""

Due = Callable[[int], float]
"""The seconds left until a frame of the answer, counted from its first, must be out."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the player wants of the answers, beside the mind's `knobs`.

    `register` is where to play relative to the call, in semitones, None for wherever it likes; `scale` holds
    the pitch classes to keep to, None for all; `follow_scale` keeps to the scale that is heard instead.
    """

    register: float | None = None
    scale: PitchClasses | None = None
    follow_scale: bool = False
    candidates: int = CANDIDATES


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
        wishes: Wishes = Wishes(),
    ) -> None:
        self.mind, self.knobs, self.wishes = mind, knobs, wishes
        self._rng = np.random.default_rng(seed)
        self._thought = mind.start()
        self._heard: deque[Frame] = deque(maxlen=CALL_STEPS)  # the player's frames since jamd last played
        self._answered = False

    def hear(self, player: Frame, own: Frame, place: Place) -> None:
        """One step of both parts, as it was played."""
        self._thought.hear([player], [own], [place])
        if own.sounding:
            self._answered = True
        elif player.sounding and self._answered:
            self._heard.clear()
            self._answered = False
        self._heard.append(player)

    def answer(self, places: Sequence[Place], due: Due = no_hurry) -> Iterator[Frame]:
        """The frames of an answer that lies on `places`. It comes in on the first of them, so it is never
        empty.

        Several answers are imagined side by side. Which of them is played is decided as late as there is
        time: when the next frame is due, the one that is best so far is played up to here, and others are
        imagined from there on.
        """
        call = self._call()
        knobs = self._knobs(call)
        count = self.wishes.candidates
        thought = self._thought.fork([0] * count)
        thought.begin()
        written: list[list[Frame]] = [[] for _ in range(count)]
        nats = np.zeros(count)
        befores = [REST] * count
        played = 0
        pace_seconds = 0.0
        for step, place in enumerate(places):
            began = time.perf_counter()
            cue = Cue(place, False, len(places) - step)
            spelling = thought.spell(befores, [cue] * count)
            befores, cost = spell(spelling, count, knobs, self._rng, attack=step == 0)
            nats += cost
            for frames, frame in zip(written, befores, strict=True):
                frames.append(frame)
            last = step + 1 == len(places)
            pace_seconds = max(0.9 * pace_seconds, time.perf_counter() - began)
            if last or due(played) < 2 * pace_seconds + RESERVE_SECONDS:
                best = int(
                    scores(written, call, nats, self.knobs.density, self.wishes.register or 0.0).argmax()
                )
                yield from written[best][played:]
                if last:
                    return
                played = step + 1
                # one more step that many follow; it has been played, so all go on from it
                thought.hear([REST] * count, befores, [place] * count)
                thought = thought.fork([best] * count)
                written = [list(written[best]) for _ in range(count)]
                befores, nats = [befores[best]] * count, np.full(count, nats[best])
            else:
                thought.hear([REST] * count, befores, [place] * count)

    def _call(self) -> list[Frame]:
        """What the player played since jamd last did, without the rests on either side."""
        frames = list(self._heard)
        sounding = [step for step, frame in enumerate(frames) if frame.sounding]
        return frames[sounding[0] : sounding[-1] + 1] if sounding else []

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
