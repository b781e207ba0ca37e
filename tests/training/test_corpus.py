"""Music that does not fit in memory: read by several processes, kept, drawn from as if it were all there."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch

from jamd.errors import JamdError
from jamd.models import phrases
from jamd.training.batches.sampler import Sampler
from jamd.training.cache import cache
from jamd.training.cache.cache import Cache
from jamd.training.reading import reading
from jamd.training.reading.corpus import Corpus, read_corpus
from jamd.training.recordings import pieces
from jamd.training.recordings.pieces import QuantisedPiece
from jamd.training.recordings.sources import Skipped, find_files
from jamd.training.runs import processes
from tests.kit.corpus import scale_chords, write_song
from tests.kit.processes import ROOT
from tests.training.test_shards import same

SONGS = 24
LONGEST_SECONDS = 240
"""For processes on a busy machine to begin, or to end."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Songs, a copy of one and a file that is none."""
    folder = tmp_path_factory.mktemp("music")
    for song in range(SONGS):
        write_song(folder / f"{song:02}.mid", scale_chords(40 + song, bars=4 + song % 5))
    shutil.copy(folder / "03.mid", folder / "12 again.mid")
    (folder / "05 odd.mid").write_bytes(b"MThd and no more")
    return folder


def found_in(folder: Path) -> list[QuantisedPiece | Skipped]:
    return list(reading.read_all(find_files([folder]), 1))


def read(folder: Path, kept: Path | None = None, workers: int = 1, most_bytes: int = 2**20) -> Corpus:
    return read_corpus(find_files([folder]), workers, folder=kept, most_bytes=most_bytes)


def parses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are parsed from now on."""
    names: list[str] = []
    whole = pieces.read

    def noted(content: bytes, where: str, name: str, *more: object) -> QuantisedPiece:
        names.append(name)
        return whole(content, where, name, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(pieces, "read", noted)
    return names


def test_a_corpus_is_what_its_recordings_hold(folder: Path, tmp_path: Path) -> None:
    found = found_in(folder)
    expected = [piece for piece in found if isinstance(piece, QuantisedPiece)]
    said: list[str] = []
    corpus = read_corpus(find_files([folder]), 1, folder=tmp_path / "cache", say=said.append)
    assert corpus.skipped == tuple(each for each in found if isinstance(each, Skipped))
    assert said == [f"skipped: {each.reason}" for each in corpus.skipped]
    assert len(said) == 2
    held_out = [piece for piece in expected if int(piece.sha256[:8], 16) % 10 == 0]
    assert corpus.spare
    assert all(map(same, corpus.held_out, held_out))
    assert len(corpus.held_out) + len(corpus.teach) == len(expected) == SONGS
    for ours, theirs in (
        (corpus.held_out, held_out),
        (corpus.teach, [p for p in expected if p not in held_out]),
    ):
        assert [(piece.name, piece.sha256) for piece in ours] == [(p.name, p.sha256) for p in theirs]
        assert ours.lengths_steps.tolist() == [piece.steps for piece in theirs]
        assert ours.sha256 == [piece.sha256 for piece in theirs]
        assert ours.account() == {
            "pieces": len(theirs),
            "notes": sum(len(piece.step) for piece in theirs),
            "steps": sum(piece.steps for piece in theirs),
            "sha256": sha256("\n".join(sorted(p.sha256 for p in theirs)).encode()).hexdigest(),
        }
    first = corpus.teach.by_hash(3)
    assert first.sha256 == sorted(corpus.teach.sha256)[:3]
    assert [recording.name for recording in first.recordings] == [piece.name for piece in first]
    assert corpus.teach[1:3].sha256 == corpus.teach.sha256[1:3]


def test_draws_are_the_same_from_memory_and_from_shards(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = [piece for piece in found_in(folder) if isinstance(piece, QuantisedPiece)]
    held = [piece for piece in held if int(piece.sha256[:8], 16) % 10]
    expected = Sampler(held, 64, seed=3).draw(range(40))
    read(folder, tmp_path)
    parsed = parses(monkeypatch)
    for most_bytes in (0, 2**20):
        batch = Sampler(read(folder, tmp_path, most_bytes=most_bytes).teach, 64, seed=3).draw(range(40))
        for name in ("heard", "asked", "token", "offset"):
            assert np.array_equal(getattr(batch, name), getattr(expected, name))
    assert not [name for name in parsed if name != "05 odd.mid"]


def test_a_small_corpus_is_parsed_once_and_held(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed = parses(monkeypatch)
    for kept in (None, tmp_path):
        corpus = read(folder, kept)
        shutil.rmtree(tmp_path, ignore_errors=True)
        assert corpus.teach[0] is corpus.teach[0]
        assert len(list(corpus.teach)) + len(list(corpus.held_out)) == SONGS
        assert len(parsed) == SONGS + 2  # the copy too, and what is no music
        parsed.clear()


def test_what_the_cache_lost_is_parsed_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = read(folder, tmp_path, most_bytes=0)
    before = list(corpus.teach)
    (shard,) = tmp_path.iterdir()
    content = shard.read_bytes()
    for damage in (content[:-100], content[:-100] + bytes(100), None):
        if damage is None:
            shard.unlink(missing_ok=True)
        else:
            shard.write_bytes(damage)
        assert all(map(same, corpus.teach, before))
    parsed = parses(monkeypatch)
    assert same(corpus.teach[2], before[2])
    assert parsed == [before[2].name]


def test_a_recording_that_changed_under_a_training_is_said(tmp_path: Path) -> None:
    path = write_song(tmp_path / "song.mid", scale_chords(60))
    corpus = read(tmp_path, most_bytes=0)
    assert (corpus.spare, len(corpus.teach), len(corpus.held_out)) == (False, 1, 1)
    write_song(path, scale_chords(61))
    with pytest.raises(JamdError, match=r"song\.mid has changed since the training began"):
        corpus.teach[0]
    path.unlink()
    with pytest.raises(JamdError, match=r"song\.mid has changed"):
        corpus.teach[0]


def test_a_disk_that_is_full_costs_time_and_no_more(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "SHARE_OF_DISK", 0)
    said: list[str] = []
    recordings = find_files([folder])
    corpus = read_corpus(recordings, 1, folder=tmp_path / "cache", say=said.append, most_bytes=0)
    assert said[-1] == f"{SONGS} pieces not kept: each is parsed again whenever it is drawn"
    assert same(corpus.teach[0], read(folder).teach[0])


def test_nothing_to_learn_from(tmp_path: Path) -> None:
    corpus = read(tmp_path, tmp_path / "cache")
    assert (len(corpus.teach), len(corpus.held_out), corpus.spare) == (0, 0, False)


def test_processes_keep_order_and_copies(folder: Path, tmp_path: Path) -> None:
    alone = read(folder)
    for _ in ("cold", "warm"):
        several = read(folder, tmp_path, workers=2, most_bytes=0)
        assert several.teach.sha256 == alone.teach.sha256
        assert several.skipped == alone.skipped
        assert all(map(same, several.teach, alone.teach))


# --- bounds


def test_memory_does_not_grow_with_the_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some 50 MB of pieces in 10 MB: a shard being written, what is held, and the index."""
    count, notes = 600, 4000

    def made(content: bytes, where: str, name: str, digest: str, *_: object) -> QuantisedPiece:
        rng = np.random.default_rng(int(content))
        step = np.arange(notes, dtype=np.int32)
        small = rng.integers(0, 88, notes).astype(np.int16)
        fine = rng.random(notes, np.float32)
        bars = np.arange(0, notes + 1, 16, dtype=np.int32)
        return QuantisedPiece(
            name, digest, step, step + 1, small, small, fine, np.zeros(notes, np.int16), bars
        )

    monkeypatch.setattr(pieces, "read", made)
    monkeypatch.setattr(cache, "SHARD_BYTES", 2**20)
    (tmp_path / "music").mkdir()
    for song in range(count):
        (tmp_path / "music" / f"{song}.mid").write_text(str(song))
    recordings = find_files([tmp_path / "music"])
    kept = tmp_path / "cache"
    for _ in ("cold", "warm"):
        tracemalloc.start()
        try:
            corpus = read_corpus(recordings, 1, folder=kept, most_bytes=2**20)
            assert sum(len(piece.step) for piece in corpus.teach) == len(corpus.teach) * notes
            assert tracemalloc.get_traced_memory()[1] < 10 * 2**20
        finally:
            tracemalloc.stop()
    assert sum(path.stat().st_size for path in kept.iterdir()) > count * notes * 11
    assert len(list(kept.iterdir())) > 20


def test_the_phrases_of_much_music_are_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phrases, "MOST_PHRASES", 4000)
    monkeypatch.setattr(phrases, "PHRASES_AT_ONCE", 1000)
    rng = np.random.default_rng(0)
    learned = rng.integers(0, 2**63, 10_000).astype(np.uint64)
    parts = np.split(learned, 50)
    known = phrases.filter_of(parts)
    assert len(known.bits) == len(phrases.filter_of([learned[:4000]]).bits)
    assert known.hold(np.sort(learned)[:4000]).all()
    assert known.hold(np.sort(learned)[4000:]).mean() < 0.03
    assert np.array_equal(known.bits, phrases.filter_of(parts[::-1] + parts).bits)


def test_what_is_read_ahead_is_bounded(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "FEW_FILES", 0)
    monkeypatch.setattr(reading, "CHUNK_FILES", 1)
    submitted: list[int] = []

    class Pool(reading.ProcessPoolExecutor):
        def submit(self, call, /, *given, **named):  # type: ignore[no-untyped-def]
            submitted.append(1)
            return super().submit(call, *given, **named)

    monkeypatch.setattr(reading, "ProcessPoolExecutor", Pool)
    found = reading.read_all(find_files([folder]), 2)
    for _ in range(3):
        next(found)
    assert len(submitted) <= 3 + 2 * reading.CHUNKS_WAITING
    found.close()  # type: ignore[attr-defined]


# --- processes that end


READ = """
if __name__ == "__main__":
    import multiprocessing, sys
    from pathlib import Path
    from jamd.training.reading.reading import read_all
    from jamd.training.recordings.sources import find_files

    recordings = find_files([Path(sys.argv[1])])
    for number, _ in enumerate(read_all(recordings, 2, folder=Path(sys.argv[2]))):
        if number == 40:
            print(*(child.pid for child in multiprocessing.active_children()), flush=True)
"""


def gone(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True
    return status.rpartition(")")[2].split()[0] == "Z"


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    path = write_song(folder / "long.mid", scale_chords(60, bars=60))
    content = path.read_bytes()
    for song in range(600):  # other bytes of the same music: a chunk after the track
        (folder / f"{song}.mid").write_bytes(content + b"JAMD\0\0\0\2" + song.to_bytes(2, "big"))
    return folder


@pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="/proc tells whether a process is gone; this system has none"
)
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_reader_that_is_stopped_leaves_no_processes(many: Path, tmp_path: Path, how: int) -> None:
    script = tmp_path / "read.py"
    script.write_text(READ)
    command = [sys.executable, str(script), str(many), str(tmp_path / "cache")]
    reader = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert reader.stdout
    children = [int(pid) for pid in reader.stdout.readline().split()]
    assert len(children) == 2
    assert not any(map(gone, children))
    stopped = time.monotonic()
    reader.send_signal(how)
    _, said = reader.communicate(timeout=LONGEST_SECONDS)
    while not all(map(gone, children)):
        assert time.monotonic() - stopped < LONGEST_SECONDS
        time.sleep(0.01)
    if how == signal.SIGINT:
        assert said.rstrip().endswith("KeyboardInterrupt")
        assert len(Cache(tmp_path / "cache").shards) == 1  # what was read is not read again


# --- several processes, one training


def main(music: Path, kept: Path, told: Path) -> None:
    """What a process of a training reads: run by torchrun, below."""
    parsed: list[str] = []
    whole = pieces.read

    def noted(content: bytes, where: str, name: str, *more: object) -> QuantisedPiece:
        parsed.append(name)
        return whole(content, where, name, *more)  # type: ignore[arg-type]

    pieces.read = noted  # type: ignore[assignment]
    with processes.together(torch.device("cpu")):
        corpus = read_corpus(find_files([music]), 1, folder=kept, most_bytes=0)
        reading_alone = len(parsed)
        batch = Sampler(corpus.teach, 64, seed=3).draw(range(8))
    document = {
        "parsed": reading_alone,
        "again": len(parsed) - reading_alone,
        "account": corpus.teach.account(),
        "skipped": [each.reason for each in corpus.skipped],
        "drawn": sha256(batch.heard.tobytes()).hexdigest(),
    }
    (told / f"{processes.rank()}.json").write_text(json.dumps(document))


def by_two(*arguments: Path) -> Iterator[dict[str, object]]:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [*launcher, "-m", __name__, *map(str, arguments)]
    subprocess.run(
        command, check=True, cwd=ROOT, capture_output=True, timeout=LONGEST_SECONDS, env=environment
    )
    for rank in range(2):
        yield json.loads((arguments[-1] / f"{rank}.json").read_text())


def test_processes_of_a_training_share_the_reading(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "told").mkdir()
    alone = read(folder)
    expected = {
        "parsed": (SONGS + 2) // 2,
        "again": 0,
        "account": alone.teach.account(),
        "skipped": [each.reason for each in alone.skipped],
        "drawn": sha256(Sampler(alone.teach, 64, seed=3).draw(range(8)).heard.tobytes()).hexdigest(),
    }
    assert list(by_two(folder, tmp_path / "cache", tmp_path / "told")) == [expected, expected]


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
