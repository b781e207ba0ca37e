"""The wheel, as a user gets it: built, installed into an empty environment, and played from there."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.kit.corpus import write_corpus
from tests.kit.processes import ROOT

FOLDERS = {"jamd": "jamd", "models": "jamd/models", "training": "jamd/training"}


def run(*command: object, cwd: Path) -> str:
    """Run to the end and return what it printed; fail with it otherwise. No home, no settings of ours."""
    env = {"PATH": os.environ["PATH"], "HOME": str(cwd)} | {
        name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "REQUESTS_"))
    }
    done = subprocess.run([*map(str, command)], cwd=cwd, env=env, text=True, capture_output=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, ROOT, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_every_file_of_the_tree_and_no_more(wheel: Path) -> None:
    kept = {".py", ".typed", ".mid", ".safetensors", ".md"}
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, text=True, capture_output=True, check=True)
    expected = set()
    for name in listed.stdout.splitlines():
        top, _, rest = name.partition("/")
        if top in FOLDERS and Path(name).suffix in kept | {""} and (ROOT / name).exists():
            expected.add(f"{FOLDERS[top]}/{rest}")
    names = {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}
    assert names == expected
    assert {name.split("/")[0] for name in names} == {"jamd"}


def test_an_empty_environment_plays_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    """In a folder with a `models` of its own, which must not be taken for jamd's."""
    venv.create(tmp_path / "env", with_pip=True)
    bin_folder = tmp_path / "env" / ("Scripts" if sys.platform == "win32" else "bin")
    run(
        bin_folder / "python",
        "-m",
        "pip",
        "install",
        "-q",
        "-c",
        ROOT / "constraints.txt",
        wheel,
        cwd=tmp_path,
    )
    desk = tmp_path / "desk"
    (desk / "models").mkdir(parents=True)
    (desk / "models" / "__init__.py").write_text("raise ImportError('not these')\n")
    corpus = write_corpus(desk / "corpus")

    jamd = bin_folder / "jamd"
    assert "listen" in run(jamd, "--help", cwd=desk)
    assert "default" in run(bin_folder / "python", "-m", "jamd", "models", cwd=desk)
    model = desk / "mine.safetensors"
    run(jamd, "train", corpus, "-o", model, "--epochs", 1, "--hidden", 16, cwd=desk)
    for name in ("default", model):
        jam = desk / "jam.mid"
        run(jamd, "render", corpus / "train" / "song0.mid", "-o", jam, "--model", name, cwd=desk)
        assert jam.read_bytes().startswith(b"MThd")
        jam.unlink()
