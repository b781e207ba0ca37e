"""How bold a mind is: from scores to frames.

A token is chosen in two stages: first its kind (attack, hold, END) at temperature 1 and never truncated, then
the pitch among the attacks with temperature and top-p. A hold and END are one token each while an attack's
chance is spread over many pitches, so one temperature over all tokens starves the attacks and freezes chords.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from jamd.models.mind import Spelling
from jamd.models.tokens import END, KEYS, LOWEST_PITCH, OFFSET_BINS, VELOCITY_BINS, offset_of
from jamd.music.note import Frame, Onset

Floats = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


BIN_WIDTH = 128 // VELOCITY_BINS
OFFSETS = [offset_of(offset_bin) for offset_bin in range(OFFSET_BINS)]
NEVER_NOTHING = np.float32(1e-30)
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

    @property
    def plain(self) -> bool:
        """Whether chances are taken as they come."""
        return self.temperature == self.density == 1 and self.centre is None and len(self.scale) == 12


@lru_cache(maxsize=16)
def leaning(knobs: Knobs) -> Floats:
    """Logarithms added to the chances of the pitches, (KEYS,)."""
    pitches = LOWEST_PITCH + np.arange(KEYS)
    added = np.zeros(KEYS, np.float32)
    if knobs.centre is not None:
        added -= 0.5 * ((pitches - knobs.centre) / REGISTER_WIDTH) ** 2
    added[~np.isin(pitches % 12, list(knobs.scale))] = -np.inf
    return added


def odds(logits: Floats) -> tuple[Floats, Floats]:
    """Chances of each row (courses, n) as multiples of that of the likeliest, and their sums, (courses,).
    Raises FloatingPointError when the scores are not numbers."""
    chances = np.exp(logits - logits.max(-1, keepdims=True))
    total = chances.sum(-1)
    _check(total)
    return chances, total


def _check(numbers: Floats) -> None:
    if not math.isfinite(numbers.sum()):
        raise FloatingPointError("the model gave scores that are not numbers")


def draw(chances: Floats, rng: np.random.Generator) -> Ints:
    """For each row (courses, n) of chances an index drawn with them, (courses,); a row need not sum to 1.

    Of exponential waiting times at these rates, that for i is the shortest with chance i.
    """
    waited = rng.standard_exponential(chances.shape, np.float32)
    waited += NEVER_NOTHING
    return np.asarray((chances / waited).argmax(-1))


def draw_bin(logits: Floats, temperature: float, rng: np.random.Generator) -> Ints:
    """For each row (courses, n) of scores an index drawn with their softmax, (courses,), by the same race in
    logarithms. Raises FloatingPointError when the scores are not numbers."""
    raced = logits + rng.gumbel(0, temperature, logits.shape)
    _check(raced)
    return np.asarray(raced.argmax(-1))


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
    logits: Floats, knobs: Knobs, rng: np.random.Generator, attack: bool = False
) -> tuple[Ints, Floats]:
    """The next token of each course and its chance under the mind, (courses,) each, from scores (courses,
    TOKENS). `attack` rules out the other kinds wherever an attack is possible at all.

    Raises FloatingPointError when the scores are not numbers.
    """
    chances, total = odds(logits)
    wanted = chances if knobs.plain and not attack else _wanted(logits, chances, knobs, attack)
    token = draw(wanted, rng)
    rows = np.arange(len(token))
    if knobs.top_p < 1:
        # Kind and pitch are drawn at once; a pitch that is not among the likely ones is drawn again. Nearly
        # always a glance shows that it is: without it, less than the share of the likely is left.
        sums = total if wanted is chances else wanted.sum(-1)
        (unlikely,) = np.nonzero(wanted[rows, token] <= (1 - knobs.top_p) * sums)
        unlikely = unlikely[token[unlikely] < KEYS]
        if len(unlikely):
            token[unlikely] = _among_likely(wanted[unlikely, :KEYS], token[unlikely], knobs.top_p, rng)
    return token, chances[rows, token] / total


def _wanted(logits: Floats, chances: Floats, knobs: Knobs, attack: bool) -> Floats:
    """The chances (courses, TOKENS) as the knobs want them: pitches with temperature and leaning, the kinds
    as they were but for the density."""
    wanted = chances.copy()
    scores = logits[:, :KEYS] + leaning(knobs)
    highest = scores.max(-1, keepdims=True)
    possible = highest[:, 0] > -np.inf  # among the keys that are left there may be none of the scale
    highest[~possible] = 0
    pitches = np.exp((scores - highest) / knobs.temperature)
    attacks = knobs.density * chances[:, :KEYS].sum(-1)
    share = attacks / np.where(possible, pitches.sum(-1), 1)
    wanted[:, :KEYS] = pitches * share[:, None]
    if attack:
        wanted[possible, :KEYS] = pitches[possible]
        wanted[possible, KEYS:] = 0
    return wanted


def _among_likely(pitches: Floats, drawn: Ints, share: float, rng: np.random.Generator) -> Ints:
    """The drawn keys (n,), or others where they are not among the likeliest that make up `share` of the
    chances (n, KEYS)."""
    above = np.where(pitches > pitches[np.arange(len(drawn)), drawn][:, None], pitches, 0).sum(-1)
    likely = above < share * pitches.sum(-1)
    return drawn if likely.all() else np.where(likely, drawn, draw(top(pitches, share), rng))


def _of_kind(logits: Floats) -> Floats:
    """The score of a kind of token (courses, 1), from those of its tokens (courses, n); 0 if it is none."""
    scores = np.logaddexp.reduce(logits, -1, keepdims=True)
    return np.where(scores > -np.inf, scores, 0)


@dataclass(frozen=True, slots=True)
class Tired:
    """What is not to come once more: the nats that it costs to begin a step with a note, and without one,
    (courses,) each, those that each key costs among the notes that begin, (KEYS,), and the temperature of
    what is chosen: a note, one that is held, or no more."""

    of_notes: Floats
    of_none: Floats
    of_keys: Floats
    temperature: float

    def scores(self, logits: Floats, first: bool) -> Floats:
        """The scores (courses, TOKENS) of the `first` token of a step, or of one that follows. Whether a note
        begins does not depend on what its keys cost."""
        scores = logits.copy()
        scores[:, :KEYS] -= self.of_keys
        for kind in (slice(0, KEYS), slice(KEYS, END)):
            was, now = _of_kind(logits[:, kind]), _of_kind(scores[:, kind])
            scores[:, kind] += was / self.temperature - now
        scores[:, END] /= self.temperature
        if first:
            scores[:, :KEYS] -= self.of_notes[:, None]
            scores[:, KEYS:] -= self.of_none[:, None]
        return scores


def spell(
    spelling: Spelling,
    courses: int,
    knobs: Knobs,
    rng: np.random.Generator,
    attack: bool = False,
    tired: Tired | None = None,
) -> tuple[list[Frame], Floats]:
    """A frame per course, note by note, and the nats of its keys, (courses,). With `attack`, at least one
    note begins in each. What one is `tired` of is less likely."""
    ended = np.zeros(courses, np.bool_)
    nothing = np.zeros(courses, np.int64)
    words: list[tuple[list[int], list[int], list[int]]] = []  # of tokens, velocity and offset bins
    shares = []
    while True:
        logits = spelling.logits()
        if tired is not None:
            logits = tired.scores(logits, first=not words)
        token, chance = choose(logits, knobs, rng, attack and not words)
        if words:
            token[ended] = END
            chance[ended] = 1
        shares.append(chance)
        ended = token == END
        if ended.all():
            break
        velocity = offset = nothing
        struck = token < KEYS
        if struck.any():
            asked = np.where(struck, token, 0)
            velocity = draw_bin(spelling.velocity_logits(asked), knobs.temperature, rng)
            offset = draw_bin(spelling.offset_logits(velocity), knobs.temperature, rng)
        words.append((token.tolist(), velocity.tolist(), offset.tolist()))
        spelling.add(token, velocity, offset)
    # anywhere within the bin: sixteen loudnesses sound like steps
    within = rng.integers(BIN_WIDTH, size=(len(words), courses)).tolist()
    frames = []
    for course in range(courses):
        onsets, held = [], []
        for (tokens, velocities, offsets), extra in zip(words, within, strict=True):
            if (token_ := tokens[course]) < KEYS:
                loudness = max(1, velocities[course] * BIN_WIDTH + extra[course])
                onsets.append(Onset(LOWEST_PITCH + token_, loudness, OFFSETS[offsets[course]]))
            elif token_ < END:
                held.append(LOWEST_PITCH + token_ - KEYS)
        frames.append(Frame(tuple(onsets), frozenset(held)))
    return frames, -np.log(np.array(shares) + 1e-12).sum(0)
