"""A training that was cut off goes on as if it had not been, and nothing that was kept is lost."""

from __future__ import annotations

import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.record_writer import masked_crc32c

from jamd.cli import main
from jamd.errors import JamdError
from jamd.training.fitting import checkpoint, fit, networks
from jamd.training.fitting.fit import Progress, Recipe
from jamd.training.learning import music
from jamd.training.learning.learning import Learning
from jamd.training.runs import runs
from jamd.training.runs.runs import Run
from tests.kit.corpus import write_corpus
from tests.kit.processes import ROOT

HIDDEN, STEPS = 16, 64
RECIPE = Recipe(epochs=4, batch=4, check_updates=2)
OPTIONS = ["--hidden=16", "--epochs=4", "--batch=4", "--steps=64", "--check-updates=2"]
OPTIONS += ["--sample-epochs=0", "--no-cache"]
"""What gives `RECIPE` on the command line."""
HALT = 10
"""The update at which a training is stopped: two epochs are kept by then, and a score has come after them."""

Show = Callable[[Progress], None]


def go_on(now: Progress) -> None: ...


def stop(now: Progress) -> None:
    if now.updates == HALT:
        raise KeyboardInterrupt


def halt(now: Progress) -> None:
    """Say so, and wait for ever."""
    if now.updates == HALT:
        print("halted", flush=True)
        signal.pause()


def learn(parent: Path, corpus: Path, arch: str, show: Show = go_on, resume: str | None = None) -> Run:
    """What `jamd train` does between its options and its bundle, in a second instead of ten."""
    torch.set_num_threads(1)
    read = music.recordings(
        [corpus], STEPS, RECIPE.seed, {}, False, lambda files, **_: files, lambda line: None
    )
    given = {name: value for name, value in asdict(RECIPE).items() if name != "touch"}  # the music decides it
    card = {
        "arch": arch,
        "settings": networks.settings_of(arch, HIDDEN, None),
        "key": read.key,
        "recipe": {**given, "steps": STEPS},
        "created": "2026-11-21T16:00:00+00:00",
        "data": read.account,
    }
    learning = Learning(read, RECIPE, card, torch.device("cpu"), parent, arch, 1, 0)
    return learning.run(resume, show, lambda line: None)


if __name__ == "__main__":
    learn(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], halt)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("music"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Run:
    """A seq2seq that was trained in one go."""
    return learn(tmp_path_factory.mktemp("whole"), corpus, "seq2seq")


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Run:
    """The same, stopped by Ctrl-C in its third epoch. Not to be changed."""
    return learn(tmp_path_factory.mktemp("stopped"), corpus, "seq2seq", stop)


def train(corpus: Path, parent: Path, *options: str) -> Result:
    torch.set_num_threads(1)
    output = parent / "mine.safetensors"
    arguments = ["train", str(corpus), "-o", str(output), "--runs", str(parent), *OPTIONS, *options]
    return CliRunner().invoke(main, arguments)


def rows(run: Run) -> list[dict[str, float]]:
    """The rows of a run's losses, but for the seconds, and for scores where there is none."""
    return [
        {name: value for name, value in row.items() if name != "seconds" and value == value}
        for row in run.losses()
    ]


def assert_same(one: Run, other: Run) -> None:
    """Two runs came to bit-equal weights, best and last, by the same losses."""
    assert rows(one) == rows(other)
    for name in (runs.MODEL, runs.CHECKPOINT):
        weights, others = load_file(one.folder / name), load_file(other.folder / name)
        assert weights.keys() == others.keys()
        assert all(torch.equal(weights[key], others[key]) for key in weights)


@pytest.mark.parametrize("arch", networks.ARCHITECTURES)
def test_a_killed_training_goes_on_as_if_it_had_not_been(tmp_path: Path, corpus: Path, arch: str) -> None:
    whole = learn(tmp_path / "whole", corpus, arch)
    arguments = [sys.executable, "-m", __name__, str(tmp_path / "killed"), str(corpus), arch]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "halted\n"
            (killed,) = runs.found(tmp_path / "killed")
            assert killed.state == runs.RUNNING
            with pytest.raises(JamdError, match="is being trained by another process"):
                learn(tmp_path / "killed", corpus, arch, resume=killed.name)
        finally:
            process.kill()
    assert process.returncode == -signal.SIGKILL
    assert killed.state == runs.CUT_OFF
    assert rows(killed) == [row for row in rows(whole) if row["updates"] <= HALT]
    with (killed.folder / runs.LOSSES).open("a") as losses:
        losses.write("2.5,1")  # a kill amid a row
    resumed = learn(tmp_path / "killed", corpus, arch, resume=killed.name)
    assert (resumed.folder, resumed.state) == (killed.folder, runs.FINISHED)
    assert sum("nats_per_step" in row for row in rows(whole)) == 8
    assert_same(resumed, whole)
    seconds = [row["seconds"] for row in resumed.losses()]
    assert seconds == sorted(seconds)


def test_a_stopped_training_goes_on_as_if_it_had_not_been(
    tmp_path: Path, corpus: Path, whole: Run, stopped: Run
) -> None:
    assert stopped.state == runs.STOPPED
    shutil.copytree(stopped.folder, tmp_path / stopped.name)
    resumed = learn(tmp_path, corpus, "seq2seq", resume=stopped.name)
    assert resumed.state == runs.FINISHED
    assert_same(resumed, whole)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--seed", "1"], "seed 0, not 1"),
        (["--dropout", "0"], "dropout 0.1, not 0.0"),
        (["--steps", "32"], "steps 64, not 32"),
        (["--hidden", "24"], "hidden 16, not 24"),
        (["--arch", "wavenet"], "arch seq2seq, not wavenet"),
    ],
)
def test_other_options_are_refused_in_one_line(
    corpus: Path, stopped: Run, options: list[str], said: str
) -> None:
    before = {path: path.read_bytes() for path in stopped.folder.iterdir() if path.is_file()}
    result = train(corpus, stopped.folder.parent, "--resume", stopped.name, *options)
    assert result.exit_code == 2
    assert f"run {stopped.name} was begun otherwise ({said});" in result.stderr.splitlines()[-1]
    assert {path: path.read_bytes() for path in stopped.folder.iterdir() if path.is_file()} == before


def test_other_music_is_refused(tmp_path: Path, stopped: Run) -> None:
    result = train(write_corpus(tmp_path, pieces=5), stopped.folder.parent, "--resume", stopped.name)
    assert result.exit_code == 2
    assert "was begun otherwise (other music);" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_a_checkpoint_that_was_truncated_is_named(
    tmp_path: Path, corpus: Path, stopped: Run, share: float
) -> None:
    folder = shutil.copytree(stopped.folder, tmp_path / stopped.name)
    path = folder / runs.CHECKPOINT
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    result = train(corpus, tmp_path, "--resume", stopped.name)
    assert result.exit_code == 1
    assert f"jamd: {path} is not a whole checkpoint" in result.stderr.splitlines()[-1]


def test_a_loss_that_is_no_number_keeps_what_was_good(
    tmp_path: Path, corpus: Path, whole: Run, stopped: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The learning rate leaves all bounds after two good epochs."""
    shutil.copytree(stopped.folder, tmp_path / stopped.name)
    with monkeypatch.context() as patched:
        patched.setattr(fit, "LOWEST_RATE", 1e30)
        result = train(corpus, tmp_path, "--resume", stopped.name)
    assert result.exit_code == 1
    (run,) = runs.found(tmp_path)
    assert run.state == runs.FAILED
    reason = str(run.about["reason"])
    assert re.fullmatch(r"the (loss is (nan|inf)|weights are no numbers) after \d+ updates", reason)
    output = tmp_path / "mine.safetensors"
    assert result.stderr.splitlines()[-1] == f"jamd: {reason}; {output} holds the best weights before that"
    path = run.folder / runs.CHECKPOINT
    assert path.read_bytes() == (stopped.folder / runs.CHECKPOINT).read_bytes()
    best, before = (load_file(path) for path in (output, stopped.folder / runs.MODEL))
    assert all(torch.equal(best[name], before[name]) for name in before)
    assert_same(learn(tmp_path, corpus, "seq2seq", resume=run.name), whole)


@pytest.fixture
def largest_file() -> Iterator[Callable[[int | None], None]]:
    """Sets how many bytes a file may have (None: as before): the system refuses a longer one as a full disk
    would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size: int | None) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft if size is None else size, hard))

    yield limit
    limit(None)


def test_a_full_disk_loses_no_checkpoint(
    tmp_path: Path,
    corpus: Path,
    whole: Run,
    monkeypatch: pytest.MonkeyPatch,
    largest_file: Callable[[int | None], None],
) -> None:
    """There is room for the best weights always, but for a checkpoint, four times as long, only once."""
    written = []

    def write(path: Path, state: fit.State, about: dict[str, object]) -> None:
        checkpoint_write(path, state, about)
        written.append(path.read_bytes())
        largest_file(len(written[0]) // 2)

    checkpoint_write = checkpoint.write
    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "write", write)
        result = train(corpus, tmp_path)
    largest_file(None)
    assert result.exit_code == 1
    (run,) = runs.found(tmp_path)
    path = run.folder / runs.CHECKPOINT
    assert result.stderr.splitlines()[-1] == (
        f"jamd: cannot write {path}: File too large; `--resume {run.name}` goes on from its last checkpoint"
    )
    assert [path.read_bytes()] == written
    assert not list(run.folder.glob(".*"))
    assert run.state == runs.FAILED
    assert run.about["reason"] == f"cannot write {path}: File too large"
    resumed = learn(tmp_path, corpus, "seq2seq", resume=run.name)
    assert "reason" not in resumed.about
    assert_same(resumed, whole)


def events_of(path: Path) -> list[Event]:
    """The records of a TensorBoard file: each its length and its bytes, with a checksum after either."""
    content, events = path.read_bytes(), []
    while content:
        (length, length_sum), rest = struct.unpack("<QI", content[:12]), content[12:]
        data, (data_sum,), content = rest[:length], struct.unpack("<I", rest[length:][:4]), rest[length + 4 :]
        assert (length_sum, data_sum) == (masked_crc32c(struct.pack("<Q", length)), masked_crc32c(data))
        events.append(Event.FromString(data))
    return events


def test_tensorboard_reads_the_same_losses(whole: Run) -> None:
    (path,) = whole.folder.glob("events.out.tfevents.*")
    version, *events = events_of(path)
    assert version.file_version == "brain.Event:2"
    assert [event.step for event in events] == [row["updates"] for row in rows(whole)]
    for event, row in zip(events, rows(whole), strict=True):
        values = {value.tag: value.simple_value for value in event.summary.value}
        assert values.keys() == row.keys() - {"epoch", "updates"}
        assert all(values[name] == pytest.approx(row[name], rel=1e-5) for name in values)
