"""Listening and answering, with minds made for the purpose."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from jamd.clock import SystemClock
from jamd.engine.events import Inbox, Stop
from jamd.mind.improviser import Improviser, end_of
from jamd.mind.posts import Failed, Predicted
from jamd.mind.settings import Wishes
from jamd.mind.worker import InlineWorker, ThreadWorker
from jamd.models import bundle
from jamd.models.features import Place
from jamd.models.opening import open_mind
from jamd.models.sampling import Knobs
from jamd.models.tokens import END, KEYS, LOWEST_PITCH, OFFSET_BINS, TOKENS, VELOCITY_BINS
from jamd.music.note import REST, Frame, Onset
from jamd.music.scales import scale_of

BAR = [Place(step, 16) for step in range(16)]


class ShySpelling:
    """Would rather not, and if it must, plays middle C."""

    def __init__(self, courses: int) -> None:
        self.courses = courses

    def logits(self) -> Any:
        logits = np.full((self.courses, TOKENS), -np.inf, np.float32)
        logits[:, 60 - LOWEST_PITCH] = -20.0
        logits[:, END] = 0.0
        return logits

    def velocity_logits(self, tokens: Any) -> Any:
        assert (tokens < KEYS).all()
        return np.zeros((self.courses, VELOCITY_BINS), np.float32)

    def offset_logits(self, velocities: Any) -> Any:
        return np.zeros((self.courses, OFFSET_BINS), np.float32)

    def add(self, tokens: Any, velocities: Any, offsets: Any) -> None: ...


class ShyThought:
    """It keeps all that it heard."""

    def __init__(self, courses: int = 1) -> None:
        self.courses = courses
        self.heard: list[tuple[Any, Any]] = []

    def hear(self, players: Any, owns: Any, places: Any) -> None:
        assert len(players) == len(owns) == len(places) == self.courses
        self.heard.append((players, owns))

    def begin(self) -> None: ...

    def spell(self, befores: Any, cues: Any) -> ShySpelling:
        assert len(befores) == len(cues) == self.courses
        return ShySpelling(self.courses)

    def fork(self, chosen: Any) -> ShyThought:
        return type(self)(len(chosen))


class ShyMind:
    thought = ShyThought

    def start(self) -> ShyThought:
        return self.thought()


def test_an_answer_comes_in_on_the_one() -> None:
    """A mind that would be silent is made to play there, once."""
    frames = list(Improviser(ShyMind(), Knobs(), 1).answer(BAR))
    assert [step for step, frame in enumerate(frames) if frame.onsets] == [0]
    assert [onset.pitch for onset in frames[0].onsets] == [60]


def test_an_answer_that_is_broken_off_was_never_heard() -> None:
    improviser = Improviser(ShyMind(), Knobs(), 1)
    improviser.hear(Frame((Onset(60, 80),)), REST, BAR[0])
    answer = improviser.answer(BAR)
    next(answer)
    next(answer)
    assert isinstance(improviser._thought, ShyThought)
    assert len(improviser._thought.heard) == 1


class Counting(ShySpelling):
    """Plays as many different notes as there are courses: course c always strikes 60 + c, then ends."""

    struck = False

    def logits(self) -> Any:
        logits = np.full((self.courses, TOKENS), -np.inf, np.float32)
        logits[:, END] = 0.0
        if not self.struck:
            courses = np.arange(self.courses)
            logits[courses, 60 - LOWEST_PITCH + courses] = 20.0
        return logits

    def add(self, tokens: Any, velocities: Any, offsets: Any) -> None:
        self.struck = True


class CountingThought(ShyThought):
    forks: list[list[int]]

    def spell(self, befores: Any, cues: Any) -> ShySpelling:
        return Counting(self.courses)

    def fork(self, chosen: Any) -> ShyThought:
        type(self).forks.append(list(chosen))
        return super().fork(chosen)


class CountingMind(ShyMind):
    thought = CountingThought


def test_what_is_due_is_decided_and_the_rest_imagined_anew_from_there() -> None:
    """The call has an F sharp in every step; of eight candidates the one that strikes it is played at once
    when there is no time, and all go on from it."""
    CountingThought.forks = []
    ticks = itertools.count()
    improviser = Improviser(CountingMind(), Knobs(), 1, Wishes(candidates=8), now=lambda: next(ticks) / 1000)
    for place in BAR:
        improviser.hear(Frame((Onset(66, 80),)), REST, place)
    # time for one more step and the decision, but not for two
    hurried = improviser.answer(BAR[:4], lambda step: 0.0225 if step < 2 else math.inf)
    assert [onset.pitch for onset in next(hurried).onsets] == [66]
    assert CountingThought.forks == [[0] * 8]
    assert [onset.pitch for onset in next(hurried).onsets] == [66]
    assert CountingThought.forks[1] == [6] * 8
    rest = [next(iter(frame.onsets)).pitch for frame in hurried]
    assert len(rest) == 2
    assert CountingThought.forks[2:] == [[6] * 8]


def test_virtual_time_stands_still_while_an_answer_is_written() -> None:
    CountingThought.forks = []
    improviser = Improviser(CountingMind(), Knobs(), 1, Wishes(candidates=8))
    InlineWorker(improviser, Inbox().put).answer(1, 0, BAR, lambda step: 0.0)
    assert CountingThought.forks == [[0] * 8]


class Slow(ShyMind):
    """A step of a single course takes `step_seconds`, one of several longer, on a clock of its own."""

    def __init__(self, step_seconds: float) -> None:
        self.seconds, self.step_seconds, self.courses = 0.0, step_seconds, [0]

    def now(self) -> float:
        return self.seconds

    def start(self) -> ShyThought:
        mind = self

        class Thought(ShyThought):
            def spell(self, befores: Any, cues: Any) -> ShySpelling:
                mind.seconds += mind.step_seconds * self.courses**0.7
                mind.courses.append(self.courses)
                return super().spell(befores, cues)

        return Thought()


def lateness(improviser: Improviser, mind: Slow, frames: int = 32) -> list[float]:
    """The seconds by which each frame of an answer comes too late, at 120 BPM; less than 0 is in time."""
    first_due = mind.seconds + 0.03
    answer = improviser.answer(BAR * (frames // 16), lambda step: first_due + 0.125 * step - mind.seconds)
    late = [mind.seconds - first_due - 0.125 * step for step, _ in enumerate(answer)]
    assert len(late) == frames
    return late


@pytest.mark.parametrize(("step_ms", "candidates"), [(0.1, 16), (1, 16), (5, 4), (20, 1), (110, 1)])
def test_a_slow_mind_plays_the_best_so_far_and_imagines_fewer(step_ms: float, candidates: int) -> None:
    """However slow it is, no frame after the first is late, and once that is known the first is not either,
    if it can be helped at all."""
    mind = Slow(step_ms / 1000)
    improviser = Improviser(mind, Knobs(), 1, now=mind.now)
    first = lateness(improviser, mind)
    assert first[0] <= max(0.0, 7 * mind.step_seconds - 0.03)
    for _ in range(3):
        mind.courses.clear()
        late = lateness(improviser, mind)
        assert max(late) <= max(0.0, mind.step_seconds - 0.03) + 1e-9
    assert mind.courses[0] == candidates


def test_the_time_that_decisions_take_is_kept_free(monkeypatch: pytest.MonkeyPatch) -> None:
    mind = Slow(0.0005)

    def slow_scores(candidates: Sequence[Any], *_: Any) -> Any:
        mind.seconds += 0.05 if len(candidates[0]) > 16 else 0.012
        return np.zeros(len(candidates))

    monkeypatch.setattr("jamd.mind.improviser.scores", slow_scores)
    improviser = Improviser(mind, Knobs(), 1, now=mind.now)
    lateness(improviser, mind)
    late = lateness(improviser, mind)
    assert max(late) <= 0
    assert max(mind.courses[-32:]) == 16  # and there still is something to decide


def test_an_answer_keeps_to_the_scale_that_is_wished_or_heard() -> None:
    class Anything(ShySpelling):
        def logits(self) -> Any:
            logits = np.zeros((self.courses, TOKENS), np.float32)
            logits[:, KEYS:END] = -np.inf
            return logits

    class AnythingThought(ShyThought):
        def spell(self, befores: Any, cues: Any) -> ShySpelling:
            return Anything(self.courses)

    class AnythingMind(ShyMind):
        thought = AnythingThought

    dorian = scale_of("D", "dorian")
    for wishes in (Wishes(scale=scale_of("Eb", "major")), Wishes(follow_scale=True), Wishes()):
        improviser = Improviser(AnythingMind(), Knobs(), 1, wishes)
        for step, pitch in enumerate((62, 64, 65, 67, 69, 71, 72, 74)):
            improviser.hear(Frame((Onset(pitch, 80),)), REST, BAR[step])
        frames = itertools.islice(improviser.answer(BAR), 8)
        classes = {onset.pitch % 12 for frame in frames for onset in frame.onsets}
        wanted = wishes.scale or (dorian if wishes.follow_scale else set(range(12)))
        assert classes == wanted


def test_an_answer_plays_in_the_register_that_is_wished() -> None:
    class Anything(ShySpelling):
        def logits(self) -> Any:
            logits = np.zeros((self.courses, TOKENS), np.float32)
            logits[:, KEYS:END] = -np.inf
            logits[:, END] = 3.0
            return logits

    class AnythingThought(ShyThought):
        def spell(self, befores: Any, cues: Any) -> ShySpelling:
            return Anything(self.courses)

    class AnythingMind(ShyMind):
        thought = AnythingThought

    for register in (-12.0, 0.0, 12.0):
        improviser = Improviser(AnythingMind(), Knobs(), 1, Wishes(register=register))
        for place in BAR:
            improviser.hear(Frame((Onset(60, 80),)), REST, place)
        pitches = [onset.pitch for frame in improviser.answer(BAR) for onset in frame.onsets]
        assert 60 + register - 8 < sum(pitches) / len(pitches) < 60 + register + 8


def test_a_thread_does_the_same_work_as_no_thread() -> None:
    posted: list[list[object]] = []
    for threaded in (False, True):
        inbox = Inbox()
        improviser = Improviser(ShyMind(), Knobs(), 1)
        worker = (
            ThreadWorker(improviser, inbox.put).start() if threaded else InlineWorker(improviser, inbox.put)
        )
        worker.hear(REST, REST, BAR[0])
        worker.answer(1, 32, BAR)
        posted.append([inbox.get(timeout=10) for _ in BAR])
        worker.close()
    assert posted[0] == posted[1]
    assert [event.step for event in posted[0] if isinstance(event, Predicted)] == list(range(32, 48))


def test_a_cancelled_answer_stops_between_two_frames() -> None:
    class Slow(Improviser):
        heard_one = threading.Event()
        cancelled = threading.Event()

        def answer(self, *args: Any) -> Any:
            for frame in super().answer(*args):
                yield frame
                self.heard_one.set()
                self.cancelled.wait(10)

    improviser, inbox = Slow(ShyMind(), Knobs(), 1), Inbox()
    worker = ThreadWorker(improviser, inbox.put).start()
    worker.answer(1, 0, BAR)
    assert improviser.heard_one.wait(10)
    worker.cancel()
    improviser.cancelled.set()
    worker.answer(2, 16, BAR[:2])
    assert [(e.answer, e.step) for e in (inbox.get(timeout=10) for _ in range(3))] == [
        (1, 0),
        (2, 16),
        (2, 17),
    ]  # type: ignore[union-attr]
    worker.close()


@pytest.mark.parametrize("threaded", [False, True])
def test_a_fault_comes_back_as_one_line_and_the_worker_lives(threaded: bool) -> None:
    class BrokenThought(ShyThought):
        def begin(self) -> None:
            raise ValueError("no strings\nat all")

    class Broken(ShyMind):
        thought = BrokenThought

    inbox = Inbox()
    improviser = Improviser(Broken(), Knobs(), 1)
    worker = ThreadWorker(improviser, inbox.put).start() if threaded else InlineWorker(improviser, inbox.put)
    for answer in (1, 2):
        worker.answer(answer, 0, BAR)
        assert inbox.get(timeout=10) == Failed(answer, "ValueError: no strings")
    worker.close()


def test_the_system_clock_waits_for_an_event_or_an_instant() -> None:
    clock, inbox = SystemClock(), Inbox()
    instant = clock.now() + 0.02
    assert clock.wait(inbox, instant) is None
    assert clock.now() >= instant
    inbox.put(Stop())
    assert clock.wait(inbox, None) == Stop()
    assert clock.wait(inbox, clock.now() - 1) is None


def test_what_comes_while_the_engine_is_awake_before_an_instant_is_not_kept_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The instant is at 5.0 s; at 4.9993 s somebody plays."""
    inbox, seconds = Inbox(), iter([4.9991, 4.9992, 4.9993])

    def seconds_now() -> float:
        if (now := next(seconds)) == 4.9993:
            inbox.put(Stop())
        return now

    monkeypatch.setattr("jamd.clock.seconds_now", seconds_now)
    assert SystemClock().wait(inbox, 5.0) == Stop()
    assert next(seconds, None) is None


def test_of_a_call_with_more_notes_than_can_be_looked_at_the_end_is_looked_at() -> None:
    struck = [Frame(tuple(Onset(pitch, 64) for pitch in range(40, 40 + count))) for count in (50, 3, 0, 2, 1)]
    assert end_of(struck, 6) == struck[1:]
    assert end_of(struck, 5) == struck[2:]
    assert end_of(struck, 3) == struck[2:]
    assert end_of(struck, 56) == struck
    assert end_of(struck[:1], 6) == struck[:1]
    assert end_of([], 6) == []


def test_what_an_improviser_writes_to_warm_up_is_forgotten() -> None:
    mind = open_mind(bundle.read(bundle.bundled()[0]))
    answers = []
    for warm in (False, True):
        improviser = Improviser(mind, Knobs(), seed=1)
        if warm:
            improviser.warm_up()
        improviser.hear(Frame((Onset(60, 90),)), REST, BAR[0])
        answers.append(list(improviser.answer(BAR)))
    assert answers[0] == answers[1]


def test_a_solo_comes_in_on_its_first_step_and_is_planned_on_from_what_is_fixed() -> None:
    improviser = Improviser(open_mind(bundle.read(bundle.bundled()[0])), Knobs(), seed=1)
    struck = Frame((Onset(60, 90),))
    places = [Place(step % 16, 16) for step in range(24)]
    for place in places[:16]:
        improviser.hear(struck if place.step_in_bar % 4 == 0 else REST, REST, place)
    first = list(improviser.plan([], places[16:], duet=False))
    assert first[0].onsets
    assert len(first) == 8
    early = list(improviser.plan([REST, REST], places[16:], duet=False))  # for a synth that is late
    assert early[0].onsets
    assert len(early) == 6
    fixed = [Frame((Onset(72, 90),)), Frame((), frozenset([72]))]
    assert len(list(improviser.plan(fixed, places[16:], duet=False))) == 6
    assert len(list(improviser.plan(fixed, places[16:], duet=True))) == 6
