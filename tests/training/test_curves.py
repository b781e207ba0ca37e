"""The losses of short and long trainings are curves, side by side, in the file and in the picture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from itertools import pairwise
from math import isfinite, nan
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.lines import Line2D

from jamd.cli import main
from jamd.training.fitting import fit
from jamd.training.runs import curves, runs
from jamd.training.runs.runs import Run
from tests.kit.corpus import MAJOR, SCALES, chords_up, write_song
from tests.training.test_resume import events_of

EPOCHS = (10, 50, 100)
FEWEST = 20
SMALL = ("--from=scratch", "--hidden=8", "--steps=64", "--batch=4", "--sample-epochs=0")


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Trainings of 10, 50 and 100 epochs on some of the scale chords."""
    home = tmp_path_factory.mktemp("home")
    for name in ("major", "minor"):
        for key in range(2):
            write_song(home / "chords" / name / f"{key}.mid", chords_up(48 + key, SCALES[name]))
    write_song(home / "chords" / "valid" / "g.mid", chords_up(55, MAJOR))
    with pytest.MonkeyPatch.context() as patched:
        for kind in ("DATA", "CACHE", "CONFIG"):
            patched.setenv(f"XDG_{kind}_HOME", str(home / kind.lower()))
        found = []
        for epochs in EPOCHS:
            made = CliRunner().invoke(
                main,
                ["train", str(home / "chords"), *SMALL, f"--epochs={epochs}", f"--name=chords-{epochs}"],
            )
            assert made.exit_code == 0, made.output
            found.append(runs.find(f"chords-{epochs}-", runs.default_folder()))
    return found


def scored(run: Run) -> list[Mapping[str, float]]:
    return [row for row in run.losses() if isfinite(row["nats_per_step"])]


def test_every_run_has_twenty_points_and_the_last_and_each_epoch(three: list[Run]) -> None:
    for run, epochs in zip(three, EPOCHS, strict=True):
        rows, points = run.losses(), scored(run)
        assert len(points) >= FEWEST
        assert points[-1] == rows[-1]
        assert rows[-1]["epoch"] >= epochs
        assert max(after["epoch"] - before["epoch"] for before, after in pairwise(rows)) <= 1.5
        assert [row["updates"] for row in rows] == sorted({row["updates"] for row in rows})
        assert all(isfinite(row["learned_nats_per_step"]) for row in rows)
        assert rows[-1]["learned_nats_per_step"] < rows[0]["learned_nats_per_step"]


def test_tensorboard_has_the_same_points(three: list[Run]) -> None:
    for run in three:
        (path,) = run.folder.glob("events.out.tfevents.*")
        _, *events = events_of(path)
        told = [
            (event.step, {value.tag: value.simple_value for value in event.summary.value}) for event in events
        ]
        for (step, values), row in zip(told, run.losses(), strict=True):
            numbers = {name: value for name, value in row.items() if isfinite(value)}
            assert step == row["updates"]
            assert values.keys() == numbers.keys() - {"epoch", "updates", "seconds"}
            assert all(values[name] == pytest.approx(row[name], rel=1e-5) for name in values)


def drawn(compared: list[Run]) -> list[Line2D]:
    axes = Figure().subplots()
    curves.fill(axes, compared, "losses")
    return [line for line in axes.get_lines() if len(np.atleast_1d(line.get_xdata()))]


def test_three_curves_lie_side_by_side(three: list[Run], tmp_path: Path) -> None:
    axes = Figure().subplots()
    curves.fill(axes, three, "losses")
    lines = {line.get_label(): line for line in axes.get_lines()}
    left, right = axes.transAxes.inverted().transform(axes.transData.transform([[1, 3], [10, 3]]))[:, 0]
    assert right - left > 0.3  # the shortest is no mark in a corner
    for run, epochs in zip(three, EPOCHS, strict=True):
        (line,) = (line for label, line in lines.items() if str(label).startswith(f"{run.name} ("))
        assert len(np.asarray(line.get_xdata())) == len(scored(run)) >= FEWEST
        assert epochs <= np.max(np.asarray(line.get_xdata(), float)) < epochs + 2
    assert (axes.get_xlabel(), axes.get_xscale()) == ("epochs", "log")
    named = [run.folder for run in three]
    picture = tmp_path / "losses.png"
    made = CliRunner().invoke(main, ["runs", "compare", *map(str, named), "--plot", str(picture)])
    assert (made.exit_code, made.stderr) == (0, "")
    pixels = imread(picture)[:, :, :3]
    for number in range(3):
        inked = (np.abs(pixels - curves.COLOURS[number]).max(axis=2) < 0.02).any(axis=0)
        assert inked.sum() > 300


def kept(folder: Path, name: str, rows: list[tuple[float, float]], learned_from: str = "1ea") -> Run:
    """A run with these epochs of ten updates each, and their held-out losses."""
    about = {
        "arch": "seq2seq",
        "recipe": {},
        "data": {"learned_from": {"sha256": learned_from}},
        "created": "",
    }
    run = runs.create(folder, name, about)
    lines = [",".join(runs.COLUMNS)]
    lines += [f"{epoch},{10 * epoch:g},1,3.5,{nats},1,1,1" for epoch, nats in rows]
    (run.folder / runs.LOSSES).write_text("\n".join(lines) + "\n")
    return run


def test_all_points_of_a_short_run_are_seen_beside_a_long_one(tmp_path: Path) -> None:
    """Which lies far below."""
    short = kept(tmp_path, "short", [(n / 2, 9 / n + 1) for n in range(1, 21)])
    long = kept(tmp_path, "long", [(5 * n, 9 / n**2) for n in range(1, 21)])
    axes = Figure().subplots()
    curves.fill(axes, [short, long], "losses")
    low, high = axes.get_ylim()
    left, right = axes.get_xlim()
    for run in (short, long):
        assert all(low < row["nats_per_step"] < high and left < row["epoch"] < right for row in run.losses())


def test_a_single_point_is_drawn_as_one(tmp_path: Path) -> None:
    for line in drawn([kept(tmp_path, "one", [(1, 3.0)])]):
        assert line.get_marker() in ("o", ".")


def test_a_row_without_a_score_breaks_no_line(tmp_path: Path) -> None:
    run = kept(tmp_path, "one", [(1, 3.0), (2, nan), (3, 2.0), (4, nan), (5, 1.0)])
    dot, held_out, learned = drawn([run])
    assert np.asarray(held_out.get_xdata()).tolist() == [1, 3, 5]
    assert np.asarray(learned.get_xdata()).tolist() == [1, 2, 3, 4, 5]
    assert np.asarray(dot.get_xdata()).tolist() == [5]


def test_runs_on_other_music_are_drawn_over_their_updates(tmp_path: Path) -> None:
    axes = Figure().subplots()
    two = [kept(tmp_path, name, [(1, 3.0), (2, 2.0)], learned_from=name) for name in ("one", "two")]
    curves.fill(axes, two, "losses")
    assert (axes.get_xlabel(), axes.get_xscale()) == ("updates", "linear")


def test_a_run_is_shown_with_its_epochs(tmp_path: Path) -> None:
    run = kept(tmp_path, "one", [(1, 3.0), (2, nan)])
    shown = CliRunner().invoke(main, ["runs", "show", str(run.folder)])
    assert "nan" not in shown.stdout
    document = json.loads(CliRunner().invoke(main, ["runs", "show", str(run.folder), "--json"]).stdout)
    assert [row["nats_per_step"] for row in document["losses"]] == [3, None]


@given(sequences=st.integers(1, 20_000), batch=st.integers(1, 64))
def test_a_training_of_any_length_is_scored_often_enough(sequences: int, batch: int) -> None:
    """As often as there are updates, where there are fewer than twenty, and in the end always."""
    done, updates = 0, 0
    while done < sequences:
        done += max(1, batch // 2 if done / sequences < fit.SMALL_BATCHES else batch)
        updates += 1
    assert abs(fit.updates_in(sequences, batch) - updates) <= 1
    every = fit.check_updates(sequences, batch)
    assert updates // every + (updates % every > 0) >= min(updates, FEWEST)
    assert every <= fit.MOST_UNCHECKED


def test_the_scores_of_an_update_are_all_told() -> None:
    assert asdict(fit.Scores(1, 2, 3, 4)).keys() < set(runs.COLUMNS)
