"""A long session's file has room to grow, and is whole between any two writings into it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jamd.errors import MidiFileError
from jamd.music.transport import Metre
from jamd.sessions import recorder, trackfile
from jamd.sessions.recorder import Recorder
from jamd.smf import midifile

Notes = dict[str, list[tuple[int, float, float]]]


def notes_in(content: bytes) -> Notes:
    try:
        parts = midifile.parsed(content, "the file").parts
    except MidiFileError as error:
        if "no notes" not in str(error):
            raise
        return {}
    return {p.name: [(note.pitch, note.start_beats, note.end_beats) for note in p.notes] for p in parts}


def is_ended(path: Path) -> bool:
    """Whether mido reads it, and every note that is begun is ended."""
    for track in mido.MidiFile(path).tracks:
        notes = [(m.note, m.type == "note_on") for m in track if m.type in ("note_on", "note_off")]
        sounding = set[int]()
        for pitch, begins in notes:
            (sounding.add if begins else sounding.discard)(pitch)
        if sounding:
            return False
    return True


class Watched:
    """A file that is looked at after each writing, and in the midst of the long ones."""

    def __init__(self, path: Path, look: Callable[[], None]) -> None:
        self._file, self._look = Path(path).open("r+b", buffering=0), look  # noqa: SIM115
        self.seek, self.fileno = self._file.seek, self._file.fileno

    def write(self, content: bytes) -> int:
        first, last = self._file.tell(), self._file.tell() + len(content) - 1
        half = len(content) // 2
        if (
            len(content) == trackfile.HEAD_BYTES
        ):  # which is written in one piece, as a disk does with a sector
            half = 0
            assert first // trackfile.SECTOR_BYTES == last // trackfile.SECTOR_BYTES
        for piece in (content[:half], content[half:]):
            self._file.write(piece)
            self._look()
        return len(content)

    def __enter__(self) -> Watched:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def struck(pitch: int) -> mido.Message:
    return mido.Message("note_on", note=pitch, velocity=64)


def let_go(pitch: int) -> mido.Message:
    return mido.Message("note_off", note=pitch)


events = st.tuples(
    st.sampled_from(["player", "jamd"]), st.floats(0, 3), st.integers(48, 60), st.floats(0.1, 4)
)


@settings(max_examples=60)
@given(st.lists(st.lists(events, max_size=6), min_size=1, max_size=25), st.sampled_from([60, 300, 5000]))
def test_it_is_whole_between_any_two_writings(
    tmp_path_factory: pytest.TempPathFactory, saves: list[list[Any]], room_bytes: int
) -> None:
    """Each track has the new in it or has it not, and what is read in the end is all there was."""
    path = tmp_path_factory.mktemp("room") / "session.mid"
    seen: list[bytes] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorder, "ROOM_BYTES", room_bytes)
        watched = lambda path, *_, **__: Watched(path, lambda: seen.append(path.read_bytes()))  # noqa: E731
        patch.setattr(trackfile, "open", watched, raising=False)
        kept, plain = (
            Recorder(path, 120.0, Metre(4, 4)),
            Recorder(path.with_name("plain"), 120.0, Metre(4, 4)),
        )

        def save() -> None:
            for each, least in ((kept, 0), (plain, 1 << 30)):
                patch.setattr(recorder, "ROOM_FROM_BYTES", least)
                each.save()

        before: Notes = {}
        for number, group in enumerate(saves):
            for (part, beats, pitch, length), each in product(group, (kept, plain)):
                each.record(part, 2 * number + beats, struck(pitch))
                each.record(part, 2 * number + beats + length, let_go(pitch))
            seen.clear()
            save()
            if not path.exists():
                continue
            assert is_ended(path)
            after = notes_in(path.read_bytes())
            assert after == notes_in(path.with_name("plain").read_bytes())
            for notes in map(notes_in, seen):
                for part in ("player", "jamd"):
                    assert notes.get(part) in (before.get(part), after.get(part))
            before = after
        for each in (kept, plain):
            each.close()
        save()
    assert path.exists() == any(saves)
    if path.exists():
        assert path.read_bytes() == path.with_name("plain").read_bytes()


@pytest.fixture
def long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """A session that is long enough for room, with a note that still sounds."""
    monkeypatch.setattr(recorder, "ROOM_FROM_BYTES", 0)
    kept = Recorder(tmp_path / "session.mid", 120.0, Metre(4, 4))
    kept.record("player", 0.0, struck(60))
    kept.save()
    return kept


def test_what_is_new_is_written_and_nothing_else(long: Recorder, tmp_path: Path) -> None:
    path = tmp_path / "session.mid"
    file = path.stat().st_ino
    for beat in range(1, 100):
        long.record("jamd", float(beat), struck(72))
        long.record("jamd", beat + 0.5, let_go(72))
        long.save()
    assert path.stat().st_ino == file
    notes = notes_in(path.read_bytes())
    assert (len(notes["jamd"]), notes["player"]) == (99, [(60, 0.0, 99.5)])


def test_a_session_that_was_moved_away_or_exchanged_is_written_again(long: Recorder, tmp_path: Path) -> None:
    path, elsewhere = tmp_path / "session.mid", tmp_path / "elsewhere.mid"
    path.rename(elsewhere)
    moved = elsewhere.read_bytes()
    long.record("player", 1.0, let_go(60))
    long.save()
    assert notes_in(path.read_bytes())["player"] == [(60, 0.0, 1.0)]
    path.write_bytes(b"something else")
    long.record("player", 2.0, struck(62))
    long.save()
    assert [pitch for pitch, _, _ in notes_in(path.read_bytes())["player"]] == [60, 62]
    assert elsewhere.read_bytes() == moved


def test_when_it_is_over_no_room_is_left_in_it(long: Recorder, tmp_path: Path) -> None:
    path = tmp_path / "session.mid"
    long.record("player", 1.0, let_go(60))
    long.save()
    assert path.stat().st_size > 3 * recorder.ROOM_BYTES
    long.close()
    long.save()
    assert path.stat().st_size < 200
    assert notes_in(path.read_bytes()) == {"player": [(60, 0.0, 1.0)]}
