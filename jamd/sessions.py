"""What was played and kept: the user's folder of sessions."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from platformdirs import user_data_path

from jamd import midifile, refuge
from jamd.bars import Bars
from jamd.errors import JamdError, MidiFileError, UsageError
from jamd.files import check_writable, write_whole
from jamd.note import STEPS_PER_BEAT, quantise
from jamd.private import make_folder
from jamd.tempomap import seconds_at

_NAME = "%Y-%m-%d %H.%M.%S"
FAVOURITES = "favourites.txt"
LAST = "last"
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
    favourite: bool = False
    fault: str = ""


def folder() -> Path:
    """Where sessions are kept. It need not be there yet."""
    return user_data_path("jamd", appauthor=False) / "sessions"


def new_path(now: datetime) -> Path:
    """A file name for a session that begins now, not in use yet. The folder is made, for the user alone."""
    sessions = folder()
    name = now.strftime(_NAME)
    path, count = sessions / f"{name}.mid", 1
    try:
        make_folder(sessions)
        while path.exists():
            count += 1
            path = sessions / f"{name} {count}.mid"
    except OSError as error:
        raise JamdError(f"cannot keep sessions in {sessions}: {error.strerror}") from error
    _sweep(sessions, now)
    return path


def place(now: datetime) -> tuple[Path, str]:
    """Where to keep a session that begins now, and what the player must be told of it, if anything: where
    there is no writing in the folder, it is a place of last resort."""
    try:
        path = new_path(now)
        check_writable(path)
    except JamdError as error:
        name = f"{now.strftime(_NAME)}.mid"
        elsewhere = refuge.place_for(name)
        where = f"kept in {elsewhere.parent}" if elsewhere else "not kept anywhere"
        said = f"{error}; this session is {where}: --record FILE chooses a place, --no-record keeps none"
        return elsewhere or folder() / name, said
    return path, ""


def _sweep(sessions: Path, now: datetime) -> None:
    """Remove what a writing cut off by `kill -9` left behind, when no session can be writing it any more."""
    for beside in sessions.glob(".*.mid.*"):
        with suppress(OSError):
            if beside.stat().st_mtime < (now - _STALE).timestamp():
                beside.unlink()


def kept() -> list[Session]:
    """The sessions in the folder, the latest last."""
    try:
        found = map(session_at, _paths())
        return sorted(found, key=lambda session: (session.when, session.path.stem))
    except OSError as error:
        raise JamdError(f"cannot list {folder()}: {error.strerror}") from error


def _paths() -> list[Path]:
    return sorted(path for path in folder().glob("*.mid") if not path.name.startswith("."))


def find(name: str) -> Path:
    """The session that `name` means: the one of that very name, with or without .mid, else the only one with
    it inside, in any case; `last` is the latest. Raises UsageError."""
    paths = _paths()
    if name == LAST and paths:
        return max(paths, key=lambda path: (_when(path), path.stem))
    wanted = name.casefold()
    exact = [path for path in paths if name in (path.name, path.stem)]
    matches = exact or [path for path in paths if wanted in path.name.casefold()]
    if len(matches) == 1:
        return matches[0]
    if matches:
        names = ", ".join(path.stem for path in matches)
        raise UsageError(f"session {name!r} could be any of: {names}; give more of its name")
    raise UsageError(f"no session matches {name!r}; `jamd sessions` lists them")


def rename(path: Path, name: str) -> Path:
    """Give a session another name; its new path. Raises UsageError, or JamdError if it cannot be done."""
    stem = name.removesuffix(".mid").strip()
    if not stem or stem.startswith(".") or any(sign in stem for sign in "/\\\0") or stem == LAST:
        raise UsageError(f"{name!r} is no name for a session; leave out slashes and a dot in front")
    new = path.with_name(f"{stem}.mid")
    try:
        os.link(path, new)  # which, other than a rename, never takes another's place
        path.unlink()
    except FileExistsError:
        raise UsageError(f"there is a session {stem!r} already; choose another name") from None
    except OSError as error:
        raise JamdError(f"cannot rename {path.name}: {error.strerror}") from error
    if path.name in favourites():
        _write_favourites(favourites() - {path.name} | {new.name})
    return new


def delete(path: Path) -> None:
    """Remove a session for good. Raises JamdError if it cannot be done."""
    try:
        path.unlink()
    except OSError as error:
        raise JamdError(f"cannot delete {path.name}: {error.strerror}") from error
    pick(path, False)


def favourites() -> frozenset[str]:
    """The file names of the sessions that were picked."""
    try:
        return frozenset((folder() / FAVOURITES).read_text(encoding="utf-8").splitlines())
    except FileNotFoundError:
        return frozenset()
    except (OSError, UnicodeDecodeError) as error:
        raise JamdError(f"cannot read {folder() / FAVOURITES}: {error}") from error


def pick(path: Path, picked: bool = True) -> None:
    """Count a session among the favourites, or no more."""
    before = favourites()
    after = before | {path.name} if picked else before - {path.name}
    if after != before:
        _write_favourites(after)


def _write_favourites(names: frozenset[str]) -> None:
    write_whole(folder() / FAVOURITES, "".join(f"{name}\n" for name in sorted(names)).encode())


def session_at(path: Path) -> Session:
    """One session, read from its file."""
    when, favourite = _when(path), path.name in favourites()
    try:
        piece = midifile.read(path)
    except MidiFileError as error:
        return Session(path, when, favourite=favourite, fault=str(error).removeprefix(f"{path} "))
    notes = piece.notes
    last_step = int(quantise(notes[-1].start_beats * STEPS_PER_BEAT)[0])
    end_beats = np.array([max(note.end_beats for note in notes)])
    return Session(
        path,
        when,
        bars=max(0, Bars.of(piece.metres).bar_of(last_step)) + 1,
        seconds=float(seconds_at(piece.tempos, end_beats)[0]),
        player_notes=sum(len(part.notes) for part in piece.parts if part.name == "player"),
        jamd_notes=sum(len(part.notes) for part in piece.parts if part.name == "jamd"),
        favourite=favourite,
    )


def _when(path: Path) -> datetime:
    try:
        return datetime.strptime(path.name[:_NAME_LENGTH], _NAME)
    except ValueError:  # named by hand
        return datetime.fromtimestamp(path.lstat().st_mtime)
