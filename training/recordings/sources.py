"""Recordings found in files, folders and archives, whatever else lies there."""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from jamd.errors import JamdError, MidiFileError
from jamd.training.recordings import archives, beats, names
from jamd.training.recordings.recording import Recording, Skipped, tally

__all__ = ["Found", "Recording", "Skipped", "find", "find_files", "tally"]

SUFFIXES = {".mid", ".midi", ".kar", ".rmi"}
PASSED_OVER = "__MACOSX"
"""A folder of archives that a Mac packed: not music, but what it knows of each file, under the same name."""


@dataclass(frozen=True, slots=True)
class Found:
    """What there is to read, in order of the paths, and what was left out before it was read."""

    recordings: list[Recording]
    skipped: list[Skipped]


def find_files(paths: Iterable[Path]) -> list[Recording]:
    """What there is to read in files and folders; see `find`."""
    return find(paths).recordings


def find(paths: Iterable[Path]) -> Found:
    """MIDI files in files, folders and .zip archives, in order of their paths.

    A file that is named is taken whatever its suffix. In folders, hidden files and folders are passed over,
    and links are followed, yet no folder is looked into twice. Raises JamdError for a path that is not there.
    """
    folders: list[Path] = []
    files: set[Path] = set()
    skipped: list[Skipped] = []
    for path in paths:
        mode = _mode(path)
        if stat.S_ISDIR(mode):
            folders.append(path)
        elif not stat.S_ISREG(mode):
            skipped.append(_left_out(path, "is not a file that can be read"))
        elif not beats.is_annotation(path):
            files.add(path)
    named = frozenset(files)
    for found in _walk(folders):
        if isinstance(found, Path):
            files.add(found)
        else:
            skipped.append(found)
    recordings: list[Recording] = []
    for path in sorted(files):
        if path.suffix.lower() != archives.SUFFIX:
            recordings.append(Recording(path))
            continue
        music, odd = _unpack(path)
        recordings += music
        skipped += odd
        if path in named and not music and not odd:
            skipped.append(_left_out(path, "holds no MIDI files"))
    return Found(recordings, skipped)


def _left_out(path: Path, why: str) -> Skipped:
    where = names.printable(str(path))
    return Skipped(where, f"{where} {why}")


def _mode(path: Path) -> int:
    """What kind of file a path leads to. Raises JamdError when it leads nowhere."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise JamdError(f"there is no file or folder {names.printable(str(path))}") from None
    except OSError as error:
        raise JamdError(f"cannot read {names.printable(str(path))}: {error.strerror}") from error


def _is_hidden(name: str) -> bool:
    return name == PASSED_OVER or (name.startswith(".") and name != "..")


def _walk(folders: Iterable[Path]) -> Iterator[Path | Skipped]:
    """The MIDI files and archives in folders, and what bears the name of one and is none."""
    here = list(folders)[::-1]
    linked: deque[Path] = deque()  # looked into last: a file is known by its own path rather than by a link's
    seen: set[tuple[int, int]] = set()
    while here or linked:
        folder = here.pop() if here else linked.popleft()
        try:
            place = folder.stat()
            if (place.st_dev, place.st_ino) in seen:
                continue
            seen.add((place.st_dev, place.st_ino))
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            yield _left_out(folder, f"cannot be looked into: {error.strerror}")
            continue
        for entry in entries:
            if _is_hidden(entry.name):
                continue
            path = folder / entry.name
            try:
                if entry.is_dir():
                    (linked if entry.is_symlink() else here).append(path)
                elif path.suffix.lower() not in SUFFIXES | {archives.SUFFIX}:
                    continue
                elif entry.is_file():
                    yield path
                else:
                    broken = entry.is_symlink() and not path.exists()
                    yield _left_out(
                        path, "is a link to nothing" if broken else "is not a file that can be read"
                    )
            except OSError as error:
                yield _left_out(path, f"cannot be read: {error.strerror}")


def _unpack(archive: Path) -> tuple[list[Recording], list[Skipped]]:
    """The MIDI files in an archive, in order of their names, and what in it cannot be learned from."""
    where = names.printable(str(archive))
    try:
        members = archives.members(archive, where)
    except MidiFileError as error:
        return [], [Skipped(where, str(error))]
    recordings: list[Recording] = []
    skipped: list[Skipped] = []
    unpacked_bytes = 0
    for member in sorted(members, key=lambda member: member.name):
        path = PurePosixPath(names.of_member(member.name))
        suffix = path.suffix.lower()
        if suffix not in SUFFIXES | {archives.SUFFIX} or any(map(_is_hidden, path.parts)):
            continue
        if suffix == archives.SUFFIX:
            fault = "is an archive within an archive: unpack the outer one"
        elif isinstance(member.packed, str):
            fault = member.packed
        else:
            unpacked_bytes += member.packed.content_bytes
            recordings.append(Recording(archive, str(path), member.packed))
            continue
        inside = Recording(archive, str(path)).where
        skipped.append(Skipped(inside, f"{inside} {fault}"))
    if unpacked_bytes > archives.MOST_UNPACKED_BYTES:
        holds = f"{unpacked_bytes / 2**30:.1f} GiB, more than {archives.MOST_UNPACKED_BYTES >> 30}"
        return [], [_left_out(archive, f"holds too much MIDI: {holds}; unpack it to a folder")]
    return recordings, skipped
