"""What jamd keeps is its user's alone, lies in their own folders, and needs neither root nor a network."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from jamd.errors import JamdError
from jamd.sessions import sessions
from jamd.system import permissions
from jamd.system.files import write_whole
from jamd.training.runs import runs
from tests.kit.corpus import scale_chords, write_song
from tests.kit.realparts import KEYS, SYNTH, Jamd, Player

KINDS = ("DATA", "CONFIG", "CACHE", "STATE")
UNPRIVILEGED = ["--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"]
"""What of root a program has with these options of setpriv is its files alone."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home without anything in it, of a user whose other files may be read by all."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for kind in KINDS:
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(home / kind.lower()))
    before = os.umask(0o022)
    yield home
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def made(home: Path) -> list[Path]:
    """All files of jamd's in a home, each for its user alone, as are their folders. (Matplotlib keeps a list
    of fonts there too.)"""
    paths = [path for path in home.rglob("*") if "matplotlib" not in path.parts]
    for path in paths:
        if path.parent == home:
            continue
        assert mode(path) == (0o700 if path.is_dir() else 0o600), path
    return [path for path in paths if not path.is_dir()]


def jamd(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """The program as its own process, without what only root may do."""
    drop = ["setpriv", *UNPRIVILEGED] if shutil.which("setpriv") and os.getuid() == 0 else []
    return subprocess.run(
        [*drop, sys.executable, "-m", "jamd", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
    )


def test_a_file_of_jamd_s_own_is_private_and_one_that_the_user_names_is_as_they_like(
    home: Path, tmp_path: Path
) -> None:
    permissions.make_folder(home / "data" / "jamd" / "models")
    write_whole(home / "data" / "jamd" / "models" / "mine.safetensors", b"mine")
    assert len(made(home)) == 1
    assert mode(home / "data") == 0o700
    permissions.make_folder(tmp_path / "gigs" / "friday")
    write_whole(tmp_path / "gigs" / "friday" / "take.mid", b"music")
    assert mode(tmp_path / "gigs") == mode(tmp_path / "gigs" / "friday") == 0o755
    assert mode(tmp_path / "gigs" / "friday" / "take.mid") == 0o644
    os.umask(0o077)
    write_whole(tmp_path / "private.mid", b"music")
    assert mode(tmp_path / "private.mid") == 0o600


def test_what_is_there_keeps_the_mode_that_it_has(home: Path, tmp_path: Path) -> None:
    (home / "config" / "jamd").mkdir(parents=True)
    for path, kept in ((home / "config" / "jamd" / "config.toml", 0o664), (tmp_path / "take.mid", 0o640)):
        path.write_bytes(b"before")
        path.chmod(kept)
        permissions.make_folder(path.parent)
        write_whole(path, b"after")
        assert (path.read_bytes(), mode(path)) == (b"after", kept)
    assert mode(home / "config" / "jamd") == 0o755


def test_a_way_round_by_a_link_is_a_way_into_jamd_s_folder(home: Path, tmp_path: Path) -> None:
    sessions.new_path(datetime(2026, 11, 21, 20, 15))
    (tmp_path / "jams").symlink_to(sessions.folder())
    assert permissions.is_own(tmp_path / "jams" / "x.mid")
    assert not permissions.is_own(sessions.folder() / ".." / ".." / ".." / "x.mid")


def test_a_file_where_a_folder_should_be_is_named(home: Path) -> None:
    (home / "data").write_bytes(b"")
    with pytest.raises(JamdError, match=r"^cannot keep sessions in .*: Not a directory$"):
        sessions.new_path(datetime(2026, 11, 21, 20, 15))


def test_what_commands_leave_in_the_user_s_folders_is_the_user_s_alone(home: Path, tmp_path: Path) -> None:
    """A model trained, with its run and its cache, and a service; without any of root's privileges."""
    songs = tmp_path / "songs"
    for number in range(6):
        write_song(songs / f"song{number}.mid", scale_chords(55 + number))
    small = ["--hidden=24", "--epochs=1", "--batch=4", "--steps=64"]
    trained = jamd("train", songs, "--name", "mine", "--from", "scratch", *small)
    assert trained.returncode == 0, trained.stderr
    service = jamd("service", "install", "--no-start", "--", "--in", "Keys", "--out", "Synth")
    assert service.returncode == 0, service.stderr
    rendered = jamd("render", songs / "song0.mid", "-o", tmp_path / "jam.mid", "--model", "mine")
    assert rendered.returncode == 0, rendered.stderr
    files = {str(path.relative_to(home)) for path in made(home)}
    assert {file.split("/")[1] for file in files} == {"jamd", "systemd"}
    assert {"data/jamd/models/mine.safetensors", "config/systemd/user/jamd.service"} <= files
    (run,) = runs.default_folder().iterdir()
    left = {path.name.split(".")[0] for path in run.iterdir()}
    assert {"run", "losses", "events", "model", "checkpoint", "lock"} <= left
    assert any(file.startswith("cache/jamd/pieces/") for file in files)
    assert mode(tmp_path / "jam.mid") == 0o644


def inet_sockets(process: int) -> set[str]:
    """The lines of the system's tables of internet sockets that are of this process."""
    inodes = set()
    for handle in Path(f"/proc/{process}/fd").iterdir():
        try:
            leads_to = os.readlink(handle)
        except FileNotFoundError:
            continue
        inodes.add(leads_to.removeprefix("socket:[").removesuffix("]"))
    tables = (Path(f"/proc/{process}/net/{name}") for name in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"))
    rows = (row for table in tables if table.exists() for row in table.read_text().splitlines()[1:])
    return {row for row in rows if row.split()[9] in inodes}


def test_an_internet_socket_would_be_found() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (row,) = inet_sockets(os.getpid())
        assert f":{port:04X}" in row


@pytest.mark.jack
def test_a_session_leaves_private_files_and_opens_no_socket(
    player: Player, jamd: Callable[..., Jamd], home: Path, tmp_path: Path
) -> None:
    """With everything on that keeps something: a session, a profile, a log, the lock of the ports."""
    log = tmp_path / "state" / "jamd" / "log" / "jamd.log"
    ports = ("--in", KEYS, "--out", SYNTH)
    playing = jamd(*ports, "--tempo", "240", "--bars", "1", "--learn", "--log", str(log))
    player.play([(0.25 * beat, (0x90, 60 + beat, 90)) for beat in range(4)])
    player.wait_for_strike()
    assert inet_sockets(playing.popen.pid) == set()
    playing.signal(signal.SIGTERM)
    assert playing.wait().status == 0
    kept = [path for kind in KINDS for path in made(tmp_path / kind.lower())]
    assert {mode(tmp_path / kind.lower()) for kind in ("DATA", "STATE")} == {0o700}
    assert {"me.safetensors", "jamd.log"} <= {path.name for path in kept}
    assert [path.parent.name for path in kept if path.suffix == ".lock" and path.stem] == ["ports"]
    assert mode(playing.record) == mode(playing.trace_file) == 0o644
