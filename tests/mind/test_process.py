"""The model in a process of its own: it answers as on a thread, and whatever becomes of it costs a turn."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pytest

from jamd.engine.events import Event
from jamd.errors import JamdError
from jamd.mind import process
from jamd.mind.improviser import Due, no_hurry
from jamd.mind.minds import Loaded, Minds
from jamd.mind.posts import Failed, Predicted
from jamd.mind.process import ProcessWorker, possible
from jamd.mind.rack import ModelRack
from jamd.mind.worker import MOST_WAITING, InlineWorker, ThreadWorker
from jamd.models.features import Place
from jamd.music.note import REST, Frame, Onset
from jamd.system.priority import on_time
from jamd.system.signals import numbers
from tests.kit.fakes import Pad, Parrot
from tests.kit.processes import ROOT, Process

pytestmark = pytest.mark.skipif(not possible(), reason="only Linux forks safely")

PLACES = [Place(step, 16) for step in range(4)]


@pytest.fixture
def posted() -> SimpleQueue[Event]:
    return SimpleQueue()


@pytest.fixture
def fork(posted: SimpleQueue[Event]) -> Iterator[Callable[[object], ProcessWorker]]:
    """Puts an improviser into a process of its own, which is ended with the test."""
    begun: list[ProcessWorker] = []

    def begin(improviser: object) -> ProcessWorker:
        make: Any = improviser if callable(improviser) else lambda: improviser
        begun.append(ProcessWorker(make, posted.put))
        return begun[-1]

    yield begin
    for worker in begun:
        worker.close()
        worker.join(10)
        assert not worker.lives


Fork = Callable[[object], ProcessWorker]


def test_it_answers_what_it_would_answer_on_a_thread(fork: Fork, posted: SimpleQueue[Event]) -> None:
    call = [Frame((Onset(60 + step, 80),)) for step in range(4)]

    def play(worker: ProcessWorker | ThreadWorker) -> list[Event]:
        for frame, place in zip(call, PLACES, strict=True):
            worker.hear(frame, REST, place)
        worker.answer(1, 16, PLACES)
        return [posted.get(timeout=10) for _ in PLACES]

    thread = ThreadWorker(Parrot(), posted.put).start()  # type: ignore[arg-type]
    on_a_thread = play(thread)
    thread.close()
    assert play(fork(Parrot())) == on_a_thread
    assert on_a_thread[0] == Predicted(1, 16, Frame((Onset(72, 80),)))


class Hurried(Pad):
    """An improviser that plays how many seconds are left, each as a pitch."""

    def answer(self, places: Sequence[Place], due: Due = no_hurry) -> Iterator[Frame]:  # type: ignore[override]
        for step, _ in enumerate(places):
            left = due(step)
            yield Frame((Onset(1 if left == float("inf") else round(left), 80),))


def test_it_knows_how_much_time_there_is(fork: Fork, posted: SimpleQueue[Event]) -> None:
    worker = fork(Hurried())
    until = time.monotonic() + 60
    worker.answer(1, 0, PLACES, lambda step: until + 10 * step - time.monotonic())
    assert pitches(posted) == [60, 70, 80, 90]
    worker.answer(2, 0, PLACES)
    assert pitches(posted) == [1, 1, 1, 1]


def pitches(posted: SimpleQueue[Event]) -> list[int]:
    events = [posted.get(timeout=10) for _ in PLACES]
    assert all(isinstance(event, Predicted) for event in events), events
    return [event.frame.onsets[0].pitch for event in events if isinstance(event, Predicted)]


def test_a_fault_of_the_models_comes_back_as_one(fork: Fork, posted: SimpleQueue[Event]) -> None:
    worker = fork(Pad(fail=lambda: True))
    worker.answer(1, 0, PLACES)
    assert [type(posted.get(timeout=10)) for _ in range(2)] == [Predicted, Predicted]
    assert posted.get(timeout=10) == Failed(1, "RuntimeError: the strings are broken")


class Standing(Pad):
    """An improviser that never writes its second frame."""

    def answer(self, places: Sequence[Place], due: object = None) -> Iterator[Frame]:
        yield REST
        signal.pause()


def test_a_process_that_dies_while_it_writes_is_a_fault_at_once(
    fork: Fork, posted: SimpleQueue[Event]
) -> None:
    worker = fork(Standing())
    worker.answer(1, 0, PLACES)
    assert posted.get(timeout=10) == Predicted(1, 0, REST)
    os.kill(worker.pid, signal.SIGKILL)
    assert posted.get(timeout=10) == Failed(0, "its process ended (SIGKILL)")


def test_a_process_that_dies_while_it_listens_is_a_fault_when_it_is_next_told_something(
    fork: Fork, posted: SimpleQueue[Event]
) -> None:
    worker = fork(Pad())
    os.kill(worker.pid, signal.SIGKILL)
    worker.join(10)
    assert posted.empty()
    for place in PLACES:
        worker.hear(REST, REST, place)
    assert posted.get_nowait() == Failed(0, "its process ended (SIGKILL)")
    assert posted.empty()


def test_a_model_that_cannot_be_made_is_said(fork: Fork, posted: SimpleQueue[Event]) -> None:
    def make() -> Pad:
        raise ValueError("these weights are for another model")

    worker = fork(make)
    with pytest.raises(JamdError, match="ValueError: these weights are for another model"):
        worker.wait_until_made()
    worker.hear(REST, REST, PLACES[0])
    assert posted.get_nowait() == Failed(0, "ValueError: these weights are for another model")


def test_it_is_waited_for_until_the_model_is_there(fork: Fork) -> None:
    fork(Pad()).wait_until_made()


def test_one_that_stands_still_holds_nobody_up_and_is_said_once(
    fork: Fork, posted: SimpleQueue[Event]
) -> None:
    worker = fork(Pad())
    os.kill(worker.pid, signal.SIGSTOP)
    for step in range(20 * MOST_WAITING):
        worker.hear(REST, REST, Place(step % 16, 16))
    assert posted.get(timeout=10) == Failed(0, f"it is {MOST_WAITING} steps behind")
    with pytest.raises(Empty):
        posted.get_nowait()


PLAYS_UNTIL_KILLED = """
import signal, sys
sys.path.insert(0, sys.argv[1])
from tests.kit.fakes import Pad
from jamd.mind.process import ProcessWorker
worker = ProcessWorker(Pad, print)
worker.wait_until_made()
print(worker.pid, flush=True)
signal.pause()
"""


def test_one_that_stands_still_is_not_left_behind_when_jamd_is_killed() -> None:
    with Process([sys.executable, "-c", PLAYS_UNTIL_KILLED, str(ROOT)]) as jamd:
        model = int(jamd.wait_for(lambda: jamd.stdout, 30, "the model's process")[0])
        os.kill(model, signal.SIGSTOP)
        jamd.signal(signal.SIGKILL)
        jamd.wait()
        try:
            wait_until(lambda: state_of(model) in "ZX", 10)
        finally:
            with suppress(ProcessLookupError):
                os.kill(model, signal.SIGKILL)


def state_of(pid: int) -> str:
    """As the system has it: T when it stands still, Z when it has ended and nobody was told; X for none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "X"


def wait_until(true: Callable[[], bool], within_seconds: float) -> None:
    until = time.monotonic() + within_seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_what_was_closed_says_nothing_more(fork: Fork, posted: SimpleQueue[Event]) -> None:
    worker = fork(Standing())
    worker.answer(1, 0, PLACES)
    posted.get(timeout=10)
    worker.close()
    worker.join(10)
    worker.hear(REST, REST, PLACES[0])
    assert posted.empty()
    assert not Path(f"/proc/{worker.pid}").exists()


def test_signals_for_the_whole_group_are_the_engines(fork: Fork, posted: SimpleQueue[Event]) -> None:
    worker = fork(Pad(pitch=65))
    worker.answer(1, 0, PLACES)
    assert pitch_of(posted.get(timeout=10)) == 65
    for number in numbers(process.IGNORED):
        os.kill(worker.pid, number)
    for _ in PLACES[1:]:
        posted.get(timeout=10)
    worker.answer(2, 0, PLACES)
    assert pitch_of(posted.get(timeout=10)) == 65


def pitch_of(event: Event) -> int:
    assert isinstance(event, Predicted), event
    return event.frame.onsets[0].pitch


def test_it_has_none_of_the_engines_files_open(
    fork: Fork, posted: SimpleQueue[Event], tmp_path: Path
) -> None:
    with (tmp_path / "session").open("w"):
        worker = fork(Pad())
        worker.answer(1, 0, PLACES)
        posted.get(timeout=10)
        targets = {os.readlink(link) for link in Path(f"/proc/{worker.pid}/fd").iterdir()}
    assert {target.split(":")[0] for target in targets} == {"/dev/null", "socket"}
    assert Path(f"/proc/{worker.pid}/comm").read_text() == "jamd-model\n"


def test_it_is_not_in_real_time_wherever_it_is_begun(fork: Fork, posted: SimpleQueue[Event]) -> None:
    with on_time():
        worker = fork(Pad())
    worker.answer(1, 0, PLACES)
    posted.get(timeout=10)
    tasks = [int(task) for task in os.listdir(f"/proc/{worker.pid}/task")]
    assert len(tasks) > 1
    assert {os.sched_getscheduler(task) for task in tasks} == {os.SCHED_OTHER}


def test_elsewhere_the_model_is_on_a_thread(
    posted: SimpleQueue[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    worker = process.worker_of(Pad, posted.put)  # type: ignore[arg-type]
    assert isinstance(worker, ThreadWorker)
    worker.close()


def test_a_gpu_in_use_is_not_taken_along(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = type("Torch", (), {"cuda": type("Cuda", (), {"is_initialized": lambda: True})})
    monkeypatch.setitem(sys.modules, "torch", torch)  # type: ignore[arg-type]
    assert not possible()


def rack(posted: SimpleQueue[Event], load: Callable[[str], Any]) -> ModelRack:
    """One whose models play apart."""

    def make_worker(improvisers: Any) -> Any:
        return lambda post: ProcessWorker(improvisers, post)

    return ModelRack(["one", "other"], "one", make_worker, load, posted.put, apart=True)


def minds(*heard: Frame) -> Minds:
    """Minds that have heard the player play this."""
    found = Minds(lambda post: InlineWorker(Parrot(), post), lambda event: None)  # type: ignore[arg-type]
    for frame, place in zip(heard, PLACES, strict=False):
        found.hear((frame, REST, place))
    return found


def test_another_model_is_loaded_where_it_plays_and_knows_what_was_heard(posted: SimpleQueue[Event]) -> None:
    loaded_by: list[str] = []

    def load(name: str) -> Callable[[], Parrot]:
        loaded_by.append(name)
        return Parrot

    call = [Frame((Onset(60 + step, 80),)) for step in range(4)]
    rack(posted, load).ask(1, minds(*call))
    event = posted.get(timeout=10)
    assert isinstance(event, Loaded)
    assert (event.name, event.heard_steps) == ("other", 4)
    assert loaded_by == []  # not here
    assert event.worker is not None
    event.worker.answer(1, 16, PLACES)
    assert pitches(posted) == [72, 73, 74, 75]
    event.worker.close()


def test_another_model_that_is_not_to_be_had_leaves_the_one_that_plays(posted: SimpleQueue[Event]) -> None:
    def load(name: str) -> Callable[[], Parrot]:
        raise JamdError(f"{name}.safetensors is damaged")

    asked, playing = rack(posted, load), minds()
    asked.ask(1, playing)
    event = posted.get(timeout=10)
    assert event == Loaded("other", reason="other.safetensors is damaged", wish=1)
    assert isinstance(event, Loaded)
    assert not asked.loaded(event, playing)
    assert asked.name == "one"
