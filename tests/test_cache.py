"""The cache gives back what was put in it, or nothing."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from jamd.training import cache

ARRAYS = {
    "step": np.arange(9, dtype=np.int32),
    "offset": np.linspace(-0.5, 0.5, 9, dtype=np.float32),
    "phrase_steps": np.zeros(0, np.int32),
    "on_grid": np.asarray(True),
}
KEY = cache.key_of("1", "a", "b")


def entry(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def equal(one: cache.Arrays | None, other: cache.Arrays) -> bool:
    return (
        one is not None
        and one.keys() == other.keys()
        and all(
            one[name].dtype == other[name].dtype and np.array_equal(one[name], other[name]) for name in other
        )
    )


def test_what_was_put_is_got(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet"
    assert cache.get(folder, KEY) is None
    cache.put(folder, KEY, ARRAYS)
    assert equal(cache.get(folder, KEY), ARRAYS)
    assert cache.get(folder, cache.key_of("2", "a", "b")) is None
    assert cache.key_of("1", "ab") != KEY


@pytest.mark.parametrize("damage", ["cut short", "one bit", "emptied", "another format"])
def test_a_damaged_entry_is_none(tmp_path: Path, damage: str) -> None:
    cache.put(tmp_path, KEY, ARRAYS)
    content = bytearray(entry(tmp_path).read_bytes())
    content[-1] ^= damage == "one bit"
    length = {"cut short": len(content) - 5, "emptied": 0}.get(damage, len(content))
    entry(tmp_path).write_bytes(b"nonsense" if damage == "another format" else content[:length])
    assert cache.get(tmp_path, KEY) is None
    cache.put(tmp_path, KEY, ARRAYS)
    assert equal(cache.get(tmp_path, KEY), ARRAYS)


def test_an_interrupted_writer_leaves_the_old_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.put(tmp_path, KEY, ARRAYS)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            cache.put(tmp_path, KEY, {"step": np.zeros(2, np.int32)})
    assert equal(cache.get(tmp_path, KEY), ARRAYS)
    cache.trim(tmp_path, largest_bytes=0)
    assert not list(tmp_path.iterdir())


def test_readers_and_writers_share_a_folder(tmp_path: Path) -> None:
    others = {name: array[..., None] for name, array in ARRAYS.items()}
    done = threading.Event()

    def write() -> None:
        for _ in range(60):
            cache.put(tmp_path, KEY, ARRAYS)
            cache.put(tmp_path, KEY, others)
        done.set()

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    got = []
    while not done.is_set():
        got.append(cache.get(tmp_path, KEY))
    for writer in writers:
        writer.join()
    found = [arrays for arrays in got if arrays is not None]
    assert found
    assert all(equal(arrays, ARRAYS) or equal(arrays, others) for arrays in found)
    assert len(list(tmp_path.iterdir())) == 1


def test_those_not_used_for_longest_go_first(tmp_path: Path) -> None:
    keys = [cache.key_of(str(i)) for i in range(4)]
    for i, key in enumerate(keys):
        cache.put(tmp_path, key, ARRAYS)
        os.utime(tmp_path / (key + cache.SUFFIX), (i, i))
    (tmp_path / "not mine.txt").write_text("x" * 10_000)
    assert cache.get(tmp_path, keys[0]) is not None  # used again: now the newest
    size = (tmp_path / (keys[0] + cache.SUFFIX)).stat().st_size
    cache.trim(tmp_path, largest_bytes=2 * size)
    assert [cache.get(tmp_path, key) is not None for key in keys] == [True, False, False, True]
    assert (tmp_path / "not mine.txt").exists()
    cache.trim(tmp_path / "nowhere", largest_bytes=0)


def test_the_folder_is_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache.default_folder().name == "pieces"
    assert "jamd" in cache.default_folder().parts
