"""The default mind: an LSTM encoder-decoder with attention, in torch. It learns here and steps on a GPU.

The encoder reads both parts, the player's and its own, one way and without end: its state is the memory of
the whole session. The decoder begins each turn from the encoder's state and writes the turn frame by frame;
it hears the encoder as it goes, so an answer knows itself and a duet knows the other.

Attention asks "when was it like this, and what came then?": a key is the encoder's state before a step, its
value is the state after it. So a figure is taken up by one look back, where the usual pairing of a state with
itself needs two (the induction heads of Olsson et al. 2022 are such a pair of looks). What came then, as
notes, also goes straight to the scores of the notes, as far as a gate lets it (after the pointer network of
Vinyals et al. 2015).

Shapes: B sequences, T steps, N turns of at most L steps, H hidden, A attention heads.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from jamd.models.features import DECODER_INPUT, ENCODER_INPUT, PART
from jamd.models.networks.head import Head, Words
from jamd.models.tokens import KEYS


@dataclass(frozen=True, slots=True)
class Settings:
    """What rebuilds the network; written into its bundle."""

    hidden: int = 384
    encoder_layers: int = 2
    head_hidden: int = 192
    attention_steps: int = 128
    attention_heads: int = 4

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


class Seq2Seq(nn.Module):
    def __init__(self, settings: Settings, dropout: float = 0.0) -> None:
        super().__init__()
        self.settings = settings
        hidden, heads = settings.hidden, settings.attention_heads
        between_layers = dropout if settings.encoder_layers > 1 else 0.0
        self.encoder = nn.LSTM(
            ENCODER_INPUT, hidden, settings.encoder_layers, batch_first=True, dropout=between_layers
        )
        self.bridge = nn.Linear(hidden, 2 * hidden)
        self.decoder = nn.LSTM(DECODER_INPUT + hidden, hidden, batch_first=True)
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(hidden, hidden, bias=False)
        self.value = nn.Linear(hidden, hidden, bias=False)
        self.lag = nn.Parameter(torch.zeros(heads, settings.attention_steps))  # how far back each looks
        self.nothing = nn.Parameter(torch.zeros(heads))  # the score of looking at nothing
        self.mix = nn.Linear(2 * hidden, hidden)
        self.gate = nn.Linear(hidden, 2 * heads)
        self.dropout = nn.Dropout(dropout)
        self.head = Head(hidden, settings.head_hidden)

    def begin(self, encoded: Tensor) -> tuple[Tensor, Tensor]:
        """The decoder's first state (1, N, H) twice, from the encoder's output (N, H) at the turn's start."""
        h, c = self.bridge(encoded).chunk(2, -1)
        return torch.tanh(h)[None].contiguous(), c[None].contiguous()

    def heads(self, x: Tensor) -> Tensor:
        """(B, T, H) as (B, A, T, H / A)."""
        return x.view(*x.shape[:-1], self.settings.attention_heads, -1).transpose(1, 2)

    def look_back(self, query: Tensor, key: Tensor, ago: Tensor) -> Tensor:
        """How much each step (T) looks at each pair (S), (B, A, T, S). `ago` (T, S) is how many steps back
        the pair's second half lies, from 1; 0 and what is too far back is not seen."""
        steps = self.settings.attention_steps
        scores = query @ key.transpose(2, 3) * query.shape[-1] ** -0.5
        scores = scores + self.lag[:, (ago - 1).clamp(0, steps - 1)]
        scores = scores.masked_fill((ago < 1) | (ago > steps), float("-inf"))
        nothing = self.nothing[:, None, None].expand(*scores.shape[:3], 1)
        return torch.cat([scores, nothing], -1).softmax(-1)[..., :-1]

    def attend(
        self, decoded: Tensor, keys: Tensor, values: Tensor, planes: Tensor, ago: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Frame states (B, T, H) and what is copied to their scores (B, T, 2 * KEYS).

        `decoded` is (B, T, H), `keys` and `values` (B, A, S, H / A), `planes` (B, S, 2 * KEYS) the attacks
        and holds of the steps looked at; `ago` as in `look_back`.
        """
        weights = self.look_back(self.heads(self.query(decoded)), keys, ago)
        looked_at = (weights @ values).transpose(1, 2).flatten(2)
        z = torch.tanh(self.mix(torch.cat([decoded, looked_at], -1)))
        copied = (weights @ planes[:, None]).view(*weights.shape[:3], 2, KEYS)  # (B, A, T, 2, KEYS)
        gates = self.gate(z).view(*z.shape[:2], -1, 2).transpose(1, 2)  # (B, A, T, 2)
        return z, (copied * gates[..., None]).sum(1).flatten(2)

    def forward(
        self, heard: Tensor, asked: Tensor, turns: Tensor, own: Tensor, words: Words
    ) -> tuple[Tensor, ...]:
        """Nats of keys, velocities and offsets, summed over all frames of all turns.

        `heard` (B, T, ENCODER_INPUT): at t what sounded at t - 1. `asked` (B, T, DECODER_INPUT): own frame at
        t - 1 and the cue of t. `turns` (N, L): indices into the B*T steps, padded with any; `own` (N, L)
        says which count. `words` spells the own frames in the order of `turns`.
        """
        batch, steps, _ = heard.shape
        encoded = self.dropout(self.encoder(heard)[0])
        flat = encoded.flatten(0, 1)
        decoder_in = torch.cat([asked.flatten(0, 1)[turns], flat[turns]], -1)
        decoded, _ = self.decoder(decoder_in, self.begin(flat[turns[:, 0]]))
        # back onto the common axis, so that attention is one product with a banded mask
        where = turns[own]
        common = torch.zeros_like(flat).index_copy(0, where, self.dropout(decoded[own]))
        # encoded[s] knows what came before step s, encoded[s + 1] and heard[s + 1] what came at it
        step = torch.arange(steps, device=heard.device)
        z, copied = self.attend(
            common.view(batch, steps, -1),
            self.heads(self.key(encoded[:, :-1])),
            self.heads(self.value(encoded[:, 1:])),
            planes_of(heard[:, 1:]),
            step[:, None] - step[:-1],
        )
        return self.head(self.dropout(z.flatten(0, 1)[where]), words, copied.flatten(0, 1)[where])


def planes_of(heard: Tensor) -> Tensor:
    """What sounded in either part, (..., 2 * KEYS): attacks and holds, from the encoder's inputs."""
    player, own = heard[..., : 2 * KEYS], heard[..., PART : PART + 2 * KEYS]
    return ((player > 0) | (own > 0)).to(heard.dtype)
