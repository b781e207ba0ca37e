"""A training that is cut off, in whichever phase: what it had given is kept, `jamd runs` tells the truth, and
the one line that it says goes on."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from jamd.cli import main
from jamd.models import bundle
from jamd.training.fitting import fit, memory_weights, selfplay, tuning
from jamd.training.learning import judging, learning, personal
from jamd.training.reading import lookup
from jamd.training.report import files
from jamd.training.runs import runs, signals
from jamd.training.runs.run_lock import only_one
from jamd.training.runs.runs import Run
from jamd.training.runs.signals import Asked, Standing
from tests.kit.corpus import write_corpus
from tests.training.test_personal import recorded

SMALL = ("--steps=32", "--batch=4", "--threads=1")
TUNED = (*SMALL, "--epochs=2", "--replace")
RARELY = (*TUNED, "--check-updates=100")
COUNTED = (*SMALL, "--arch=markov")
ANEW = (*SMALL, "--from=scratch", "--hidden=8", "--epochs=2", "--sample-epochs=0")
"""Trainings of a few updates."""


def jamd(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("start")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_DATA_HOME", str(folder))
        output = folder / "start.safetensors"
        made = jamd("train", write_corpus(folder / "music", 2), "-o", output, *ANEW, "--no-cache")
    assert made.exit_code == 0, made.output
    return output


def hurry(patched: pytest.MonkeyPatch, home: Path) -> None:
    """Trainings of seconds, in a home of their own."""
    for kind in ("DATA", "CACHE", "CONFIG"):
        patched.setenv(f"XDG_{kind}_HOME", str(home / kind.lower()))
    patched.setattr(personal, "KEPT_GROUPS", range(1))
    patched.setattr(personal, "REHEARSED_GROUPS", range(1, 2))
    patched.setattr(selfplay, "COURSES", 2)
    patched.setattr(tuning, "WAYS", (1.0,))
    patched.setattr(memory_weights, "fit_memory", partial(memory_weights.fit_memory, updates=3))


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory.mktemp("music"), count=3, bars=4)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, start: Path, music: Path) -> dict[tuple[str, ...], Path]:
    """What comes of a training that nothing cuts off, by its options."""
    home = tmp_path_factory.mktemp("whole")
    made = {}
    with pytest.MonkeyPatch.context() as patched:
        hurry(patched, home)
        for number, options in enumerate((TUNED, RARELY, ANEW, COUNTED)):
            made[options] = home / f"{number}.safetensors"
            trained = jamd("train", music, "-o", made[options], *begins(start, options), *options)
            assert trained.exit_code == 0, trained.output
    return made


def begins(start: Path, options: tuple[str, ...]) -> tuple[object, ...]:
    return () if options in (ANEW, COUNTED) else ("--from", start)


def run_of() -> Run:
    (run,) = runs.found(runs.default_folder())
    return run


def listed() -> str:
    """The state of the one run, as `jamd runs` has it."""
    (summary,) = json.loads(jamd("runs", "--json").stdout)
    return str(summary["state"])


def next_line(result: Result) -> tuple[str, list[str]]:
    """The last line of what was said, before the command in it, and that command's words."""
    before, command, after = result.stderr.splitlines()[-1].split("`")
    assert after == " goes on"
    program, *words = shlex.split(command)
    assert program == "jamd"
    return before, words


def weights_of(path: Path) -> dict[str, np.ndarray]:
    return dict(bundle.read(path).weights)


def same(one: Path, other: Path) -> bool:
    first, second = weights_of(one), weights_of(other)
    return all(np.array_equal(first[name], second[name]) for name in first)


def signalled(number: int, times: int = 1) -> None:
    for _ in range(times):
        signal.raise_signal(number)


# Which phase; what is asked; the status; the state in `jamd runs`; whether the model is there; what is said.
NO_RUN = "before anything was learned: "
WROTE = "interrupted while writing the model: {} is written, unjudged; "
JUDGED = "interrupted while judging: {} is written, unjudged; "
TUNING = [
    (signals.READING, signal.SIGINT, 1, None, False, f"interrupted while reading the recordings, {NO_RUN}"),
    (signals.REHEARSING, signal.SIGTERM, 1, None, False, f"interrupted while playing with itself, {NO_RUN}"),
    (signals.LEARNING, signal.SIGHUP, 1, None, False, f"interrupted while learning, {NO_RUN}"),
    (signals.JUDGING, signal.SIGINT, 1, runs.UNJUDGED, True, JUDGED),
    (signals.JUDGING, signal.SIGINT, 2, runs.UNJUDGED, True, JUDGED),
    (signals.JUDGING, signal.SIGTERM, 2, runs.UNJUDGED, True, JUDGED),
    (signals.JUDGING, signal.SIGHUP, 1, runs.UNJUDGED, True, JUDGED),
    (signals.WRITING, signal.SIGINT, 1, runs.UNJUDGED, True, WROTE),
    (signals.TELLING, signal.SIGTERM, 1, runs.FINISHED, True,
     "interrupted while writing the report: {} is written and judged; "),
]  # fmt: skip
SCRATCH = [
    (signals.READING, signal.SIGTERM, 1, None, False, f"interrupted while reading the recordings, {NO_RUN}"),
    (signals.LEARNING, signal.SIGINT, 2, None, False, f"interrupted while learning, {NO_RUN}"),
    (signals.REMEMBERING, signal.SIGINT, 1, runs.INTERRUPTED, True,
     "interrupted while fitting the session memory: {} is written, unjudged; "),
    (signals.WRITING, signal.SIGTERM, 1, runs.INTERRUPTED, True,
     WROTE),
]  # fmt: skip
COUNTING = [
    (signals.COUNTING, signal.SIGINT, 1, None, False, f"interrupted while counting, {NO_RUN}"),
    (signals.REMEMBERING, signal.SIGINT, 1, None, True,
     "interrupted while fitting the session memory: {} is written, unjudged; "),
]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "phase", "number", "times", "state", "written", "said"),
    [
        *((TUNED, *row) for row in TUNING),
        *((ANEW, *row) for row in SCRATCH),
        *((COUNTED, *row) for row in COUNTING),
    ],
)
def test_whatever_phase_is_cut_off_the_line_it_says_goes_on(
    tmp_path: Path,
    start: Path,
    music: Path,
    whole: dict[tuple[str, ...], Path],
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    phase: str,
    number: signal.Signals,
    times: int,
    state: str | None,
    written: bool,
    said: str,
) -> None:
    output = tmp_path / "mine.safetensors"
    begin = Standing.begin

    def begun(self: Standing, doing: str) -> None:
        begin(self, doing)
        if doing == phase:
            signalled(number, times)

    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with monkeypatch.context() as patched:
        patched.setattr(Standing, "begin", begun)
        cut_off = jamd("train", music, "-o", output, *begins(start, options), *options)
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before
    assert cut_off.exit_code == 128 + number
    assert "Traceback" not in cut_off.output
    told, again = next_line(cut_off)
    assert told.startswith(f"jamd: {said.format(output)}")
    assert output.exists() == written
    assert not list(tmp_path.glob(".*"))
    if state is None:
        assert runs.found(runs.default_folder()) == []
    else:
        assert listed() == state
        if state != runs.FINISHED:
            assert run_of().about["reason"] == f"interrupted while {phase}"
    if written:
        header = bundle.read_header(output)
        assert ("unjudged" in header) == ("unjudged" in told)
    gone_on = jamd(*again)
    assert gone_on.exit_code == 0, gone_on.output
    assert same(output, whole[options])
    assert "unjudged" not in bundle.read_header(output)
    if "--arch=markov" not in options:
        assert listed() == runs.FINISHED
        assert "reason" not in run_of().about
        assert files.is_there(run_of().folder) == (options is TUNED)


def when(patched: pytest.MonkeyPatch, where: object, name: str, call: int = 1) -> None:
    """Ctrl-C at the beginning of some call of a function."""
    calls, function = [0], getattr(where, name)

    def interrupted(*given: object, **named: object) -> object:
        calls[0] += 1
        if calls[0] == call:
            signalled(signal.SIGINT)
        return function(*given, **named)

    patched.setattr(where, name, interrupted)


@pytest.mark.parametrize(
    ("where", "name", "call", "state", "written"),
    [
        (lookup, "read_one", 2, None, False),  # beats are found and music is cached there
        (selfplay, "spell", 9, None, False),
        (learning, "locked", 1, runs.CUT_OFF, False),  # a run that has not begun
        (tuning, "between", 1, runs.UNJUDGED, True),  # how far to go
        (personal, "beside", 1, runs.UNJUDGED, True),  # what is the player's, before and after
        (personal, "beside", 2, runs.UNJUDGED, True),  # what was known
        (judging.answers, "answered", 1, runs.FINISHED, True),
        (files, "write", 1, runs.FINISHED, True),  # drawn there
    ],
)
def test_wherever_it_is_cut_off_it_goes_on(
    tmp_path: Path,
    start: Path,
    music: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: object,
    name: str,
    call: int,
    state: str | None,
    written: bool,
) -> None:
    output = tmp_path / "mine.safetensors"
    with monkeypatch.context() as patched:
        when(patched, where, name, call)
        if where is lookup:
            from jamd.training.reading import reading

            when(patched, reading, name, call)
        cut_off = jamd("train", music, "-o", output, "--from", start, *TUNED)
    assert cut_off.exit_code == 130, cut_off.output
    assert output.exists() == written
    if state is None:
        assert runs.found(runs.default_folder()) == []
    else:
        assert listed() == state
    _, again = next_line(cut_off)
    assert jamd(*again).exit_code == 0


class Updates:
    """Ctrl-C after some updates, once or twice, as the player's fingers do it."""

    def __init__(self, patched: pytest.MonkeyPatch, at: int, twice: bool = False) -> None:
        self.seen, average = 0, fit.average

        def counted(state: fit.State, decay: float) -> None:
            average(state, decay)
            self.seen += 1
            if self.seen == at:
                signalled(signal.SIGINT, 2)  # a launcher passes it on
            if twice and self.seen == at:
                patched.setattr(signals, "AGAIN_SECONDS", 0.0)
                signalled(signal.SIGINT)

        patched.setattr(fit, "average", counted)


def test_stopped_while_it_learns_the_update_in_hand_is_the_last(
    tmp_path: Path,
    start: Path,
    music: Path,
    whole: dict[tuple[str, ...], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What there is is judged and written; and it goes on as if it had never been stopped."""
    output = tmp_path / "mine.safetensors"
    told = ("--from", start, *TUNED)
    with monkeypatch.context() as patched:
        updates = Updates(patched, at=3)
        stopped = jamd("train", music, "-o", output, *told)
    assert stopped.exit_code == 0, stopped.output
    assert updates.seen == 3
    run = run_of()
    assert run.state == runs.STOPPED
    assert f"stopped after 3 updates; `--resume {run.name}` goes on from there" in stopped.output
    assert "way" in bundle.read_header(output)
    assert jamd("train", music, "-o", output, *told, "--resume", run.name).exit_code == 0
    assert run_of().state == runs.FINISHED
    assert same(output, whole[TUNED])


def test_stopped_before_a_score_it_goes_on_from_there(
    tmp_path: Path,
    start: Path,
    music: Path,
    whole: dict[tuple[str, ...], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output = tmp_path / "mine.safetensors"
    told = ("--from", start, *RARELY)
    with monkeypatch.context() as patched:
        Updates(patched, at=2)
        stopped = jamd("train", music, "-o", output, *told)
    assert (stopped.exit_code, listed()) == (130, runs.INTERRUPTED)
    assert not output.exists()
    said, again = next_line(stopped)
    assert said == "jamd: interrupted while learning: "
    with monkeypatch.context() as patched:
        updates = Updates(patched, at=-1)
        assert jamd(*again).exit_code == 0
    assert updates.seen + 2 == run_of().losses()[-1]["updates"]  # nothing was learned twice
    assert same(output, whole[RARELY])


def test_asked_twice_while_it_learns_it_ends_at_once(
    tmp_path: Path, start: Path, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "mine.safetensors"
    told = ("--from", start, *TUNED, "--check-updates=1")
    with monkeypatch.context() as patched:
        Updates(patched, at=3, twice=True)
        stopped = jamd("train", music, "-o", output, *told)
    assert (stopped.exit_code, listed()) == (130, runs.UNJUDGED)
    said, again = next_line(stopped)
    assert said == f"jamd: interrupted while learning: {output} is written, unjudged; "
    assert jamd(*again).exit_code == 0
    assert listed() == runs.FINISHED


def test_no_model_gives_way_to_one_that_was_not_judged(
    tmp_path: Path, start: Path, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "mine.safetensors"
    output.write_bytes(start.read_bytes())
    with monkeypatch.context() as patched:
        when(patched, personal, "outcome")
        cut_off = jamd("train", music, "-o", output, "--from", start, *TUNED[:-1])
    said, again = next_line(cut_off)
    assert said == f"jamd: interrupted while judging: {output} is as it was; "
    assert output.read_bytes() == start.read_bytes()
    assert "--replace" not in again
    assert listed() == runs.UNJUDGED


def test_one_that_turns_out_to_be_no_better_is_taken_away_again(
    tmp_path: Path, start: Path, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if it had not been cut off."""
    output = tmp_path / "mine.safetensors"
    with monkeypatch.context() as patched:
        when(patched, personal, "outcome")
        cut_off = jamd("train", music, "-o", output, "--from", start, *TUNED[:-1])
    assert output.exists()
    _, again = next_line(cut_off)
    monkeypatch.setattr(personal.Outcome, "is_gain", False)
    judged = jamd(*again)
    assert judged.exit_code == 1
    assert f"so {output} is not written" in judged.stderr.splitlines()[-1]
    assert not output.exists()
    assert listed() == runs.FINISHED


def test_a_finished_run_is_judged_again_and_comes_to_the_same(
    tmp_path: Path, start: Path, music: Path
) -> None:
    output = tmp_path / "mine.safetensors"
    told = ("train", music, "-o", output, "--from", start, *TUNED)
    assert jamd(*told).exit_code == 0
    first, way = weights_of(output), bundle.read_header(output)["way"]
    assert jamd(*told, "--resume", run_of().name).exit_code == 0
    assert bundle.read_header(output)["way"] == way
    assert all(np.array_equal(array, first[name]) for name, array in weights_of(output).items())


def test_a_run_that_another_one_judges_is_not_gone_on_with(
    tmp_path: Path, start: Path, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until all is done with it, it is that one's, and running."""
    seen: list[tuple[str, Result]] = []
    told = ("train", music, "--from", start, *TUNED)
    outcome = personal.outcome

    def while_judging(*given: object) -> object:
        if not seen:
            other = jamd(*told, "-o", tmp_path / "other.safetensors", "--resume", run_of().name)
            seen.append((listed(), other))
        return outcome(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(personal, "outcome", while_judging)
    assert jamd(*told, "-o", tmp_path / "mine.safetensors").exit_code == 0
    ((state, refused),) = seen
    assert (state, refused.exit_code) == (runs.RUNNING, 1)
    trained = f"jamd: run {run_of().name} is being trained by another process ({os.getpid()}); "
    assert refused.stderr.splitlines()[-1] == trained + "wait for it, or end it"


# One place, two trainings


def told_off(output: Path, holder: object) -> str:
    return (
        f"jamd: {output} is to be written by another training ({holder}); wait for it, or name another model"
        " with --name or -o"
    )


@pytest.mark.parametrize("arch", ["--arch=markov", "--hidden=8"])
def test_two_trainings_do_not_write_to_one_place(tmp_path: Path, music: Path, arch: str) -> None:
    """The second is told at its start, before it reads anything."""
    output, folder = tmp_path / "mine.safetensors", tmp_path / "other"
    folder.mkdir()
    training = ["train", music, "--from", "scratch", *SMALL, "--epochs=1", arch]
    with only_one(output):
        for place in (output, folder / ".." / "mine.safetensors"):
            refused = jamd(*training, "-o", place)
            assert refused.exit_code == 1
            assert refused.stderr == told_off(place, os.getpid()) + "\n"
        assert runs.found(runs.default_folder()) == []
        beside = jamd(*training, "-o", tmp_path / "beside.safetensors")
        assert beside.exit_code == 0, beside.output
    assert jamd(*training, "-o", output).exit_code == 0
    assert sorted(path.name for path in tmp_path.glob("*.safetensors*")) == [
        "beside.safetensors", "mine.safetensors",
    ]  # fmt: skip
    assert not list(tmp_path.glob(".*"))


def test_by_its_name_too(tmp_path: Path, music: Path) -> None:
    models = tmp_path / "data" / "jamd" / "models"
    models.mkdir(parents=True)
    with only_one(models / "me.safetensors"):
        for arguments in (["--name", "me"], ["-o", models / "me.safetensors"]):
            refused = jamd("train", music, *arguments, *ANEW)
            assert refused.stderr == told_off(models / "me.safetensors", os.getpid()) + "\n"


def test_a_training_that_was_killed_keeps_nobody_out(tmp_path: Path, music: Path) -> None:
    output = tmp_path / "mine.safetensors"
    program = (
        f"from pathlib import Path; from jamd.training.runs.run_lock import only_one; import os, signal\n"
        f"with only_one(Path({str(output)!r})): os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -signal.SIGKILL
    assert [path.name for path in tmp_path.glob(".*")] == [".mine.safetensors.lock"]
    assert jamd("train", music, "-o", output, *ANEW).exit_code == 0
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("options", [TUNED[:-1], ANEW, COUNTED])
def test_what_came_there_meanwhile_is_kept(
    tmp_path: Path, start: Path, music: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    """Copied there by hand, say, while the training went on; until --replace is given."""
    output = tmp_path / "mine.safetensors"
    begin = Standing.begin
    first = begins(start, options)
    monkeypatch.setattr(personal.Outcome, "is_gain", True)

    def copied(self: Standing, doing: str) -> None:
        begin(self, doing)
        if doing in (signals.JUDGING, signals.REMEMBERING):
            output.write_bytes(start.read_bytes())

    monkeypatch.setattr(Standing, "begin", copied)
    kept = jamd("train", music, "-o", output, *first, *options)
    assert kept.exit_code == 1
    line = kept.stderr.splitlines()[-1]
    assert line.startswith(f"jamd: {output} was written by another program meanwhile, and is kept; ")
    assert line.endswith("--replace overwrites what is there")
    assert output.read_bytes() == start.read_bytes()
    if "--arch=markov" not in options:
        path = run_of().folder / runs.MODEL
        assert f"the new model is {path}" in line
        assert bundle.read(path).weights
        assert run_of().state == runs.FINISHED
    assert jamd("train", music, "-o", output, *first, *options, "--replace").exit_code == 0
    assert output.read_bytes() != start.read_bytes()


# Signals


def test_a_signal_that_is_sent_twice_is_one_wish() -> None:
    asked = Asked()
    with asked.patiently():
        asked.hear(signal.SIGINT)
        asked.hear(signal.SIGINT)
        assert asked.stop()
    assert not asked.stop()


def test_what_is_held_is_done_first() -> None:
    asked, done = Asked(), []

    def work() -> None:
        with asked.held():
            asked.hear(signal.SIGTERM)
            done.append("written")
        done.append("more")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert (done, asked.number) == (["written"], signal.SIGTERM)


def test_evaluate_is_cut_off_in_silence(tmp_path: Path, start: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from jamd.training.judging import evaluation

    plot = tmp_path / "scores.png"
    when(monkeypatch, evaluation, "rows_of")
    data = write_corpus(tmp_path / "corpus", 1)
    ended = jamd("evaluate", start, "--data", data, "--plot", plot)
    assert ended.exit_code == 130
    assert "Traceback" not in ended.output
    assert not plot.exists()


LOADED = """
import os, signal, sys, time
sys.path.remove(os.path.dirname(__file__))
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.01)
except KeyboardInterrupt:
    raise ImportError("half of it is there")
del sys.modules[__name__]
__import__(__name__)
"""
"""A library that meets Ctrl-C while it is loaded, and fails by it as large ones do."""


@pytest.mark.parametrize(
    ("library", "status", "said"),
    [("click", -signal.SIGINT, 0), ("torch", 128 + signal.SIGINT, 1)],
)
def test_what_is_cut_off_while_it_is_loaded_ends_without_a_traceback(
    tmp_path: Path, library: str, status: int, said: int
) -> None:
    (tmp_path / f"{library}.py").write_text(LOADED)
    ended = subprocess.run(
        [sys.executable, "-m", "jamd", "train", "music", "-o", "mine.safetensors"],
        capture_output=True,
        text=True,
        cwd=write_corpus(tmp_path / "music", 2).parent,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        timeout=120,
    )
    assert ended.returncode == status, ended.stderr
    assert len(ended.stderr.splitlines()) == said
    assert ended.stderr.count("jamd: interrupted while") == said
