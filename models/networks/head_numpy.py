"""The note-by-note head stepped in numpy, for several courses at once; the same sums as in `head`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jamd.models.bundle import Weights
from jamd.models.tokens import END, KEYS, OFFSET_BINS, TOKENS, VELOCITY_BINS

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

NOT_BELOW = np.arange(KEYS) >= np.append(np.tile(np.arange(KEYS), 2), KEYS)[:, None]
"""Row t: the keys that cannot follow token t, those not lower. END stands for the beginning of a frame."""
NOTHING = np.float32(-np.inf)
FOLLOWING = np.where(
    np.hstack([NOT_BELOW, NOT_BELOW, np.zeros((TOKENS, 1), np.bool_)]), NOTHING, np.float32(0)
)
"""The same to be added to scores of tokens, (TOKENS, TOKENS)."""


Shapes = dict[str, tuple[int, ...]]


def linear_shapes(name: str, inputs: int, outputs: int) -> Shapes:
    """Of a layer with a bias."""
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def head_shapes(state: int, hidden: int) -> Shapes:
    """Of the weights of a head that is `hidden` wide on a state that is `state` wide."""
    tables = {
        "so_far": TOKENS,
        "last": TOKENS,
        "last_velocity": VELOCITY_BINS + 1,
        "last_offset": OFFSET_BINS + 1,
        "chosen": TOKENS,
        "velocity_known": VELOCITY_BINS,
    }
    return {
        **linear_shapes("head.state", state, hidden),
        **linear_shapes("head.residual", hidden, hidden),
        **linear_shapes("head.token", hidden, TOKENS),
        **linear_shapes("head.velocity", hidden, VELOCITY_BINS),
        **linear_shapes("head.offset", hidden, OFFSET_BINS),
        **{f"head.{name}.weight": (rows, hidden) for name, rows in tables.items()},
    }


def check_shapes(weights: Weights, expected: Shapes) -> None:
    """Raise ValueError unless the weights are just these: some faults would only show while playing."""
    found = {name: array.shape for name, array in weights.items()}
    if found != expected:
        odd = sorted(name for name, _ in found.items() ^ expected.items())
        raise ValueError(f"the weights do not fit the settings: {odd[0]}")


class Head:
    """The weights of `head.Head`, (in, out)."""

    def __init__(self, weights: Weights) -> None:
        def linear(name: str) -> tuple[Floats, Floats]:
            weight = np.ascontiguousarray(weights[f"head.{name}.weight"].T)
            return weight, weights[f"head.{name}.bias"]

        self.state, self.state_bias = linear("state")
        self.residual, self.residual_bias = linear("residual")
        self.token, self.token_bias = linear("token")
        self.velocity, self.velocity_bias = linear("velocity")
        self.offset, self.offset_bias = linear("offset")
        self.so_far, self.last, last_velocity, last_offset, self.chosen, self.velocity_known = (
            weights[f"head.{name}.weight"]
            for name in ("so_far", "last", "last_velocity", "last_offset", "chosen", "velocity_known")
        )
        self.touch = (last_velocity[:, None] + last_offset).reshape(-1, last_offset.shape[1])
        """By velocity bin + 1 and offset bin + 1 of the last attack; 0 is none yet in this frame."""


class NumpySpelling:
    """One frame per course being chosen; see `mind.Spelling`."""

    def __init__(self, head: Head, z: Floats, sounding: Bools, copied: Floats | None = None) -> None:
        """`z` (courses, state); `sounding` (courses, KEYS) are the keys that may be held; `copied` (courses,
        2 * KEYS) is added to the scores of attacks and holds."""
        self._head = head
        self._fixed = np.empty((len(z), TOKENS), np.float32)  # of the scores, what is so in the whole frame
        self._fixed[:] = head.token_bias
        if copied is not None:
            self._fixed[:, :END] += copied
        self._fixed[:, KEYS:END][~sounding] = NOTHING
        self._frame: Floats = z @ head.state  # grows by each token put down
        self._frame += head.state_bias
        self._last = np.full(len(z), END)
        self._touch_of_last = np.zeros(len(z), np.int64)
        self._h = self._touched = self._frame

    def logits(self) -> Floats:
        head = self._head
        h = self._frame + head.last.take(self._last, 0)
        h += head.touch.take(self._touch_of_last, 0)
        np.maximum(h, 0, out=h)
        self._h = h @ head.residual
        self._h += head.residual_bias
        np.maximum(self._h, 0, out=self._h)
        self._h += h
        out: Floats = self._h @ head.token
        out += self._fixed
        out += FOLLOWING.take(self._last, 0)
        return out

    def velocity_logits(self, tokens: Ints) -> Floats:
        self._touched = self._h + self._head.chosen.take(tokens, 0)
        np.maximum(self._touched, 0, out=self._touched)
        out: Floats = self._touched @ self._head.velocity
        out += self._head.velocity_bias
        return out

    def offset_logits(self, velocities: Ints) -> Floats:
        h = self._touched + self._head.velocity_known.take(velocities, 0)
        np.maximum(h, 0, out=h)
        out: Floats = h @ self._head.offset
        out += self._head.offset_bias
        return out

    def add(self, tokens: Ints, velocities: Ints, offsets: Ints) -> None:
        self._frame += self._head.so_far.take(tokens, 0)
        self._last = tokens
        touch = (velocities + 1) * (OFFSET_BINS + 1) + offsets + 1
        self._touch_of_last = np.where(tokens < KEYS, touch, self._touch_of_last)


assert len(NOT_BELOW) == TOKENS
