"""`seq2seq` stepped frame by frame in numpy: the same weights and sums as in torch, without its start-up.

On a CPU a step of one frame is a few matrix-vector products; torch spends longer repacking weights for them
than numpy spends on the whole step. `tests/test_models.py` holds the two together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from jamd.models import features
from jamd.models.bundle import Weights
from jamd.models.features import Cue, Ear, Place
from jamd.models.head_numpy import Head, NumpySpelling
from jamd.models.tokens import KEYS
from jamd.note import Frame

Floats = npt.NDArray[np.float32]


def sigmoid(x: Floats) -> Floats:
    half = np.float32(0.5)
    return np.asarray(half * np.tanh(half * x) + half)


def sparse(x: Floats, weights: Floats) -> Floats:
    """x (courses, in) @ weights for an x that is nearly all zeros: a step has some ten notes among hundreds
    of inputs. For several courses the plain product is as fast."""
    if len(x) > 1:
        return np.asarray(x @ weights)
    (where,) = x[0].nonzero()
    return np.asarray(x[:, where] @ weights[where])


class Lstm:
    """One LSTM layer, (inputs, 4H); gates in torch's order: input, forget, cell, output."""

    def __init__(self, weights: Weights, layer: str, number: int) -> None:
        def get(name: str) -> Floats:
            return np.ascontiguousarray(weights[f"{layer}.{name}_l{number}"].T)

        self.inputs, self.recurrent = get("weight_ih"), get("weight_hh")
        self.bias = get("bias_ih") + get("bias_hh")

    def step(self, drive: Floats, h: Floats, c: Floats) -> tuple[Floats, Floats]:
        """The new (h, c), each (courses, H), from the input's product with the weights, (courses, 4H)."""
        gates = drive + h @ self.recurrent
        gates += self.bias
        gates = gates.reshape(len(h), 4, -1)
        i, f, o = sigmoid(gates[:, [0, 1, 3]]).transpose(1, 0, 2)  # at once: at this size calls cost most
        c = f * c + i * np.tanh(gates[:, 2])
        return o * np.tanh(c), c


class NumpySeq2Seq:
    """The mind of a `seq2seq` bundle on a CPU. The arguments after `weights` are `seq2seq.Settings`."""

    def __init__(
        self,
        weights: Weights,
        hidden: int,
        encoder_layers: int,
        head_hidden: int,
        attention_steps: int,
        attention_heads: int,
    ) -> None:
        def linear(name: str) -> Floats:
            return np.ascontiguousarray(weights[f"{name}.weight"].T)

        self.encoder = [Lstm(weights, "encoder", number) for number in range(encoder_layers)]
        self.decoder = Lstm(weights, "decoder", 0)
        self.bridge, self.bridge_bias = linear("bridge"), weights["bridge.bias"]
        scale = np.float32((hidden // attention_heads) ** -0.5)
        self.query, self.query_bias = linear("query") * scale, weights["query.bias"] * scale
        self.key, self.value = linear("key"), linear("value")
        self.lag, self.nothing = weights["lag"], weights["nothing"]
        self.mix, self.mix_bias = linear("mix"), weights["mix.bias"]
        self.gate, self.gate_bias = linear("gate"), weights["gate.bias"]
        self.head = Head(weights)
        self.hidden, self.attention_steps, self.heads = hidden, attention_steps, attention_heads
        if weights["head.state.weight"].shape != (head_hidden, hidden) or self.lag.shape != (
            attention_heads,
            attention_steps,
        ):
            raise ValueError("the weights do not fit the settings")

    def start(self) -> NumpySeq2SeqThought:
        return NumpySeq2SeqThought(self)


class NumpySeq2SeqThought:
    """Encoder and decoder states by layer, (courses, H), and the pairs that attention looks back at.

    The pairs lie in arrays of the attention's length, the newest at `_newest` and older ones before it, round
    the end: so a step writes one row and moves nothing.
    """

    def __init__(self, mind: NumpySeq2Seq) -> None:
        self._mind = mind
        hidden, steps = mind.hidden, mind.attention_steps
        self._ear = Ear()
        self._encoder = [(np.zeros((1, hidden), np.float32),) * 2 for _ in mind.encoder]
        self._decoder = self._encoder[0]
        self._keys = np.zeros((1, mind.heads, steps, hidden // mind.heads), np.float32)
        self._values = np.zeros_like(self._keys)
        self._planes = np.zeros((1, steps, 2 * KEYS), np.float32)
        self._newest, self._pairs = -1, 0
        # The network was trained from silence: an encoder that has taken in one empty input.
        self._encode(np.zeros((1, features.ENCODER_INPUT), np.float32))

    @property
    def courses(self) -> int:
        return len(self._planes)

    def hear(self, players: Sequence[Frame], owns: Sequence[Frame], places: Sequence[Place]) -> None:
        mind = self._mind
        heads = (self.courses, mind.heads, -1)
        heard, (player, own) = self._ear.hear(players, owns, places)
        at = (self._newest + 1) % mind.attention_steps
        self._keys[:, :, at] = (self._encoder[-1][0] @ mind.key).reshape(heads)
        self._encode(heard)
        self._values[:, :, at] = (self._encoder[-1][0] @ mind.value).reshape(heads)
        self._planes[:, at, :KEYS] = player.attacks | own.attacks
        self._planes[:, at, KEYS:] = player.holds | own.holds
        np.minimum(self._planes[:, at], 1, out=self._planes[:, at])
        self._newest, self._pairs = at, min(self._pairs + 1, mind.attention_steps)

    def _encode(self, heard: Floats) -> None:
        mind = self._mind
        drive = sparse(heard, mind.encoder[0].inputs)
        for layer, lstm in enumerate(mind.encoder):
            if layer:
                drive = self._encoder[layer - 1][0] @ lstm.inputs
            self._encoder[layer] = lstm.step(drive, *self._encoder[layer])

    def begin(self) -> None:
        mind = self._mind
        h, c = np.split(self._encoder[-1][0] @ mind.bridge + mind.bridge_bias, 2, -1)
        self._decoder = np.tanh(h), c

    def spell(self, befores: Sequence[Frame], cues: Sequence[Cue]) -> NumpySpelling:
        mind = self._mind
        asked, sounding = self._ear.ask(befores, cues)
        inputs = mind.decoder.inputs
        drive = sparse(asked, inputs[: asked.shape[1]]) + self._encoder[-1][0] @ inputs[asked.shape[1] :]
        self._decoder = mind.decoder.step(drive, *self._decoder)
        decoded = self._decoder[0]
        weights = self._look_back(decoded)
        looked_at = weights[:, :, None] @ self._values[:, :, : self._pairs]  # (courses, A, 1, H / A)
        mixed = np.concatenate([decoded, looked_at.reshape(self.courses, -1)], -1)
        z = np.tanh(mixed @ mind.mix + mind.mix_bias)
        copied = (weights @ self._planes[:, : self._pairs]).reshape(self.courses, mind.heads, 2, KEYS)
        gates = (z @ mind.gate + mind.gate_bias).reshape(self.courses, mind.heads, 2, 1)
        return NumpySpelling(mind.head, z, sounding, (copied * gates).sum(1).reshape(self.courses, -1))

    def _look_back(self, decoded: Floats) -> Floats:
        """How much each course looks at each of its pairs, (courses, A, S)."""
        mind, pairs = self._mind, self._pairs
        query = (decoded @ mind.query + mind.query_bias).reshape(self.courses, mind.heads, -1, 1)
        scores = (self._keys[:, :, :pairs] @ query)[..., 0]
        ago = (self._newest - np.arange(pairs)) % mind.attention_steps
        scores += mind.lag[:, ago]
        highest = np.maximum(scores.max(-1, initial=-np.inf), mind.nothing)[..., None]
        weights = np.exp(scores - highest)
        return np.asarray(
            weights / (weights.sum(-1, keepdims=True) + np.exp(mind.nothing[:, None] - highest))
        )

    def fork(self, chosen: Sequence[int]) -> NumpySeq2SeqThought:
        which = list(chosen)
        other = object.__new__(NumpySeq2SeqThought)
        other._mind = self._mind
        other._ear = self._ear.fork(which)
        other._encoder = [(h[which], c[which]) for h, c in self._encoder]
        other._decoder = (self._decoder[0][which], self._decoder[1][which])
        other._keys, other._values, other._planes = (
            array[which] for array in (self._keys, self._values, self._planes)
        )
        other._newest, other._pairs = self._newest, self._pairs
        return other
