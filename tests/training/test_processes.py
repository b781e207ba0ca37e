"""Several processes, started by PyTorch's own launcher, train one model."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from jamd.cli import main
from jamd.errors import UsageError
from jamd.training.fitting.fit import Recipe
from jamd.training.learning.learning import Learning
from jamd.training.runs import runs
from tests.kit.corpus import write_corpus

OPTIONS = ["--hidden=16", "--batch=4", "--steps=64", "--check-updates=2", "--dropout=0"]
OPTIONS += ["--sample-epochs=0", "--no-cache", "--device=cpu"]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "jamd"]
"""What `torchrun` is short for; --standalone takes a port that is free."""
LONGEST_SECONDS = 240
"""For all of it on a busy machine; processes that wait for one that is gone would wait half an hour."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    corpus = write_corpus(tmp_path_factory.mktemp("music"))
    (corpus / "valid" / "song7.mid").unlink()  # one song held out is scored in half the time
    return corpus


def arguments(corpus: Path, folder: Path, *options: str) -> list[str]:
    output = folder / "mine.safetensors"
    return ["train", str(corpus), "-o", str(output), "--runs", str(folder / "runs"), *OPTIONS, *options]


def launch(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, first: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    """Train in two processes; `first` is done in the launcher before it starts. That this returns tells that
    all of them ended: each holds the pipes."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    command = [*TORCHRUN, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_SECONDS, preexec_fn=first)


def test_two_processes_learn_as_one_does(
    tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    torch.set_num_threads(1)
    alone = CliRunner().invoke(main, arguments(corpus, tmp_path / "one", "--epochs=2"))
    assert alone.exit_code == 0
    ended = launch(arguments(corpus, tmp_path / "two", "--epochs=2"), monkeypatch)
    assert ended.returncode == 0, ended.stderr
    assert len(ended.stdout.splitlines()) == 1
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == ["mine.safetensors", "runs"]
    (one,), (two,) = (runs.found(tmp_path / name / "runs") for name in ("one", "two"))
    assert (one.about["processes"], two.about["processes"]) == (1, 2)
    assert (one.state, two.state) == (runs.FINISHED, runs.FINISHED)
    losses, others = (
        [[row[name] for name in runs.COLUMNS if name != "seconds"] for row in run.losses()]
        for run in (one, two)
    )
    assert len(losses) >= 4
    np.testing.assert_allclose(losses, others, rtol=0, atol=1e-3)


def test_a_process_that_fails_ends_the_others(
    tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first, which alone writes, has room for the best weights but not for a checkpoint; the second waits
    for its gradients meanwhile."""

    def fill_the_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))

    ended = launch(
        arguments(corpus, tmp_path, "--epochs=1000", "--arch=wavenet"), monkeypatch, first=fill_the_disk
    )
    assert ended.returncode != 0
    (run,) = runs.found(tmp_path / "runs")
    fault = f"cannot write {run.folder / runs.CHECKPOINT}: File too large"
    assert f"jamd: {fault}" in ended.stderr.splitlines()
    assert (run.state, run.about["reason"]) == (runs.FAILED, fault)
    assert (run.folder / runs.MODEL).exists()
    assert not (tmp_path / "mine.safetensors").exists()


def test_a_batch_has_something_for_each_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    learning = Learning(None, Recipe(batch=5), {}, torch.device("cpu"), tmp_path, "mine", 1, 0)
    with pytest.raises(UsageError, match="3 processes need --batch 6 at least"):
        learning.run(None, lambda now: None, lambda line: None)
    assert list(tmp_path.iterdir()) == []
