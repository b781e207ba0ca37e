"""The note-by-note head: from a frame's state to the words of its notes, with velocity and offset.

Exact autoregression over the notes of one frame, from the highest down, in the manner of RNN-NADE
(Boulanger-Lewandowski et al. 2012) but with a softmax over the next token instead of a yes or no per key:
notes + 1 small steps a frame instead of 88.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jamd.models.tokens import END, KEYS, OFFSET_BINS, TOKENS, UNKNOWN_OFFSET, VELOCITY_BINS


class Head(nn.Module):
    """Rows are (frame, place in the word); a row sees the frame's state and every token before it."""

    def __init__(self, state: int, hidden: int) -> None:
        super().__init__()
        self.state = nn.Linear(state, hidden)
        self.so_far = nn.Embedding(TOKENS, hidden)  # summed over the tokens so far
        self.last = nn.Embedding(TOKENS, hidden)  # END stands for "nothing yet"
        self.last_velocity = nn.Embedding(VELOCITY_BINS + 1, hidden)  # 0: no attack yet in this frame
        self.last_offset = nn.Embedding(OFFSET_BINS + 1, hidden)
        self.residual = nn.Linear(hidden, hidden)
        self.token = nn.Linear(hidden, TOKENS)
        self.chosen = nn.Embedding(TOKENS, hidden)  # the attack whose velocity and offset are asked for
        self.velocity = nn.Linear(hidden, VELOCITY_BINS)
        self.velocity_known = nn.Embedding(VELOCITY_BINS, hidden)
        self.offset = nn.Linear(hidden, OFFSET_BINS)

    def row(self, frame: Tensor, so_far: Tensor, last: Tensor, velocity: Tensor, offset: Tensor) -> Tensor:
        """A row's hidden state (R, hidden): `frame` and `so_far` are (R, hidden), the others indices (R,)."""
        h = frame + so_far + self.last(last) + self.last_velocity(velocity) + self.last_offset(offset)
        h = F.relu(h)
        return h + F.relu(self.residual(h))

    def touch(self, h: Tensor, token: Tensor) -> Tensor:
        """The hidden state (R, hidden) that velocity and offset of an attack are read from."""
        return F.relu(h + self.chosen(token))

    def velocity_logits(self, touch: Tensor) -> Tensor:
        return self.velocity(touch)

    def offset_logits(self, touch: Tensor, velocity: Tensor) -> Tensor:
        return self.offset(F.relu(touch + self.velocity_known(velocity)))

    def forward(self, z: Tensor, words: Words, copied: Tensor | None = None) -> tuple[Tensor, ...]:
        """Nats of all tokens, velocities and offsets of the frames with states z (M, state), summed, or what
        else the words make of the scores.

        `copied` (M, 2 * KEYS) is added to the scores of attacks and holds.
        """
        embedded = self.so_far(words.token)
        total = torch.cumsum(embedded, 0) - embedded  # tokens before this row, over all frames...
        so_far = total - total[words.first]  # ...less those of the frames before
        h = self.row(self.state(z)[words.frame], so_far, words.last, words.last_velocity, words.last_offset)
        logits = self.token(h)
        if copied is not None:
            logits = logits + F.pad(copied, (0, 1))[words.frame]
        logits = logits.masked_fill(~words.allowed(), float("-inf"))
        attack = (words.token < KEYS).nonzero()[:, 0]
        touch = self.touch(h[attack], words.token[attack])
        velocity_logits = self.velocity_logits(touch)
        return words.cost(logits, attack, velocity_logits, self.offset_logits(touch, words.velocity[attack]))


class Words:
    """The frames to be scored, spelt out: a row per token, all index tensors (R,) but `sounding`."""

    def __init__(
        self, frame: Tensor, token: Tensor, velocity: Tensor, offset: Tensor, sounding: Tensor
    ) -> None:
        """Rows in order of `frame`; each frame ends with END. `sounding` (M, KEYS): keys that sounded in its
        own step before, the only ones that can be held."""
        self.frame, self.token, self.velocity, self.offset, self.sounding = (
            frame, token, velocity, offset, sounding,
        )  # fmt: skip
        rows = torch.arange(len(frame), device=frame.device)
        starts = torch.ones_like(frame, dtype=torch.bool)
        starts[1:] = frame[1:] != frame[:-1]
        self.first = torch.cummax(torch.where(starts, rows, 0), 0).values
        before = (rows - 1).clamp(min=0)
        self.last = torch.where(starts, END, token[before])
        attack = ~starts & (token[before] < KEYS)
        # the last attack of the frame so far, carried over the holds between
        carried = torch.cummax(torch.where(attack, rows, 0), 0).values
        known = carried > self.first
        source = (carried - 1).clamp(min=0)
        self.last_velocity = torch.where(known, velocity[source] + 1, 0)
        self.last_offset = torch.where(known, offset[source] + 1, 0)

    def cost(
        self, logits: Tensor, attack: Tensor, velocity_logits: Tensor, offset_logits: Tensor
    ) -> tuple[Tensor, ...]:
        """Nats of tokens, velocities and offsets, from the scores of all rows, (R, TOKENS), and those of the
        rows that are attacks, (A,)."""
        velocity, offset = self.velocity[attack], self.offset[attack]
        return (
            F.cross_entropy(logits, self.token, reduction="sum"),
            F.cross_entropy(velocity_logits, velocity, reduction="sum"),
            F.cross_entropy(offset_logits, offset, reduction="sum", ignore_index=UNKNOWN_OFFSET),
        )

    def allowed(self) -> Tensor:
        """Which tokens may follow, (R, TOKENS): lower keys only, holds only of what sounded, END always."""
        ceiling = torch.where(self.last == END, KEYS, self.last % KEYS)
        below = torch.arange(KEYS, device=ceiling.device) < ceiling[:, None]
        end = torch.ones_like(below[:, :1])
        return torch.cat([below, below & self.sounding[self.frame], end], 1)
