"""How a mind is opened from its bundle, and what can be turned in one that is open."""

from __future__ import annotations

import ctypes.util
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from jamd.errors import BundleError, UsageError
from jamd.models.bundle import Bundle
from jamd.models.features import Cue, Place
from jamd.models.memory.evening import Evening
from jamd.models.mind import Mind
from jamd.models.tokens import OFFSET_BINS, TOKENS, VELOCITY_BINS
from jamd.music.note import REST, Frame, Onset
from jamd.system.extras import is_installed

if TYPE_CHECKING:
    from jamd.models.memory.memory import Remembering


def cuda_present() -> bool:
    """Whether a GPU driver is installed; asks without loading torch, which takes seconds."""
    return ctypes.util.find_library("cuda") is not None


def gpu_at_hand() -> bool:
    """Whether there may be a GPU to play on: a driver, and torch, which not every install has."""
    return cuda_present() and is_installed("torch")


def open_mind(bundle: Bundle, device: str = "auto", echo: float = 1.0) -> Mind:
    """The mind in a bundle: numpy on a CPU, torch on a GPU, with its session memory, in the key it knows.

    `echo`, 0 to 2, scales the session memory; 0 is the network alone. Raises BundleError or UsageError, and
    ModuleNotFoundError where a GPU is asked for and torch is not installed.
    """
    header = bundle.header
    try:
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            mind = _network(bundle, device)
            if echo > 0 and "memory" in header:
                from jamd.models.memory.memory import MemoryWeights, Remembering

                mind = Remembering(mind, MemoryWeights(**header["memory"]), echo)
            if header.get("key") == "C":
                from jamd.models.key import InKey

                mind = InKey(mind)
            _play_a_step(mind)
        return mind
    except (KeyError, TypeError, ValueError, IndexError, ArithmeticError, RuntimeError) as error:
        raise BundleError(f"{bundle.path} does not hold the weights its header promises ({error})") from error


def _play_a_step(mind: Mind) -> None:
    """Weights of wrong shapes may only show when they are used. Raises what numpy or torch does then."""
    place = Place(0, 16)
    thought = mind.start()
    thought.hear([Frame((Onset(60, 80),))], [REST], [place])
    thought = thought.fork([0, 0])
    thought.begin()
    spelling = thought.spell([REST] * 2, [Cue(place, left_steps=16)] * 2)
    for scores, choices in (
        (spelling.logits(), TOKENS),
        (spelling.velocity_logits(np.zeros(2, np.int64)), VELOCITY_BINS),
        (spelling.offset_logits(np.zeros(2, np.int64)), OFFSET_BINS),
    ):
        if scores.shape != (2, choices) or np.isnan(scores).any():
            raise ValueError(f"its scores are not {choices} numbers")


def set_echo(mind: Mind, echo: float) -> None:
    """Scale the session memory of a mind that has one, while it plays."""
    if (memory := _memory_of(mind)) is not None:
        memory.turn_echo(echo)


def echo_of(mind: Mind) -> float:
    """How the session memory of a mind is scaled; 0 where it has none."""
    memory = _memory_of(mind)
    return 0.0 if memory is None else memory.echo


def _memory_of(mind: Mind) -> Remembering | None:
    from jamd.models.memory.memory import Remembering  # loaded only where a memory is asked for

    inner: object | None = mind
    while inner is not None and not isinstance(inner, Remembering):
        inner = getattr(inner, "mind", None)
    return inner


def teach(mind: Mind, evenings: Sequence[Evening]) -> bool:
    """Let the session memory of a mind know earlier evenings, the latest last, in all that it starts from now
    on; no network hears them. False if it has no such memory."""
    from jamd.models.key import InKey
    from jamd.models.memory.memory import Remembering
    from jamd.models.memory.past import past_of

    inner: object | None = mind
    in_c = False
    while inner is not None:
        in_c |= isinstance(inner, InKey)
        if isinstance(inner, Remembering):
            inner.past = past_of(evenings, in_c)
            return True
        inner = getattr(inner, "mind", None)
    return False


def _network(bundle: Bundle, device: str) -> Mind:
    arch, weights, settings = bundle.header["arch"], bundle.weights, bundle.settings
    if arch == "markov":
        from jamd.models.markov import Markov

        return Markov(**weights)
    if arch not in ("seq2seq", "wavenet"):
        raise BundleError(f"{bundle.path} holds a {arch!r} model; this jamd knows seq2seq, wavenet, markov")
    if device == "cuda" or (device != "cpu" and gpu_at_hand()):
        import torch

        if torch.cuda.is_available():
            from jamd.models.networks.torch_stepping import TorchMind

            return TorchMind(arch, weights, settings, "cuda")
        if device == "cuda":
            raise UsageError("no CUDA device is to be had here; use --device cpu")
    if arch == "seq2seq":
        from jamd.models.networks.seq2seq_numpy import NumpySeq2Seq

        return NumpySeq2Seq(weights, **settings)
    from jamd.models.networks.wavenet_numpy import NumpyWaveNet

    return NumpyWaveNet(weights, **settings)
