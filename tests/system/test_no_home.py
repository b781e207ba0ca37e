"""A user whose home cannot be written, is not there, or was never told: every command does what it can
without one, and says in one line what it cannot."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from jamd.cli import main
from jamd.commands.learn import prepared
from jamd.errors import JamdError
from jamd.options import config
from jamd.system import permissions
from jamd.system.logs import LogFile
from tests.kit.corpus import scale_chords, write_song


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """It would lie below a file."""
    (tmp_path / "house").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "house" / "home"))
    for kind in ("DATA", "CONFIG", "CACHE", "STATE"):
        monkeypatch.delenv(f"XDG_{kind}_HOME", raising=False)
    return tmp_path / "house" / "home"


def jamd(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


@pytest.mark.parametrize("command", ["sessions", "profiles", "models", "runs", "config", "learn"])
def test_what_lists_lists_what_there_is(command: str) -> None:
    result = jamd(command)
    assert (result.exit_code, result.stderr) == (0, "")


def test_a_file_is_answered_as_ever(tmp_path: Path) -> None:
    song = write_song(tmp_path / "song.mid", scale_chords(60, 2))
    result = jamd("render", song, "-o", tmp_path / "jam.mid", "--model", "markov")
    assert (result.exit_code, result.stderr) == (0, "")
    assert (tmp_path / "jam.mid").exists()


@pytest.mark.parametrize(
    ("arguments", "fault", "remedy"),
    [
        (["--name", "mine"], "cannot keep models in", "-o FILE writes the model elsewhere"),
        (
            ["-o", "mine.safetensors", "--hidden=8", "--layers=1", "--epochs=1", "--steps=32"],
            "cannot make a run folder in",
            "--runs FOLDER names another place",
        ),
    ],
)
def test_a_training_says_which_option_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], fault: str, remedy: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(6):
        write_song(tmp_path / "songs" / f"{number}.mid", scale_chords(55 + number))
    result = jamd("train", tmp_path / "songs", "--from", "scratch", *arguments)
    assert result.exit_code == 1
    (line,) = (line for line in result.stderr.splitlines() if line.startswith("jamd: "))
    assert fault in line
    assert line.endswith(remedy)


def test_a_knob_cannot_be_bound_and_which_option_helps_is_said() -> None:
    with pytest.raises(JamdError, match=r"^cannot write .*: Not a directory; --config FILE names another"):
        prepared(config.user_path())


def test_what_matplotlib_does_without_a_home_is_no_news() -> None:
    jamd("runs")
    assert not logging.getLogger("matplotlib").isEnabledFor(logging.WARNING)


def test_a_home_that_nobody_tells_is_not_made_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As for a user of no name in a container: to ask for their folders would end in a traceback."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HOME")
    told = os.environ.get
    monkeypatch.setattr(os.path, "expanduser", lambda path: str(path).replace("~", told("HOME", "~")))
    jamd("sessions")
    assert os.environ["HOME"] == os.devnull


def test_a_log_s_folder_that_is_deleted_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    log = LogFile(tmp_path / "log" / "jamd.log")
    (tmp_path / "log" / "jamd.log").unlink()
    (tmp_path / "log").rmdir()
    log(logging.LogRecord("jamd", logging.INFO, __file__, 0, "a port went", (), None))
    assert "INFO a port went" in (tmp_path / "log" / "jamd.log").read_text()


def test_a_link_to_itself_is_nobody_s(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert not permissions.is_own(tmp_path / "loop")
