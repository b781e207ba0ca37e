"""How bold a mind is: from scores to a frame.

A token is chosen in two stages: first its kind (attack, hold, END) at temperature 1 and never truncated, then
the pitch among the attacks with temperature and top-p. A hold and END are one token each while an attack's
chance is spread over many pitches, so one temperature over all tokens starves the attacks and freezes chords.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jamd.models.mind import Word
from jamd.models.tokens import END, KEYS, LOWEST_PITCH, VELOCITY_BINS, offset_of
from jamd.note import Frame, Onset

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Knobs:
    """What a player may turn: `temperature` (boldness) and `top_p` (the share of likely pitches in play)."""

    temperature: float = 0.9
    top_p: float = 0.9


def softmax(logits: Floats, temperature: float = 1.0) -> npt.NDArray[np.float64]:
    """Probabilities that sum to 1. Raises FloatingPointError when the scores are not numbers."""
    scaled = np.asarray(logits, np.float64) / temperature
    shares = np.exp(scaled - scaled.max())
    total = shares.sum()
    if not np.isfinite(total):
        raise FloatingPointError("the model gave scores that are not numbers")
    return np.asarray(shares / total)


def draw(chances: npt.NDArray[np.float64], rng: np.random.Generator) -> int:
    """An index drawn with these chances; they need not sum to 1."""
    total = np.cumsum(chances)
    return min(int(total.searchsorted(rng.random() * total[-1], side="right")), len(chances) - 1)


def top(chances: npt.NDArray[np.float64], share: float) -> npt.NDArray[np.float64]:
    """The chances with all but the likeliest that make up `share` of them set to 0 (nucleus sampling,
    Holtzman et al. 2020)."""
    order = np.argsort(-chances)
    before = np.cumsum(chances[order]) - chances[order]
    kept = np.zeros_like(chances)
    keep = order[before < share * chances.sum()]
    kept[keep] = chances[keep]
    return kept


def choose(logits: Floats, knobs: Knobs, rng: np.random.Generator, attack: bool = False) -> int:
    """The next token. `attack` rules out the other kinds, if any attack is possible at all."""
    chances = softmax(logits)
    kinds = [chances[:KEYS].sum(), chances[KEYS:END].sum(), chances[END]]
    if attack and kinds[0] > 0:
        kinds[1:] = [0.0, 0.0]
    kind = draw(np.array(kinds), rng)
    if kind == 0:
        return draw(top(softmax(logits[:KEYS], knobs.temperature), knobs.top_p), rng)
    if kind == 1:
        return KEYS + draw(chances[KEYS:END], rng)
    return END


def spell(word: Word, knobs: Knobs, rng: np.random.Generator, attack: bool = False) -> Frame:
    """The frame, note by note. With `attack`, at least one note begins in it."""
    onsets: list[Onset] = []
    held: set[int] = set()
    while (token := choose(word.logits(), knobs, rng, attack and not onsets)) != END:
        pitch = LOWEST_PITCH + token % KEYS
        if token < KEYS:
            velocity = draw(softmax(word.velocity_logits(token), knobs.temperature), rng)
            offset = draw(softmax(word.offset_logits(velocity), knobs.temperature), rng)
            # anywhere within the bin: sixteen loudnesses sound like steps
            width = 128 // VELOCITY_BINS
            loudness = max(1, velocity * width + int(rng.integers(width)))
            onsets.append(Onset(pitch, loudness, offset_of(offset)))
            word.add(token, velocity, offset)
        else:
            held.add(pitch)
            word.add(token)
    return Frame(tuple(onsets), frozenset(held))
