"""A plain install has no torch: it plays, renders, lists and judges; what needs more says what to install."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import click
import numpy as np
import pytest

from jamd.music.note import Note
from jamd.music.transport import Metre
from jamd.options.commands import COMMANDS
from jamd.smf.midifile import Track, encode, messages_of
from jamd.system import extras
from tests.kit.corpus import scale_chords, write_corpus, write_song
from tests.kit.processes import ROOT
from tests.training.test_runs import keep

LIGHT = "torch,tensorboardX,link"
"""What a plain install is without."""
NOWHERE = ("--in", "no such keyboard", "--out", "no such synth")
SONG = "corpus/train/song0.mid"

TRIED: dict[str, Sequence[str]] = {
    "listen": NOWHERE,
    "web": ("--no-open", *NOWHERE),
    "jam": ("--call", "short.mid", "--tempo", "400", "--quiet"),
    "render": (SONG, "-o", "jam.mid", "--plot", "jam.png", "--tempo", "120"),
    "train": ("corpus", "-o", "mine.safetensors"),
    "evaluate": ("--data", "corpus", "--cases", "1", "--plot", "scores.png"),
    "runs": (),
    "runs show": ("first",),
    "runs report": ("first",),
    "runs compare": ("first", "second", "--plot", "curves.png"),
    "bench": NOWHERE,
    "bench timing": ("--turns", "1", "--quick", *NOWHERE),
    "bench model": ("markov", "--answers", "1"),
    "bench loopback": NOWHERE,
    "doctor": ("--model", "markov"),
    "models": (),
    "ports": (),
    "panic": NOWHERE[2:],
    "service": (),
    "service install": ("--help",),
    "service uninstall": ("--name", "none-such"),
    "service start": ("--name", "none-such"),
    "service stop": ("--name", "none-such"),
    "service restart": ("--name", "none-such"),
    "service status": ("--name", "none-such"),
    "service logs": ("--name", "none-such"),
    "service silence": ("--help",),
    "service run": ("--help",),
    "sessions": (),
    "sessions play": ("evening.mid", *NOWHERE[2:]),
    "sessions pick": ("evening.mid",),
    "sessions export": ("evening.mid", "-o", "evening.png"),
    "sessions rename": ("evening.mid", "night.mid"),
    "sessions delete": ("evening.mid", "--yes"),
    "profiles": (),
    "profiles rename": ("nobody", "somebody"),
    "profiles delete": ("nobody", "--yes"),
    "config": (),
    "learn": NOWHERE[:2],
}
"""Every command and one below it, on something small."""
NEED_TORCH = {"train"}
PLAIN = {
    *("jam", "render", "evaluate", "runs", "runs show", "runs compare", "bench model", "models", "config"),
    *("sessions", "sessions pick", "sessions export", "sessions rename", "sessions delete", "profiles"),
}
"""Those that do all of it on any machine; others want its ports or services."""


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with some music, which is the user's home as well, with a session and two trainings."""
    write_corpus(tmp_path / "corpus", pieces=2)
    write_song(tmp_path / "short.mid", scale_chords(60, bars=2))
    data = tmp_path / ".local" / "share" / "jamd"
    (data / "sessions").mkdir(parents=True)
    tracks = [Track(name, messages_of([Note(60, 64, 0.0, 1.0)])) for name in ("player", "jamd")]
    session = encode(tracks, [(0.0, 120.0)], [(0.0, Metre(4, 4))])
    (data / "sessions" / "evening.mid").write_bytes(session)
    for name in ("first", "second"):
        keep(data / "runs", name, (4.0, 3.5))
    return tmp_path


def jamd_without(packages: str, desk: Path, *arguments: str) -> tuple[int, str]:
    """The exit status and all that was said."""
    homes = {"HOME": str(desk), "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    others = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    done = subprocess.run(
        [sys.executable, "-m", "tests.kit.without", packages, *arguments],
        cwd=desk,
        env=others | homes,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def every_command() -> list[str]:
    found = []
    for name in COMMANDS:
        command = import_module(f"jamd.commands.{name}").command
        below = command.commands if isinstance(command, click.Group) else ()
        found += [name, *(f"{name} {each}" for each in below)]
    return found


def test_every_command_is_tried() -> None:
    assert set(TRIED) == set(every_command())


@pytest.mark.parametrize("command", TRIED)
def test_a_command_works_without_torch_or_says_what_to_install(command: str, desk: Path) -> None:
    status, said = jamd_without(LIGHT, desk, *command.split(), *TRIED[command])
    assert "Traceback" not in said
    if command in NEED_TORCH:
        assert status == 2
        (line,) = said.splitlines()
        assert line.startswith("jamd: torch is not installed; this adds it: ")
        assert "[train]" in line
    else:
        assert status == 0 if command in PLAIN else status in (0, 1, 2), said
        errors = [line for line in said.splitlines() if line.startswith("jamd: ")]
        assert not any("is not installed" in line for line in errors)


@pytest.mark.parametrize(
    ("packages", "arguments", "says"),
    [
        ("torch", ("render", SONG, "-o", "o.mid", "--device", "cuda"), ("torch is not installed", "[gpu]")),
        ("torch", ("evaluate", "--data", "roll.npz", "--split", "valid"), ("torch is not inst", "[train]")),
        ("tensorboardX", ("train", "corpus", "-o", "m.safetensors"), ("tensorboardX is not inst", "[train]")),
        (
            "matplotlib",
            ("sessions", "export", "evening.mid", "-o", "o.png"),
            ("matplotlib is not installed",),
        ),
        ("matplotlib", ("render", SONG, "-o", "o.mid", "--plot", "o.png"), ("matplotlib is not installed",)),
        ("matplotlib", ("evaluate", "--data", SONG, "--plot", "o.png"), ("matplotlib is not installed",)),
        ("matplotlib", ("runs", "compare", "first", "second"), ("matplotlib is not installed",)),
    ],
)
def test_it_is_said_before_any_work_is_done(
    packages: str, arguments: Sequence[str], says: Sequence[str], desk: Path
) -> None:
    frames = np.packbits(np.eye(4, 88, dtype=np.uint8), axis=1)
    rolls = {f"{split}_packed": frames for split in ("train", "valid")}
    offsets = {f"{split}_offsets": np.array([0, 4]) for split in ("train", "valid")}
    np.savez(desk / "roll.npz", **rolls, **offsets)
    before = sorted(desk.iterdir())
    status, said = jamd_without(packages, desk, *arguments)
    assert status == 2
    (line,) = filter(None, map(str.strip, said.splitlines()))
    for words in says:
        assert words in line
    assert [path for path in sorted(desk.iterdir()) if path not in before and path.name[0] != "."] == []


def test_rendering_is_the_same_without_torch_as_with_it(desk: Path) -> None:
    with_torch, without = (
        jamd_without(packages, desk, "render", SONG, "-o", f"{name}.mid", "--seed", "1", "--tempo", "120")
        for packages, name in (("none-such", "with"), (LIGHT, "without"))
    )
    assert with_torch[0] == without[0] == 0
    assert (desk / "with.mid").read_bytes() == (desk / "without.mid").read_bytes()


def test_another_missing_module_is_a_fault_of_ours() -> None:
    ours = ModuleNotFoundError("No module named 'jamd.nothing'", name="jamd.nothing")
    assert extras.missing(ours, "render") is None


def test_a_package_that_is_there_and_does_not_load_is_told_from_a_missing_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(extras, "is_installed", lambda package: True)
    broken = ImportError("libc10.so: cannot open shared object file", name="torch._C")
    said = str(extras.missing(broken, "train"))
    assert said.startswith("torch does not load (libc10.so: cannot open shared object file); this adds it: ")


PIPX = f"pipx install --force --python {Path(sys.executable).resolve()}"
INDEX: dict[str, object] = {}
WHEEL: dict[str, object] = {"url": "file:///a%20desk/jamd-0.1.0-py3-none-any.whl", "archive_info": {}}
CHECKOUT: dict[str, object] = {"url": "file:///a%20desk/jamd", "dir_info": {"editable": True}}


@pytest.mark.parametrize(
    ("note", "origin", "command"),
    [
        ("", INDEX, "pip install 'jamd[train]'"),
        ("", WHEEL, f"pip install 'jamd[train] @ {WHEEL['url']}'"),
        ("", CHECKOUT, "pip install -e '/a desk/jamd[train]'"),
        ("pipx_metadata.json", INDEX, f"{PIPX} 'jamd[train]'"),
        ("pipx_metadata.json", WHEEL, f"{PIPX} 'jamd[train] @ {WHEEL['url']}'"),
        ("uv-receipt.toml", INDEX, "uv tool install 'jamd[train]'"),
        ("uv-receipt.toml", WHEEL, f"uv tool install 'jamd[train] @ {WHEEL['url']}'"),
        ("uv-receipt.toml", CHECKOUT, "uv tool install --editable '/a desk/jamd[train]'"),
    ],
)
def test_the_command_adds_to_this_very_install(
    note: str, origin: dict[str, object], command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where jamd was put by pipx or uv, pip would install into another environment, or refuse to; what came
    from a file is on no index."""
    monkeypatch.setattr(extras.shutil, "which", lambda name: f"{Path(sys.executable).parent}/{name}")
    monkeypatch.setattr(extras, "is_installed", lambda package: True)
    if note:
        (tmp_path / note).touch()
    assert extras.adding("train", tmp_path, json.dumps(origin)) == command


def test_a_pip_of_another_python_is_not_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "is_installed", lambda package: True)
    monkeypatch.setattr(extras.shutil, "which", lambda name: "/usr/bin/pip")
    monkeypatch.setattr(extras.sys, "executable", "/home/me/.venv/bin/python")
    assert extras.adding("gpu", tmp_path, "{}") == "/home/me/.venv/bin/python -m pip install 'jamd[gpu]'"


def test_where_there_is_no_pip_uv_made_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "is_installed", lambda package: False)
    monkeypatch.setattr(extras.sys, "executable", "/home/me/.venv/bin/python")
    said = "uv pip install --python /home/me/.venv/bin/python 'jamd[gpu]'"
    assert extras.adding("gpu", tmp_path, "{}") == said
