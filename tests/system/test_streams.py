"""Standard streams that are closed, full, or left by their reader: no traceback, and a session plays on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.realparts import KEYS, SYNTH, Player

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")

FULL = "jamd: cannot write to the standard output: No space left on device\n"
JAMD = f'"{sys.executable}" -m jamd'


def shell(line: str, home: Path) -> tuple[int, str]:
    """How a line in a shell ended, and what was said on stderr."""
    kinds = ("DATA", "CONFIG", "CACHE", "STATE")
    homes = {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in kinds}
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | homes,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("command", ["--help", "--version", "config", "sessions --json", "models"])
def test_a_full_disk_is_one_line(command: str, tmp_path: Path) -> None:
    assert shell(f"{JAMD} {command} >/dev/full", tmp_path) == (1, FULL)
    assert shell(f"{JAMD} {command} >/dev/full 2>&1", tmp_path) == (1, "")


def test_an_unbuffered_full_disk_is_one_line(tmp_path: Path) -> None:
    assert shell(f'"{sys.executable}" -u -m jamd models >/dev/full', tmp_path) == (1, FULL)


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_take_what_is_said(closed: str, tmp_path: Path) -> None:
    assert shell(f"{JAMD} models {closed}", tmp_path) == (0, "")


def test_a_fault_keeps_its_status_where_nobody_can_be_told(tmp_path: Path) -> None:
    for where in ("2>&-", "2>/dev/full", ">/dev/full 2>/dev/full"):
        assert shell(f"{JAMD} render nowhere.mid -o x.mid {where}", tmp_path)[0] == 1
        assert shell(f"{JAMD} nonsense {where}", tmp_path)[0] == 2


def test_a_reader_who_has_seen_enough_hears_no_complaint(tmp_path: Path) -> None:
    status, said = shell(f"{JAMD} listen --help | head -1", tmp_path)
    assert said == ""
    assert status in (0, 1)


def test_letters_that_the_terminal_has_not_are_spelt_out(tmp_path: Path) -> None:
    (tmp_path / "data" / "jamd" / "sessions").mkdir(parents=True)
    (tmp_path / "data" / "jamd" / "sessions" / "漢.mid").write_bytes(b"")
    assert shell(f"PYTHONIOENCODING=ascii {JAMD} sessions", tmp_path) == (0, "")


@pytest.mark.jack
@pytest.mark.parametrize("streams", [">/dev/full", ">&-", ">&- 2>&-", ">/dev/full 2>/dev/full"])
def test_a_session_plays_whatever_becomes_of_what_it_says(
    streams: str, player: Player, tmp_path: Path
) -> None:
    """What the player holds is passed on, and ends with the session."""
    options = f"--backend jack --in {KEYS} --out {SYNTH} --thru all --no-record"
    line = f"exec {JAMD} listen {options} {streams}"
    homes = {
        f"XDG_{kind}_HOME": str(tmp_path / kind.lower()) for kind in ("DATA", "CONFIG", "CACHE", "STATE")
    }
    with subprocess.Popen(["bash", "-c", line], env=os.environ | homes, stderr=subprocess.PIPE) as jamd:
        try:
            for _ in range(60):  # until it listens, which it cannot say
                began = player.play([(0.0, (0x90, 60, 90)), (0.1, (0x80, 60, 0))])
                player.listen_until(began + 0.3)
                if any(message.strikes for message in player.heard):
                    break
            jamd.send_signal(signal.SIGTERM)
            _, said = jamd.communicate(timeout=20)
        finally:
            jamd.kill()
    assert any(message.strikes for message in player.heard)
    assert jamd.returncode == (1 if "full" in streams else 0)
    assert said.decode() == (FULL if streams == ">/dev/full" else "")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_json_is_json_in_every_encoding(encoding: str, tmp_path: Path) -> None:
    """A keyboard by the name of an E acute, a note, and the sign of one."""
    name = "\xc9 \u266a \U0001f3b5"
    config = tmp_path / "config" / "jamd" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'[listen]\nin = "{name}"\n', encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "jamd", "config", "--json"],
        capture_output=True,
        env=os.environ | {"XDG_CONFIG_HOME": str(tmp_path / "config"), "PYTHONIOENCODING": encoding},
    )
    assert done.returncode == 0, done.stderr
    settings = json.loads(done.stdout)["listen"]
    assert name in json.dumps(settings, ensure_ascii=False)
