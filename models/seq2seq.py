"""The default mind: an LSTM encoder-decoder with attention, in torch. It learns here and steps on a GPU.

The encoder reads both parts, the player's and its own, one way and without end: its state is the memory of
the whole session. The decoder begins each turn from the encoder's state and writes the turn frame by frame;
it hears the encoder as it goes, so an answer knows itself and a duet knows the other, and looks back at the
encoder's last states (attention as in Luong et al. 2015, "general" score, scaled).

Shapes: B sequences, T steps, N turns of at most L steps, H hidden.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from jamd.models.features import DECODER_INPUT, ENCODER_INPUT
from jamd.models.head import Head, Words


@dataclass(frozen=True, slots=True)
class Settings:
    """What rebuilds the network; written into its bundle."""

    hidden: int = 384
    encoder_layers: int = 2
    head_hidden: int = 192
    attention_steps: int = 128

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


class Seq2Seq(nn.Module):
    def __init__(self, settings: Settings, dropout: float = 0.0) -> None:
        super().__init__()
        self.settings = settings
        hidden = settings.hidden
        self.encoder = nn.LSTM(
            ENCODER_INPUT, hidden, settings.encoder_layers, batch_first=True, dropout=dropout
        )
        self.bridge = nn.Linear(hidden, 2 * hidden)
        self.decoder = nn.LSTM(DECODER_INPUT + hidden, hidden, batch_first=True)
        self.query = nn.Linear(hidden, hidden, bias=False)
        self.mix = nn.Linear(2 * hidden, hidden)
        self.dropout = nn.Dropout(dropout)
        self.head = Head(hidden, settings.head_hidden)

    def begin(self, encoded: Tensor) -> tuple[Tensor, Tensor]:
        """The decoder's first state (1, N, H) twice, from the encoder's output (N, H) at the turn's start."""
        h, c = self.bridge(encoded).chunk(2, -1)
        return torch.tanh(h)[None].contiguous(), c[None].contiguous()

    def attend(self, decoded: Tensor, memory: Tensor, seen: Tensor) -> Tensor:
        """Frame states (B, T, H): decoder outputs mixed with what they look back at.

        `memory` is (B, S, H), the encoder's outputs; `seen` (T, S) or (B, T, S) says which may be looked at.
        """
        scores = self.query(decoded) @ memory.transpose(1, 2) * decoded.shape[-1] ** -0.5
        weights = scores.masked_fill(~seen, float("-inf")).softmax(-1)
        return torch.tanh(self.mix(torch.cat([decoded, weights @ memory], -1)))

    def band(self, steps: int, device: torch.device) -> Tensor:
        """Which encoder outputs each step may look at, (T, T): its own and the ones before, so many back."""
        ago = torch.arange(steps, device=device)[:, None] - torch.arange(steps, device=device)
        return (ago >= 0) & (ago < self.settings.attention_steps)

    def forward(
        self, heard: Tensor, asked: Tensor, turns: Tensor, own: Tensor, words: Words
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Nats of keys, velocities and offsets, summed over all frames of all turns.

        `heard` (B, T, ENCODER_INPUT): at t what sounded at t - 1. `asked` (B, T, DECODER_INPUT): own frame at
        t - 1 and the place of t. `turns` (N, L): indices into the B*T steps, padded with any; `own` (N, L)
        says which count. `words` spells the own frames in the order of `turns`.
        """
        batch, steps, _ = heard.shape
        encoded, _ = self.encoder(heard)
        flat = self.dropout(encoded).reshape(batch * steps, -1)
        start = self.begin(flat[turns[:, 0]])
        decoder_in = torch.cat([asked.reshape(batch * steps, -1)[turns], flat[turns]], -1)
        decoded, _ = self.decoder(decoder_in, start)
        # back onto the common axis, so that attention is one product with a banded mask
        where = turns[own]
        common = torch.zeros_like(flat).index_copy(0, where, self.dropout(decoded[own]))
        z = self.attend(common.view(batch, steps, -1), encoded, self.band(steps, heard.device))
        return self.head(self.dropout(z.reshape(batch * steps, -1)[where]), words)
