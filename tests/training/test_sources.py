"""What is found to learn from, in whatever a musician has: folders, links, archives, and what is broken."""

from __future__ import annotations

import os
import pickle
import shutil
import socket
import struct
import time
import tracemalloc
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jamd.errors import JamdError, MidiFileError
from jamd.music.note import Note
from jamd.smf import chunks as midichunks
from jamd.smf import midifile
from jamd.smf.write import Track, messages_of
from jamd.training.reading import reading
from jamd.training.recordings import archives, names, sources
from jamd.training.recordings.pieces import QuantisedPiece
from jamd.training.recordings.sources import Recording, Skipped
from tests.kit.corpus import scale_chords

MEBIBYTE = 2**20
SECONDS = 60.0
"""What takes longer does not end soon enough, on a busy machine either."""


def song(root: int = 60, bars: int = 1, channel: int = 0) -> bytes:
    track = Track("piano", messages_of(scale_chords(root, bars), channel))
    return midifile.encode([track], [(0.0, 120.0)], [])


DRUMS = midifile.encode([Track("kit", messages_of([Note(36, 90, 0.0, 1.0)], channel=9))], [(0.0, 120.0)], [])


def put(path: Path, content: bytes | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(song() if content is None else content)
    return path


def found_in(folder: Path, *paths: Path) -> list[str]:
    """What is found, named from the folder on; nothing may be left out."""
    found = sources.find(paths or [folder])
    assert found.skipped == []
    assert found.recordings == sources.find_files(paths or [folder])
    return [recording.where.removeprefix(f"{folder}{os.sep}") for recording in found.recordings]


def left_out(*paths: Path) -> dict[str, str]:
    """What is left out, by its name, and why; each said in one printable line."""
    reasons = {}
    for skipped in sources.find(paths).skipped:
        assert skipped.reason.startswith(f"{skipped.where} ")
        assert is_plain(skipped.reason)
        reasons[skipped.where.rpartition(os.sep)[2]] = skipped.reason.removeprefix(f"{skipped.where} ")
    return reasons


def is_plain(text: str) -> bool:
    """Whether a terminal shows the text and does nothing else."""
    return not any(unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") for sign in text)


def read(*paths: Path) -> list[QuantisedPiece | Skipped]:
    return list(reading.read_all(sources.find_files(paths), 1))


def refused(recording: Recording) -> str:
    with pytest.raises(MidiFileError) as caught:
        recording.content(reading.LARGEST_BYTES)
    assert str(caught.value).startswith(f"{recording.where} ")
    assert is_plain(str(caught.value))
    return str(caught.value).removeprefix(f"{recording.where} ")


@contextmanager
def at_most(mebibytes: float) -> Iterator[None]:
    """Fail where more memory is taken at any time, or so much time that nobody would wait."""
    started = time.monotonic()
    tracemalloc.start()
    try:
        yield
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < mebibytes * MEBIBYTE
    assert time.monotonic() - started < SECONDS


# --- files and folders


def test_one_file(tmp_path: Path) -> None:
    assert found_in(tmp_path, put(tmp_path / "a.mid")) == ["a.mid"]


def test_a_folder_is_looked_through_in_order_of_the_names(tmp_path: Path) -> None:
    for name in ("b/z.mid", "b/A.MID", "a.midi", "c.Kar", "d.rmi", "b/notes.txt", "x.mid/y.mid", "score.pdf"):
        put(tmp_path / name)
    assert found_in(tmp_path) == ["a.midi", "b/A.MID", "b/z.mid", "c.Kar", "d.rmi", "x.mid/y.mid"]


def test_a_folder_without_music(tmp_path: Path) -> None:
    put(tmp_path / "notes.txt")
    (tmp_path / "empty").mkdir()
    assert found_in(tmp_path) == []


def test_a_file_that_is_named_needs_no_suffix(tmp_path: Path) -> None:
    path = put(tmp_path / "song")
    assert found_in(tmp_path, path) == ["song"]
    assert found_in(tmp_path) == []
    assert isinstance(read(path)[0], QuantisedPiece)


def test_a_path_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "dead.mid").symlink_to(tmp_path / "gone.mid")
    for name in ("gone", "dead.mid", "a\x1b[2J\n.mid"):
        with pytest.raises(JamdError, match=r"^there is no file or folder ") as caught:
            sources.find([tmp_path / name])
        assert is_plain(str(caught.value))


def test_hidden_files_and_what_a_mac_adds_are_passed_over(tmp_path: Path) -> None:
    for name in ("a.mid", "._a.mid", ".git/b.mid", "__MACOSX/._a.mid", "__MACOSX/c.mid", ".mid"):
        put(tmp_path / ".music" / name)
    assert found_in(tmp_path) == []
    assert found_in(tmp_path, tmp_path / ".music") == [".music/a.mid"]  # named, so it is meant


def test_the_same_folder_twice_is_looked_into_once(tmp_path: Path) -> None:
    put(tmp_path / "a" / "b" / "c.mid")
    inner = tmp_path / "a" / "b"
    assert found_in(tmp_path, tmp_path, inner, inner / ".." / "b", inner / "c.mid", tmp_path) == ["a/b/c.mid"]


def test_deep_folders_and_long_names(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d"] * 400)
    put(deep / f"{'x' * 251}.mid")
    (recording,) = sources.find_files([tmp_path])
    assert recording.content(MEBIBYTE) == song()
    shutil.rmtree(tmp_path / "d")


# --- links


def test_a_link_to_the_drive_with_the_recordings_works(tmp_path: Path) -> None:
    put(tmp_path / "drive" / "takes" / "a.mid")
    put(tmp_path / "b.mid")
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "drive").symlink_to(tmp_path / "drive")
    (tmp_path / "music" / "b.mid").symlink_to(tmp_path / "b.mid")
    assert found_in(tmp_path / "music") == ["b.mid", "drive/takes/a.mid"]


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    put(tmp_path / "a" / "song.mid")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "here").symlink_to(".")
    (tmp_path / "zz").symlink_to(tmp_path / "a")
    assert found_in(tmp_path) == ["a/song.mid"]


def test_a_file_is_known_by_its_own_path_rather_than_by_a_link_to_it(tmp_path: Path) -> None:
    put(tmp_path / "valid" / "song.mid")
    (tmp_path / "all").symlink_to(tmp_path / "valid")
    (recording,) = sources.find_files([tmp_path])
    assert recording.folders[-1] == "valid"


def test_links_that_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "dead.mid").symlink_to("gone.mid")
    (tmp_path / "dead").symlink_to("gone")
    (tmp_path / "one.mid").symlink_to("two.mid")
    (tmp_path / "two.mid").symlink_to("one.mid")
    reasons = left_out(tmp_path)
    assert reasons.pop("dead.mid") == "is a link to nothing"
    assert sorted(reasons) == ["one.mid", "two.mid"]


# --- what cannot be read


def test_a_folder_that_may_not_be_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "open" / "a.mid")
    put(tmp_path / "shut" / "b.mid")
    scandir = os.scandir

    def guarded(path: Path) -> Any:
        if Path(path).name == "shut":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    assert left_out(tmp_path) == {"shut": "cannot be looked into: Permission denied"}
    assert [recording.name for recording in sources.find_files([tmp_path])] == ["a.mid"]


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "a.mid")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("b.mid", song())
    found = sources.find_files([tmp_path])

    def shut(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", shut)
    assert [refused(recording) for recording in found] == ["cannot be read: Permission denied"] * 2


@pytest.mark.skipif(
    not hasattr(os, "mkfifo"), reason="a pipe with a name is what is tried; this system, as Windows, has none"
)
def test_what_is_no_file_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe.mid")
    os.mkfifo(tmp_path / "pipe.zip")
    (tmp_path / "link.mid").symlink_to("pipe.mid")
    monkeypatch.chdir(tmp_path)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.mid")
        reasons = left_out(tmp_path, tmp_path / "pipe.mid")
    assert sorted(reasons) == ["link.mid", "pipe.mid", "pipe.zip", "socket.mid"]
    assert set(reasons.values()) == {"is not a file that can be read"}


# --- names


NAMES = [
    "Прелюдия.mid",
    "夜曲.mid",
    "ليل.mid",
    "रात.mid",
    "Café\u0301.mid",
    "🎹.mid",
    "می\u200cشود.mid",
    "a b.mid",
]


def test_names_in_any_script_are_shown_as_they_are(tmp_path: Path) -> None:
    for name in NAMES:
        put(tmp_path / name)
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        for name in NAMES:
            archive.writestr(name, song())
    expected = sorted(NAMES) + [f"z.zip: {name}" for name in sorted(NAMES)]
    assert found_in(tmp_path) == sorted(expected)
    assert sorted(recording.name for recording in sources.find_files([tmp_path])) == sorted(NAMES * 2)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"\xff\xe9.mid", r"\xff\xe9.mid"),
        (b"\x1b[2J\x1b]0;hi\x07.mid", r"\x1b[2J\x1b]0;hi\x07.mid"),
        (b"two\nlines\r.mid", r"two\nlines\r.mid"),
        ("\u202edim.gpj.mid".encode(), r"\u202edim.gpj.mid"),
        ("\u2028.mid".encode(), r"\u2028.mid"),
        (b"\xc2\x9b2J.mid", r"\x9b2J.mid"),
    ],
)
def test_a_name_does_nothing_to_the_terminal(tmp_path: Path, name: bytes, shown: str) -> None:
    path = put(tmp_path / os.fsdecode(name), b"no music")
    assert found_in(tmp_path) == [shown]
    (skipped,) = read(path)
    assert isinstance(skipped, Skipped)
    assert skipped.where == f"{tmp_path}{os.sep}{shown}"
    assert is_plain(skipped.reason)
    assert skipped.kind == "is not a readable MIDI file"


@given(st.text(st.characters(), max_size=300))
def test_what_is_shown_of_any_name_is_on_one_line_and_short(name: str) -> None:
    shown = names.printable(name)
    assert is_plain(shown)
    assert shown.splitlines() in ([shown], [])
    assert names.printable(shown) == shown
    assert len(names.shortened(shown)) <= names.LONGEST


# --- as they are read


def test_nothing_but_copies_is_one_piece(tmp_path: Path) -> None:
    put(tmp_path / "a.mid")
    put(tmp_path / "b.mid")
    os.link(tmp_path / "a.mid", tmp_path / "c.mid")
    (tmp_path / "d.mid").symlink_to("a.mid")
    with zipfile.ZipFile(tmp_path / "e.zip", "w") as archive:
        archive.writestr("a.mid", song())
    first, *others = read(tmp_path)
    assert isinstance(first, QuantisedPiece)
    assert [skipped.kind for skipped in others if isinstance(skipped, Skipped)] == ["is a copy"] * 4


def test_nothing_but_drums(tmp_path: Path) -> None:
    put(tmp_path / "a.mid", DRUMS)
    put(tmp_path / "b.mid", DRUMS)
    skipped = [piece for piece in read(tmp_path) if isinstance(piece, Skipped)]
    assert sources.tally(skipped) == "2 skipped: no notes (drums are left out): 2"


def test_of_a_folder_that_is_half_broken_the_other_half_is_read(tmp_path: Path) -> None:
    for i in range(20):
        put(tmp_path / f"{i:02}.mid", song(40 + i) if i % 2 else os.urandom(100))
    pieces = read(tmp_path)
    assert [isinstance(piece, QuantisedPiece) for piece in pieces] == [False, True] * 10


# --- MIDI in a RIFF wrapping


def riff(content: bytes, before: bytes = b"") -> bytes:
    chunks = before + b"data" + struct.pack("<L", len(content)) + content
    return b"RIFF" + struct.pack("<L", 4 + len(chunks)) + b"RMID" + chunks


@pytest.mark.parametrize("before", [b"", b"DISP\x03\x00\x00\x00abc\x00"])
def test_a_wrapped_file_is_unwrapped(tmp_path: Path, before: bytes) -> None:
    wrapped = Recording(put(tmp_path / "song.rmi", riff(song(), before)))
    assert wrapped.content(MEBIBYTE) == song()
    assert isinstance(read(tmp_path)[0], QuantisedPiece)


@given(st.binary(max_size=60))
def test_any_wrapping_is_opened_or_left(inside: bytes) -> None:
    content = b"RIFF\x00\x00\x00\x00RMID" + inside
    assert midichunks.unwrapped(content) in content


# --- archives


def pack(path: Path, *members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def change(path: Path, signature: bytes, offset: int, value: bytes) -> Path:
    """Overwrite a field of the first header with this signature."""
    content = bytearray(path.read_bytes())
    at = content.index(signature) + offset
    content[at : at + len(value)] = value
    path.write_bytes(content)
    return path


LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_archive_is_read_like_a_folder(tmp_path: Path, method: int) -> None:
    members = [("valid/b.MID", song(61)), ("a.mid", song(60)), ("readme.txt", b""), ("c.rmi", riff(song(62)))]
    pack(tmp_path / "music.ZIP", *members, method=method)
    put(tmp_path / "z.mid", song(63))
    expected = ["music.ZIP: a.mid", "music.ZIP: c.rmi", "music.ZIP: valid/b.MID", "z.mid"]
    assert found_in(tmp_path) == expected
    assert found_in(tmp_path, tmp_path / "music.ZIP", tmp_path) == expected
    recordings = sources.find_files([tmp_path])
    assert [recording.content(MEBIBYTE) for recording in recordings] == [
        song(60),
        song(62),
        song(61),
        song(63),
    ]
    assert recordings[2].folders[-2:] == ("music.ZIP", "valid")
    assert (recordings[2].name, recordings[2].stem) == ("b.MID", "b")


def test_members_go_to_other_processes(tmp_path: Path) -> None:
    pack(tmp_path / "music.zip", ("a.mid", song()))
    recordings = pickle.loads(pickle.dumps(sources.find_files([tmp_path])))
    assert recordings[0].content(MEBIBYTE) == song()
    assert hash(recordings[0]) == hash(sources.find_files([tmp_path])[0])


def test_what_is_hidden_in_an_archive_is_passed_over(tmp_path: Path) -> None:
    hidden = ["__MACOSX/._a.mid", "._a.mid", ".git/b.mid", "x/.b.mid"]
    pack(tmp_path / "music.zip", ("a.mid", song()), *((name, song()) for name in hidden))
    assert found_in(tmp_path) == ["music.zip: a.mid"]


def test_names_that_lead_out_of_the_archive_are_only_names(tmp_path: Path) -> None:
    given = ["../../up.mid", "/etc/root.mid", "a\\b.mid", "C:\\x.mid"]
    pack(tmp_path / "in" / "music.zip", *((name, song(60 + i)) for i, name in enumerate(given)))
    before = sorted(tmp_path.rglob("*"))
    recordings = sources.find_files([tmp_path])
    assert {recording.member for recording in recordings} == {
        "../../up.mid",
        "/etc/root.mid",
        "a/b.mid",
        "C:/x.mid",
    }
    assert all(recording.content(MEBIBYTE).startswith(b"MThd") for recording in recordings)
    assert sorted(tmp_path.rglob("*")) == before


def test_names_in_an_archive_that_are_not_marked_as_utf_8(tmp_path: Path) -> None:
    path = pack(tmp_path / "music.zip", ("nuit \u00e9toil\u00e9e.mid", song()))
    change(change(path, LOCAL, 6, b"\0\0"), CENTRAL, 8, b"\0\0")
    assert found_in(tmp_path) == ["music.zip: nuit \u00e9toil\u00e9e.mid"]
    pack(path, ("x" * 9 + ".mid", song()))
    raw = "夜".encode("shift-jis") * 4 + b"\x1b"
    change(change(path, LOCAL, 30, raw), CENTRAL, 46, raw)
    (recording,) = sources.find_files([tmp_path])
    assert is_plain(recording.where)
    assert recording.content(MEBIBYTE) == song()


def test_a_very_long_name_is_shown_in_part(tmp_path: Path) -> None:
    pack(tmp_path / "music.zip", ("x" * 60_000 + "/song.mid", b""))
    (recording,) = sources.find_files([tmp_path])
    assert len(recording.where) < len(str(tmp_path)) + 200
    assert recording.where.endswith("song.mid")


def test_two_members_of_one_name_are_both_read(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        pack(tmp_path / "music.zip", ("a.mid", song(60)), ("a.mid", song(61)))
    contents = [recording.content(MEBIBYTE) for recording in sources.find_files([tmp_path])]
    assert sorted(contents) == sorted([song(60), song(61)])


def test_an_archive_within_an_archive_is_left_out(tmp_path: Path) -> None:
    inner = pack(tmp_path / "inner.zip", ("b.mid", song()))
    pack(tmp_path / "outer" / "o.zip", ("inner.zip", inner.read_bytes()), ("a.mid", song()))
    assert left_out(tmp_path / "outer") == {
        "o.zip: inner.zip": "is an archive within an archive: unpack the outer one"
    }
    assert len(sources.find_files([tmp_path / "outer"])) == 1


def test_a_locked_member_is_left_out(tmp_path: Path) -> None:
    path = pack(tmp_path / "music.zip", ("a.mid", song()), ("b.mid", song(61)))
    change(change(path, LOCAL, 6, b"\x01"), CENTRAL, 8, b"\x01")
    assert left_out(tmp_path) == {"music.zip: a.mid": "is locked with a password"}
    assert [recording.name for recording in sources.find_files([tmp_path])] == ["b.mid"]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_that_cannot_be_unpacked_within_bounds_is_left_out(tmp_path: Path, method: int) -> None:
    pack(tmp_path / "music.zip", ("a.mid", bytes(MEBIBYTE)), method=method)
    assert left_out(tmp_path) == {
        "music.zip: a.mid": f"is packed in an unusual way: method {method}; pack it again by deflate"
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not a readable archive: File is not a zip file"),
        (b"not a zip file" * 99, "is not a readable archive: File is not a zip file"),
        (b"PK\x05\x06" + bytes(18), "holds no MIDI files"),
    ],
)
def test_a_file_that_is_no_archive_of_music(tmp_path: Path, content: bytes, said: str) -> None:
    path = put(tmp_path / "music.zip", content)
    assert left_out(path) == {"music.zip": said}


def test_an_archive_of_other_things_is_complained_of_only_where_it_was_named(tmp_path: Path) -> None:
    pack(tmp_path / "photos.zip", ("a.jpg", b""))
    assert left_out(tmp_path) == {}
    assert left_out(tmp_path / "photos.zip") == {"photos.zip": "holds no MIDI files"}


@pytest.mark.parametrize(
    ("field", "more"),
    [(16, 1), (20, -40), (24, -1), (24, 1), (42, 1), (42, 10_000)],  # checksum, sizes, place
)
def test_a_member_that_is_not_what_is_listed_is_damaged(tmp_path: Path, field: int, more: int) -> None:
    path = pack(tmp_path / "music.zip", ("a.mid", song()))
    at = path.read_bytes().index(CENTRAL) + field
    (value,) = struct.unpack_from("<L", path.read_bytes(), at)
    change(path, CENTRAL, field, struct.pack("<L", value + more))
    (recording,) = sources.find_files([tmp_path])
    assert refused(recording).startswith("is damaged within its archive: ")


def test_an_archive_that_changed_since_it_was_found(tmp_path: Path) -> None:
    path = pack(tmp_path / "music.zip", ("a.mid", song()))
    (recording,) = sources.find_files([tmp_path])
    pack(path, ("b.mid", song(61)), ("a.mid", song()))
    assert refused(recording).startswith("is damaged within its archive: ")
    path.write_bytes(b"")
    assert refused(recording).startswith("is damaged within its archive: ")
    path.unlink()
    assert refused(recording) == "is not a file that can be read"


# --- archives that would fill the memory, or take forever


def deflated_zeros(mebibytes: int) -> bytes:
    """So much silence, packed in no time: one packed mebibyte over and over."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = packer.compress(bytes(MEBIBYTE)) + packer.flush(zlib.Z_FULL_FLUSH)
    return block * mebibytes + packer.flush()


def bomb(path: Path, mebibytes: int, said_bytes: int | None = None) -> Path:
    """An archive with one member of zeros, which is listed as so large or as of `said_bytes`."""
    pack(path, ("song.mid", deflated_zeros(mebibytes)), method=zipfile.ZIP_STORED)
    crc = 0
    for _ in range(mebibytes):
        crc = zlib.crc32(bytes(MEBIBYTE), crc)
    size = mebibytes * MEBIBYTE if said_bytes is None else said_bytes
    change(path, CENTRAL, 10, struct.pack("<H", zipfile.ZIP_DEFLATED))
    change(path, CENTRAL, 16, struct.pack("<L", crc))
    return change(path, CENTRAL, 24, struct.pack("<L", size))


def test_a_bomb_is_a_real_archive(tmp_path: Path) -> None:
    path = bomb(tmp_path / "bomb.zip", 3)
    change(path, LOCAL, 8, struct.pack("<H", zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(path) as archive:
        assert archive.read("song.mid") == bytes(3 * MEBIBYTE)
    assert sources.find_files([path])[0].content(3 * MEBIBYTE) == bytes(3 * MEBIBYTE)


@pytest.mark.parametrize(
    ("said_bytes", "said"),
    [
        (None, "is too large for one piece: over 4 MiB"),
        (1000, "is damaged within its archive: its checksum is wrong"),
        (reading.LARGEST_BYTES, "is damaged within its archive: its checksum is wrong"),
    ],
)
def test_a_gibibyte_of_zeros_is_not_unpacked(tmp_path: Path, said_bytes: int | None, said: str) -> None:
    path = bomb(tmp_path / "bomb.zip", 1024, said_bytes)
    assert path.stat().st_size < 2 * MEBIBYTE
    with at_most(4 * reading.LARGEST_BYTES / MEBIBYTE):
        (recording,) = sources.find_files([path])
        assert refused(recording) == said


def test_a_stored_member_is_not_read_whole(tmp_path: Path) -> None:
    path = pack(tmp_path / "music.zip", ("a.mid", bytes(64 * MEBIBYTE)), method=zipfile.ZIP_STORED)
    change(path, CENTRAL, 24, struct.pack("<L", 1000))
    (recording,) = sources.find_files([path])
    with at_most(4 * reading.LARGEST_BYTES / MEBIBYTE):
        assert refused(recording) == "is damaged within its archive: its checksum is wrong"


def test_an_archive_that_unpacks_to_more_than_a_library_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(tmp_path / "music.zip", *((f"{i}.mid", bytes(MEBIBYTE)) for i in range(4)))
    assert len(sources.find_files([tmp_path])) == 4
    monkeypatch.setattr(archives, "MOST_UNPACKED_BYTES", 3 * MEBIBYTE)
    assert left_out(tmp_path)["music.zip"].startswith("holds too much MIDI: ")
    assert sources.find_files([tmp_path]) == []


def test_an_archive_of_too_many_files_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack(tmp_path / "music.zip", *((f"{i}.mid", b"") for i in range(4)))
    monkeypatch.setattr(archives, "MOST_MEMBERS", 3)
    assert left_out(tmp_path) == {"music.zip": "holds too many files: 4, more than 3; unpack it to a folder"}


def test_a_list_of_members_without_end_is_not_read(tmp_path: Path) -> None:
    path = pack(tmp_path / "music.zip", ("a.mid", song()))
    listed = struct.pack("<L", archives.LARGEST_LIST_BYTES + 1)
    content = path.read_bytes()
    path.write_bytes(content[: content.index(CENTRAL)])
    os.truncate(path, path.stat().st_size + archives.LARGEST_LIST_BYTES + 1)
    with path.open("ab") as file:
        file.write(content[content.index(b"PK\x05\x06") :])
    change(path, b"PK\x05\x06", 12, listed)
    with at_most(archives.LARGEST_LIST_BYTES / MEBIBYTE / 2):
        assert left_out(path) == {
            "music.zip": "is not a readable archive: its list of members is over 16 MiB"
        }


def test_thousands_of_members_are_read_without_listing_them_each_time(tmp_path: Path) -> None:
    count = 2000
    content = song()
    pack(tmp_path / "music.zip", *((f"{i:04}.mid", content) for i in range(count)))
    with at_most(20):
        recordings = sources.find_files([tmp_path])
        assert all(recording.content(MEBIBYTE) == content for recording in recordings)
    assert len(recordings) == count


def test_a_library_of_recordings_fits_in_memory(tmp_path: Path) -> None:
    """A thousand files stand for a hundred thousand."""
    for i in range(1000):
        (tmp_path / f"a song of some length, number {i:06}.mid").touch()
    with at_most(1.5):
        assert len(sources.find_files([tmp_path])) == 1000


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(data=st.data())
def test_a_damaged_archive_is_left_out_or_its_members_are(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "damaged.zip"
    pack(path, ("a.mid", song()), ("ü/b.mid", song(61)))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(
        content[: data.draw(st.sampled_from([len(content), len(content) // 2, len(content) - 1]))]
    )
    left_out(path)
    faults: list[str] = []
    for recording in sources.find_files([path]):
        try:
            assert len(recording.content(MEBIBYTE)) <= MEBIBYTE
        except MidiFileError as error:
            faults.append(str(error))
    assert all(map(is_plain, faults))
