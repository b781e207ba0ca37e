"""What was played in earlier evenings, one file a player: the user's folder of profiles.

A profile is one safetensors file with a JSON header: a list of evenings, each with the arrays of an
`Evening`. It keeps the last MOST_PAST_STEPS steps; of an evening that reaches further back the whole bars
after that.
Every reading and writing is done under a lock of the folder, and each evening is put in by its own id, so two
listeners with one profile keep both their evenings. It is the player's own: only they may read it.
"""

from __future__ import annotations

import json
import os
import re
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from platformdirs import user_data_path
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from jamd.errors import JamdError, UsageError
from jamd.models.memory.evening import Evening, fault_of, last_of
from jamd.models.memory.past import MOST_PAST_STEPS
from jamd.music.note import STEPS_PER_BEAT
from jamd.system.files import ASIDE, write_whole
from jamd.system.files import put_aside as put_file_aside
from jamd.system.lock import opened, wait_for
from jamd.system.permissions import make_folder

FORMAT = 1
SUFFIX = ".safetensors"
HEADER = "jamd profile"
LOCK = ".lock"
_NAME = re.compile(r"[^\W_][\w-]{0,39}")
_ARRAYS = tuple(field.name for field in fields(Evening))


class DamagedProfile(JamdError):
    """A profile that is not whole."""


class Unwritable(JamdError):
    """A folder in which no profile can be kept."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An evening as it is kept: its `id`, which no other has, and when it began."""

    id: str
    began: datetime
    music: Evening


@dataclass(frozen=True, slots=True)
class Listed:
    """A profile as it is listed. One that cannot be read has a `fault` and no evenings."""

    name: str
    path: Path
    evenings: int
    steps: int
    size_bytes: int
    last_used: datetime
    fault: str = ""


def folder() -> Path:
    """Where profiles are kept. It need not be there yet."""
    return user_data_path("jamd", appauthor=False) / "profiles"


def checked(name: str) -> str:
    """A profile's name. Raises UsageError for what could not be a file's name on any system."""
    name = unicodedata.normalize("NFC", name)
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name for a profile; give at most 40 letters, digits, - and _, no - or _ first"
        )
    return name


def path_of(name: str) -> Path:
    return folder() / f"{checked(name)}{SUFFIX}"


def load(name: str) -> tuple[list[Kept], str]:
    """The evenings of a profile, the latest last, none where there is no such profile yet, and what the
    player must be told of it, if anything. The folder is made; where that cannot be, the profile is only
    read. Raises JamdError when it cannot be used."""
    path = path_of(name)
    try:
        with _locked():
            return _read_or_put_aside(path)
    except Unwritable as error:
        try:
            return _read(path) if path.is_file() else [], str(error)
        except (DamagedProfile, OSError):
            return [], str(error)


def keep(name: str, tonight: Kept) -> str:
    """Put an evening into a profile, in the place of what was kept of it before; what must be told, if
    anything. Raises JamdError when it cannot be written: then all is as it was."""
    path = path_of(name)
    with _locked():
        evenings, said = _read_or_put_aside(path)
        evenings = [evening for evening in evenings if evening.id != tonight.id]
        evenings = sorted([*evenings, tonight], key=lambda evening: (evening.began, evening.id))
        _write(path, bounded(evenings))
    return said


def bounded(evenings: Sequence[Kept], most_steps: int = MOST_PAST_STEPS) -> list[Kept]:
    """The latest evenings, at most so many steps in all: the oldest of them may begin with a later bar."""
    kept: list[Kept] = []
    for evening in reversed(evenings):
        music = last_of(evening.music, most_steps)
        if not most_steps or not len(music.notes):
            break
        kept.insert(0, replace(evening, music=music))
        most_steps = most_steps - music.steps if music is evening.music else 0
    return kept


def listed() -> list[Listed]:
    """All profiles, by name."""
    return [_listed(path) for path in sorted(folder().glob(f"[!.]*{SUFFIX}"))]


def put_aside() -> list[Path]:
    """The files that were damaged and are kept beside the profiles."""
    return sorted(folder().glob(f"[!.]*{SUFFIX}{ASIDE}*"))


def rename(name: str, new_name: str) -> None:
    """Give a profile another name. Raises UsageError, or JamdError if it cannot be done."""
    old, new = there(name), path_of(new_name)
    with _locked():
        if new.exists():
            raise UsageError(f"there is a profile {new.stem!r} already; choose another name")
        try:
            old.rename(new)
        except OSError as error:
            raise JamdError(f"cannot rename {old}: {error.strerror}") from error


def delete(name: str) -> None:
    """Remove a profile for good, and what of it was damaged and kept aside."""
    path = there(name)
    with _locked():
        try:
            for each in (path, *path.parent.glob(f"{path.name}{ASIDE}*")):
                each.unlink()
        except OSError as error:
            raise JamdError(f"cannot delete {path}: {error.strerror}") from error


def there(name: str) -> Path:
    """The file of a profile. Raises UsageError when there is no such profile."""
    path = path_of(name)
    if not os.path.lexists(path):
        names = ", ".join(each.stem for each in sorted(folder().glob(f"[!.]*{SUFFIX}")))
        raise UsageError(f"there is no profile {name!r}; there are: {names or 'none'}")
    return path


def _listed(path: Path) -> Listed:
    status = path.lstat()
    used = datetime.fromtimestamp(status.st_mtime)
    try:
        evenings, fault = _read(path), ""
    except JamdError as error:
        evenings, fault = [], str(error).removeprefix(f"{path} ")
    steps = sum(evening.music.steps for evening in evenings)
    return Listed(path.stem, path, len(evenings), steps, status.st_size, used, fault)


def _read_or_put_aside(path: Path) -> tuple[list[Kept], str]:
    if not os.path.lexists(path):
        return [], ""
    try:
        return _read(path), ""
    except DamagedProfile as error:
        aside = put_file_aside(path)
        return [], f"{error}; it is kept as {aside.name}, and profile {path.stem!r} begins anew"


def _read(path: Path) -> list[Kept]:
    """Raises DamagedProfile, and JamdError for one that was written by a later jamd."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            raise DamagedProfile(f"{path} is not a file")
        with path.open("rb"):  # for the reason, which safetensors does not give
            pass
    except OSError as error:
        raise DamagedProfile(f"cannot read {path}: {error.strerror}") from error
    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {})[HEADER])
            written = header["format"]
            if not isinstance(written, int):
                raise ValueError(f"its format is {written!r}")
            if written > FORMAT:
                raise JamdError(
                    f"{path} has format {written} and this jamd reads {FORMAT}; upgrade jamd to use it"
                )
            if header["steps_per_beat"] != STEPS_PER_BEAT:
                raise ValueError(f"it has {header['steps_per_beat']} steps a beat and not {STEPS_PER_BEAT}")
            evenings = [_evening(file, number, about) for number, about in enumerate(header["evenings"])]
    except (
        SafetensorError,
        OSError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        RecursionError,
    ) as error:
        raise DamagedProfile(f"{path} is not a whole profile ({error})") from error
    return evenings


def _evening(file: Any, number: int, about: dict[str, str]) -> Kept:
    music = Evening(*(file.get_tensor(f"{number}.{name}") for name in _ARRAYS))
    if fault := fault_of(music):
        raise ValueError(fault)
    return Kept(str(about["id"]), datetime.fromisoformat(about["began"]), music)


def _write(path: Path, evenings: Sequence[Kept]) -> None:
    about = [{"id": evening.id, "began": evening.began.isoformat()} for evening in evenings]
    header = {"format": FORMAT, "steps_per_beat": STEPS_PER_BEAT, "evenings": about}
    arrays = {
        f"{number}.{name}": getattr(evening.music, name)
        for number, evening in enumerate(evenings)
        for name in _ARRAYS
    }
    for left in path.parent.glob(f".{path.name}.*"):  # by a `kill -9`: the lock says that no one writes now
        with suppress(OSError):
            left.unlink()
    write_whole(path, save(arrays, metadata={HEADER: json.dumps(header)}))


@contextmanager
def _locked() -> Iterator[None]:
    """Wait until no other process reads or writes profiles. The system lets go of the lock however a process
    ends. The folder is made, for the user alone."""
    profiles = folder()
    try:
        make_folder(profiles)
    except OSError as error:
        raise Unwritable(f"cannot keep profiles in {profiles}: {error.strerror}") from error
    try:
        handle = opened(profiles / LOCK)
    except OSError as error:
        raise Unwritable(f"cannot keep profiles: cannot write {profiles / LOCK}: {error.strerror}") from error
    try:
        try:
            wait_for(handle)
        except OSError as error:
            raise JamdError(f"cannot have {profiles / LOCK} to itself: {error.strerror}") from error
        yield
    finally:
        os.close(handle)
