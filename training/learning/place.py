"""Where a model is written, and what is there already: nobody's model is lost unsaid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jamd.errors import JamdError
from jamd.models import bundle

UNJUDGED = "unjudged"
"""In a bundle's header: the run whose best weights it holds, which were not judged, or not made whole, when
the training was cut off."""


@dataclass(frozen=True, slots=True)
class Place:
    """The bundle to write, `found` being what was known of the file there when the training began, None
    where there was none. `replace`: whatever lies there may go."""

    path: Path
    found: tuple[int, ...] | None
    replace: bool = False

    def why_not(self) -> str | None:
        """Why nothing may be written there any more, None where it may."""
        if self.replace or look(self.path) in (self.found, None):
            return None
        return f"{self.path} was written by another program meanwhile, and is kept"

    def is_free(self, run: str | None) -> bool:
        """Whether a model that was not judged may lie there: it takes the place of none but of its own
        kind."""
        return self.replace or look(self.path) is None or self.holds_unjudged(run)

    def holds_unjudged(self, run: str | None) -> bool:
        """Whether what lies there was left by this run when it was cut off."""
        try:
            return run is not None and bundle.read_header(self.path).get(UNJUDGED) == run
        except JamdError:
            return False


def place_of(path: Path, replace: bool) -> Place:
    """A place as it is now."""
    return Place(path, look(path), replace)


def look(path: Path) -> tuple[int, ...] | None:
    """What tells one state of a file from another; None where there is none."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_ino, state.st_size, state.st_mtime_ns
