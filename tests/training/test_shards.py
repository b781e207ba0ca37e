"""A shard is believed whole or not at all."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from jamd.training.cache import shards
from jamd.training.cache.cache import key_of
from jamd.training.cache.shards import Entry
from jamd.training.reading import packing
from jamd.training.reading.packing import Damaged, packed, unpacked
from jamd.training.recordings.pieces import QuantisedPiece

ENTRIES = [Entry(key_of(str(i)), bytes([i]) * (10 + i), 16 * i, i) for i in range(3)]


def write(folder: Path) -> tuple[Path, bytes]:
    name, content = shards.encoded(ENTRIES)
    (folder / name).write_bytes(content)
    return folder / name, content


def bodies(path: Path) -> list[bytes | None]:
    """Of its entries, in order; none when the shard is not believed."""
    rows = shards.index_of(path)
    return [] if rows is None else [shards.body_of(path, row) for row in rows]


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path, _ = write(tmp_path)
    rows = shards.index_of(path)
    assert rows is not None
    assert [(row["key"] == shards.words_of(e.key)).all() for row, e in zip(rows, ENTRIES, strict=True)]
    assert (rows["steps"].tolist(), rows["notes"].tolist()) == ([0, 16, 32], [0, 1, 2])
    assert bodies(path) == [entry.body for entry in ENTRIES]
    assert shards.encoded(ENTRIES)[0] == path.name != shards.encoded(ENTRIES[:2])[0]


def test_a_shard_cut_short_anywhere_is_not_believed(tmp_path: Path) -> None:
    path, content = write(tmp_path)
    for length in range(len(content)):
        path.write_bytes(content[:length])
        assert shards.index_of(path) is None
    for longer in (content + b"\0", content + content):
        path.write_bytes(longer)
        assert shards.index_of(path) is None


def test_a_shard_whose_end_never_reached_the_disk_is_not_believed(tmp_path: Path) -> None:
    """After lost power a file may have its length, and zeros where its bytes should be."""
    path, content = write(tmp_path)
    expected = [entry.body for entry in ENTRIES]
    for length in range(len(content)):
        path.write_bytes(content[:length].ljust(len(content), b"\0"))
        found = bodies(path)
        assert all(body in (None, right) for body, right in zip(found, expected, strict=False))
        assert not found or found[-1] is None


def test_one_wrong_bit_spoils_its_entry_and_the_shard_goes(tmp_path: Path) -> None:
    path, content = write(tmp_path)
    first = len(content) - sum(len(entry.body) for entry in ENTRIES)
    for at in range(len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 16]) + content[at + 1 :])
        rows = shards.index_of(path)
        assert (rows is not None) == (at >= first)
        if rows is not None:
            (spoilt,) = (row for row in rows if row["offset"] <= at < row["offset"] + row["size"])
            assert shards.body_of(path, spoilt) is None
            assert not path.exists()


def test_an_index_that_would_fill_the_memory_is_not_read(tmp_path: Path) -> None:
    path, content = write(tmp_path)
    path.write_bytes(content[:8] + (2**62).to_bytes(8, "little") + content[16:])
    assert shards.index_of(path) is None


def test_another_name_is_another_shard(tmp_path: Path) -> None:
    path, _ = write(tmp_path)
    assert shards.index_of(path.rename(tmp_path / f"{key_of('x')}{shards.SUFFIX}")) is None


# --- pieces as bytes


def piece(**other: object) -> QuantisedPiece:
    step = np.arange(5, dtype=np.int32) * 300
    given: dict[str, object] = {
        "step": step,
        "end": step + 70_000,
        "key": np.arange(-2, 3, dtype=np.int16),
        "velocity": np.arange(100, 105, dtype=np.int16),
        "offset": np.linspace(-0.5, 0.5, 5, dtype=np.float32),
        "part": np.zeros(5, np.int16),
        "bar_lines": np.array([0, 1200], np.int32),
    }
    return QuantisedPiece("a.mid", key_of("a"), **{**given, **other})  # type: ignore[arg-type]


def same(one: QuantisedPiece, other: QuantisedPiece) -> bool:
    pairs = [(getattr(one, field.name), getattr(other, field.name)) for field in fields(one)]
    return all(np.array_equal(a, b) and type(a) is type(b) for a, b in pairs) and all(
        getattr(a, "dtype", 0) == getattr(b, "dtype", 0) for a, b in pairs
    )


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"phrase_steps": np.array([0, 600], np.int32), "on_grid": False, "found": True, "sure": 1 / 3},
        {name: np.zeros(0, np.int16) for name in ("key", "velocity", "part")},
    ],
)
def test_a_piece_comes_back_as_it_was(other: dict[str, object]) -> None:
    given = piece(**other)
    assert same(unpacked(packed(given), "a.mid", given.sha256), given)
    again = unpacked(packed(given), "b.mid", given.sha256)
    again.step[0] = 7  # it is nobody else's
    assert again.name == "b.mid"


def test_a_note_takes_eleven_bytes() -> None:
    def long(count: int) -> QuantisedPiece:
        steps, small = np.arange(count, dtype=np.int32), np.arange(count, dtype=np.int16) % 88
        fine = np.zeros(count, np.float32)
        return piece(step=steps, end=steps + 4, key=small, velocity=small, offset=fine, part=small)

    assert len(packed(long(20_000))) - len(packed(long(10_000))) == 11 * 10_000
    assert packing.memory_bytes(long(10_000)) > 18 * 10_000


ENDLESS = packed(piece()).replace(b'"step", "<u2", 5', b'"step", "<u2", 1' + b"0" * 30)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n",
        b"{}\n",
        b"[]\n",
        b"[" * 3000 + b"\n",
        ENDLESS,
        packed(piece())[:-1],
        packed(piece()).replace(b"<f4", b"|O8"),
    ],
)
def test_bytes_that_are_no_piece_are_refused(body: bytes) -> None:
    with pytest.raises(Damaged):
        unpacked(body, "a.mid", "")
