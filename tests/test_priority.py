"""What the engine asks of the system, and gives back."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from jamd.priority import keep_to, model_cores, on_time

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
    with on_time():
        pass


@pytest.mark.parametrize("command", ["listen", "jam", "render", "evaluate", "bench"])
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
