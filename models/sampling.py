"""How bold a mind is: from scores to frames.

A token is chosen in two stages: first its kind (attack, hold, END) at temperature 1 and never truncated, then
the pitch among the attacks with temperature and top-p. A hold and END are one token each while an attack's
chance is spread over many pitches, so one temperature over all tokens starves the attacks and freezes chords.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jamd.models.mind import Spelling
from jamd.models.tokens import END, KEYS, LOWEST_PITCH, VELOCITY_BINS, offset_of
from jamd.note import Frame, Onset

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


REGISTER_WIDTH = 7.0
"""Semitones: how firmly a wished register holds, as the standard deviation of a bell over the pitches."""


@dataclass(frozen=True, slots=True)
class Knobs:
    """What a player may turn.

    `temperature` is boldness and `top_p` the share of likely pitches in play; `density` multiplies the odds
    that another note begins; `centre` is the MIDI pitch to play around, None for wherever it likes; `scale`
    holds the pitch classes that may be struck.
    """

    temperature: float = 1.0
    top_p: float = 0.98
    density: float = 1.0
    centre: float | None = None
    scale: frozenset[int] = frozenset(range(12))

    def leaning(self) -> Floats:
        """Logarithms added to the chances of the pitches, (KEYS,)."""
        pitches = LOWEST_PITCH + np.arange(KEYS)
        leaning = np.zeros(KEYS)
        if self.centre is not None:
            leaning -= 0.5 * ((pitches - self.centre) / REGISTER_WIDTH) ** 2
        leaning[~np.isin(pitches % 12, list(self.scale))] = -np.inf
        return leaning


def softmax(logits: npt.ArrayLike, temperature: float = 1.0) -> Floats:
    """Probabilities that sum to 1, by row. Raises FloatingPointError when the scores are not numbers."""
    scaled = np.asarray(logits, np.float64) / temperature
    shares = np.exp(scaled - scaled.max(-1, keepdims=True))
    total = shares.sum(-1, keepdims=True)
    if not np.isfinite(total).all():
        raise FloatingPointError("the model gave scores that are not numbers")
    return np.asarray(shares / total)


def draw(chances: Floats, rng: np.random.Generator) -> Ints:
    """For each row (..., n) of chances an index drawn with them, (...,); a row need not sum to 1."""
    total = np.cumsum(chances, -1)
    aim = rng.random(chances.shape[:-1]) * total[..., -1]
    found = (total <= aim[..., None]).sum(-1)
    return np.asarray(np.minimum(found, chances.shape[-1] - 1))


def top(chances: Floats, share: float) -> Floats:
    """The chances (..., n) with all but the likeliest that make up `share` of them set to 0 (nucleus
    sampling, Holtzman et al. 2020)."""
    order = np.argsort(-chances, -1)
    sorted_chances = np.take_along_axis(chances, order, -1)
    before = np.cumsum(sorted_chances, -1) - sorted_chances
    sorted_chances[before >= share * chances.sum(-1, keepdims=True)] = 0
    kept = np.empty_like(chances)
    np.put_along_axis(kept, order, sorted_chances, -1)
    return kept


def choose(
    logits: npt.ArrayLike,
    knobs: Knobs,
    rng: np.random.Generator,
    attack: bool = False,
    leaning: Floats | None = None,
) -> tuple[Ints, Floats]:
    """The next token of each course and its nats under the mind, (courses,) each, from scores (courses,
    TOKENS). `attack` rules out the other
    kinds wherever an attack is possible at all; `leaning` are the knobs', if they are known already."""
    chances = softmax(logits)
    leaning = knobs.leaning() if leaning is None else leaning
    pitches = chances[:, :KEYS] * np.exp(leaning - leaning.max())
    possible = pitches.sum(-1) > 0  # among the keys that are left there may be none of the scale
    kinds = np.stack([chances[:, :KEYS].sum(-1), chances[:, KEYS:END].sum(-1), chances[:, END]], -1)
    kinds[:, 0] *= knobs.density
    kinds[~possible, 0] = 0
    if attack:
        kinds[possible, 1:] = 0
    kind = draw(kinds, rng)
    pitch = draw(top(np.power(pitches, 1 / knobs.temperature), knobs.top_p), rng)
    if (kind == 1).any():
        held = KEYS + draw(chances[:, KEYS:END], rng)
        pitch = np.where(kind == 1, held, pitch)
    token = np.where(kind == 2, END, pitch)
    return token, -np.log(chances[np.arange(len(token)), token] + 1e-12)


def spell(
    spelling: Spelling, courses: int, knobs: Knobs, rng: np.random.Generator, attack: bool = False
) -> tuple[list[Frame], Floats]:
    """A frame per course, note by note, and the nats of its keys, (courses,). With `attack`, at least one
    note begins in each."""
    onsets: list[list[Onset]] = [[] for _ in range(courses)]
    held: list[set[int]] = [set() for _ in range(courses)]
    going = np.ones(courses, bool)
    nats = np.zeros(courses)
    nothing = np.zeros(courses, np.int64)
    width = 128 // VELOCITY_BINS
    leaning = knobs.leaning()
    first = True
    while True:
        chosen, cost = choose(spelling.logits(), knobs, rng, attack and first, leaning)
        token = np.where(going, chosen, END)
        nats += np.where(going, cost, 0)
        going &= token != END
        if not going.any():
            return [Frame(tuple(o), frozenset(h)) for o, h in zip(onsets, held, strict=True)], nats
        velocity = offset = nothing
        struck = token < KEYS
        if struck.any():
            asked = np.where(struck, token, 0)
            velocity = draw(softmax(spelling.velocity_logits(asked), knobs.temperature), rng)
            offset = draw(softmax(spelling.offset_logits(velocity), knobs.temperature), rng)
            # anywhere within the bin: sixteen loudnesses sound like steps
            loudness = np.maximum(1, velocity * width + rng.integers(width, size=courses))
        for course in going.nonzero()[0]:
            pitch = int(LOWEST_PITCH + token[course] % KEYS)
            if struck[course]:
                onset = Onset(pitch, int(loudness[course]), offset_of(int(offset[course])))
                onsets[course].append(onset)
            else:
                held[course].add(pitch)
        spelling.add(token, velocity, offset)
        first = False
