"""`seq2seq` stepped frame by frame in numpy: the same weights and sums as in torch, without its start-up.

On a CPU a step of one frame is a few matrix-vector products; torch spends longer repacking weights for them
than numpy spends on the whole step. `tests/test_models.py` holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from jamd.models import features
from jamd.models.bundle import Weights
from jamd.models.features import Place
from jamd.models.tokens import END, KEYS
from jamd.note import Frame

Floats = npt.NDArray[np.float32]
BELOW = np.arange(KEYS) < np.arange(KEYS + 1)[:, None]
"""Row c says which keys are lower than c."""


def sigmoid(x: Floats) -> Floats:
    half = np.float32(0.5)
    return np.asarray(half * np.tanh(half * x) + half)


class Lstm:
    """One LSTM layer, (inputs, 4H); gates in torch's order: input, forget, cell, output."""

    def __init__(self, weights: Weights, layer: str, number: int) -> None:
        def get(name: str) -> Floats:
            return np.ascontiguousarray(weights[f"{layer}.{name}_l{number}"].T)

        self.inputs, self.recurrent = get("weight_ih"), get("weight_hh")
        self.bias = get("bias_ih") + get("bias_hh")
        self.hidden = len(self.recurrent)

    def step(self, x: Floats, h: Floats, c: Floats) -> tuple[Floats, Floats]:
        return self.gates(x @ self.inputs, h, c)

    def gates(self, drive: Floats, h: Floats, c: Floats) -> tuple[Floats, Floats]:
        """The new (h, c), each (H,), from the input's product with the weights, (4H,)."""
        gates = drive + h @ self.recurrent + self.bias
        i, f, o = sigmoid(gates.reshape(4, -1)[[0, 1, 3]])  # three at once: at this size calls cost most
        c = f * c + i * np.tanh(gates[2 * self.hidden : 3 * self.hidden])
        return o * np.tanh(c), c


def sparse(x: Floats, weights: Floats) -> Floats:
    """x @ weights for an x that is nearly all zeros: a step has some ten notes among hundreds of inputs."""
    (where,) = x.nonzero()
    return x[where] @ weights[where]


@dataclass(frozen=True, slots=True)
class Memory:
    """All that was heard: the encoder's state by layer, its last outputs (up to 128, H), and the key."""

    h: tuple[Floats, ...]
    c: tuple[Floats, ...]
    outputs: Floats
    pitch_classes: Floats


class NumpySeq2Seq:
    """The mind of a `seq2seq` bundle on a CPU. The arguments after `weights` are `seq2seq.Settings`."""

    def __init__(
        self, weights: Weights, hidden: int, encoder_layers: int, head_hidden: int, attention_steps: int
    ) -> None:
        self.encoder = [Lstm(weights, "encoder", number) for number in range(encoder_layers)]
        self.decoder = Lstm(weights, "decoder", 0)
        self.bridge, self.bridge_bias = weights["bridge.weight"], weights["bridge.bias"]
        self.query = weights["query.weight"] * np.float32(hidden**-0.5)
        self.mix, self.mix_bias = weights["mix.weight"], weights["mix.bias"]
        self.head = Head(weights)
        self.hidden, self.attention_steps = hidden, attention_steps
        if weights["head.state.weight"].shape != (head_hidden, hidden):
            raise ValueError("the head does not fit the settings")

    def start(self) -> Memory:
        # The network was trained from silence: an encoder that has taken in one empty input.
        zeros = tuple(np.zeros(self.hidden, np.float32) for _ in self.encoder)
        nothing = Memory(
            zeros, zeros, np.zeros((0, self.hidden), np.float32), np.zeros(features.HISTOGRAM, np.float32)
        )
        return self._encode(nothing, np.zeros(features.ENCODER_INPUT, np.float32), nothing.pitch_classes)

    def hear(self, memory: Memory, player: Frame, own: Frame, place: Place) -> Memory:
        return self._encode(memory, *features.heard(player, own, place, memory.pitch_classes))

    def _encode(self, memory: Memory, x: Floats, classes: Floats) -> Memory:
        h: list[Floats] = []
        c: list[Floats] = []
        drive = sparse(x, self.encoder[0].inputs)
        for layer, lstm in enumerate(self.encoder):
            if layer:
                drive = h[-1] @ lstm.inputs
            new_h, new_c = lstm.gates(drive, memory.h[layer], memory.c[layer])
            h.append(new_h)
            c.append(new_c)
        outputs = np.concatenate([memory.outputs[1 - self.attention_steps :], h[-1][None]])
        return Memory(tuple(h), tuple(c), outputs, classes)

    def begin(self, memory: Memory) -> tuple[Floats, Floats]:
        h, c = np.split(self.bridge @ memory.outputs[-1] + self.bridge_bias, 2)
        return np.tanh(h), c

    def word(
        self, memory: Memory, turn: tuple[Floats, Floats], before: Frame, place: Place, duet: bool
    ) -> tuple[tuple[Floats, Floats], Word]:
        asked, sounding = features.asked(before, place, duet)
        inputs = self.decoder.inputs
        drive = sparse(asked, inputs[: len(asked)]) + memory.outputs[-1] @ inputs[len(asked) :]
        h, c = self.decoder.gates(drive, *turn)
        scores = memory.outputs @ (self.query @ h)
        weights = np.exp(scores - scores.max())
        looked_at = weights @ memory.outputs / weights.sum()
        z = np.tanh(self.mix @ np.concatenate([h, looked_at]) + self.mix_bias)
        return (h, c), Word(self.head, z, sounding)


class Head:
    """The weights of `head.Head`, (out, in) as torch has them."""

    def __init__(self, weights: Weights) -> None:
        def get(name: str) -> Any:
            return weights[f"head.{name}"]

        self.state, self.state_bias = get("state.weight"), get("state.bias")
        self.so_far, self.last = get("so_far.weight"), get("last.weight")
        self.last_velocity, self.last_offset = get("last_velocity.weight"), get("last_offset.weight")
        self.residual, self.residual_bias = get("residual.weight"), get("residual.bias")
        self.token, self.token_bias = get("token.weight"), get("token.bias")
        self.chosen, self.velocity_known = get("chosen.weight"), get("velocity_known.weight")
        self.velocity, self.velocity_bias = get("velocity.weight"), get("velocity.bias")
        self.offset, self.offset_bias = get("offset.weight"), get("offset.bias")


class Word:
    """One frame being spelt; see `mind.Word`."""

    def __init__(self, head: Head, z: Floats, sounding: npt.NDArray[np.bool_]) -> None:
        self.head, self.sounding = head, sounding
        self.frame = head.state @ z + head.state_bias  # grows by each token put down
        self.last, self.velocity, self.offset = END, 0, 0
        self.h = self.touch = self.frame

    def logits(self) -> Floats:
        head = self.head
        h = self.frame + head.last[self.last]
        h += head.last_velocity[self.velocity]
        h += head.last_offset[self.offset]
        np.maximum(h, 0, out=h)
        self.h = h + np.maximum(head.residual @ h + head.residual_bias, 0)
        out: Floats = head.token @ self.h + head.token_bias
        below = BELOW[KEYS if self.last == END else self.last % KEYS]
        out[:KEYS][~below] = -np.inf
        out[KEYS : 2 * KEYS][~(below & self.sounding)] = -np.inf
        return out

    def velocity_logits(self, token: int) -> Floats:
        self.touch = np.maximum(self.h + self.head.chosen[token], 0)
        return self.head.velocity @ self.touch + self.head.velocity_bias

    def offset_logits(self, velocity: int) -> Floats:
        h = np.maximum(self.touch + self.head.velocity_known[velocity], 0)
        return self.head.offset @ h + self.head.offset_bias

    def add(self, token: int, velocity: int = 0, offset: int = 0) -> None:
        self.frame = self.frame + self.head.so_far[token]
        self.last = token
        if token < KEYS:
            self.velocity, self.offset = velocity + 1, offset + 1
