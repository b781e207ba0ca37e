"""Every file in the user's folders damaged, one at a time: the rest is served, the damaged one is named in
one line, nothing of it is written over, and no command waits or ends in a traceback."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from jamd.errors import JamdError
from jamd.midi import instance
from jamd.sessions import profiles, sessions
from jamd.system.lock import opened
from jamd.training.cache.cache import Cache, default_folder
from jamd.training.fitting import checkpoint
from jamd.training.recordings import jamd_sessions as own_sessions
from jamd.training.runs import runs
from tests.kit.damage import DAMAGES, KINDS, jamd, make_home

SESSION, OTHER = "2026-11-21 20.15.03.mid", "2026-11-22 20.15.03.mid"
NOW = datetime(2026, 12, 1)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with two of everything."""
    home = tmp_path_factory.mktemp("sound")
    with pytest.MonkeyPatch.context() as patch:
        live_in(home, patch)
        make_home(home)
    return home


@pytest.fixture
def home(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it to be damaged."""
    home = tmp_path / "home"
    shutil.copytree(sound, home)
    live_in(home, monkeypatch)
    return home


def live_in(home: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("HOME", str(home))
    patch.setenv("COLUMNS", "400")
    for kind in KINDS:
        patch.setenv(f"XDG_{kind}_HOME", str(home / kind.lower()))


def said(*arguments: object, status: int | None = 0) -> str:
    """What a command says, on stdout and stderr; it must end in order."""
    result = jamd(*arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    assert status is None or result.exit_code == status, result.output
    return result.output


def listed(*arguments: object) -> list[dict[str, object]]:
    result = jamd(*arguments, "--json")
    assert result.exit_code == 0, result.output
    listing: list[dict[str, object]] = json.loads(result.stdout)
    return listing


@pytest.fixture(params=DAMAGES)
def damage(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def test_a_session(home: Path, damage: str, tmp_path: Path) -> None:
    path = sessions.folder() / SESSION
    DAMAGES[damage](path)
    line = next(line for line in said("sessions").splitlines() if line.startswith(SESSION))
    assert OTHER in said("sessions")
    one, other = listed("sessions")
    assert (one["name"], other["name"], other["fault"], other["favourite"]) == (SESSION, OTHER, None, True)
    assert one["fault"]
    assert line == f"{SESSION} {one['fault']}"
    for output in ("jam.mid", "jam.png"):
        assert said("sessions", "export", "11-21", "-o", tmp_path / output, status=1).count("\n") == 1
    assert sorted(each.name for each in tmp_path.iterdir()) == ["home"]
    said("sessions", "export", "11-22", "-o", tmp_path / "jam.mid")
    said("sessions", "pick", "--not", "11-21")
    assert [recording.path.name for recording in own_sessions.recordings(True)] == [OTHER]
    said("sessions", "delete", "--yes", "11-21", status=1 if damage == "a folder" else 0)
    assert path.exists() == (damage == "a folder")


def test_the_list_of_favourites(home: Path, damage: str) -> None:
    path = sessions.folder() / sessions.FAVOURITES
    DAMAGES[damage](path)
    size = path.stat().st_size if path.is_file() else None
    text = said("sessions")
    assert SESSION in text
    assert OTHER in text
    # an empty list cannot be told from one that nothing was picked for
    assert (str(path) in text) == (damage != "empty")
    assert [session["name"] for session in listed("sessions")] == [SESSION, OTHER]
    told = said("sessions", "pick", "last")
    assert sessions.favourites().names >= {OTHER}
    aside = [each.name for each in sessions.folder().iterdir() if each.name.endswith(".damaged")]
    if aside:
        assert "it is kept as favourites.txt.damaged" in told
        assert sessions.favourites().fault == ""
        assert size is None or path.with_name(aside[0]).stat().st_size == size


def test_one_bad_byte_costs_one_favourite(home: Path) -> None:
    path = sessions.folder() / sessions.FAVOURITES
    path.write_bytes(f"{SESSION}\n".encode() + b"\xff\xfe gig.mid\n" + f"{OTHER}\n".encode())
    assert sessions.favourites() == sessions.Favourites(
        frozenset({SESSION, OTHER}), f"{path} is damaged: 1 of its lines names no session"
    )
    assert [recording.path.name for recording in own_sessions.recordings(True)] == [SESSION, OTHER]


def test_a_session_whose_name_no_terminal_can_print_may_be_a_favourite(home: Path) -> None:
    odd = sessions.folder() / os.fsdecode(b"gig \xff.mid")
    shutil.copy(sessions.folder() / SESSION, odd)
    said("sessions", "pick", "gig")
    assert sessions.favourites().fault == ""
    assert odd.name in sessions.favourites().names


def test_a_profile(home: Path, damage: str) -> None:
    path = profiles.path_of("player1")
    DAMAGES[damage](path)
    text = said("profiles")
    assert any(line.startswith("player1 ") for line in text.splitlines())
    assert "player2" in text
    one, other = listed("profiles")
    assert (one["name"], other["name"], other["fault"]) == ("player1", "player2", None)
    assert one["fault"]
    evenings, told = profiles.load("player1")
    assert evenings == []
    assert f"it is kept as {path.name}.damaged, and profile 'player1' begins anew" in told
    assert os.path.lexists(f"{path}.damaged")
    assert len(profiles.load("player2")[0]) == 1


def test_the_lock_of_profiles(home: Path, damage: str) -> None:
    DAMAGES[damage](profiles.folder() / profiles.LOCK)
    assert "player2" in said("profiles")
    evenings, told = profiles.load("player1")
    assert len(evenings) == 1
    assert bool(told) == (damage in ("a folder", "a link to itself"))


def test_a_model(home: Path, damage: str, tmp_path: Path) -> None:
    from jamd.options.model import models_folder

    DAMAGES[damage](models_folder() / "one.safetensors")
    text = said("models")
    assert "default" in text
    assert "two" in text
    faults = {str(entry["name"]): entry.get("fault") for entry in listed("models")}
    assert [name for name, fault in faults.items() if fault] == ["one"]
    assert str(faults["one"]) in text
    song = home / "songs" / "song0.mid"
    assert "one.safetensors" in said("render", song, "-o", tmp_path / "jam.mid", "--model", "one", status=1)
    assert not (tmp_path / "jam.mid").exists()


def test_a_model_s_card(home: Path, damage: str) -> None:
    from jamd.options.model import models_folder

    card = models_folder() / "one.md"
    card.write_text("# one\n")
    DAMAGES[damage](card)
    said("models", "one", status=None)
    assert json.loads(jamd("models", "one", "--json").stdout)["name"] == "one"


@pytest.mark.parametrize(
    "name", ["run.json", "losses.csv", "checkpoint.safetensors", "model.safetensors", "lock"]
)
def test_a_file_of_a_run(home: Path, damage: str, name: str) -> None:
    run = runs.default_folder() / "one"
    DAMAGES[damage](run / name)
    text = said("runs")
    assert "one" in text
    assert "two" in text
    faults = {str(entry["name"]): entry["fault"] for entry in listed("runs")}
    assert faults.keys() == {"one", "two"}
    assert faults["two"] is None
    if name == "run.json":
        assert str(faults["one"]).startswith("run.json") or str(run / name) in str(faults["one"])
        assert said("runs", "show", "one", status=1).count("\n") == 1
    else:
        assert (faults["one"] is not None) == (name == "losses.csv" and damage not in ("empty", "cut short"))
        said("runs", "show", "one", status=1 if faults["one"] else 0)
    said("runs", "show", "two")
    said("runs", "compare", "one", "two", status=None)
    if name == "checkpoint.safetensors":
        with pytest.raises(JamdError, match="is not a whole checkpoint"):
            checkpoint.about(run / name)


@pytest.mark.parametrize("text", ["[]", "{}", '{"arch": 1}', "[" * 100_000])
def test_a_run_of_which_other_things_are_told(home: Path, text: str) -> None:
    (runs.default_folder() / "one" / "run.json").write_text(text)
    (one, two) = sorted(listed("runs"), key=lambda entry: str(entry["name"]))
    assert one["fault"]
    assert two["fault"] is None


def test_the_cache_of_what_was_read(home: Path, damage: str) -> None:
    (shard,) = default_folder().glob("*.shard")
    DAMAGES[damage](shard)
    assert Cache(default_folder()).shards == []


def test_the_settings(home: Path, damage: str) -> None:
    path = home / "config" / "jamd" / "config.toml"
    DAMAGES[damage](path)
    text = said("config", status=0 if damage == "empty" else 2)
    assert damage == "empty" or (str(path) in text and text.count("\n") == 1)
    assert SESSION in said("sessions")


def test_the_service_s_file_and_log(home: Path, damage: str) -> None:
    log = home / "state" / "jamd" / "log" / "jamd.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("2026-11-21 listening\n")
    DAMAGES[damage](log)
    said("service", "logs", status=None)
    DAMAGES[damage](home / "config" / "systemd" / "user" / "jamd.service")
    said("service", "install", "--no-start", "--", "--in", "Keys", status=None)


class Ports:
    name = "jack"

    def inputs(self) -> list[str]:
        return ["Keys"]

    def outputs(self) -> list[str]:
        return ["Synth"]


def test_the_lock_of_the_ports(home: Path, damage: str) -> None:
    with instance.only_one(Ports(), "Keys", "Synth"):
        (lock,) = instance.folder().iterdir()
    DAMAGES[damage](lock)
    with instance.only_one(Ports(), "Keys", "Synth"):
        pass
    if damage not in ("a folder", "a link to itself"):
        os.close(opened(lock))
