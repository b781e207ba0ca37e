"""From files to turns to a bundle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from math import isfinite
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from jamd.cli import main
from jamd.mind.choice import answers_of, learned_shares
from jamd.models import bundle
from jamd.models.tokens import END, KEYS, LOWEST_PITCH
from jamd.music.note import Note, frames_of
from jamd.training.batches.batches import OWN, PLAYER, converse
from jamd.training.batches.sampler import Sampler
from jamd.training.reading import reading
from jamd.training.recordings import pieces
from jamd.training.recordings.sources import Recording
from jamd.training.runs import runs
from tests.kit.corpus import scale_chords, write_corpus, write_song

SMALL = ["--hidden", "16", "--epochs", "1", "--batch", "4", "--steps", "64", "--no-cache"]
SMALL += ["--sample-epochs", "0", "--checkpoint-epochs", "1000"]


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run folders go where no user's are."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    return home


def piece_of(tmp_path: Path, notes: list[Note], metre: str = "4/4") -> pieces.QuantisedPiece:
    path = write_song(tmp_path / "song.mid", notes, metre=metre)
    (piece,) = reading.read_all([Recording(path)], 1)
    assert isinstance(piece, pieces.QuantisedPiece)
    return piece


def test_traded_notes_belong_to_the_turn_they_begin_in_and_end_with_it(tmp_path: Path) -> None:
    piece = piece_of(tmp_path, [Note(60 + bar, 80, 4.0 * bar, 4.0 * bar + 9) for bar in range(12)])
    for seed in range(20):
        talk = converse(piece, 0, 192, np.random.default_rng(seed), augment=False)
        assert talk is not None
        sounding = (talk.rolls.attacks > 0) | (talk.rolls.holds > 0)
        mine = np.zeros(192, bool)
        for start, end in talk.turns:
            mine[start:end] = True
            assert not sounding[OWN, end : end + 1].any() or mine[end : end + 1].all()
        assert not sounding[OWN, ~mine].any()
        assert not sounding[PLAYER, mine].any()
        assert (talk.rolls.attacks > 0).sum() == 12


def test_everything_is_learned_in_c_and_now_and_then_beside_it(tmp_path: Path) -> None:
    lowest = []
    for root in (55, 60, 66):
        piece = piece_of(tmp_path, scale_chords(root))
        for seed in range(20):
            talk = converse(piece, 0, 128, np.random.default_rng(seed), augment=True)
            if talk is not None:
                _, keys = np.nonzero((talk.rolls.attacks > 0).any(0))
                lowest.append((int(keys.min()) + LOWEST_PITCH) % 12)
    assert set(lowest) <= {0, 2, 5, 7, 10}
    assert 0.6 < lowest.count(0) / len(lowest) < 1


def test_turns_know_how_long_they_last(tmp_path: Path) -> None:
    piece = piece_of(tmp_path, scale_chords(60))
    talk = converse(piece, 0, 128, np.random.default_rng(2), augment=False)
    assert talk is not None
    left = talk.left_steps()
    for start, end in talk.turns:
        assert left[start:end].tolist() == list(range(end - start, 0, -1))
    assert (left > 0).sum() == sum(end - start for start, end in talk.turns)


def test_batches_spell_every_own_frame_downwards_to_its_end(tmp_path: Path) -> None:
    piece = piece_of(tmp_path, scale_chords(60))
    batch = Sampler([piece], 64, seed=0).draw(range(4))
    assert (batch.token == END).sum() == batch.frames
    for frame in range(batch.frames):
        keys = [token % KEYS for token in batch.token[batch.frame == frame][:-1]]
        assert keys == sorted(keys, reverse=True)


def train(*args: str) -> str:
    result = CliRunner().invoke(main, ["train", *args], standalone_mode=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_corpus_becomes_a_model_with_its_card(tmp_path: Path) -> None:
    output = tmp_path / "mine.safetensors"
    said = train(str(write_corpus(tmp_path / "corpus")), "-o", str(output), *SMALL, "--seed", "7")
    assert "nats a step" in said
    header = bundle.read_header(output)
    recipe = header["recipe"]
    assert (recipe["epochs"], recipe["seed"], recipe["learning_rate"]) == (1, 7, 0.004)
    assert header["data"]["learned_from"]["pieces"] == 6
    assert header["data"]["held_out"]["pieces"] == 2
    assert 0 < header["scores"]["key_nats_per_step"] < header["scores"]["nats_per_step"]
    assert not list(tmp_path.glob(".*"))
    shown = CliRunner().invoke(main, ["models", str(output), "--json"])
    assert json.loads(shown.output)["name"] == "mine"


def test_a_model_knows_the_phrases_it_learned_from(tmp_path: Path) -> None:
    corpus, output = write_corpus(tmp_path / "corpus"), tmp_path / "mine.safetensors"
    train(str(corpus), "-o", str(output), "--arch", "markov")
    known = bundle.read(output).phrases
    assert known is not None
    for notes, held in ((scale_chords(50), 1.0), ([n for n in scale_chords(50) if n.start_beats % 1.5], 0.0)):
        answers = answers_of([frames_of(notes)])
        assert learned_shares(answers, known) == pytest.approx([held], abs=0.1)


def test_one_seed_gives_equal_weights_and_another_gives_others(tmp_path: Path) -> None:
    corpus = str(write_corpus(tmp_path / "corpus"))
    weights = []
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        output = tmp_path / f"{name}.safetensors"
        train(corpus, "-o", str(output), *SMALL, "--seed", seed)
        weights.append(bundle.read(output).weights)
    assert all(np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert not np.array_equal(weights[0]["mix.weight"], weights[2]["mix.weight"])


def test_more_training_is_better(tmp_path: Path) -> None:
    corpus = str(write_corpus(tmp_path / "corpus"))
    scores = []
    for epochs in ("1", "60"):
        output = tmp_path / "x.safetensors"
        train(corpus, "-o", str(output), *SMALL, "--hidden", "32", "--epochs", epochs)
        scores.append(bundle.read_header(output)["scores"]["nats_per_step"])
    assert scores[1] < 0.6 * scores[0]


def test_patience_ends_a_training_that_has_stopped_getting_better(tmp_path: Path) -> None:
    corpus, output = str(write_corpus(tmp_path / "corpus")), tmp_path / "x.safetensors"
    impatient = ("--epochs", "1000", "--check-updates", "2", "--patience", "3")
    train(corpus, "-o", str(output), *SMALL, *impatient, "--learning-rate", "1")
    (run,) = runs.found(runs.default_folder())
    losses = [row["nats_per_step"] for row in run.losses() if isfinite(row["nats_per_step"])]
    assert run.state == runs.FINISHED
    assert len(losses) == losses.index(min(losses)) + 1 + 3
    assert bundle.read_header(output)["scores"]["nats_per_step"] == pytest.approx(min(losses), rel=1e-5)


def test_files_that_cannot_be_used_are_named_and_skipped(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    (corpus / "train" / "broken.mid").write_bytes(b"MThd and no more")
    (corpus / "train" / "copy.mid").write_bytes((corpus / "train" / "song0.mid").read_bytes())
    result = CliRunner().invoke(main, ["train", str(corpus), "-o", str(tmp_path / "x.safetensors"), *SMALL])
    said = " ".join(result.stderr.split())
    assert "broken.mid is not a" in said
    assert "is a copy of" in said
    assert "6 pieces" in said


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (["nowhere", "-o", "x.safetensors"], 1, "there is no file or folder nowhere"),
        ([".", "-o", "x.mid"], 2, "should end in .safetensors"),
        ([".", "-o", "nowhere/x.safetensors"], 1, "there is no folder nowhere"),
        ([".", "-o", "x.safetensors"], 1, "no MIDI file with notes"),
        ([".", "-o", "x.safetensors", "--device", "cuda"], 2, "no CUDA device"),
    ],
)
def test_what_cannot_be_trained_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], status: int, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    result = CliRunner().invoke(main, ["train", *args])
    assert result.exit_code == status
    assert said in result.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_keeps_the_best_so_far(tmp_path: Path) -> None:
    """Interrupted in its first epochs, a training of a million leaves a whole bundle and says so."""
    corpus, output = write_corpus(tmp_path / "corpus"), tmp_path / "x.safetensors"
    command = [sys.executable, "-u", "-m", "jamd", "train", str(corpus), "-o", str(output)]
    process = subprocess.Popen(
        [*command, *SMALL, "--epochs", "1000000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "kept" in line:
            break
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "nats a step" in said
    assert bundle.read(output).header["updates"] >= 250
