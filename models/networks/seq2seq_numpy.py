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
from jamd.models.networks.head_numpy import (
    Head,
    NumpySpelling,
    Shapes,
    check_shapes,
    head_shapes,
    linear_shapes,
)
from jamd.models.tokens import KEYS
from jamd.music.note import Frame

Floats = npt.NDArray[np.float32]


def sparse(x: Floats, weights: Floats) -> Floats:
    """x (courses, in) @ weights for an x that is nearly all zeros: a step has some ten notes among hundreds
    of inputs, and courses have most of theirs in common."""
    (where,) = np.nonzero(x.any(0))
    return np.asarray(x.take(where, 1) @ weights.take(where, 0))


class Lstm:
    """One LSTM layer: `sparse` (inputs that are nearly all zeros, 4H), and `dense` (the other inputs and its
    own last output, 4H).

    The gates stand in the order input, forget, output, cell, and the first three are halved, since the
    sigmoid of x is (tanh(x / 2) + 1) / 2: so one tanh does for all.
    """

    def __init__(self, weights: Weights, layer: str, number: int, sparse_inputs: int) -> None:
        def get(name: str) -> Floats:
            i, f, g, o = np.split(weights[f"{layer}.{name}_l{number}"], 4)  # torch's order
            half = np.float32(0.5)
            return np.ascontiguousarray(np.concatenate([half * i, half * f, half * o, g]).T)

        inputs = get("weight_ih")
        self.sparse = inputs[:sparse_inputs]
        self.dense = np.concatenate([inputs[sparse_inputs:], get("weight_hh")])
        self.bias = get("bias_ih") + get("bias_hh")

    def step(self, gates: Floats, h: Floats, c: Floats) -> None:
        """Put the new (h, c), each (courses, H), in the place of the old ones, from `gates` (courses, 4H),
        the products with the weights. They are spoilt."""
        hidden = h.shape[1]
        gates += self.bias
        np.tanh(gates, out=gates)
        shares = gates[:, : 3 * hidden]
        shares *= np.float32(0.5)
        shares += np.float32(0.5)
        c *= shares[:, hidden : 2 * hidden]
        c += shares[:, :hidden] * gates[:, 3 * hidden :]
        np.tanh(c, out=h)
        h *= shares[:, 2 * hidden :]


def shapes(layers: int, hidden: int, head_hidden: int, attention_steps: int, attention_heads: int) -> Shapes:
    """Of the weights of a `seq2seq` bundle."""
    lstms = {
        f"encoder.{{}}_l{number}": hidden if number else features.ENCODER_INPUT for number in range(layers)
    }
    lstms["decoder.{}_l0"] = features.DECODER_INPUT + hidden
    found = head_shapes(hidden, head_hidden)
    for lstm, inputs in lstms.items():
        found |= {
            lstm.format("weight_ih"): (4 * hidden, inputs),
            lstm.format("weight_hh"): (4 * hidden, hidden),
        }
        found |= {lstm.format(bias): (4 * hidden,) for bias in ("bias_ih", "bias_hh")}
    return {
        **found,
        **linear_shapes("bridge", hidden, 2 * hidden),
        **linear_shapes("query", hidden, hidden),
        **linear_shapes("mix", 2 * hidden, hidden),
        **linear_shapes("gate", hidden, 2 * attention_heads),
        "value.weight": (hidden, hidden),
        "key.weight": (hidden, hidden),
        "lag": (attention_heads, attention_steps),
        "nothing": (attention_heads,),
    }


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

        layers = min(encoder_layers, len(weights))
        check_shapes(weights, shapes(layers, hidden, head_hidden, attention_steps, attention_heads))
        self.layers = [
            Lstm(weights, "encoder", number, 0 if number else features.ENCODER_INPUT)
            for number in range(encoder_layers)
        ]
        self.layers.append(Lstm(weights, "decoder", 0, features.DECODER_INPUT))
        self.bridge, self.bridge_bias = linear("bridge"), weights["bridge.bias"]
        scale = np.float32((hidden // attention_heads) ** -0.5)
        self.query, self.query_bias = linear("query") * scale, weights["query.bias"] * scale
        self.value_and_key = np.concatenate([linear("value"), linear("key")], 1)
        self.lag, self.nothing = weights["lag"], weights["nothing"]
        self.lags = np.tile(self.lag[:, ::-1], 2)  # by place in the ring, wherever its newest is
        self.mix, self.mix_bias = linear("mix"), weights["mix.bias"]
        self.gate, self.gate_bias = linear("gate"), weights["gate.bias"]
        self.head = Head(weights)
        self.hidden, self.attention_steps, self.heads = hidden, attention_steps, attention_heads

    def start(self) -> NumpySeq2SeqThought:
        return NumpySeq2SeqThought(self)


class NumpySeq2SeqThought:
    """The state: `_h` (courses, (layers + 1) * H) is what each layer of the encoder gave last, the decoder,
    and what was looked back at, side by side so that neighbours are one input; `_c` are the cells by layer.

    What attention looks back at are pairs of what the encoder gave before a step and the step itself. They
    lie in arrays of the attention's length, the newest at `_newest` and older ones before it, round the end:
    so a step writes one row and moves nothing. `_key` is of the pair to come.
    """

    def __init__(self, mind: NumpySeq2Seq) -> None:
        self._mind = mind
        hidden, steps = mind.hidden, mind.attention_steps
        self._ear = Ear()
        self._h = np.zeros((1, (len(mind.layers) + 1) * hidden), np.float32)
        self._c = [np.zeros((1, hidden), np.float32) for _ in mind.layers]
        self._keys = np.zeros((1, mind.heads, steps, hidden // mind.heads), np.float32)
        self._values = np.zeros_like(self._keys)
        self._planes = np.zeros((1, 2, steps, KEYS), np.float32)
        self._newest, self._pairs = -1, 0
        # The network was trained from silence: an encoder that has taken in one empty input.
        _, self._key = self._encode(np.zeros((1, features.ENCODER_INPUT), np.float32))

    @property
    def courses(self) -> int:
        return len(self._h)

    def hear(self, players: Sequence[Frame], owns: Sequence[Frame], places: Sequence[Place]) -> None:
        mind = self._mind
        heard, keys = self._ear.hear(players, owns, places)
        at = (self._newest + 1) % mind.attention_steps
        self._keys[:, :, at] = self._key
        self._values[:, :, at], self._key = self._encode(heard)
        self._planes[:, :, at] = keys.reshape(-1, 2, KEYS)
        self._newest, self._pairs = at, min(self._pairs + 1, mind.attention_steps)

    def _encode(self, heard: Floats) -> tuple[Floats, Floats]:
        """The encoder takes in one more input. What it gives, as the value of this pair and as the key of the
        next, (courses, A, H / A) each."""
        mind = self._mind
        decoder = len(mind.layers) - 1
        for layer in range(decoder):
            self._step(layer, None if layer else heard)
        pair = (self._given(decoder - 1) @ mind.value_and_key).reshape(self.courses, 2, mind.heads, -1)
        return pair[:, 0], pair[:, 1]

    def _step(self, layer: int, inputs: Floats | None) -> None:
        lstm, hidden = self._mind.layers[layer], self._mind.hidden
        gates = self._h[:, max(0, layer - 1) * hidden : (layer + 1) * hidden] @ lstm.dense
        if inputs is not None:
            gates += sparse(inputs, lstm.sparse)
        lstm.step(gates, self._given(layer), self._c[layer])

    def _given(self, layer: int) -> Floats:
        """What a layer gave last, (courses, H), in its place."""
        hidden = self._mind.hidden
        return self._h[:, layer * hidden : (layer + 1) * hidden]

    def begin(self) -> None:
        mind = self._mind
        decoder = len(mind.layers) - 1
        h, c = np.split(self._given(decoder - 1) @ mind.bridge + mind.bridge_bias, 2, -1)
        np.tanh(h, out=self._given(decoder))
        self._c[-1] = c.copy()

    def spell(self, befores: Sequence[Frame], cues: Sequence[Cue]) -> NumpySpelling:
        mind, courses, pairs = self._mind, self.courses, self._pairs
        asked, sounding = self._ear.ask(befores, cues)
        decoder = len(mind.layers) - 1
        self._step(decoder, asked)
        weights = self._look_back(self._given(decoder))
        looked_at = weights[:, :, None] @ self._values[:, :, :pairs]  # (courses, A, 1, H / A)
        self._given(decoder + 1)[:] = looked_at.reshape(courses, -1)
        z: Floats = self._h[:, decoder * mind.hidden :] @ mind.mix
        z += mind.mix_bias
        np.tanh(z, out=z)
        gates = (z @ mind.gate + mind.gate_bias).reshape(courses, mind.heads, 2)
        by_kind = gates.transpose(0, 2, 1) @ weights  # (courses, 2, S): attacks and holds
        copied = by_kind[:, :, None] @ self._planes[:, :, :pairs]  # (courses, 2, 1, KEYS)
        return NumpySpelling(mind.head, z, sounding, copied.reshape(courses, -1))

    def _look_back(self, decoded: Floats) -> Floats:
        """How much each course looks at each of its pairs, (courses, A, S)."""
        mind, pairs = self._mind, self._pairs
        query = (decoded @ mind.query + mind.query_bias).reshape(self.courses, mind.heads, -1, 1)
        scores = np.empty((self.courses, mind.heads, pairs + 1), np.float32)
        first = mind.attention_steps - 1 - self._newest
        np.add(
            (self._keys[:, :, :pairs] @ query)[..., 0],
            mind.lags[:, first : first + pairs],
            out=scores[..., :-1],
        )
        scores[..., -1] = mind.nothing
        scores -= scores.max(-1, keepdims=True)
        np.exp(scores, out=scores)
        return np.asarray(scores[..., :-1] / scores.sum(-1, keepdims=True))

    def fork(self, chosen: Sequence[int]) -> NumpySeq2SeqThought:
        which = list(chosen)
        other = object.__new__(NumpySeq2SeqThought)
        other._mind = self._mind
        other._ear = self._ear.fork(which)
        other._c = [c[which] for c in self._c]
        other._h, other._key, other._keys, other._values, other._planes = (
            array[which] for array in (self._h, self._key, self._keys, self._values, self._planes)
        )
        other._newest, other._pairs = self._newest, self._pairs
        return other
