"""Run folders: each training leaves one, with all that is needed to judge it, repeat it, or go on with it.

run.json               what was trained: settings, recipe, data by hash, command, machine, how it ended
losses.csv             a row each time the held-out music was scored; between two scorings, one at the end of
                       each epoch, without scores (nan)
events.out.tfevents.*  the same for TensorBoard
model.safetensors      the best weights so far, a bundle; in the end the model as it was judged
checkpoint.safetensors where to go on from
samples/               answers to held-out calls, as MIDI and PNG
lock                   held by the process that trains
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import platformdirs

from jamd.errors import JamdError
from jamd.models import bundle
from jamd.models.bundle import Bundle
from jamd.system import permissions
from jamd.system.fallback import write_again
from jamd.system.files import read_whole, write_whole
from jamd.training.runs.run_lock import is_locked

ABOUT, LOSSES, MODEL, CHECKPOINT, SAMPLES = (
    "run.json", "losses.csv", "model.safetensors", "checkpoint.safetensors", "samples",
)  # fmt: skip
COLUMNS = (
    "epoch",
    "updates",
    "seconds",
    "learned_nats_per_step",
    "nats_per_step",
    "key_nats_per_step",
    "velocity_nats_per_attack",
    "offset_nats_per_attack",
)
RUNNING, FINISHED, STOPPED, FAILED, CUT_OFF = "running", "finished", "stopped", "failed", "cut off"
INTERRUPTED, UNJUDGED = "interrupted", "unjudged"
"""Stopped is a training that ended early when asked to, and of which a model was made all the same;
interrupted one of which none was, or not all that belongs to it, and unjudged one that has learned, and of
which it is not known what that is worth."""
TOLD = {"arch": str, "recipe": dict, "data": dict, "created": str, "state": str}
"""What every run.json says, at least."""
MOST_ABOUT_BYTES, MOST_LOSSES_BYTES = 1 << 24, 1 << 26


@dataclass(frozen=True, slots=True)
class Run:
    """A run folder and what its run.json says."""

    folder: Path
    about: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def state(self) -> str:
        """How the training ended, or that it is running. One that was killed could not write down that it
        ended: it was cut off."""
        state = str(self.about["state"])
        return CUT_OFF if state == RUNNING and not is_locked(self.folder) else state

    def best(self) -> Bundle | None:
        """The best weights so far, if there are any. Raises BundleError when they are damaged."""
        path = self.folder / MODEL
        return bundle.read(path) if path.exists() else None

    def losses(self) -> list[dict[str, float]]:
        """The rows of losses.csv, oldest first. A last row without its end, as a kill or a full disk leaves
        it, is left out. Raises JamdError when the file is damaged."""
        path = self.folder / LOSSES
        if not os.path.lexists(path):
            return []
        try:
            whole, _, _ = read_whole(path, MOST_LOSSES_BYTES).decode().rpartition("\n")
            rows = csv.DictReader(io.StringIO(whole))
            return [{name: float(row[name]) for name in COLUMNS} for row in rows]
        except (ValueError, TypeError, KeyError, csv.Error) as error:
            raise JamdError(f"{path} is damaged ({error})") from error


@dataclass(frozen=True, slots=True)
class Damaged:
    """A run folder whose run.json cannot be read, and why."""

    folder: Path
    fault: str


def default_folder() -> Path:
    """Where run folders are, unless another is named."""
    return platformdirs.user_data_path("jamd", appauthor=False) / "runs"


def create(parent: Path, name: str, about: Mapping[str, Any], now: datetime | None = None) -> Run:
    """A new run folder: `name`, the time, and a number when there is one of that second already."""
    stamp = (now or datetime.now(UTC)).strftime("%Y%m%d-%H%M%S")
    plain = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "run"
    try:
        permissions.make_folder(parent)
        number = 1
        while True:
            folder = parent / (f"{plain}-{stamp}" + (f"-{number}" if number > 1 else ""))
            try:
                folder.mkdir(permissions.folder_mode(folder))
                break
            except FileExistsError:
                number += 1
        permissions.make_folder(folder / SAMPLES)
    except OSError as error:
        said = f"cannot make a run folder in {parent}: {error.strerror}; --runs FOLDER names another place"
        raise JamdError(said) from error
    run = Run(folder, {**about, "state": RUNNING})
    _write(run)
    return run


def resumed(run: Run, updates: int) -> tuple[Run, float]:
    """The run going on from `updates`, and the seconds it took to get there. What was written down of updates
    after that will come again, and is taken out."""
    rows = [row for row in run.losses() if row["updates"] <= updates]
    lines = [",".join(COLUMNS), *(",".join(f"{row[name]:.6g}" for name in COLUMNS) for row in rows)]
    write_whole(run.folder / LOSSES, ("\r\n".join(lines) + "\r\n").encode())
    for left in run.folder.glob(".*.safetensors.*"):  # killed while it wrote them
        left.unlink(missing_ok=True)
    about = {name: value for name, value in run.about.items() if name != "reason"}  # why it failed before
    run = Run(run.folder, {**about, "state": RUNNING})
    _write(run)
    return run, rows[-1]["seconds"] if rows else 0.0


def ended(run: Run, state: str, **more: Any) -> Run:
    """The run with how it ended written down."""
    run = Run(run.folder, {**run.about, "state": state, **more})
    _write(run)
    return run


def _write(run: Run) -> None:
    write_again(run.folder / ABOUT, (json.dumps(run.about, indent=2) + "\n").encode())


def read(folder: Path) -> Run:
    """The run in a folder. Raises JamdError."""
    path = folder / ABOUT
    if not os.path.lexists(path):
        raise JamdError(f"{folder} is no run folder: it has no {ABOUT}")
    try:
        about = json.loads(read_whole(path, MOST_ABOUT_BYTES).decode())
    except (ValueError, RecursionError) as error:
        raise JamdError(f"{path} is damaged ({error})") from error
    if not _is_sound(about):
        raise JamdError(f"{path} is damaged (it should hold {', '.join(TOLD)})")
    return Run(folder, about)


def _is_sound(about: Any) -> bool:
    """Whether a run.json has what is asked of it, in the types in which it is written."""
    if not isinstance(about, dict) or not about.keys() >= TOLD.keys():
        return False
    parts = about["recipe"], about["data"], about["data"].get("learned_from", {}) if about["data"] else {}
    return all(isinstance(about[name], kind) for name, kind in TOLD.items()) and all(
        isinstance(part, dict) for part in parts
    )


def find(name: str, parent: Path) -> Run:
    """A run by its folder, its name, or the beginning of its name. Raises JamdError."""
    path = Path(name)
    for folder in (path, parent / name):
        if os.path.lexists(folder / ABOUT):
            return read(folder)
    runs = found(parent)
    meant = [run for run in runs if run.name.startswith(name)]
    if len(meant) == 1:
        return meant[0]
    known = ", ".join(run.name for run in meant or runs) or "none"
    if meant:
        raise JamdError(f"there are several runs {name!r}...: {known}")
    raise JamdError(f"there is no run {name!r} in {parent}; there are: {known}")


def found(parent: Path) -> list[Run]:
    """The runs in a folder, oldest first; what is no run, or a damaged one, is passed over."""
    return [run for run in listed(parent) if isinstance(run, Run)]


def listed(parent: Path) -> list[Run | Damaged]:
    """The same with the damaged ones."""
    try:
        folders = [folder for folder in parent.iterdir() if any(map(os.path.lexists, _marks(folder)))]
    except OSError:
        return []
    return [_read_or_named(folder) for folder in sorted(folders, key=_written_at)]


def _marks(folder: Path) -> list[Path]:
    """What a run folder is known by."""
    return [folder / name for name in (ABOUT, CHECKPOINT, LOSSES)]


def _written_at(folder: Path) -> float:
    for path in (folder / ABOUT, folder):
        with suppress(OSError):
            return path.lstat().st_mtime
    return 0.0


def _read_or_named(folder: Path) -> Run | Damaged:
    try:
        return read(folder)
    except JamdError as error:
        return Damaged(folder, str(error).removeprefix(f"{folder} "))
