"""Listening and answering, with minds made for the purpose."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from jamd.clock import Inbox, SystemClock
from jamd.events import Failed, Predicted, Stop
from jamd.improviser import Improviser
from jamd.models.features import Place
from jamd.models.sampling import Knobs
from jamd.models.tokens import END, KEYS, LOWEST_PITCH, OFFSET_BINS, TOKENS, VELOCITY_BINS
from jamd.note import REST, Frame, Onset
from jamd.worker import InlineWorker, ThreadWorker

BAR = [Place(step, 16) for step in range(16)]


class ShyWord:
    """Would rather not, and if it must, plays middle C."""

    def logits(self) -> Any:
        logits = np.full(TOKENS, -np.inf, np.float32)
        logits[60 - LOWEST_PITCH] = -20.0
        logits[END] = 0.0
        return logits

    def velocity_logits(self, token: int) -> Any:
        assert token < KEYS
        return np.zeros(VELOCITY_BINS, np.float32)

    def offset_logits(self, velocity: int) -> Any:
        return np.zeros(OFFSET_BINS, np.float32)

    def add(self, token: int, velocity: int = 0, offset: int = 0) -> None: ...


class ShyMind:
    """Its memory is the list of what it heard."""

    def start(self) -> tuple[Frame, ...]:
        return ()

    def hear(self, memory: Any, player: Frame, own: Frame, place: Place) -> Any:
        return (*memory, (player, own))

    def begin(self, memory: Any) -> Any:
        return None

    def word(self, memory: Any, turn: Any, before: Frame, place: Place, duet: bool) -> tuple[Any, ShyWord]:
        return None, ShyWord()


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
    assert len(improviser._memory) == 1


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
    class Broken(ShyMind):
        def begin(self, memory: Any) -> Any:
            raise ValueError("no strings\nat all")

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
