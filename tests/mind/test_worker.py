"""The model on its thread: one that hangs or dies is told of, and left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from queue import SimpleQueue

import pytest

from jamd.engine.events import Event
from jamd.mind.improviser import no_hurry
from jamd.mind.posts import Failed, Predicted
from jamd.mind.worker import MOST_WAITING, ThreadWorker
from jamd.models import opening
from jamd.models.features import Place
from jamd.music.note import REST, Frame
from jamd.options.model import Playing
from tests.kit.fakes import Pad

PLACES = [Place(step, 16) for step in range(4)]


class Hanging(Pad):
    """An improviser that waits for something that does not come, until it does."""

    def __init__(self) -> None:
        super().__init__()
        self.came, self.begun = threading.Event(), threading.Event()

    def answer(self, places: Sequence[Place], due: object = None) -> Iterator[Frame]:
        self.begun.set()
        self.came.wait()
        yield from super().answer(places, due)


@pytest.fixture
def posted() -> SimpleQueue[Event]:
    return SimpleQueue()


def test_what_a_hanging_model_is_to_hear_is_bounded_and_said_once(posted: SimpleQueue[Event]) -> None:
    model = Hanging()
    worker = ThreadWorker(model, posted.put).start()  # type: ignore[arg-type]
    worker.answer(1, 0, PLACES)
    model.begun.wait()
    for step in range(2 * MOST_WAITING):
        worker.hear(REST, REST, Place(step % 16, 16))
    assert posted.get() == Failed(0, f"it is {MOST_WAITING} steps behind")
    assert posted.empty()
    worker.close()
    model.came.set()


def test_a_model_that_comes_to_itself_after_it_was_left_says_nothing_more(posted: SimpleQueue[Event]) -> None:
    model = Hanging()
    worker = ThreadWorker(model, posted.put).start()  # type: ignore[arg-type]
    worker.answer(1, 0, PLACES)
    model.begun.wait()
    worker.close()
    other = ThreadWorker(Pad(pitch=65), posted.put).start()  # type: ignore[arg-type]
    other.answer(2, 0, PLACES)
    assert [posted.get() for _ in PLACES] == [
        Predicted(2, step, frame) for step, frame in enumerate(Pad(pitch=65).answer(PLACES))
    ]
    model.came.set()
    worker._thread.join()
    other.close()
    other._thread.join()
    assert posted.empty()


def test_a_model_that_is_killed_is_told_of(posted: SimpleQueue[Event]) -> None:
    def leave() -> bool:
        raise SystemExit(3)

    worker = ThreadWorker(Pad(fail=leave), posted.put).start()  # type: ignore[arg-type]
    worker.answer(1, 0, PLACES, no_hurry)
    assert [posted.get() for _ in range(3)][2] == Failed(1, "SystemExit: 3")
    worker._thread.join()


@pytest.mark.parametrize(("device", "gpu"), [("auto", True), ("auto", False), ("cpu", True)])
def test_for_a_model_on_a_gpu_itself_on_the_cpu_stands_in_and_then_one_that_counts(
    device: str, gpu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "cuda_present", lambda: gpu)
    playing = Playing(1.0, 0.98, 1.0, None, None, None, 1.0, 1, 0, "default", device, 1.0, 1)
    stand_ins = playing.stand_ins()
    assert [each.name + each.where for each in stand_ins] == (
        ["default on the CPU", "markov"] if gpu and device == "auto" else ["markov"]
    )
    frames = list(stand_ins[-1].load()().answer(PLACES))
    assert len(frames) == len(PLACES)
