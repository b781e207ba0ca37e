"""A recording to learn from: where it was found, and its bytes; and one that was left out, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from jamd.errors import MidiFileError
from jamd.smf.chunks import unwrapped
from jamd.training.recordings import archives, names
from jamd.training.recordings.archives import Packed


@dataclass(frozen=True, slots=True)
class Recording:
    """A MIDI file that was found, in a folder or as a member of an archive."""

    path: Path
    """Of the file, or of the archive."""
    member: str | None = None
    """Its name in the archive, with folders."""
    packed: Packed | None = None
    """Where the member lies in the archive; None for a file of its own."""

    @property
    def name(self) -> str:
        """The file's own name, fit to be shown."""
        return names.printable(self._inside.name if self._inside else self.path.name)

    @property
    def stem(self) -> str:
        """The file's own name without its suffix, as it is."""
        return (self._inside or self.path).stem

    @property
    def where(self) -> str:
        """What to call it when speaking to the user: printable, and on one line."""
        archive = names.printable(str(self.path))
        return (
            f"{archive}: {names.printable(names.shortened(str(self._inside)))}" if self._inside else archive
        )

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders that it lies in, outermost first."""
        inside = (self.path.name, *self._inside.parts[:-1]) if self._inside else ()
        return (*self.path.parts[:-1], *inside)

    @property
    def _inside(self) -> PurePosixPath | None:
        return None if self.member is None else PurePosixPath(self.member)

    def content(self, most_bytes: int) -> bytes:
        """Its bytes, out of any wrapping. Raises MidiFileError for one that cannot be read or holds more than
        `most_bytes`."""
        try:
            if not self.path.is_file():  # a pipe would keep us waiting
                raise MidiFileError(f"{self.where} is not a file that can be read")
            if self.packed is not None:
                return unwrapped(archives.unpacked(self.path, self.packed, most_bytes, self.where))
            with self.path.open("rb") as file:
                content = file.read(most_bytes + 1)
        except OSError as error:
            raise MidiFileError(f"{self.where} cannot be read: {error.strerror or error}") from error
        if len(content) > most_bytes:
            raise MidiFileError(f"{self.where} is too large for one piece: over {most_bytes >> 20} MiB")
        return unwrapped(content)


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
