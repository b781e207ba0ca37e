"""Recordings found: which files there are to learn from, and which were left out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from jamd.errors import JamdError
from jamd.training import beats

SUFFIXES = {".mid", ".midi", ".kar"}


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was left out, and why, in one line: the path, the kind of fault, often a colon and more."""

    path: Path
    reason: str

    @property
    def kind(self) -> str:
        """What is wrong, without the names and numbers of this one file."""
        what = self.reason.removeprefix(f"{self.path} ").partition(":")[0]
        return "is a copy" if what.startswith("is a copy of ") else what


def tally(skipped: Iterable[Skipped]) -> str:
    """How many files were skipped, and for each kind of reason how many, in one line."""
    kinds = Counter(file.kind for file in skipped)
    each = "; ".join(
        f"{kind.removeprefix('is ').removeprefix('has ')}: {count}" for kind, count in kinds.most_common()
    )
    return f"{kinds.total()} skipped" + (f": {each}" if each else "")


def find_files(paths: Iterable[Path]) -> list[Path]:
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
    return sorted(found)
