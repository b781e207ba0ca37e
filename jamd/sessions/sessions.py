"""What was played and kept: the user's folder of sessions."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
from platformdirs import user_data_path

from jamd.counted import counted
from jamd.engine.snapshot import Span, Turn
from jamd.errors import JamdError, MidiFileError, UsageError
from jamd.music.bars import Bars
from jamd.music.note import STEPS_PER_BEAT, Note, quantise
from jamd.music.tempomap import seconds_at
from jamd.smf import midifile
from jamd.smf.midifile import Piece
from jamd.system import fallback
from jamd.system.files import check_writable, put_aside, read_whole, write_whole
from jamd.system.permissions import make_folder

_NAME = "%Y-%m-%d %H.%M.%S"
FAVOURITES = "favourites.txt"
MOST_FAVOURITES_BYTES = 1 << 22
SUFFIX = ".mid"
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
        elsewhere = fallback.place_for(name)
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


def latest_last(only_picked: bool = False) -> list[Path]:
    """The files of the sessions in the folder, none of them read yet. Raises JamdError."""
    try:
        names = favourites().names if only_picked else None
        found = [path for path in _paths() if names is None or path.name in names]
        return sorted(found, key=lambda path: (_when(path), path.stem))
    except OSError as error:
        raise JamdError(f"cannot list {folder()}: {error.strerror}") from error


def kept(paths: Sequence[Path] | None = None) -> list[Session]:
    """These sessions, or all in the folder, the latest last. Raises JamdError."""
    picked = favourites()
    return [session_at(path, picked) for path in (latest_last() if paths is None else paths)]


def elsewhere() -> str:
    """How many sessions are in jamd's folder of last resort, as words; "" for none."""
    count = sum(1 for _ in fallback.folder().glob(f"[!.]*{SUFFIX}"))
    return counted(count, "session") if count else ""


def _paths() -> list[Path]:
    return sorted(path for path in folder().glob("*.mid") if not path.name.startswith("."))


def find(name: str) -> Path:
    """The session that `name` means: the one of that very name, with or without .mid, else the only one with
    it inside, in any case; `last` is the latest. Raises UsageError."""
    paths = _paths()
    if name == LAST and paths:
        return latest_last()[-1]
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
    if path.name in favourites().names:
        _write_favourites(lambda names: names - {path.name} | {new.name})
    return new


def delete(path: Path) -> None:
    """Remove a session for good. Raises JamdError if it cannot be done."""
    try:
        path.unlink()
    except OSError as error:
        raise JamdError(f"cannot delete {path.name}: {error.strerror}") from error
    pick(path, False)


@dataclass(frozen=True, slots=True)
class Favourites:
    """The file names of the sessions that were picked, as far as they can be read, and what is wrong with
    the file that they stand in, if anything."""

    names: frozenset[str] = frozenset()
    fault: str = ""


def favourites() -> Favourites:
    """Which sessions were picked."""
    path = folder() / FAVOURITES
    if not os.path.lexists(path):
        return Favourites()
    try:
        lines = read_whole(path, MOST_FAVOURITES_BYTES).split(b"\n")
    except JamdError as error:
        return Favourites(fault=str(error))
    names = {os.fsdecode(line) for line in lines if line}
    odd = sum(not _is_name(name) for name in names)
    if lines[-1] and not os.path.lexists(folder() / os.fsdecode(lines[-1])):
        odd = max(odd, 1)  # the end is missing
    fault = f"{path} is damaged: {odd} of its lines name{'s' * (odd == 1)} no session" if odd else ""
    return Favourites(frozenset(filter(_is_name, names)), fault)


def _is_name(line: str) -> bool:
    """Whether a line may be the name of a session, there or deleted."""
    plain = line.isprintable() and not any(sign in line for sign in "/\\")
    return line.endswith(SUFFIX) and (plain or os.path.lexists(folder() / line))


def pick(path: Path, picked: bool = True) -> str:
    """Count a session among the favourites, or no more; what must be told, if anything."""
    return _write_favourites(lambda names: names | {path.name} if picked else names - {path.name})


def _write_favourites(change: Callable[[frozenset[str]], frozenset[str]]) -> str:
    """Change the names; a file that is damaged is put aside, with a word on it."""
    before, path = favourites(), folder() / FAVOURITES
    after = change(before.names)
    if after == before.names:
        return before.fault
    said = f"{before.fault}; it is kept as {put_aside(path).name}" if before.fault else ""
    write_whole(path, b"".join(os.fsencode(name) + b"\n" for name in sorted(after)))
    return said


def session_at(path: Path, picked: Favourites | None = None) -> Session:
    """One session, read from its file."""
    when, favourite = _when(path), path.name in (picked or favourites()).names
    try:
        if not path.is_file():  # a pipe would be waited for
            raise MidiFileError(f"{path} is not a file that can be read")
        piece = midifile.read(path)
    except (MidiFileError, OSError) as error:
        said = f"cannot be read: {error.strerror}" if isinstance(error, OSError) else str(error)
        fault = said.removeprefix(f"{path} ").replace(f"cannot read {path}: ", "cannot be read: ")
        return Session(path, when, favourite=favourite, fault=fault)
    notes = piece.notes
    last_step = int(quantise(notes[-1].start_beats * STEPS_PER_BEAT)[0])
    end_beats = np.array([max(note.end_beats for note in notes)])
    return Session(
        path,
        when,
        bars=max(0, Bars.of(piece.metres).bar_of(last_step)) + 1,
        seconds=float(seconds_at(piece.tempos, end_beats)[0]),
        player_notes=len(notes_of(piece, "player")),
        jamd_notes=len(notes_of(piece, "jamd")),
        favourite=favourite,
    )


def find_whole(name: str) -> tuple[Session, str]:
    """The session that `name` means, to be heard or seen, and what must be told of it, if anything: where the
    latest cannot be read, `last` is the latest that can. Raises UsageError, or JamdError for one that cannot
    be read."""
    session = session_at(find(name))
    if not session.fault:
        return session, ""
    fault = f"{session.path.name} {session.fault}"
    if name == LAST:
        for path in reversed(latest_last()[:-1]):
            if not (before := session_at(path)).fault:
                return before, f"{fault}; the last one that can be read is {path.name}"
    raise JamdError(fault)


def notes_of(piece: Piece, part: str) -> list[Note]:
    """What `player` or `jamd` played, on whatever channels, in order of the beginnings."""
    return piece.of(part)


def turns_of(piece: Piece) -> list[Span]:
    """Whose turn it was, by the markers of a session; none for one that was kept without them."""
    kinds = {str(turn): turn for turn in Turn}
    changes = [(beats, kinds[word]) for beats, word in piece.markers if word in kinds]
    last_beats = max(note.end_beats for part in piece.parts for note in part.notes)
    return [
        Span(start, end, turn)
        for (start, turn), (end, _) in pairwise([*changes, (last_beats, Turn.WAIT)])
        if turn is not Turn.WAIT and start < end
    ]


def _when(path: Path) -> datetime:
    try:
        return datetime.strptime(path.name[:_NAME_LENGTH], _NAME)
    except ValueError:  # named by hand
        return datetime.fromtimestamp(path.lstat().st_mtime)
