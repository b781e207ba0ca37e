"""A piece as bytes for the cache, and back: one line of JSON that says what follows, then the arrays as they
lie in memory. Reading them runs no code.

Whole numbers are kept in the narrowest type that holds them: 11 bytes a note for most music, of 18 in memory.
"""

from __future__ import annotations

import json
from typing import Any, get_args, get_type_hints

import numpy as np
import numpy.typing as npt

from jamd.training.recordings.pieces import QuantisedPiece

_KNOWN_ELSEWHERE = ("name", "sha256")
"""A copy has the same music under another name."""
_HINTS = {name: hint for name, hint in get_type_hints(QuantisedPiece).items() if name not in _KNOWN_ELSEWHERE}
_SCALARS = {name: hint for name, hint in _HINTS.items() if hint in (bool, int, float)}
_ARRAYS = {name: np.dtype(get_args(get_args(hint)[1])[0]) for name, hint in _HINTS.items() - _SCALARS.items()}
_STORED = {np.dtype(kind).str: np.dtype(kind) for kind in ("u1", "i1", "<u2", "<i2", "<u4", "<i4", "<f4")}

LAYOUT = "1, " + " ".join(sorted(_HINTS))
"""What is kept of a piece, and how. Raise its number with every change to how."""
ARRAY_BYTES = 112
"""Of an array in memory, beside what it holds."""


class Damaged(Exception):
    """Bytes that are not a piece."""


def packed(piece: QuantisedPiece) -> bytes:
    """All of a piece but its name and its file's hash."""
    arrays = {name: _narrow(getattr(piece, name)) for name in sorted(_ARRAYS)}
    about = {
        "scalars": {name: kind(getattr(piece, name)) for name, kind in _SCALARS.items()},
        "arrays": [[name, array.dtype.str, len(array)] for name, array in arrays.items()],
    }
    return b"".join([json.dumps(about).encode(), b"\n", *(array.tobytes() for array in arrays.values())])


def unpacked(body: bytes, name: str, sha256: str) -> QuantisedPiece:
    """The piece that was packed. Raises Damaged."""
    try:
        end = body.index(b"\n")
        about = json.loads(body[:end])
        values: dict[str, Any] = {field: kind(about["scalars"][field]) for field, kind in _SCALARS.items()}
        offset = end + 1
        for field, kind, count in about["arrays"]:
            stored = np.frombuffer(body, _STORED[kind], count, offset)
            values[field] = stored.astype(_ARRAYS[field])
            offset += stored.nbytes
        return QuantisedPiece(name, sha256, **values)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise Damaged(str(error)) from error


def memory_bytes(piece: QuantisedPiece) -> int:
    """About what a piece takes in memory."""
    return sum(ARRAY_BYTES + getattr(piece, name).nbytes for name in _ARRAYS) + ARRAY_BYTES * len(_SCALARS)


def _narrow(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array (n,) in the narrowest type of `_STORED` that holds it; what is no whole number stays."""
    if array.dtype.kind == "f" or not len(array):
        return array
    lowest, highest = int(array.min()), int(array.max())
    return array.astype(np.promote_types(np.min_scalar_type(lowest), np.min_scalar_type(highest)))
