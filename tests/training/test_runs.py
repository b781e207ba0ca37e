"""Trainings are found again, shown, and compared."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from matplotlib.image import imread

from jamd.cli import main
from jamd.errors import JamdError
from jamd.smf import midifile
from jamd.training.runs import curves, runs
from jamd.training.runs.run_lock import locked
from jamd.training.runs.runs import Run
from tests.kit.corpus import write_corpus

NOW = datetime(2026, 11, 21, 16, 2, 3, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(autouse=True)
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of runs, not there yet."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "jamd" / "runs"


def keep(
    parent: Path,
    name: str,
    nats: Sequence[float],
    arch: str = "seq2seq",
    epochs: int = 4,
    learned: str = "1ea12ed0",
    held_out: str = "4e1d0074",
    state: str = runs.FINISHED,
) -> Run:
    """A run as a training leaves it, scored after every half epoch of ten updates, in half a minute each."""
    about: dict[str, Any] = {
        "arch": arch,
        "settings": {"hidden": 512},
        "recipe": {"epochs": epochs, "seed": 7, "steps": 192},
        "data": {
            "learned_from": {"pieces": 61, "notes": 9000, "sha256": learned},
            "held_out": {"pieces": 9, "notes": 1000, "sha256": held_out},
            "emphasis": {},
        },
        "command": f"jamd train music -o {name}.safetensors",
        "created": NOW.isoformat(),
    }
    run = runs.create(parent, name, about, NOW)
    with (run.folder / runs.LOSSES).open("w", newline="") as file:
        writer = csv.DictWriter(file, runs.COLUMNS)
        writer.writeheader()
        for number, value in enumerate(nats, 1):
            row = (number / 2, 10 * number, 30 * number, value + 0.5, value, value - 0.2, 0.1, 0.1)
            writer.writerow(dict(zip(runs.COLUMNS, row, strict=True)))
    return run if state == runs.RUNNING else runs.ended(run, state)


def jamd(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


def said(*arguments: str | Path) -> str:
    result = jamd(*arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def listed(*arguments: str | Path) -> Any:
    return json.loads(said(*arguments, "--json"))


def line_with(text: str, word: str) -> list[str]:
    """The cells of the one table row that has `word`."""
    (line,) = (line for line in text.splitlines() if word in line)
    return [cell.strip() for cell in line.strip("│┃ ").split("│")]


def test_no_run_yet_says_how_to_get_one(parent: Path) -> None:
    assert said("runs") == f"There is no run in {parent}: `jamd train` leaves one there.\n"
    assert listed("runs") == []


def test_runs_are_listed_with_their_best_score(parent: Path, tmp_path: Path) -> None:
    run = keep(parent, "lead", [5.0, 3.25, 3.5])
    keep(parent, "bass", [], "wavenet", state=runs.STOPPED)
    keep(tmp_path / "elsewhere", "far", [1.0])
    text = said("runs")
    cells = ["lead-20261121-160203", "seq2seq", "finished", "1.5 of 4", "3.2500", "0:01:30"]
    assert line_with(text, "lead") == [*cells, "61 pieces, 1ea12ed0", "2026-11-21 16:02"]
    assert line_with(text, "bass")[1:6] == ["wavenet", "stopped", "? of 4", "", ""]
    assert "far" not in text
    first, second = listed("runs")
    assert first["name"] == run.name
    assert first["path"] == str(run.folder)
    assert (first["epochs_done"], first["epochs"], first["seconds"]) == (1.5, 4, 90)
    assert (first["best_nats_per_step"], first["best_epoch"], first["best_seconds"]) == (3.25, 1, 60)
    assert first["data"]["held_out"]["sha256"] == "4e1d0074"
    assert second["best_nats_per_step"] is None
    assert [one["name"] for one in listed("runs", "--runs", tmp_path / "elsewhere")] == [
        "far-20261121-160203"
    ]


def test_a_run_that_was_killed_is_not_taken_for_one_that_goes_on(parent: Path) -> None:
    run = keep(parent, "lead", [5.0], state=runs.RUNNING)
    with locked(run.folder):
        assert line_with(said("runs"), "lead")[2] == "running"
        with pytest.raises(JamdError, match="is being trained by another process"), locked(run.folder):
            pass
    assert line_with(said("runs"), "lead")[2] == "cut off"
    assert listed("runs", "show", "lead")["state"] == "cut off"


def test_a_run_is_shown_in_full(parent: Path) -> None:
    run = keep(parent, "lead", [5.0, 3.25], state=runs.RUNNING)
    runs.ended(run, runs.FAILED, reason="the loss is nan after 21 updates")
    text = said("runs", "show", "lead")
    for word in ("failed: the loss is nan after 21 updates", "3.2500 nats a step at epoch 1", "seed: 7"):
        assert word in text
    for word in ("hidden: 512", "9000", "jamd train music -o lead.safetensors", "losses.csv, run.json"):
        assert word in text
    assert line_with(text, " 5.5 ")[:5] == ["0.5", "10", "30", "5.5", "5"]
    document = listed("runs", "show", run.name)
    assert document["recipe"] == {"epochs": 4, "seed": 7, "steps": 192}
    assert [row["nats_per_step"] for row in document["losses"]] == [5, 3.25]
    assert listed("runs", "show", run.folder) == document


def test_runs_are_compared(parent: Path, tmp_path: Path) -> None:
    keep(parent, "short", [5.0, 4.0], epochs=1)
    keep(parent, "long", [5.0, 3.0, 2.5, 2.75], epochs=2)
    keep(parent, "wave", [4.0, 3.5], "wavenet", epochs=1)
    text = said("runs", "compare", "short", "long", "wave", "long", "--plot", tmp_path / "losses.png")
    name = "long-20261121-160203"
    assert line_with(text, "long") == [
        name,
        "seq2seq",
        "finished",
        "2 of 2",
        "2.5000",
        "1.5",
        "0:01:30",
        "0:02:00",
    ]
    assert line_with(text, "wave")[4:7] == ["3.5000", "1", "0:01:00"]
    document = listed("runs", "compare", "short", "long", "wave")
    assert document["warning"] is None
    assert [one["best_nats_per_step"] for one in document["runs"]] == [4, 2.5, 3.5]
    assert [len(one["losses"]) for one in document["runs"]] == [2, 4, 2]
    pixels = imread(tmp_path / "losses.png")[:, :, :3]
    inked = [(np.abs(pixels - curves.COLOURS[run]).max(axis=2) < 0.02).any(axis=0) for run in range(4)]
    spans = [np.flatnonzero(columns) for columns in inked]
    assert all(len(span) > 100 for span in spans[:3])
    assert len(spans[3]) == 0  # `long` was named twice, and drawn once


@pytest.mark.parametrize(
    ("other", "warning"),
    [
        ({"held_out": "07e4"}, "these runs were scored on different held-out music"),
        ({"learned": "07e4"}, "these runs learned from different music"),
        ({"epochs": 9}, None),
    ],
)
def test_a_comparison_over_different_music_warns(
    parent: Path, other: dict[str, Any], warning: str | None
) -> None:
    keep(parent, "one", [5.0])
    keep(parent, "other", [4.0], **other)
    result = jamd("runs", "compare", "one", "other", "--json")
    assert result.exit_code == 0
    assert (result.stderr == "") == (warning is None)
    document = json.loads(result.stdout)
    if warning is None:
        assert document["warning"] is None
    else:
        assert document["warning"].startswith(warning)
        assert result.stderr.startswith(f"warning: {warning}")


def test_scores_that_are_no_numbers_are_no_best_and_no_obstacle(parent: Path, tmp_path: Path) -> None:
    keep(parent, "wild", [5.0, inf, nan])
    keep(parent, "lost", [nan])
    wild, lost = listed("runs")
    assert (wild["best_nats_per_step"], lost["best_nats_per_step"]) == (5, None)
    document = listed("runs", "compare", "wild", "lost", "--plot", tmp_path / "losses.png")
    assert [row["nats_per_step"] for row in document["runs"][0]["losses"]] == [5, None, None]
    assert (tmp_path / "losses.png").read_bytes().startswith(PNG)


def test_half_a_row_is_left_out(parent: Path) -> None:
    run = keep(parent, "lead", [5.0, 4.0])
    with (run.folder / runs.LOSSES).open("a") as losses:
        losses.write("1.5,30,90,3.5,3.0")
    assert [row["nats_per_step"] for row in run.losses()] == [5, 4]


def test_what_is_damaged_is_named_and_hides_nothing_else(parent: Path) -> None:
    keep(parent, "good", [5.0])
    odd = keep(parent, "odd", [5.0])
    losses = odd.folder / runs.LOSSES
    losses.write_text("epoch,updates\n1,many\n")
    (keep(parent, "torn", [5.0]).folder / runs.ABOUT).write_text('{"arch": ')
    (parent / "no run").mkdir()
    good, other, torn = sorted(listed("runs"), key=lambda run: str(run["name"]))
    assert (good["best_nats_per_step"], good["fault"]) == (5, None)
    assert other["fault"].startswith(f"{losses} is damaged")
    assert (torn["arch"], torn["state"]) == (None, None)
    assert torn["fault"].startswith(f"{torn['path']}/{runs.ABOUT} is damaged")
    assert "damaged" in said("runs")
    for name, fault in (
        ("odd", f"jamd: {losses} is damaged"),
        ("no run", "jamd: there is no run 'no run' in"),
    ):
        result = jamd("runs", "show", name)
        assert result.exit_code == 1
        assert result.stderr.startswith(fault)
        assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "status", "fault"),
    [
        (
            ["show", "bass"],
            1,
            "there is no run 'bass' in {parent}; there are: lead-a-20261121-160203, lead-b-",
        ),
        (["show", "lead"], 1, "there are several runs 'lead'...: lead-a-20261121-160203, lead-b-"),
        (["compare", "lead-a", "--plot", "losses.pdf"], 2, "losses.pdf"),
        (["compare", "lead-a", "--plot", "nowhere/losses.png"], 1, "there is no folder nowhere"),
        (["compare"], 2, "Missing argument 'NAMES...'"),
    ],
)
def test_what_cannot_be_shown_is_said_in_one_line(
    parent: Path, arguments: list[str], status: int, fault: str
) -> None:
    keep(parent, "lead-a", [5.0])
    keep(parent, "lead-b", [5.0])
    result = jamd("runs", *arguments)
    assert result.exit_code == status
    (line,) = result.stderr.splitlines()
    assert fault.format(parent=parent) in line


def test_two_runs_of_one_second_have_folders_of_their_own(parent: Path) -> None:
    names = [keep(parent, name, []).name for name in ("../le ad", "../le ad", "")]
    assert names == ["le-ad-20261121-160203", "le-ad-20261121-160203-2", "run-20261121-160203"]
    assert sorted(path.name for path in parent.iterdir()) == sorted(names)


def test_a_training_leaves_a_run_with_samples(parent: Path, tmp_path: Path) -> None:
    """Answers to the beginnings of both held-out songs, each time an epoch was the second or the last."""
    options = [
        "--hidden=16",
        "--epochs=3",
        "--batch=4",
        "--steps=64",
        "--check-updates=2",
        "--sample-epochs=2",
    ]
    corpus = write_corpus(tmp_path / "corpus")
    result = jamd("train", corpus, "-o", tmp_path / "mine.safetensors", "--no-cache", *options)
    assert result.exit_code == 0
    (run,) = runs.found(parent)
    assert result.stdout.endswith(f"run {run.name}\n")
    summary = listed("runs", "show", "mine")
    assert (summary["state"], summary["data"]["learned_from"]["pieces"]) == ("finished", 6)
    scores = [row["nats_per_step"] for row in summary["losses"] if row["nats_per_step"] is not None]
    assert summary["best_nats_per_step"] == min(scores)
    names = [f"epoch-{epoch:03}-{number}" for epoch in (2, 3) for number in (1, 2)]
    samples = sorted((run.folder / runs.SAMPLES).iterdir())
    assert [path.name for path in samples] == [f"{name}{end}" for name in names for end in (".mid", ".png")]
    for path in samples:
        if path.suffix == ".png":
            assert path.read_bytes().startswith(PNG)
        else:
            player, own = midifile.read(path).parts
            assert (player.name, own.name) == ("player", "jamd")
            assert max(note.start_beats for note in player.notes) < 16
            assert min(note.start_beats for note in own.notes) >= 15.9
