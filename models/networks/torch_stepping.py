"""The networks stepped frame by frame in torch, for a GPU; the numpy forms are beside the networks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from jamd.models import features
from jamd.models.bundle import Weights
from jamd.models.features import Cue, Ear, Place
from jamd.models.networks.head import Head
from jamd.models.networks.head_numpy import NOT_BELOW
from jamd.models.networks.seq2seq import Seq2Seq, planes_of
from jamd.models.networks.seq2seq import Settings as Seq2SeqSettings
from jamd.models.networks.wavenet import WIDTH, WaveNet
from jamd.models.networks.wavenet import Settings as WaveNetSettings
from jamd.models.tokens import END, KEYS
from jamd.music.note import Frame

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class TorchMind:
    """The mind of a `seq2seq` or `wavenet` bundle on a torch device."""

    def __init__(self, arch: str, weights: Weights, settings: dict[str, int], device: str) -> None:
        self.device = torch.device(device)
        self.net: Any = (
            Seq2Seq(Seq2SeqSettings(**settings))
            if arch == "seq2seq"
            else WaveNet(WaveNetSettings(**settings))
        )
        self.net.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
        self.net.to(self.device).eval().requires_grad_(False)
        self._thought = Seq2SeqThought if arch == "seq2seq" else WaveNetThought

    def start(self) -> TorchThought:
        return self._thought(self)


class TorchThought(ABC):
    """What both networks' thoughts have in common: the ear, and the way to the device and back."""

    def __init__(self, mind: TorchMind) -> None:
        self.mind, self.net, self.ear, self.courses = mind, mind.net, Ear(), 1
        self.take_in(torch.zeros(1, features.ENCODER_INPUT, device=mind.device))

    def hear(self, players: Sequence[Frame], owns: Sequence[Frame], places: Sequence[Place]) -> None:
        self.take_in(self._there(self.ear.hear(players, owns, places)[0]))

    def spell(self, befores: Sequence[Frame], cues: Sequence[Cue]) -> TorchSpelling:
        asked, sounding = self.ear.ask(befores, cues)
        z, copied = self.state(self._there(asked))
        return TorchSpelling(self.net.head, z, sounding, copied)

    def fork(self, chosen: Sequence[int]) -> TorchThought:
        which = torch.tensor(list(chosen), device=self.mind.device)
        other = object.__new__(type(self))
        other.mind, other.net, other.ear = self.mind, self.net, self.ear.fork(chosen)
        other.courses = len(chosen)
        other.remember(self, which)
        return other

    def _there(self, array: Floats) -> Tensor:
        return torch.from_numpy(array).to(self.mind.device)

    @abstractmethod
    def begin(self) -> None:
        """jamd's turn begins here."""

    @abstractmethod
    def take_in(self, heard: Tensor) -> None:
        """One more input, (courses, ENCODER_INPUT)."""

    @abstractmethod
    def state(self, asked: Tensor) -> tuple[Tensor, Tensor | None]:
        """The frame's state (courses, state), and what is copied to its scores, if anything is."""

    @abstractmethod
    def remember(self, other: Any, which: Tensor) -> None:
        """The courses `which` of another thought."""


class Seq2SeqThought(TorchThought):
    """`outputs` are the encoder's last (courses, up to attention + 1, H), `heard` the inputs they are of."""

    outputs: Tensor
    heard: Tensor
    encoder: tuple[Tensor, Tensor]
    decoder: tuple[Tensor, Tensor]

    def take_in(self, heard: Tensor) -> None:
        first = not hasattr(self, "outputs")
        output, self.encoder = self.net.encoder(heard[:, None], None if first else self.encoder)
        kept = self.net.settings.attention_steps
        self.outputs = output if first else torch.cat([self.outputs[:, -kept:], output], 1)
        self.heard = heard[:, None] if first else torch.cat([self.heard[:, -kept:], heard[:, None]], 1)
        if first:
            self.begin()

    def begin(self) -> None:
        self.decoder = self.net.begin(self.outputs[:, -1])

    def state(self, asked: Tensor) -> tuple[Tensor, Tensor]:
        decoder_in = torch.cat([asked, self.outputs[:, -1]], -1)[:, None]
        decoded, self.decoder = self.net.decoder(decoder_in, self.decoder)
        pairs = self.outputs.shape[1] - 1
        z, copied = self.net.attend(
            decoded,
            self.net.heads(self.net.key(self.outputs[:, :-1])),
            self.net.heads(self.net.value(self.outputs[:, 1:])),
            planes_of(self.heard[:, 1:]),
            torch.arange(pairs, 0, -1, device=asked.device)[None],
        )
        return z[:, 0], copied[:, 0]

    def remember(self, other: Seq2SeqThought, which: Tensor) -> None:
        self.outputs, self.heard = other.outputs[which], other.heard[which]
        for name in ("encoder", "decoder"):
            h, c = getattr(other, name)
            setattr(self, name, (h[:, which].contiguous(), c[:, which].contiguous()))


class WaveNetThought(TorchThought):
    """`queues` are each layer's last inputs, (courses, 2 * dilation, C), the oldest first."""

    def begin(self) -> None:
        """Nothing: a stack of convolutions only knows what was heard."""

    def take_in(self, heard: Tensor) -> None:
        x = self.net.entry(heard)
        if not hasattr(self, "queues"):
            self.queues = [
                x.new_zeros(len(x), (WIDTH - 1) * layer.dilation, x.shape[-1]) for layer in self.net.layers
            ]
        self.skips = x.new_zeros(())
        for number, layer in enumerate(self.net.layers):
            queue = self.queues[number]
            taps = torch.cat([x, queue[:, -layer.dilation], queue[:, 0]], -1)
            self.queues[number] = torch.cat([queue[:, 1:], x[:, None]], 1)
            x, skip = layer.gate(x, taps)
            self.skips = self.skips + skip

    def state(self, asked: Tensor) -> tuple[Tensor, None]:
        return self.net.state(self.skips, asked[:, features.PART :]), None

    def remember(self, other: WaveNetThought, which: Tensor) -> None:
        self.queues = [queue[which] for queue in other.queues]
        self.skips = other.skips[which]


class TorchSpelling:
    """One frame per course being chosen; see `mind.Spelling`."""

    def __init__(self, head: Head, z: Tensor, sounding: Bools, copied: Tensor | None) -> None:
        self._head, self._copied, self._silent = head, copied, ~sounding
        self._frame = head.state(z)
        self._so_far = torch.zeros_like(self._frame)
        self._last = np.full(len(z), END)
        self._velocity = np.zeros(len(z), np.int64)
        self._offset = np.zeros(len(z), np.int64)
        self._h = self._touch = self._frame

    def _there(self, indices: Ints) -> Tensor:
        return torch.from_numpy(np.asarray(indices, np.int64)).to(self._frame.device)

    def logits(self) -> Floats:
        known = (self._there(indices) for indices in (self._last, self._velocity, self._offset))
        self._h = self._head.row(self._frame, self._so_far, *known)
        scores = self._head.token(self._h)
        if self._copied is not None:
            scores[:, :END] += self._copied
        out: Floats = scores.cpu().numpy()
        above = NOT_BELOW[self._last]
        out[:, :KEYS][above] = -np.inf
        out[:, KEYS:END][above | self._silent] = -np.inf
        return out

    def velocity_logits(self, tokens: Ints) -> Floats:
        self._touch = self._head.touch(self._h, self._there(tokens))
        return np.asarray(self._head.velocity_logits(self._touch).cpu().numpy())

    def offset_logits(self, velocities: Ints) -> Floats:
        return np.asarray(self._head.offset_logits(self._touch, self._there(velocities)).cpu().numpy())

    def add(self, tokens: Ints, velocities: Ints, offsets: Ints) -> None:
        self._so_far = self._so_far + self._head.so_far(self._there(tokens))
        attacks = tokens < KEYS
        self._last = tokens
        self._velocity = np.where(attacks, velocities + 1, self._velocity)
        self._offset = np.where(attacks, offsets + 1, self._offset)
