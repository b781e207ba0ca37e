"""What jamd keeps in the user's folders is the user's alone.

Folders are made with 0700 and files with 0600 wherever they lie in the folders that the system gives jamd for
data, settings, cache, state and log. What the user names elsewhere is as open as their umask has it, and what
is there already stays as it is.
"""

from __future__ import annotations

import os
from pathlib import Path

FOLDER_MODE, FILE_MODE = 0o700, 0o600
REFUGE = "jamd-kept-"
"""What the name of a folder of jamd's among the system's temporary files begins with."""


def own_folders() -> tuple[Path, ...]:
    """The folders that are jamd's in the user's home, there or not."""
    import platformdirs

    return (
        platformdirs.user_data_path("jamd", appauthor=False),
        platformdirs.user_config_path("jamd", appauthor=False),
        platformdirs.user_cache_path("jamd", appauthor=False),
        platformdirs.user_state_path("jamd", appauthor=False),
        platformdirs.user_log_path("jamd", appauthor=False),
    )


def is_own(path: Path) -> bool:
    """Whether `path`, there or not, is or lies in one of jamd's folders."""
    path = resolved(path)
    if any(part.startswith(REFUGE) for part in path.parts):
        return True
    return any(path.is_relative_to(resolved(folder)) for folder in own_folders())


def resolved(path: Path) -> Path:
    """Where a path leads; itself where that is nowhere, as a link to itself."""
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return path.absolute()


def folder_mode(path: Path) -> int:
    """The mode to make this folder with; the umask takes from it what it takes."""
    return FOLDER_MODE if is_own(path) else 0o777


def file_mode(path: Path) -> int:
    """The mode to make this file with; the umask takes from it what it takes."""
    return FILE_MODE if is_own(path) else 0o666


def make_folder(path: Path, mode: int | None = None) -> None:
    """Make a folder and those above it that are missing, all with `mode`, by default what `folder_mode` says.
    One that is there stays as it is. Raises OSError."""
    mode = folder_mode(path) if mode is None else mode
    for folder in reversed((path, *path.parents)):
        if folder == path or not folder.exists():
            folder.mkdir(mode, exist_ok=True)


def made_again(folder: Path) -> bool:
    """Make a folder that is gone; whether that was it. One that somebody else makes at this moment is not
    taken for it: where all may write, it could be another user's."""
    try:
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        for each in reversed(missing):
            each.mkdir(folder_mode(each))
    except OSError:
        return False
    return bool(missing)


def opener(path: str, flags: int) -> int:
    """For `open`: what it makes is as private as its place asks for."""
    return os.open(path, flags, file_mode(Path(path)))


def close_to_others(path: Path) -> None:
    """Take from others what another's code has given them of a file in jamd's folders. Raises OSError."""
    if is_own(path):
        path.chmod(FILE_MODE)
