"""What was played and kept: the user's folder of sessions."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from platformdirs import user_data_path

from jamd import midifile
from jamd.errors import JamdError, MidiFileError
from jamd.transport import Metre

_NAME = "%Y-%m-%d %H.%M.%S"
_STALE = timedelta(days=1)
_NAME_LENGTH = len("2026-11-21 20.15.03")


@dataclass(frozen=True, slots=True)
class Session:
    """A kept session as it is listed. One that cannot be read has a `fault` and no length."""

    path: Path
    when: datetime
    bars: int = 0
    """Up to the one in which the last note begins."""
    seconds: float = 0.0
    player_notes: int = 0
    jamd_notes: int = 0
    fault: str = ""


def folder() -> Path:
    """Where sessions are kept. It need not be there yet."""
    return user_data_path("jamd", appauthor=False) / "sessions"


def new_path(now: datetime) -> Path:
    """A file name for a session that begins now, not in use yet. The folder is made, for the user alone."""
    sessions = folder()
    try:
        sessions.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise JamdError(f"cannot keep sessions in {sessions}: {error.strerror}") from error
    _sweep(sessions, now)
    name = now.strftime(_NAME)
    path, count = sessions / f"{name}.mid", 1
    while path.exists():
        count += 1
        path = sessions / f"{name} {count}.mid"
    return path


def _sweep(sessions: Path, now: datetime) -> None:
    """Remove what a writing cut off by `kill -9` left behind, when no session can be writing it any more."""
    for beside in sessions.glob(".*.mid.*"):
        with suppress(OSError):
            if beside.stat().st_mtime < (now - _STALE).timestamp():
                beside.unlink()


def kept() -> list[Session]:
    """The sessions in the folder, the latest last."""
    try:
        paths = [path for path in folder().glob("*.mid") if not path.name.startswith(".")]
        return sorted(map(session_at, paths), key=lambda session: (session.when, session.path.stem))
    except OSError as error:
        raise JamdError(f"cannot list {folder()}: {error.strerror}") from error


def session_at(path: Path) -> Session:
    """One session, read from its file."""
    when = _when(path)
    try:
        piece = midifile.read(path)
    except MidiFileError as error:
        return Session(path, when, fault=str(error).removeprefix(f"{path} "))
    notes = piece.notes
    return Session(
        path,
        when,
        bars=int(_bars_at(notes[-1].start_beats, piece.metres)) + 1,
        seconds=_seconds_at(max(note.end_beats for note in notes), piece.tempos),
        player_notes=sum(len(part.notes) for part in piece.parts if part.name == "player"),
        jamd_notes=sum(len(part.notes) for part in piece.parts if part.name == "jamd"),
    )


def _when(path: Path) -> datetime:
    try:
        return datetime.strptime(path.name[:_NAME_LENGTH], _NAME)
    except ValueError:  # named by hand
        return datetime.fromtimestamp(path.lstat().st_mtime)


def _seconds_at(beats: float, tempos: Sequence[tuple[float, float]]) -> float:
    spans = pairwise([*tempos, (beats, 0.0)])
    return sum(max(0.0, min(until, beats) - start) * 60 / tempo for (start, tempo), (until, _) in spans)


def _bars_at(beats: float, metres: Sequence[tuple[float, Metre]]) -> float:
    spans = pairwise([*metres, (beats, metres[-1][1])])
    return sum(
        max(0.0, min(until, beats) - start) * metre.unit / 4 / metre.beats
        for (start, metre), (until, _) in spans
    )
