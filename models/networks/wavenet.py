"""The second mind: a WaveNet over frames, in torch (van den Oord et al. 2016).

Causal convolutions of width 3 whose dilation doubles from layer to layer, each gated (tanh times sigmoid),
with a residual path to the next layer and a skip path to the output. With dilations from 1 to 128 a step
hears 511 steps, 32 bars of 4/4. The stack reads only what was heard; the cue joins at the output, so that a
session is heard once whatever is imagined meanwhile.

Shapes: B sequences, T steps, C channels, S skip channels.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jamd.models.features import CUE, ENCODER_INPUT, PART
from jamd.models.networks.head import Head, Words

WIDTH = 3


@dataclass(frozen=True, slots=True)
class Settings:
    """What rebuilds the network; written into its bundle."""

    channels: int = 128
    skip: int = 256
    layers: int = 8
    head_hidden: int = 192

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


class Layer(nn.Module):
    """One gated dilated convolution."""

    def __init__(self, channels: int, skip: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.gated = nn.Linear(WIDTH * channels, 2 * channels)  # of x now, one dilation ago, two ago
        self.onward = nn.Linear(channels, channels)
        self.skip = nn.Linear(channels, skip)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, T, C) to the next layer's input and the skip (B, T, S). Before the first step is silence."""
        steps = x.shape[1]
        before = F.pad(x, (0, 0, (WIDTH - 1) * self.dilation, 0))
        taps = [before[:, (WIDTH - 1 - i) * self.dilation :][:, :steps] for i in range(WIDTH)]
        return self.gate(x, torch.cat(taps, -1))

    def gate(self, x: Tensor, taps: Tensor) -> tuple[Tensor, Tensor]:
        signal, gate = self.gated(taps).chunk(2, -1)
        y = torch.tanh(signal) * torch.sigmoid(gate)
        return x + self.onward(y), self.skip(y)


class WaveNet(nn.Module):
    def __init__(self, settings: Settings, dropout: float = 0.0) -> None:
        super().__init__()
        self.settings = settings
        self.entry = nn.Linear(ENCODER_INPUT, settings.channels)
        self.layers = nn.ModuleList(
            Layer(settings.channels, settings.skip, 2**number) for number in range(settings.layers)
        )
        self.output = nn.Linear(settings.skip, settings.skip)
        self.cue = nn.Linear(CUE, settings.skip, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.head = Head(settings.skip, settings.head_hidden)

    def state(self, skip: Tensor, cue: Tensor) -> Tensor:
        """Frame states (M, S) from the sum of the skips (M, S) and the cues (M, CUE)."""
        return F.relu(self.output(F.relu(skip)) + self.cue(cue))

    def forward(
        self, heard: Tensor, asked: Tensor, turns: Tensor, own: Tensor, words: Words
    ) -> tuple[Tensor, ...]:
        """Nats of keys, velocities and offsets, summed; the arguments are those of `Seq2Seq.forward`."""
        x = self.entry(heard)
        skips = torch.zeros(())
        for layer in self.layers:
            x, skip = layer(self.dropout(x))
            skips = skip + skips.to(skip)
        where = turns[own]
        z = self.state(skips.flatten(0, 1)[where], asked.flatten(0, 1)[where, PART:])
        return self.head(self.dropout(z), words)
