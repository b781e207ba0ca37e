"""A model in one file: safetensors with a JSON header. It carries what it needs and cannot run code.

The header says what rebuilds the network and where it came from: format, architecture, settings, grid, pitch
range, training data by hash, scores, command. Weights are stored in half precision.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from jamd.errors import BundleError
from jamd.models.phrases import Phrases
from jamd.models.tokens import KEYS, LOWEST_PITCH
from jamd.music.note import STEPS_PER_BEAT
from jamd.system.fallback import write_again

FORMAT = 2
SUFFIX = ".safetensors"
HEADER = "jamd"
PHRASES = "phrases"
"""The one array that is no weight."""
GRID = {"steps_per_beat": STEPS_PER_BEAT}
PITCH_RANGE = [LOWEST_PITCH, LOWEST_PITCH + KEYS - 1]

Weights = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Bundle:
    """What is in a bundle: its header as it stands, the weights by name, floating ones as float32, and the
    phrases that it learned from, if it tells."""

    path: Path
    header: dict[str, Any]
    weights: Weights
    phrases: Phrases | None = None

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def settings(self) -> dict[str, int]:
        return dict(self.header["settings"])


def write(path: Path, weights: Weights, header: Mapping[str, Any], phrases: Phrases | None = None) -> None:
    """Write a bundle, whole or not at all. `header` needs `arch` and `settings`; the rest is its card."""
    full = {"format": FORMAT, "grid": GRID, "pitch_range": PITCH_RANGE, **header}
    stored = {name: np.ascontiguousarray(array, _stored(array.dtype)) for name, array in weights.items()}
    if phrases is not None:
        stored[PHRASES] = phrases.bits
    write_again(path, save(stored, metadata={HEADER: json.dumps(full)}))


def _stored(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Counts and hashes as they are, weights in half precision."""
    return np.dtype(np.float16) if dtype.kind == "f" else dtype


def _wanted(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Half precision would lose accuracy and time in every product, so only the file has it. Raises
    ValueError for numbers that are none."""
    if array.dtype.kind != "f":
        return array
    with np.errstate(over="ignore"):  # of doubles, which are not finite then
        wanted = array.astype(np.float32)
    if not np.isfinite(wanted).all():
        raise ValueError("not all of its weights are finite numbers")
    return wanted


def read_header(path: Path) -> dict[str, Any]:
    """A bundle's header, checked, without its weights. Raises BundleError."""
    return _read(path, weights=False).header


def read(path: Path) -> Bundle:
    """A bundle, checked. Raises BundleError when it is missing, truncated, foreign or too new."""
    return _read(path, weights=True)


def _read(path: Path, weights: bool) -> Bundle:
    if os.path.lexists(path) and not path.is_file():
        raise BundleError(f"{path} is not a file")
    if not path.is_file():
        raise BundleError(f"there is no model {path}; `jamd models` lists those there are")
    try:
        with safe_open(path, framework="numpy") as file:
            header = _checked(path, file.metadata())
            names = file.keys() if weights else []
            arrays = {name: _wanted(file.get_tensor(name)) for name in names}
            bits = arrays.pop(PHRASES, None)
            return Bundle(path, header, arrays, None if bits is None else Phrases(bits))
    except (SafetensorError, OSError, ValueError, TypeError, RecursionError) as error:
        raise BundleError(f"{path} is not a whole model bundle ({error})") from error


def _checked(path: Path, metadata: Mapping[str, str] | None) -> dict[str, Any]:
    if not metadata or HEADER not in metadata:
        raise BundleError(f"{path} is a safetensors file, but not one made by `jamd train`")
    header = json.loads(metadata[HEADER])
    if not isinstance(header, dict) or not isinstance(header.get("format"), int):
        raise BundleError(f"{path} has a damaged header; train it again or fetch a fresh copy")
    if header["format"] > FORMAT:
        raise BundleError(
            f"{path} has format {header['format']} and this jamd reads up to {FORMAT}; upgrade jamd to use it"
        )
    if header["format"] < FORMAT:
        raise BundleError(
            f"{path} has format {header['format']} and this jamd reads only {FORMAT}; train it again"
        )
    if header.get("grid") != GRID or header.get("pitch_range") != PITCH_RANGE:
        raise BundleError(f"{path} was made for another grid or pitch range than {GRID} and {PITCH_RANGE}")
    if not _is_sound(header):
        raise BundleError(f"{path} has a damaged header; train it again or fetch a fresh copy")
    return header


def _is_sound(header: Mapping[str, Any]) -> bool:
    """Whether a header has what is asked of it, in the types in which it is written."""
    data, scores, settings = (header.get(name, {}) for name in ("data", "scores", "settings"))
    return (
        isinstance(header.get("arch"), str)
        and "settings" in header
        and all(isinstance(table, dict) for table in (data, scores, settings))
        and all(isinstance(data.get(name, {}), dict) for name in ("learned_from", "watched"))
        and all(isinstance(score, int | float) for score in scores.values())
        and all(type(value) is int and value > 0 for value in settings.values())
    )


def bundled() -> list[Path]:
    """The models that ship with jamd."""
    folder = Path(str(files("jamd.models")))
    return sorted(folder.glob(f"*{SUFFIX}"))


def installed(folder: Path) -> list[Path]:
    """The models in the user's folder."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def find(name: str, user_folder: Path) -> Path:
    """A model's path from a path or a name; the user's models go before the bundled ones of that name."""
    path = Path(name)
    if path.suffix == SUFFIX or path.is_file():
        return path
    known = {found.stem: found for found in [*bundled(), *installed(user_folder)]}
    if name not in known:
        raise BundleError(f"there is no model {name!r}; there are: {', '.join(sorted(known)) or 'none'}")
    return known[name]
