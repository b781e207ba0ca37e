"""How fast a large corpus is read, and in how much memory: `.venv/bin/python -m tests.bench.corpus`.

Makes piano music from a seed, 200 to 5,000 notes a file, in several tracks with tempo changes and the pedal,
and reads it: parsed only, a sample of the files by mido, by symusic if it is installed and by jamd; and all
through the whole pipeline, with a cache that is empty and with one that is full, each in a process of its
own. The files come from memory, where the system keeps what was just written. Run it when nothing else runs.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import random
import resource
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

TICKS_PER_BEAT = 480
FEWEST_NOTES, MOST_NOTES = 200, 5_000
MAJOR = (0, 2, 4, 5, 7, 9, 11)


def quantity(value: int) -> bytes:
    """A number in seven bits to the byte, as MIDI files have it."""
    spelt = [value & 0x7F]
    while value := value >> 7:
        spelt.append(0x80 | value & 0x7F)
    return bytes(reversed(spelt))


def chunk(events: list[tuple[int, int, bytes]]) -> bytes:
    """A track of events: tick, rank among those of one tick, bytes."""
    spelt, now = bytearray(), 0
    for tick, _, event in sorted(events):
        spelt += quantity(tick - now) + event
        now = tick
    spelt += b"\x00\xff\x2f\x00"
    return b"MTrk" + struct.pack(">L", len(spelt)) + spelt


def song(seed: int) -> bytes:
    """A piece for the piano as a file of format 1: tempo, melody, chords, bass."""
    rng = random.Random(seed)
    notes = int(FEWEST_NOTES * (MOST_NOTES / FEWEST_NOTES) ** rng.random())
    root, voices = (
        rng.randrange(48, 60),
        ((12, 1, 1), (0, 2, 3), (-12, 4, 1)),
    )  # height, eighths, keys at once
    eighths = (
        notes * 2 // sum(2 * keys // every if every < 2 else 2 * keys / every for _, every, keys in voices)
    )
    tempo = rng.randrange(400_000, 900_000)
    conductor = [(0, 0, b"\xff\x58\x04\x04\x02\x18\x08")]
    for beat in range(0, int(eighths) // 2 + 1, 16):
        slower = int(tempo * rng.uniform(0.9, 1.1))
        conductor.append((beat * TICKS_PER_BEAT, 1, b"\xff\x51\x03" + slower.to_bytes(3, "big")))
    tracks = [chunk(conductor)]
    for channel, (height, every, keys) in enumerate(voices):
        events = [(0, 0, bytes([0xC0 | channel, 0]))]
        degree = 0
        for eighth in range(0, int(eighths), every):
            degree = max(-7, min(13, degree + rng.choice((-2, -1, -1, 0, 1, 1, 2))))
            start = max(0, eighth * TICKS_PER_BEAT // 2 + rng.randrange(-12, 13))
            end = start + every * TICKS_PER_BEAT // 2 - 20
            for third in range(keys):
                octave, step = divmod(degree + 2 * third, 7)
                pitch = root + height + 12 * octave + MAJOR[step]
                events.append((start, 2, bytes([0x90 | channel, pitch, rng.randrange(40, 110)])))
                events.append((end, 1, bytes([0x80 | channel, pitch, 64])))
            if channel == 2:
                events.append((start, 3, bytes([0xB2, 64, 127])))
                events.append((end, 0, bytes([0xB2, 64, 0])))
        tracks.append(chunk(events))
    return b"MThd" + struct.pack(">LHHH", 6, 1, len(tracks), TICKS_PER_BEAT) + b"".join(tracks)


def write(folder: Path, numbers: range) -> None:
    for number in numbers:
        path = folder / f"{number // 1000:03}" / f"{number:06}.mid"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(song(number))


def by_mido(content: bytes) -> int:
    import mido

    file = mido.MidiFile(file=io.BytesIO(content))
    return sum(m.type == "note_on" and m.velocity > 0 for track in file.tracks for m in track)


def by_symusic(content: bytes) -> int:
    import symusic

    return int(symusic.Score.from_midi(content).note_num())


def by_jamd(content: bytes) -> int:
    from jamd.smf import midifile

    return sum(len(part.notes) for part in midifile.parsed(content, "").parts)


def parse(name: str, reader: Callable[[bytes], int], files: list[Path]) -> None:
    try:
        reader(files[0].read_bytes())
    except ImportError:
        print(f"{name}: not installed, skipped")
        return
    start = time.perf_counter()
    notes = sum(reader(file.read_bytes()) for file in files)
    tell(f"{name}, parse only, 1 process", len(files), notes, time.perf_counter() - start)


def tell(what: str, files: int, notes: int, seconds: float, more: str = "") -> None:
    rate = f"{files / seconds:,.0f} files/s, {notes / seconds:,.0f} notes/s"
    print(f"{what}: {files} files, {notes} notes in {seconds:.1f} s: {rate}{more}", flush=True)


def whole(corpus: Path, cache: Path, workers: int, files: int, draws: int) -> None:
    """In a process of its own: read, and draw."""
    from jamd.training.batches.sampler import Sampler
    from jamd.training.reading.corpus import read_corpus
    from jamd.training.recordings import sources

    recordings = sources.find_files([corpus])[:files]
    start, start_busy = time.perf_counter(), time.process_time()
    read = read_corpus(recordings, workers, folder=cache)
    seconds, busy = time.perf_counter() - start, time.process_time() - start_busy
    sampler = Sampler(read.teach, 192, seed=0)
    start = time.process_time()
    for number in range(draws):
        sampler.conversation(number)
    drawing = time.process_time() - start
    told = [len(recordings), int(read.teach.notes.sum() + read.held_out.notes.sum()), seconds, busy]
    told += [1000 * drawing / draws]
    told += [
        resource.getrusage(who).ru_maxrss // 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    print(json.dumps(told))


def pipeline(what: str, corpus: Path, cache: Path, workers: int, files: int, draws: int = 200) -> None:
    given = [str(corpus), "--cache", str(cache), "--workers", str(workers), "--files", str(files)]
    command = [sys.executable, "-m", "tests.bench.corpus", "--whole", *given, "--draws", str(draws)]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    count, notes, seconds, busy, draw_milliseconds, own, other = json.loads(found.stdout)
    more = f"; peak {own} MiB" + (f", and {other} MiB in the largest worker" if other else "")
    more += f"; the main process was busy for {busy:.1f} s; {draw_milliseconds:.2f} ms a conversation drawn"
    tell(f"whole pipeline, {what}, {workers} workers", count, notes, seconds, more)


def main(args: argparse.Namespace) -> None:
    if args.whole:
        whole(args.corpus, args.cache, args.workers, args.files, args.draws)
        return
    with tempfile.TemporaryDirectory() as temporary:
        corpus = args.corpus or Path(temporary, "corpus")
        if not corpus.exists():
            corpus.mkdir(parents=True)
            start = time.perf_counter()
            with ProcessPoolExecutor() as pool:
                parts = [range(first, min(first + 500, args.files)) for first in range(0, args.files, 500)]
                list(pool.map(partial(write, corpus), parts))
            print(f"corpus made in {time.perf_counter() - start:.0f} s")
        files = sorted(corpus.rglob("*.mid"))[: args.files]
        size = sum(file.stat().st_size for file in files)
        cores = os.cpu_count()
        print(f"{platform.machine()}, {cores} cores, Python {platform.python_version()}, {platform.system()}")
        print(f"{len(files)} files, {size / 1e6:.0f} MB", flush=True)
        sample = files[:: max(1, len(files) // args.sample)]
        for name, reader in (("mido", by_mido), ("symusic", by_symusic), ("jamd", by_jamd)):
            parse(name, reader, sample)
        for workers in args.workers_each:
            cache = Path(temporary, f"cache{workers}")
            count = (
                len(files) if workers == max(args.workers_each) else min(len(files), args.one_worker_files)
            )
            pipeline("empty cache", corpus, cache, workers, count)
            pipeline("full cache", corpus, cache, workers, count)
            size = sum(shard.stat().st_size for shard in cache.iterdir())
            print(f"cache: {len(list(cache.iterdir()))} shards, {size / 1e6:.0f} MB", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", nargs="?", type=Path, help="where to make it, or where it was made before")
    parser.add_argument("--files", default=20_000, type=int)
    parser.add_argument("--sample", default=1_000, type=int, help="files that each parser alone is given")
    parser.add_argument("--one-worker-files", default=20_000, type=int, help="that fewer workers are given")
    parser.add_argument("--workers-each", default=[1, 2], type=int, nargs="+")
    parser.add_argument("--whole", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--draws", type=int, help=argparse.SUPPRESS)
    main(parser.parse_args())
