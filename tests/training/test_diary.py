"""A run folder that is deleted while the training goes on is made again, with all that still comes."""

from __future__ import annotations

import shutil
from io import StringIO
from pathlib import Path

from rich.console import Console

from jamd.models import bundle
from jamd.training.fitting import checkpoint, fit, networks
from jamd.training.fitting.diary import RunDiary
from jamd.training.fitting.showing import Showing
from jamd.training.runs import runs


def test_a_run_folder_deleted_in_mid_training_is_made_again(tmp_path: Path) -> None:
    settings = networks.settings_of("seq2seq", 8, 1)
    card = {"arch": "seq2seq", "settings": settings, "recipe": {}, "data": {}, "created": "now"}
    run = runs.create(tmp_path / "runs", "mine", card)
    network = networks.build("seq2seq", settings, 0.0)
    state = fit.begin(network, fit.Recipe())
    diary = RunDiary(run, card, 10, 1, None, lambda now: None)
    shutil.rmtree(tmp_path / "runs")
    scores = fit.Scores(2.5, 2.0, 0.3, 0.2)
    diary.report(fit.Progress(10, 10, 5, 2.75, scores, True))
    diary.keep({name: tensor.numpy() for name, tensor in network.state_dict().items()}, scores, 5)
    diary.epoch(1, state)
    diary.close()
    run = runs.ended(run, runs.FINISHED)
    (found,) = runs.found(tmp_path / "runs")
    assert found.state == runs.FINISHED
    assert [row["nats_per_step"] for row in found.losses()] == [2.5]
    assert bundle.read_header(found.folder / runs.MODEL)["updates"] == 5
    assert checkpoint.about(found.folder / runs.CHECKPOINT)["arch"] == "seq2seq"


# What is shown of work that is not learning


def judged(**console: object) -> str:
    """What is said of judging in three steps of four."""
    showing, said = Showing(), StringIO()
    showing.console = Console(file=said, width=80, **console)  # type: ignore[arg-type]
    with showing.steps("judging", 4) as step:
        for what in ("how far", "how far", "your music"):
            step(what)
    return said.getvalue()


def test_in_a_terminal_a_bar_moves_with_the_steps_and_ends_full() -> None:
    said = judged(force_terminal=True)
    assert "100%" in said
    assert "judging: your music" in said


def test_in_a_file_each_kind_of_step_is_a_line() -> None:
    assert judged().splitlines() == ["judging: how far", "judging: your music"]


def test_of_several_processes_one_speaks() -> None:
    """The others are quiet, whatever they do."""
    assert judged(quiet=True) == judged(quiet=True, force_terminal=True) == ""
