"""What every mind offers, whatever network is inside, and how one is opened from a bundle."""

from __future__ import annotations

import ctypes.util
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from jamd.errors import BundleError, UsageError
from jamd.models.bundle import Bundle
from jamd.models.features import Place
from jamd.note import Frame

Floats = npt.NDArray[np.float32]


class Word(Protocol):
    """One frame being spelt, from its highest note down to END; see `jamd.models.tokens`."""

    def logits(self) -> Floats:
        """Scores of the next token, (TOKENS,), minus infinity where a token cannot follow."""

    def velocity_logits(self, token: int) -> Floats:
        """Scores of an attack's velocity bin, (VELOCITY_BINS,)."""

    def offset_logits(self, velocity: int) -> Floats:
        """Scores of its offset bin, (OFFSET_BINS,), once its velocity bin is chosen."""

    def add(self, token: int, velocity: int = 0, offset: int = 0) -> None:
        """Put down the next token; velocity and offset are the attack's bins."""


class Mind(Protocol):
    """A trained network. What it has heard is a value that is never changed, so an answer can be imagined
    ahead of time from a copy while the true course of events goes on."""

    def start(self) -> Any:
        """Nothing heard yet."""

    def hear(self, memory: Any, player: Frame, own: Frame, place: Place) -> Any:
        """The memory after one more step of both parts."""

    def begin(self, memory: Any) -> Any:
        """The state in which a turn begins."""

    def word(self, memory: Any, turn: Any, before: Frame, place: Place, duet: bool) -> tuple[Any, Word]:
        """The turn one step on, and its next frame, yet to be spelt. `before` is jamd's own last frame."""


def cuda_present() -> bool:
    """Whether a GPU driver is installed; asks without loading torch, which takes seconds."""
    return ctypes.util.find_library("cuda") is not None


def open_mind(bundle: Bundle, device: str = "auto") -> Mind:
    """The mind in a bundle: numpy on a CPU, torch on a GPU. Raises BundleError or UsageError."""
    minds: dict[str, tuple[Callable[[], Mind], Callable[[str], Mind]]] = {
        "seq2seq": (lambda: _numpy_seq2seq(bundle), lambda name: _torch_seq2seq(bundle, name)),
    }
    arch = bundle.header["arch"]
    if arch not in minds:
        raise BundleError(f"{bundle.path} holds a {arch!r} model; this jamd knows {', '.join(minds)}")
    in_numpy, in_torch = minds[arch]
    try:
        if device != "cpu" and (device == "cuda" or cuda_present()):
            import torch

            if torch.cuda.is_available():
                return in_torch("cuda")
            if device == "cuda":
                raise UsageError("no CUDA device is to be had here; use --device cpu")
        return in_numpy()
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise BundleError(f"{bundle.path} does not hold the weights its header promises ({error})") from error


def _numpy_seq2seq(bundle: Bundle) -> Mind:
    from jamd.models.stepping import NumpySeq2Seq

    return NumpySeq2Seq(bundle.weights, **bundle.settings)


def _torch_seq2seq(bundle: Bundle, device: str) -> Mind:
    from jamd.models.torch_stepping import TorchSeq2Seq

    return TorchSeq2Seq(bundle.weights, bundle.settings, device)
