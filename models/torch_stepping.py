"""`seq2seq` stepped frame by frame in torch, for a GPU; the numpy form is in `stepping`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from jamd.models import features
from jamd.models.bundle import Weights
from jamd.models.features import Place
from jamd.models.head import Head
from jamd.models.seq2seq import Seq2Seq, Settings
from jamd.models.stepping import BELOW
from jamd.models.tokens import END, KEYS
from jamd.note import Frame

Floats = npt.NDArray[np.float32]


class Memory(NamedTuple):
    """As `stepping.Memory`; h and c are (layers, 1, H), outputs (1, up to 128, H), on the device."""

    state: tuple[Tensor, Tensor] | None
    outputs: Tensor
    pitch_classes: Floats


class TorchSeq2Seq:
    """The mind of a `seq2seq` bundle on a torch device."""

    def __init__(self, weights: Weights, settings: dict[str, int], device: str) -> None:
        self.device = torch.device(device)
        self.net = Seq2Seq(Settings(**settings))
        self.net.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
        self.net.to(self.device).eval().requires_grad_(False)

    def start(self) -> Memory:
        hidden = self.net.settings.hidden
        nothing = Memory(
            None, torch.zeros(1, 0, hidden, device=self.device), np.zeros(features.HISTOGRAM, np.float32)
        )
        return self._encode(nothing, np.zeros(features.ENCODER_INPUT, np.float32), nothing.pitch_classes)

    def hear(self, memory: Memory, player: Frame, own: Frame, place: Place) -> Memory:
        return self._encode(memory, *features.heard(player, own, place, memory.pitch_classes))

    def _encode(self, memory: Memory, x: Floats, classes: Floats) -> Memory:
        output, state = self.net.encoder(torch.from_numpy(x).to(self.device)[None, None], memory.state)
        kept = memory.outputs[:, 1 - self.net.settings.attention_steps :]
        return Memory(state, torch.cat([kept, output], 1), classes)

    def begin(self, memory: Memory) -> tuple[Tensor, Tensor]:
        return self.net.begin(memory.outputs[:, -1])

    def word(
        self, memory: Memory, turn: tuple[Tensor, Tensor], before: Frame, place: Place, duet: bool
    ) -> tuple[tuple[Tensor, Tensor], Word]:
        asked, sounding = features.asked(before, place, duet)
        decoder_in = torch.cat([torch.from_numpy(asked).to(self.device), memory.outputs[0, -1]])[None, None]
        decoded, turn = self.net.decoder(decoder_in, turn)
        seen = torch.ones(1, memory.outputs.shape[1], dtype=torch.bool, device=self.device)
        z = self.net.attend(decoded, memory.outputs, seen)[0]
        return turn, Word(self.net.head, z, sounding)


class Word:
    """One frame being spelt; see `mind.Word`. Rows of one."""

    def __init__(self, head: Head, z: Tensor, sounding: npt.NDArray[np.bool_]) -> None:
        self.head, self.sounding = head, sounding
        self.frame = head.state(z)
        self.so_far = torch.zeros_like(self.frame)
        self.last, self.velocity, self.offset = END, 0, 0
        self.h = self.touch = self.frame

    def _index(self, value: int) -> Tensor:
        return torch.tensor([value], device=self.frame.device)

    def logits(self) -> Floats:
        indices = (self._index(value) for value in (self.last, self.velocity, self.offset))
        self.h = self.head.row(self.frame, self.so_far, *indices)
        out: Floats = self.head.token(self.h)[0].cpu().numpy()
        below = BELOW[KEYS if self.last == END else self.last % KEYS]
        out[:KEYS][~below] = -np.inf
        out[KEYS : 2 * KEYS][~(below & self.sounding)] = -np.inf
        return out

    def velocity_logits(self, token: int) -> Floats:
        self.touch = self.head.touch(self.h, self._index(token))
        return _row(self.head.velocity_logits(self.touch))

    def offset_logits(self, velocity: int) -> Floats:
        return _row(self.head.offset_logits(self.touch, self._index(velocity)))

    def add(self, token: int, velocity: int = 0, offset: int = 0) -> None:
        self.so_far = self.so_far + self.head.so_far(self._index(token))
        self.last = token
        if token < KEYS:
            self.velocity, self.offset = velocity + 1, offset + 1


def _row(tensor: Tensor) -> Any:
    return tensor[0].cpu().numpy()
