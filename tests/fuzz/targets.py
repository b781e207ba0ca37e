"""What `fuzz.py` feeds, and what has to come of it: a right result, or a JamdError of one line.

A target takes the bytes of one case and raises nothing where the outcome is right. So whatever it raises is a
finding: AssertionError for a wrong result, anything else for a fault that nobody foresaw.
"""

from __future__ import annotations

import logging
import math
import os
import shutil
import tempfile
import unicodedata
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

import mido
import numpy as np
from click.testing import CliRunner

from jamd.commands.models import command as models_command
from jamd.errors import JamdError
from jamd.models import bundle
from jamd.models.features import Place
from jamd.models.opening import open_mind, teach
from jamd.music.note import REST, Frame, Note, Onset
from jamd.options import config
from jamd.sessions import profiles, sessions
from jamd.smf import chunks, midifile, playback, read
from jamd.smf import voices as midivoices
from jamd.smf.midifile import Piece
from jamd.smf.read import LONGEST_BEATS
from jamd.training.batches.sampler import Sampler
from jamd.training.cache import shards
from jamd.training.reading import packing
from jamd.training.recordings import beats, pieces, sources
from tests.fuzz import mutations
from tests.fuzz.live import live
from tests.fuzz.mutations import Mutate
from tests.fuzz.page import page

LONGEST_LINE = 2 * mutations.MOST_BYTES
"""Characters of an error, which may quote what it is about."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is fed, how its cases are made of seeds, and what is done with one."""

    name: str
    about: str
    mutate: Mutate
    feed: Callable[[bytes], bool]
    """Whether the case was taken; False where it was refused as it should be."""


@contextmanager
def one_line() -> Iterator[None]:
    """What is refused is refused in one line that can be shown."""
    try:
        yield
    except JamdError as error:
        check_line(str(error))
        raise Refused from None


def check_line(line: str) -> None:
    """It is one line, and does nothing to a terminal."""
    assert line.strip(), "an error without words"
    assert len(line) <= LONGEST_LINE, f"an error of {len(line)} characters"
    if not line.isprintable():
        odd = {unicodedata.category(sign) for sign in line} & {"Cc", "Cs", "Zl", "Zp"}
        assert not odd, f"not one line: {line!r}"


class Refused(Exception):
    """The case was refused as it should be."""


@cache
def folder() -> Path:
    """Where files lie while they are read: in memory where the system has such a place."""
    shared = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="jamd-fuzz-", dir=shared if os.access(shared, os.W_OK) else None))


def one_in(many: int, content: bytes) -> bool:
    """Whether this case is one of the few that what takes long is tried with."""
    return zlib.crc32(content) % many == 0


def put(name: str, content: bytes) -> Path:
    path = folder() / name
    path.write_bytes(content)
    return path


# MIDI files


def check_notes(notes: Sequence[Note]) -> None:
    for note in notes:
        assert 0 <= note.pitch <= 127
        assert 1 <= note.velocity <= 127
        assert 0 <= note.start_beats < note.end_beats <= 2 * LONGEST_BEATS, note


def check_piece(piece: Piece) -> None:
    assert piece.parts
    for part in piece.parts:
        assert part.notes
        check_line(part.name or "-")
        check_notes(part.notes)
    for at, tempo in piece.tempos:
        assert 0 <= at < math.inf
        assert 0 < tempo < math.inf
    assert piece.tempos[0][0] == piece.metres[0][0] == 0
    assert [at for at, _ in piece.metres] == sorted({at for at, _ in piece.metres})


def check_nothing_lost(content: bytes) -> None:
    """Each key that is struck is a note, once at an instant; it ends, and no sooner than its key is up."""
    tracks = list(read.readings(content))
    struck = {
        (number, channel, pitch, beats)
        for number, track in enumerate(tracks)
        for channel, events in track.events.items()
        for beats, kind, pitch, velocity in events
        if kind == 0x90 and velocity
    }
    voices = midivoices.voices_of(tracks)
    found = [
        (voice.track, voice.channel, note.pitch, note.start_beats) for voice in voices for note in voice.notes
    ]
    assert len(found) == len(struck)
    assert set(found) == struck
    for voice in voices:
        for note in voice.notes:
            assert note.start_beats < note.up_beats <= note.end_beats < math.inf, note


def check_played(tracks: Sequence[read.Reading]) -> None:
    """What is played to an instrument: no key is struck while it is down, and none is left so."""
    if any(track.port or track.pattern for track in tracks):
        return  # of several instruments, or one after another, which may overlap
    down: set[tuple[int, int]] = set()
    for _, message in playback.played(tracks, drums=True):
        if message.type in ("note_on", "note_off"):
            key = message.channel, message.note
            assert (key in down) == (message.type == "note_off"), message
            down ^= {key}
    assert not down


def midi(content: bytes) -> bool:
    """A recording to learn from, or a call to answer."""
    with one_line():
        check_piece(midifile.parsed(content, "case.mid"))
    inner = chunks.unwrapped(content)
    check_nothing_lost(inner)
    if one_in(8, content):
        check_played(list(read.readings(inner)))
    found_beats = one_in(64, content)  # which takes a hundred times as long as all else
    with one_line():
        piece = pieces.read(content, "case.mid", "case", "0" * 64, assume_grid=not found_beats)
    check_quantised(piece)
    again = packing.unpacked(packing.packed(piece), piece.name, piece.sha256)
    assert np.array_equal(again.bar_lines, piece.bar_lines)
    assert np.array_equal(again.step, piece.step)
    return True


def check_quantised(piece: pieces.QuantisedPiece) -> None:
    notes = len(piece.step)
    for array in (piece.end, piece.key, piece.velocity, piece.offset, piece.part):
        assert array.shape == (notes,)
    assert notes
    assert (piece.step >= 0).all()
    assert (piece.step < piece.end).all()
    assert (np.diff(piece.step) >= 0).all()
    assert (np.diff(piece.bar_lines) > 0).all()
    assert piece.bar_lines[0] >= 0
    assert piece.steps >= piece.end.max()
    assert (np.abs(piece.offset) <= 0.5).all()
    assert ((piece.velocity >= 1) & (piece.velocity <= 127)).all()


def session(content: bytes) -> bool:
    """A session that was kept: listed, played, and learned from."""
    path = put("2026-11-21 20.15.03.mid", content)
    listed = sessions.session_at(path)
    if listed.fault:
        check_line(listed.fault)
        return False
    assert listed.bars >= 1
    assert 0 < listed.seconds < math.inf
    with one_line():
        timed = midifile.performance(path)
    assert all(0 <= early[0] <= late[0] for early, late in pairwise(timed))
    assert timed[-1][0] < math.inf
    with one_line():
        piece = pieces.read(content, "case.mid", "case", "0" * 64, assume_grid=True)
    check_quantised(piece)
    if one_in(8, content):  # however few turns it has, what is drawn of it to learn from is drawn at once
        with one_line():
            assert Sampler([piece], 64, seed=0).conversation(0).steps > 0
    return True


def favourites(content: bytes) -> bool:
    """The list of the sessions that were picked."""
    path = sessions.folder() / sessions.FAVOURITES
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    with one_line():
        found = sessions.favourites()
        sessions.pick(path.with_name("evening.mid"), True)
        assert sessions.favourites().names == found.names | {"evening.mid"}
    return not found.fault


def archive(content: bytes) -> bool:
    """A .zip with recordings in it."""
    path = put("case.zip", content)
    found = sources.find([path])
    for skipped in found.skipped:
        check_line(skipped.reason)
    taken = False
    for recording in found.recordings[:20]:
        check_line(recording.name)
        check_line(recording.where)
        try:
            with one_line():
                assert len(recording.content(2**16)) <= 2**16
            taken = True
        except Refused:
            pass
    return taken


def beat_track(content: bytes) -> bool:
    """The beats of a solo, and its phrases."""
    path = put("case_FINAL_beattrack.csv", content)
    try:
        with one_line():
            assert np.isfinite(beats.read_phrases(path)).all()
        return True
    except Refused:
        pass
    with one_line():
        track = beats.read_beats(path)
    with np.errstate(over="ignore"):
        assert not np.isnan(track.beats_at(np.linspace(0, 60, 100))).any()
    assert all(later > at for (at, _), (later, _) in zip(track.metres(), track.metres()[1:], strict=False))
    return True


# Bundles and profiles


def model(content: bytes) -> bool:
    """A model's bundle: its card, and the mind in it, which is asked for a frame as it is opened."""
    path = put("mine.safetensors", content)
    with one_line():
        bundle.read_header(path)
    if one_in(64, content):
        check_listing(content)
    with one_line():
        found = bundle.read(path)
        open_mind(found, "cpu")
    if found.phrases is not None:
        assert found.phrases.hold(np.arange(3, dtype=np.uint64)).shape == (3,)
    return True


def check_listing(content: bytes) -> None:
    """`jamd models` has one more of the user's own."""
    own = folder() / "models"
    own.mkdir(exist_ok=True)
    (own / "mine.safetensors").write_bytes(content)
    with (
        mock.patch("jamd.options.model.models_folder", return_value=own),
        mock.patch.object(bundle, "bundled", list),
    ):
        shown = CliRunner().invoke(models_command, [], catch_exceptions=False)
    assert shown.exit_code == 0
    assert "mine" in shown.output


def profile(content: bytes) -> bool:
    """What was played in earlier evenings: listed, and remembered by a mind."""
    path = profiles.folder() / "anna.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    (listed,) = profiles.listed()
    if listed.fault:
        check_line(listed.fault)
        return False
    evenings, said = profiles.load("anna")
    assert not said
    mind = remembering()
    teach(mind, [evening.music for evening in evenings])
    mind.start().hear([Frame((Onset(60, 80),))], [REST], [Place(0, 16)])
    bounded = profiles.bounded(evenings, 8)
    assert sum(evening.music.steps for evening in bounded) <= 8
    return True


@cache
def remembering() -> Any:
    """A mind that can be taught."""
    return open_mind(bundle.read(Path(__file__).parent / "corpus" / "bundle" / "markov.safetensors"), "cpu")


# Configs and caches


def settings(content: bytes) -> bool:
    """The config file, with the controls in it."""
    path = put("case.toml", content)
    with one_line():
        found = config.read(path)
        bound = found.bindings()
    for message in (mido.Message("control_change", control=21, value=64), mido.Message("program_change")):
        if bound.is_bound(message):
            bound.match(message)
    return True


def cached_piece(content: bytes) -> bool:
    """A piece of the cache, as it is packed."""
    try:
        piece = packing.unpacked(content, "case", "0" * 64)
    except packing.Damaged:
        return False
    assert packing.unpacked(packing.packed(piece), "case", "0" * 64).step.dtype == piece.step.dtype
    return True


def shard(content: bytes) -> bool:
    """A file of the cache, under the name that its index asks for."""
    count = min(int.from_bytes(content[8:16], "little"), len(content))
    index = content[: 16 + count * shards.ROW.itemsize]
    path = put(shards.hashlib.sha256(index).hexdigest() + shards.SUFFIX, content)
    try:
        rows = shards.index_of(path)
        if rows is None:
            return False
        bodies = [shards.body_of(path, row) for row in rows]
        return any(body is not None for body in bodies)
    finally:
        path.unlink(missing_ok=True)


TARGETS = {
    target.name: target
    for target in (
        Target("live", "live MIDI bytes, into the engine", mutations.live_case, live),
        Target("page", "what pages say", mutations.page_case, page),
        Target("midi", "MIDI files", mutations.midi_case, midi),
        Target("bundle", "model bundles", mutations.tensors_case, model),
        Target("config", "config files and bindings", mutations.toml_case, settings),
        Target("session", "session files", mutations.midi_case, session),
        Target("favourites", "the list of favourites", mutations.damaged, favourites),
        Target("profile", "profiles", mutations.tensors_case, profile),
        Target("piece", "cached pieces", mutations.packed_case, cached_piece),
        Target("shard", "the cache's files", mutations.shard_case, shard),
        Target("archive", "archives of recordings", mutations.damaged, archive),
        Target("beats", "beat tracks", mutations.csv_case, beat_track),
    )
}


@contextmanager
def at_home() -> Iterator[None]:
    """The user's folders are in `folder`, faults of the model are not told on stderr, warnings are errors."""
    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(action="error"),
            mock.patch.object(sessions, "user_data_path", lambda name, appauthor: folder() / "home" / name),
            mock.patch.object(profiles, "user_data_path", lambda name, appauthor: folder() / "home" / name),
        ):
            yield
    finally:
        logging.disable(logging.NOTSET)
        shutil.rmtree(folder(), ignore_errors=True)
        folder.cache_clear()
