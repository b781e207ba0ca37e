"""`jamd bench`: what is measured, on a tiny model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from jamd import model_times
from jamd.cli import main
from jamd.models import bundle
from jamd.models.seq2seq import Seq2Seq, Settings
from jamd.models.votes import POWERS, SIZES

SETTINGS = Settings(hidden=16, encoder_layers=2, head_hidden=8, attention_steps=8, attention_heads=2)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """An untrained model with a memory that has a say."""
    torch.manual_seed(0)
    net = Seq2Seq(SETTINGS)
    path = tmp_path / "tiny.safetensors"
    memory = {"table": [-1.0] * sum(SIZES), "powers": [0.1] * POWERS}
    header = {"arch": "seq2seq", "settings": SETTINGS.as_dict(), "key": "C", "memory": memory}
    bundle.write(path, {name: tensor.numpy() for name, tensor in net.state_dict().items()}, header)
    return path


def test_every_part_of_a_step_and_the_answers_are_timed(model: Path) -> None:
    result = CliRunner().invoke(
        main, ["bench", "model", str(model), "--device", "cpu", "--answers", "1", "--json"]
    )
    assert result.exit_code == 0, result.stderr
    account = json.loads(result.stdout)
    assert (account["model"], account["arch"], account["device"]) == ("tiny", "seq2seq", "cpu")
    assert account["machine"]["cores"] >= 1
    assert set(account["steps"]) == {"1", "8", "16"}
    for parts in account["steps"].values():
        assert {parts[part]["n"] for part in model_times.PARTS} == {32}
        whole = parts["step"]["median_ms"]
        assert all(0 < parts[part]["median_ms"] < whole for part in ("state", "spelling", "hear"))
        assert parts["memory"]["median_ms"] > 0
        assert parts["step"]["p5_ms"] <= whole <= parts["step"]["p99_ms"]
    assert {count: times["n"] for count, times in account["answers"].items()} == {"1": 1, "16": 1}
    stored = sum(array.nbytes for array in bundle.read(model).weights.values())
    assert account["weights"]["megabytes"] == round(stored / 1e6, 1)
    assert account["weights"]["median_ms"] > 0


def test_without_a_memory_no_time_is_said_to_be_its(model: Path) -> None:
    read = bundle.read(model)
    header = {name: value for name, value in read.header.items() if name not in ("memory", "key")}
    account = model_times.measure(bundle.Bundle(model, header, read.weights), "cpu", 1)
    assert all(parts["memory"] is None for parts in account["steps"].values())


def test_it_is_told_as_a_table(model: Path) -> None:
    result = CliRunner().invoke(main, ["bench", "model", str(model), "--answers", "1", "--device", "cpu"])
    assert result.exit_code == 0, result.stderr
    assert "tiny (seq2seq) on " in result.stdout
    for said in ("a step of 16 candidates", "  memory", "16 candidates", "of weights once"):
        assert said in result.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["model", "nobody"], 1, "there is no model 'nobody'"),
        (["model", "--answers", "0"], 2, "0 is not in the range"),
        (["speed"], 2, "speed"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_line(arguments: list[str], status: int, said: str) -> None:
    result = CliRunner().invoke(main, ["bench", *arguments])
    assert result.exit_code == status
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1
