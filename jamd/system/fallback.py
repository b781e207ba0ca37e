"""Where music goes that cannot be written in its own place: a folder that is gone is made again; else there
is jamd's folder of state, and else a new folder among the system's temporary files, which no other user can
look into or put there first."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from jamd.errors import JamdError
from jamd.system.files import check_writable, write_whole
from jamd.system.permissions import REFUGE, made_again, make_folder

FOLDER = "kept"


def folder() -> Path:
    """The folder of last resort among jamd's own. It need not be there."""
    import platformdirs

    return platformdirs.user_state_path("jamd", appauthor=False) / FOLDER


def write(path: Path, content: bytes) -> Path:
    """Put `content` at `path`, whatever became of its folder, or in a place of last resort; where it is then.
    Raises JamdError, which says why it is not at `path`, when it is nowhere."""
    try:
        write_again(path, content)
        return path
    except JamdError as refused:
        return elsewhere(path, content, refused)


def write_again(path: Path, content: bytes) -> None:
    """Put `content` at `path`, the folder made again if it is gone. Raises JamdError."""
    if path.parent.name.startswith(REFUGE) and not _is_ours(path.parent):
        raise JamdError(f"cannot write {path}: {path.parent} is not this user's")
    try:
        write_whole(path, content)
    except JamdError:  # it may have gone just now
        if not made_again(path.parent):
            raise
        write_whole(path, content)


def elsewhere(path: Path, content: bytes, refused: JamdError) -> Path:
    """Put `content` in a place of last resort, as `path` could not be written; where it is then. Raises
    `refused` when there is none."""
    for place in _places():
        with suppress(JamdError, OSError):
            write_whole(free := _free(place / path.name), content)
            return free
        _leave(place)
    raise refused


def place_for(name: str) -> Path | None:
    """Where a file of this name could be written now, as a last resort; None where nothing can."""
    for place in _places():
        with suppress(JamdError, OSError):
            check_writable(free := _free(place / name))
            return free
        _leave(place)
    return None


def leave(path: Path) -> None:
    """Nothing was written at `path`: if the folder was made for it alone, take that away."""
    if path.parent.name.startswith(REFUGE):
        _leave(path.parent)


def _places() -> Iterator[Path]:
    """The folders of last resort, each made when it is asked for."""
    with suppress(OSError):
        make_folder(folder())
        yield folder()
    with suppress(OSError):  # FileNotFoundError where the system has no such folder
        yield Path(tempfile.mkdtemp(prefix=REFUGE))  # a new one, for this user alone


def _leave(place: Path) -> None:
    """Take away a folder in which nothing could be written."""
    with suppress(OSError):
        place.rmdir()


def _is_ours(place: Path) -> bool:
    """Whether a folder among those of all users is this user's, and no link to another."""
    try:
        status = place.lstat()
    except OSError:
        return False
    mine = not hasattr(os, "geteuid") or status.st_uid == os.geteuid()
    return mine and stat.S_ISDIR(status.st_mode)


def _free(path: Path) -> Path:
    """This path, or the first with a number that no file has: what is kept there is not written over."""
    free, number = path, 1
    while free.exists() or free.is_symlink():
        number += 1
        free = path.with_name(f"{path.stem} {number}{path.suffix}")
    return free
