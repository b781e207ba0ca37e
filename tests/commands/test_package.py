"""The package, as a user gets it: built, installed into an empty environment, and played from there."""

from __future__ import annotations

import email
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Mapping
from email.message import Message
from pathlib import Path

import pytest
import torch

import jamd
from tests.kit.corpus import scale_chords, write_corpus, write_song
from tests.kit.processes import ROOT, Process
from tests.kit.realparts import KEYS, SYNTH, Player

FOLDERS = {"jamd": "jamd", "models": "jamd/models", "training": "jamd/training"}
TORCH = {"torch", "tensorboardX"}


def run(*command: object, cwd: Path, status: int = 0) -> str:
    """Run to the end and return what it printed; fail with it if it did not end so. No home, no settings of
    ours."""
    env = {"PATH": os.environ["PATH"], "HOME": str(cwd)} | {
        name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "REQUESTS_"))
    }
    done = subprocess.run([*map(str, command)], cwd=cwd, env=env, text=True, capture_output=True, timeout=900)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + (done.stderr if status else "")


def tracked() -> list[str]:
    """The files of the checkout, without what was built or left in it."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, text=True, capture_output=True, check=True)
    return [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]


def pip(python: Path | str, *arguments: object, cwd: Path) -> None:
    run(python, "-m", "pip", *arguments, cwd=cwd)


def contents(wheel: Path) -> Mapping[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout's own files."""
    folder = tmp_path_factory.mktemp("tree")
    for name in tracked():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def wheel(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip(sys.executable, "wheel", "-q", "--no-deps", "-w", folder, tree, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def source(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    run(sys.executable, "-m", "build", "--sdist", "-o", folder, tree, cwd=folder)
    (built,) = folder.glob("*.tar.gz")
    return built


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    (text,) = (data for name, data in contents(wheel).items() if name.endswith(".dist-info/METADATA"))
    return email.message_from_bytes(text)


@pytest.fixture(scope="module")
def light(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an empty environment into which the wheel alone was installed, as by a player."""
    folder = tmp_path_factory.mktemp("light")
    venv.create(folder / "env", with_pip=True)
    programs = programs_of(folder / "env")
    pip(programs / "python", "install", "-q", "-c", ROOT / "constraints.txt", wheel, cwd=folder)
    return programs


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder to work in with music, and with a `models` of its own, which must not be taken for jamd's."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").write_text("raise ImportError('not these')\n")
    write_corpus(tmp_path / "corpus")
    write_song(tmp_path / "short.mid", scale_chords(60, bars=2))
    return tmp_path


def programs_of(environment: Path) -> Path:
    return environment / ("Scripts" if sys.platform == "win32" else "bin")


def test_the_wheel_holds_every_file_of_the_tree_and_no_more(wheel: Path) -> None:
    kept = {".py", ".typed", ".mid", ".toml", ".safetensors", ".md", ".html", ".css", ".js", ".svg"}
    expected = set()
    for name in tracked():
        top, _, rest = name.partition("/")
        if top in FOLDERS and Path(name).suffix in kept | {""}:
            expected.add(f"{FOLDERS[top]}/{rest}")
    names = {n for n in contents(wheel) if ".dist-info/" not in n}
    assert names == expected
    assert {name.split("/")[0] for name in names} == {"jamd"}
    assert "jamd/py.typed" in names


def test_the_source_distribution_builds_the_same_wheel(source: Path, wheel: Path, tmp_path: Path) -> None:
    pip(sys.executable, "wheel", "-q", "--no-deps", "-w", tmp_path / "again", source, cwd=tmp_path)
    (again,) = (tmp_path / "again").glob("*.whl")
    assert again.name == wheel.name
    assert contents(again) == contents(wheel)


def test_the_source_distribution_holds_the_tests_and_what_they_run_on(source: Path, tmp_path: Path) -> None:
    shutil.unpack_archive(source, tmp_path / "unpacked", filter="data")
    (top,) = (tmp_path / "unpacked").iterdir()
    there = {str(path.relative_to(top)) for path in top.rglob("*") if path.is_file()}
    assert {name for name in tracked() if not name.startswith(".")} - there == set()


def test_the_version_is_said_in_one_place(metadata: Message) -> None:
    assert metadata["Version"] == jamd.__version__
    assert jamd.__version__ not in (ROOT / "pyproject.toml").read_text()


def test_a_plain_install_asks_for_no_torch_and_the_extras_for_what_they_are_for(metadata: Message) -> None:
    asked: dict[str, set[str]] = {}
    for line in metadata.get_all("Requires-Dist", []):
        wanted, _, condition = line.partition(";")
        extra = condition.split("extra ==")[-1].strip(" \"'") if "extra" in condition else ""
        name = wanted.split(">=")[0].strip()
        asked.setdefault(extra, set()).add(name)
    assert asked[""].isdisjoint({*TORCH, "LinkPython-extern"})
    assert asked["train"] == TORCH
    assert asked["gpu"] == {"torch"}
    assert asked["link"] == {"LinkPython-extern"}
    assert asked["all"] == {"jamd[gpu,link,train]"}
    assert set(metadata.get_all("Provides-Extra", [])) == {"all", "gpu", "link", "test", "train"}


def test_an_empty_environment_without_torch_plays_renders_and_lists(light: Path, desk: Path) -> None:
    program = light / "jamd"
    absent = run(light / "python", "-c", "import torch", cwd=desk, status=1)
    assert "No module named 'torch'" in absent
    assert run(program, "--version", cwd=desk) == f"jamd {jamd.__version__}\n"
    assert "listen" in run(program, "--help", cwd=desk)
    assert "default" in run(light / "python", "-m", "jamd", "models", cwd=desk)
    call = desk / "corpus" / "train" / "song0.mid"
    for model in ("default", "wavenet", "markov"):
        run(program, "render", call, "-o", f"{model}.mid", "--model", model, "--tempo", "120", cwd=desk)
        assert (desk / f"{model}.mid").read_bytes().startswith(b"MThd")
    run(program, "jam", "--quiet", "--call", "short.mid", "--tempo", "400", cwd=desk)
    assert (desk / "jam.mid").read_bytes().startswith(b"MThd")
    assert (desk / "jam.png").read_bytes().startswith(b"\x89PNG")
    assert "No session" in run(program, "sessions", cwd=desk)
    assert "default" in run(program, "evaluate", "--data", "corpus", "--cases", "2", cwd=desk)


def test_an_empty_environment_says_how_to_add_training(wheel: Path, light: Path, desk: Path) -> None:
    said = run(light / "jamd", "train", "corpus", cwd=desk, status=2)
    (line,) = said.splitlines()
    added = f"{light / 'python'} -m pip install 'jamd[train] @ {wheel.as_uri()}'"
    assert line == f"jamd: torch is not installed; this adds it: {added}"


@pytest.mark.jack
def test_an_empty_environment_answers_on_real_ports(
    player: Player, jack: str, light: Path, tmp_path: Path
) -> None:
    ports = ("--backend", "jack", "--in", KEYS, "--out", SYNTH)
    options = ("--tempo", "240", "--bars", "1", "--answer-bars", "1", "--seed", "7")
    homes = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")}
    with Process([light / "jamd", "listen", *ports, *options], homes, tmp_path) as listening:
        listening.wait_for_line("listening", 30)
        start = player.play([(0.0, (0x90, 60, 90)), (0.4, (0x80, 60, 0))])
        player.wait_for_strike(after_seconds=start + 0.9)
        listening.signal(signal.SIGTERM)
        assert listening.wait().status == 0


def test_with_torch_beside_it_the_wheel_trains_and_plays_what_it_learned(wheel: Path, desk: Path) -> None:
    """The packages of the running environment spare a second download of torch: jamd alone is the wheel's."""
    venv.create(desk / "env", with_pip=False)
    programs = programs_of(desk / "env")
    pip(sys.executable, "--python", programs / "python", "install", "-q", "--no-deps", wheel, cwd=desk)
    scheme = {"base": str(desk / "env"), "platbase": str(desk / "env")}
    own = Path(sysconfig.get_path("purelib", "venv", scheme))
    (own / "others.pth").write_text(f"{Path(torch.__file__).parents[1]}\n")
    at = run(programs / "python", "-c", "import jamd; print(jamd.__file__)", cwd=desk)
    assert Path(at.strip()).is_relative_to(own)
    model, jam = desk / "mine.safetensors", desk / "jam.mid"
    run(programs / "jamd", "train", "corpus", "-o", model, "--epochs", 1, "--hidden", 16, cwd=desk)
    run(programs / "jamd", "render", "corpus/train/song0.mid", "-o", jam, "--model", model, cwd=desk)
    assert jam.read_bytes().startswith(b"MThd")
