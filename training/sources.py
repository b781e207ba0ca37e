"""Recordings found: which files there are to learn from, and which were left out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from jamd.errors import JamdError, MidiFileError
from jamd.training import beats

SUFFIXES = {".mid", ".midi", ".kar"}


@dataclass(frozen=True, slots=True)
class Recording:
    """A MIDI file that was found, in a folder or as a member of an archive."""

    path: Path
    """Of the file, or of the archive."""
    member: str | None = None

    @property
    def name(self) -> str:
        """The file's own name."""
        return PurePosixPath(self.member).name if self.member is not None else self.path.name

    @property
    def stem(self) -> str:
        return PurePosixPath(self.name).stem

    @property
    def where(self) -> str:
        """What to call it when speaking to the user."""
        return str(self.path) if self.member is None else f"{self.path}: {self.member}"

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders that it lies in, outermost first."""
        inside = () if self.member is None else (self.path.name, *PurePosixPath(self.member).parts[:-1])
        return (*self.path.parts[:-1], *inside)

    def content(self, most_bytes: int) -> bytes:
        """Its bytes. Raises MidiFileError for one that cannot be read or holds more than `most_bytes`."""
        try:
            if not self.path.is_file():  # a pipe would keep us waiting
                raise MidiFileError(f"{self.where} is not a file that can be read")
            with self.path.open("rb") as file:
                content = file.read(most_bytes + 1)
        except OSError as error:
            raise MidiFileError(f"{self.where} cannot be read: {error.strerror}") from error
        if len(content) > most_bytes:
            raise MidiFileError(f"{self.where} is too large for one piece: over {most_bytes >> 20} MiB")
        return content


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was left out, and why, in one line: where it lies, the kind of fault, often a colon and
    more."""

    where: str
    reason: str

    @property
    def kind(self) -> str:
        """What is wrong, without the names and numbers of this one file."""
        what = self.reason.removeprefix(f"{self.where} ").partition(":")[0]
        return "is a copy" if what.startswith("is a copy of ") else what


def tally(skipped: Iterable[Skipped]) -> str:
    """How many files were skipped, and for each kind of reason how many, in one line."""
    kinds = Counter(file.kind for file in skipped)
    each = "; ".join(
        f"{kind.removeprefix('is ').removeprefix('has ')}: {count}" for kind, count in kinds.most_common()
    )
    return f"{kinds.total()} skipped" + (f": {each}" if each else "")


def find_files(paths: Iterable[Path]) -> list[Recording]:
    """MIDI files in files and folders, sorted. Raises JamdError for a path that is not there."""
    found: set[Path] = set()
    for path in paths:
        if path.is_file():
            found.update(() if beats.is_annotation(path) else (path,))
        elif path.is_dir():
            for folder, _, names in os.walk(path):
                found.update(Path(folder, name) for name in names if Path(name).suffix.lower() in SUFFIXES)
        else:
            raise JamdError(f"there is no file or folder {path}")
    return [Recording(path) for path in sorted(found)]
