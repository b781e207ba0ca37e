"""The cache gives back what was put in it, or nothing."""

from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from jamd.training.cache import cache
from jamd.training.cache.cache import ABANDONED_SECONDS, Cache, key_of
from jamd.training.cache.shards import SUFFIX, Entry

KEYS = [key_of(str(i)) for i in range(6)]


def body(key: str) -> bytes:
    return key.encode() * 20


def put(folder: Path, *keys: str) -> str:
    """A shard with these entries, by its name."""
    written = Cache(folder)
    for key in keys:
        written.put(Entry(key, body(key), 16, 1))
    written.flush()
    (name,) = written.wrote
    return name


def known(folder: Path, keys: list[str] = KEYS) -> list[bool]:
    """Which entries are found, each as it was put."""
    opened = Cache(folder)
    got = [opened.get(key) for key in keys]
    assert all(each in (None, body(key)) for each, key in zip(got, keys, strict=True))
    return [each is not None for each in got]


def test_what_was_put_is_got(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet"
    assert not any(known(folder))
    put(folder, *KEYS[:2])
    put(folder, *KEYS[2:4])
    assert known(folder) == [True] * 4 + [False] * 2
    opened = Cache(folder)
    number = opened.find(KEYS[3])
    assert number is not None
    assert opened.row(number)["steps"] == 16
    assert key_of("1", "ab") != key_of("1", "a", "b")


def test_a_shard_is_written_when_it_is_large_or_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = Cache(tmp_path)
    written.put(Entry(KEYS[0], body(KEYS[0]), 16, 1))
    written.put(Entry(KEYS[0], body(KEYS[0]), 16, 1))  # there already
    assert not written.wrote
    monkeypatch.setattr(cache, "SHARD_BYTES", 2 * len(body(KEYS[0])))
    written.put(Entry(KEYS[1], body(KEYS[1]), 16, 1))
    assert len(written.wrote) == 1
    monkeypatch.setattr(cache, "SHARD_SECONDS", 0)
    written.put(Entry(KEYS[2], body(KEYS[2]), 16, 1))
    assert len(written.wrote) == 2
    written.flush()
    assert len(list(tmp_path.iterdir())) == 2
    assert known(tmp_path) == [True] * 3 + [False] * 3


def test_a_damaged_entry_is_none_and_can_be_put_again(tmp_path: Path) -> None:
    path = tmp_path / put(tmp_path, *KEYS[:2])
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert known(tmp_path)[:2] == [True, False]
    assert not path.exists()
    put(tmp_path, *KEYS[:2])
    assert all(known(tmp_path)[:2])
    path.write_bytes(b"nonsense")
    opened = Cache(tmp_path)
    assert opened.get(KEYS[0]) is None
    opened.trim()
    assert not path.exists()


def test_an_interrupted_writer_leaves_nothing_that_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, KEYS[0])

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupted)
        patch.setattr(os, "unlink", interrupted)  # killed, it cannot clear away either
        with pytest.raises(KeyboardInterrupt):
            put(tmp_path, KEYS[1])
    assert known(tmp_path)[:2] == [True, False]
    (left,) = (path for path in tmp_path.iterdir() if not path.name.endswith(SUFFIX))
    Cache(tmp_path).trim()
    assert left.exists()  # it may be somebody's who is still writing
    long_ago = time.time() - ABANDONED_SECONDS - 1
    os.utime(left, (long_ago, long_ago))
    Cache(tmp_path).trim()
    assert not left.exists()
    assert known(tmp_path)[0]


def write_for_ever(folder: Path) -> None:
    for turn in range(10**9):
        put(folder, *(key_of(str(turn), str(i)) for i in range(50)))


def test_a_killed_writer_leaves_nothing_that_is_believed(tmp_path: Path) -> None:
    writer = multiprocessing.get_context("spawn").Process(target=write_for_ever, args=(tmp_path,))
    writer.start()
    deadline = time.monotonic() + 30
    while len(list(tmp_path.glob(f"*{SUFFIX}"))) < 5:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    writer.kill()
    writer.join()
    whole = len(list(tmp_path.glob(f"[!.]*{SUFFIX}")))
    found = known(tmp_path, [key_of(str(turn), str(i)) for turn in range(whole) for i in range(50)])
    assert all(found)


def test_readers_and_writers_share_a_folder(tmp_path: Path) -> None:
    done = threading.Event()
    seen: list[int] = []

    def write(own: int) -> None:
        for turn in range(20):
            put(tmp_path, KEYS[0], KEYS[own], key_of(str(turn), "shared"))
        done.set()

    writers = [threading.Thread(target=write, args=(own,)) for own in (1, 2)]
    for writer in writers:
        writer.start()
    while not done.is_set():
        seen.append(sum(known(tmp_path)))
    for writer in writers:
        writer.join()
    assert seen == sorted(seen)
    assert known(tmp_path) == [True] * 3 + [False] * 3


def test_a_full_disk_costs_time_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    written = Cache(tmp_path)
    written.put(Entry(KEYS[0], body(KEYS[0]), 16, 1))
    written.flush()
    assert not written.wrote
    assert not list(tmp_path.iterdir())


def test_shards_not_used_for_longest_go_first(tmp_path: Path) -> None:
    names = [put(tmp_path, key) for key in KEYS[:4]]
    for age, name in enumerate(names):
        os.utime(tmp_path / name, (age, age))
    (tmp_path / "not mine.txt").write_text("x" * 10_000)
    opened = Cache(tmp_path)
    opened.use([names[0]])  # now the newest
    size = (tmp_path / names[0]).stat().st_size
    assert opened.trim(most_bytes=2 * size)
    assert known(tmp_path)[:4] == [True, False, False, True]
    assert not opened.trim(used=names, most_bytes=0)  # this training's own stay
    assert known(tmp_path)[:4] == [True, False, False, True]
    assert opened.trim(most_bytes=0)
    assert [path.name for path in tmp_path.iterdir()] == ["not mine.txt"]
    Cache(tmp_path / "nowhere").trim()


def test_the_cache_leaves_half_the_disk_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard of another training makes room, those of this one do not."""
    put(tmp_path, KEYS[0])
    size = sum(path.stat().st_size for path in tmp_path.iterdir())

    def disk(folder: Path) -> object:
        class Usage:
            free = 3 * size + 10 - sum(path.stat().st_size for path in tmp_path.iterdir())

        return Usage

    monkeypatch.setattr(shutil, "disk_usage", disk)
    written = Cache(tmp_path)
    for key in KEYS[1:3]:
        written.put(Entry(key, body(key), 16, 1))
        written.flush()
    assert known(tmp_path)[:3] == [False, True, False]


def test_what_an_earlier_version_kept_goes(tmp_path: Path) -> None:
    for name in ("0123.piece", ".0123.piece.x_1y", "mine.txt"):
        (tmp_path / name).write_bytes(b"")
    Cache(tmp_path).trim()
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_folder_is_the_users_own() -> None:
    assert cache.default_folder().name == "pieces"
    assert "jamd" in cache.default_folder().parts
