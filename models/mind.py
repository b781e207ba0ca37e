"""What every mind offers, whatever network is inside, and how one is opened from a bundle."""

from __future__ import annotations

import ctypes.util
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from jamd.errors import BundleError, UsageError
from jamd.models.bundle import Bundle
from jamd.models.evening import Evening
from jamd.models.features import Cue, Place
from jamd.models.tokens import OFFSET_BINS, TOKENS, VELOCITY_BINS
from jamd.note import REST, Frame, Onset

if TYPE_CHECKING:
    from jamd.models.memory import Remembering

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


class Spelling(Protocol):
    """One frame per course being chosen, from its highest note down to END; see `jamd.models.tokens`."""

    def logits(self) -> Floats:
        """Scores of the next token, (courses, TOKENS), minus infinity where a token cannot follow."""

    def velocity_logits(self, tokens: Ints) -> Floats:
        """Scores of the velocity bins, (courses, VELOCITY_BINS), of the attacks `tokens`, (courses,)."""

    def offset_logits(self, velocities: Ints) -> Floats:
        """Scores of their offset bins, (courses, OFFSET_BINS), once their velocity bins are chosen."""

    def add(self, tokens: Ints, velocities: Ints, offsets: Ints) -> None:
        """Put down the next token of each course; velocity and offset are those of an attack, in bins.
        A course that has put down END may be given END again."""


class Thought(Protocol):
    """What has been heard, in one or several courses of events side by side: the candidates of an answer, or
    pieces being scored. Sequences are as long as there are courses."""

    @property
    def courses(self) -> int: ...

    def hear(self, players: Sequence[Frame], owns: Sequence[Frame], places: Sequence[Place]) -> None:
        """Take in one more step of both parts."""

    def begin(self) -> None:
        """jamd's turn begins here."""

    def spell(self, befores: Sequence[Frame], cues: Sequence[Cue]) -> Spelling:
        """jamd's next frame, yet to be chosen. `befores` are its own frames of the step before."""

    def fork(self, chosen: Sequence[int]) -> Thought:
        """A copy whose courses are the chosen ones, in that order: [0] * 8 are eight copies of the first.
        What the copy hears is not heard here, so an answer can be imagined while the true course goes on."""


class Mind(Protocol):
    """A model that can be asked what to play next."""

    def start(self) -> Thought:
        """Nothing heard yet, in one course."""


def cuda_present() -> bool:
    """Whether a GPU driver is installed; asks without loading torch, which takes seconds."""
    return ctypes.util.find_library("cuda") is not None


def open_mind(bundle: Bundle, device: str = "auto", echo: float = 1.0) -> Mind:
    """The mind in a bundle: numpy on a CPU, torch on a GPU, with its session memory, in the key it knows.

    `echo`, 0 to 2, scales the session memory; 0 is the network alone. Raises BundleError or UsageError.
    """
    header = bundle.header
    try:
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            mind = _network(bundle, device)
            if echo > 0 and "memory" in header:
                from jamd.models.memory import MemoryWeights, Remembering

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
    from jamd.models.memory import Remembering  # loaded only where a memory is asked for

    inner: object | None = mind
    while inner is not None and not isinstance(inner, Remembering):
        inner = getattr(inner, "mind", None)
    return inner


def teach(mind: Mind, evenings: Sequence[Evening]) -> bool:
    """Let the session memory of a mind know earlier evenings, the latest last, in all that it starts from now
    on; no network hears them. False if it has no such memory."""
    from jamd.models.key import InKey
    from jamd.models.memory import Remembering
    from jamd.models.past import past_of

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
    if device != "cpu" and (device == "cuda" or cuda_present()):
        import torch

        if torch.cuda.is_available():
            from jamd.models.torch_stepping import TorchMind

            return TorchMind(arch, weights, settings, "cuda")
        if device == "cuda":
            raise UsageError("no CUDA device is to be had here; use --device cpu")
    if arch == "seq2seq":
        from jamd.models.seq2seq_numpy import NumpySeq2Seq

        return NumpySeq2Seq(weights, **settings)
    from jamd.models.wavenet_numpy import NumpyWaveNet

    return NumpyWaveNet(weights, **settings)
