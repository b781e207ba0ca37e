"""What the engine asks of the system, and gives back."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from queue import SimpleQueue

import pytest

from jamd import clock
from jamd.mind.worker import ThreadWorker
from jamd.models.features import Place
from jamd.system import priority
from jamd.system.priority import (
    as_ordinary_user,
    keep_to,
    model_cores,
    on_time,
    real_time_is_had,
)
from tests.kit.fakes import Pad

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such calls")


def test_engine_and_model_keep_to_different_cores_and_the_engine_gives_its_own_back() -> None:
    before = os.sched_getaffinity(0), os.sched_getscheduler(0)
    model = model_cores()
    with on_time():
        engine = os.sched_getaffinity(0)
        assert engine.isdisjoint(model)
        assert len(engine) == 1 or not model
    assert (os.sched_getaffinity(0), os.sched_getscheduler(0)) == before


def test_one_core_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    monkeypatch.setattr(os, "sched_setaffinity", lambda *_: pytest.fail("there is nothing to choose"))
    assert model_cores() == frozenset()
    keep_to(model_cores())


def test_without_such_calls_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sched_getaffinity", "sched_setaffinity", "sched_setscheduler"):
        monkeypatch.delattr(os, name)
    keep_to(model_cores())
    with on_time():
        assert model_cores() == frozenset()


def test_an_ordinary_user_is_refused_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    assert not real_time_is_had()
    with on_time():
        pass


def test_who_may_have_real_time_can_do_without_and_asking_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(os, "sched_setscheduler", lambda pid, policy, priority: asked.append(policy))
    with as_ordinary_user(), on_time():
        assert asked == []
    real_time = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
    with on_time():
        assert asked == [real_time]
    assert asked == [real_time, os.SCHED_OTHER]
    assert real_time_is_had()
    assert asked == [real_time, os.SCHED_OTHER] * 2


def test_only_the_engine_asks_for_real_time() -> None:
    """What the model's thread, and those of the files and cables, are while the engine plays."""
    found: SimpleQueue[int] = SimpleQueue()

    def look(event: object = None) -> None:
        found.put(os.sched_getscheduler(0))

    worker = ThreadWorker(Pad(), look)  # type: ignore[arg-type]
    with on_time():
        threading.Thread(target=look).start()
        worker.start().answer(1, 0, [Place(0, 16)])
        assert [found.get(timeout=10) for _ in range(2)] == [os.SCHED_OTHER] * 2
    worker.close()


def test_on_windows_waits_are_fine_while_the_engine_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    class Winmm:
        def timeBeginPeriod(self, ms: int) -> int:
            asked.append(("begin", ms))
            return 0

        def timeEndPeriod(self, ms: int) -> int:
            asked.append(("end", ms))
            return 0

    monkeypatch.setattr(priority, "_winmm", Winmm)
    with on_time():
        assert asked == [("begin", 1)]
    assert asked == [("begin", 1), ("end", 1)]


def test_where_the_usual_clock_is_coarse_the_other_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert clock.finest() is time.monotonic
    coarse = type("Info", (), {"resolution": 0.015625})
    monkeypatch.setattr(time, "get_clock_info", lambda name: coarse)
    assert clock.finest() is time.perf_counter


@pytest.mark.parametrize("command", ["listen", "jam", "render", "evaluate", "bench", "doctor"])
def test_numpy_finds_itself_on_one_thread_whatever_option_loads_it(command: str) -> None:
    """On all cores, its idle threads spin: a core is lost to the engine."""
    watch = """
import os, sys
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            print("numpy with", os.environ.get("OPENBLAS_NUM_THREADS"))
sys.meta_path.insert(0, Watch())
from jamd.cli import main
main(sys.argv[1:])
"""
    given = {"listen": ["--model", "nobody"], "bench": ["model", "nobody"]}.get(command, ["--help"])
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", watch, command, *given], capture_output=True, text=True, env=environment
    )
    assert "numpy with None" not in done.stdout
    assert command != "listen" or "numpy with 1" in done.stdout
