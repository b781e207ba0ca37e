"""The note-by-note head stepped in numpy, for several courses at once; the same sums as in `head`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jamd.models.bundle import Weights
from jamd.models.tokens import END, KEYS, TOKENS

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

NOT_BELOW = np.arange(KEYS) >= np.append(np.tile(np.arange(KEYS), 2), KEYS)[:, None]
"""Row t: the keys that cannot follow token t, those not lower. END stands for the beginning of a frame."""


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
        self.so_far, self.last, self.last_velocity, self.last_offset, self.chosen, self.velocity_known = (
            weights[f"head.{name}.weight"]
            for name in ("so_far", "last", "last_velocity", "last_offset", "chosen", "velocity_known")
        )


class NumpySpelling:
    """One frame per course being chosen; see `mind.Spelling`."""

    def __init__(self, head: Head, z: Floats, sounding: Bools, copied: Floats | None = None) -> None:
        """`z` (courses, state); `sounding` (courses, KEYS) are the keys that may be held; `copied` (courses,
        2 * KEYS) is added to the scores of attacks and holds."""
        courses = len(z)
        self._head, self._copied, self._silent = head, copied, ~sounding
        self._frame: Floats = z @ head.state + head.state_bias  # grows by each token put down
        self._last = np.full(courses, END)
        self._velocity = np.zeros(courses, np.int64)
        self._offset = np.zeros(courses, np.int64)
        self._h = self._touch = self._frame

    def logits(self) -> Floats:
        head = self._head
        h = self._frame + head.last[self._last]
        h += head.last_velocity[self._velocity]
        h += head.last_offset[self._offset]
        np.maximum(h, 0, out=h)
        self._h = h + np.maximum(h @ head.residual + head.residual_bias, 0)
        out: Floats = self._h @ head.token
        out += head.token_bias
        if self._copied is not None:
            out[:, :END] += self._copied
        above = NOT_BELOW[self._last]
        out[:, :KEYS][above] = -np.inf
        out[:, KEYS:END][above | self._silent] = -np.inf
        return out

    def velocity_logits(self, tokens: Ints) -> Floats:
        self._touch = np.maximum(self._h + self._head.chosen[tokens], 0)
        return np.asarray(self._touch @ self._head.velocity + self._head.velocity_bias)

    def offset_logits(self, velocities: Ints) -> Floats:
        h = np.maximum(self._touch + self._head.velocity_known[velocities], 0)
        return np.asarray(h @ self._head.offset + self._head.offset_bias)

    def add(self, tokens: Ints, velocities: Ints, offsets: Ints) -> None:
        self._frame = self._frame + self._head.so_far[tokens]
        attacks = tokens < KEYS
        self._last = tokens
        self._velocity = np.where(attacks, velocities + 1, self._velocity)
        self._offset = np.where(attacks, offsets + 1, self._offset)


assert len(NOT_BELOW) == TOKENS
