"""`wavenet` stepped frame by frame in numpy: each layer keeps what it will look back at, nothing is computed
twice (after "Fast WaveNet", Le Paine et al. 2016)."""

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
from jamd.models.networks.seq2seq_numpy import sparse
from jamd.music.note import Frame

Floats = npt.NDArray[np.float32]
WIDTH = 3


class Layer:
    """The weights of `wavenet.Layer`, (in, out): `gated` with the gate's half halved, since the sigmoid of x
    is (tanh(x / 2) + 1) / 2, and `further`, what goes on beside what is skipped to the end."""

    def __init__(self, weights: Weights, number: int) -> None:
        def linear(name: str) -> tuple[Floats, Floats]:
            name = f"layers.{number}.{name}"
            return np.ascontiguousarray(weights[f"{name}.weight"].T), weights[f"{name}.bias"]

        self.dilation = 2**number
        self.gated, self.gated_bias = (array.copy() for array in linear("gated"))
        self.channels = self.gated.shape[1] // 2
        self.gated[:, self.channels :] *= np.float32(0.5)
        self.gated_bias[self.channels :] *= np.float32(0.5)
        onward, skip = linear("onward"), linear("skip")
        self.further, self.further_bias = (
            np.concatenate(both, -1) for both in zip(onward, skip, strict=True)
        )


def shapes(channels: int, skip: int, layers: int, head_hidden: int) -> Shapes:
    """Of the weights of a `wavenet` bundle."""
    found = head_shapes(skip, head_hidden)
    for number in range(layers):
        found |= linear_shapes(f"layers.{number}.gated", WIDTH * channels, 2 * channels)
        found |= linear_shapes(f"layers.{number}.onward", channels, channels)
        found |= linear_shapes(f"layers.{number}.skip", channels, skip)
    return {
        **found,
        **linear_shapes("entry", features.ENCODER_INPUT, channels),
        **linear_shapes("output", skip, skip),
        "cue.weight": (skip, features.CUE),
    }


class NumpyWaveNet:
    """The mind of a `wavenet` bundle on a CPU. The arguments after `weights` are `wavenet.Settings`."""

    def __init__(self, weights: Weights, channels: int, skip: int, layers: int, head_hidden: int) -> None:
        check_shapes(weights, shapes(channels, skip, min(layers, len(weights)), head_hidden))
        self.entry, self.entry_bias = np.ascontiguousarray(weights["entry.weight"].T), weights["entry.bias"]
        self.layers = [Layer(weights, number) for number in range(layers)]
        self.output, self.output_bias = (
            np.ascontiguousarray(weights["output.weight"].T),
            weights["output.bias"],
        )
        self.cue = np.ascontiguousarray(weights["cue.weight"].T)
        self.head = Head(weights)
        self.channels = channels

    def start(self) -> NumpyWaveNetThought:
        return NumpyWaveNetThought(self)


class NumpyWaveNetThought:
    """For each layer its inputs of the last two dilations' steps, (courses, 2 * dilation, C), as a ring in
    which `_step` modulo its length is the oldest and the next to be written."""

    def __init__(self, mind: NumpyWaveNet) -> None:
        self._mind = mind
        self._ear = Ear()
        self._queues = [
            np.zeros((1, (WIDTH - 1) * layer.dilation, mind.channels), np.float32) for layer in mind.layers
        ]
        self._step = 0
        # The network was trained from silence: its first input is empty.
        self._skips = self._take_in(np.zeros((1, features.ENCODER_INPUT), np.float32))

    @property
    def courses(self) -> int:
        return len(self._skips)

    def hear(self, players: Sequence[Frame], owns: Sequence[Frame], places: Sequence[Place]) -> None:
        heard, _ = self._ear.hear(players, owns, places)
        self._skips = self._take_in(heard)

    def _take_in(self, heard: Floats) -> Floats:
        """The sum of the skips, (courses, S), after one more input."""
        mind = self._mind
        x = sparse(heard, mind.entry)
        x += mind.entry_bias
        skips: Floats | None = None
        for layer, queue in zip(mind.layers, self._queues, strict=True):
            oldest = self._step % queue.shape[1]
            taps = np.concatenate([x, queue[:, oldest - layer.dilation], queue[:, oldest]], -1)
            queue[:, oldest] = x
            y = taps @ layer.gated
            y += layer.gated_bias
            np.tanh(y, out=y)
            signal, gate = y[:, : layer.channels], y[:, layer.channels :]
            gate *= np.float32(0.5)
            gate += np.float32(0.5)
            signal *= gate
            further = signal @ layer.further
            further += layer.further_bias
            x += further[:, : layer.channels]
            skip = further[:, layer.channels :]
            skips = skip if skips is None else np.add(skips, skip, out=skips)
        self._step += 1
        assert skips is not None
        return skips

    def begin(self) -> None:
        """A turn needs no preparation: the cue says where it ends."""

    def spell(self, befores: Sequence[Frame], cues: Sequence[Cue]) -> NumpySpelling:
        mind = self._mind
        asked, sounding = self._ear.ask(befores, cues)
        skips = np.maximum(self._skips, 0) @ mind.output + mind.output_bias
        z = np.maximum(skips + sparse(asked[:, features.PART :], mind.cue), 0)
        return NumpySpelling(mind.head, z, sounding)

    def fork(self, chosen: Sequence[int]) -> NumpyWaveNetThought:
        which = list(chosen)
        other = object.__new__(NumpyWaveNetThought)
        other._mind, other._step = self._mind, self._step
        other._ear = self._ear.fork(which)
        other._queues = [queue[which] for queue in self._queues]
        other._skips = self._skips[which]
        return other
