"""Files are written whole or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from jamd.errors import JamdError
from jamd.system.files import check_writable, write_whole


def test_a_file_is_written_and_nothing_beside_it(tmp_path: Path) -> None:
    write_whole(tmp_path / "take.mid", b"music")
    assert (tmp_path / "take.mid").read_bytes() == b"music"
    assert os.listdir(tmp_path) == ["take.mid"]


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "take.mid"
    path.write_bytes(b"an older and longer take")
    with path.open("rb") as reader:
        write_whole(path, b"new")
        assert reader.read() == b"an older and longer take"
    assert path.read_bytes() == b"new"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(JamdError, match=r"^cannot write .*nowhere/take\.mid: No such file or directory$"):
        write_whole(tmp_path / "nowhere" / "take.mid", b"music")
    assert os.listdir(tmp_path) == []


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "music").write_bytes(b"a file")
    with pytest.raises(JamdError, match=r"^cannot write .*take\.mid: Not a directory$"):
        write_whole(tmp_path / "music" / "take.mid", b"music")


def test_a_folder_in_the_place_of_the_file_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "take.mid").mkdir()
    with pytest.raises(JamdError, match=r"^cannot write .*take\.mid: Is a directory$"):
        write_whole(tmp_path / "take.mid", b"music")
    assert os.listdir(tmp_path) == ["take.mid"]


def test_a_folder_that_goes_while_a_file_is_written_in_it_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "takes"
    folder.mkdir()
    flush = os.fsync

    def flushed(handle: int) -> None:
        flush(handle)
        shutil.rmtree(folder)

    monkeypatch.setattr("jamd.system.files.os.fsync", flushed)
    with pytest.raises(JamdError, match=r"^cannot write .*take\.mid: No such file or directory$"):
        write_whole(folder / "take.mid", b"music")


def test_ctrl_c_leaves_nothing_beside_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    (tmp_path / "take.mid").write_bytes(b"the old take")
    monkeypatch.setattr("jamd.system.files.os.fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "take.mid", b"music")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"the old take"]


def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "take.mid"
    path.write_bytes(b"the old take")
    fdopen = os.fdopen

    def on_a_full_disk(handle: int, mode: str) -> object:
        os.dup2(os.open("/dev/full", os.O_WRONLY), handle)
        return fdopen(handle, mode)

    monkeypatch.setattr("jamd.system.files.os.fdopen", on_a_full_disk)
    with pytest.raises(JamdError, match=r"^cannot write .*take\.mid: No space left on device$"):
        write_whole(path, b"the new take")
    assert path.read_bytes() == b"the old take"
    assert os.listdir(tmp_path) == ["take.mid"]


def test_what_can_be_written_later_is_let_through(tmp_path: Path) -> None:
    check_writable(tmp_path / "take.mid")
    assert os.listdir(tmp_path) == []


def test_what_could_not_be_written_later_is_refused_now(tmp_path: Path) -> None:
    with pytest.raises(JamdError, match="it is a folder; name a file in it"):
        check_writable(tmp_path)
    with pytest.raises(JamdError, match=r"there is no folder .*nowhere"):
        check_writable(tmp_path / "nowhere" / "take.mid")
