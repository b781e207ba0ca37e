"""Session memory: what was played tonight has a say in what is played next.

Pointers go along in the music heard so far, at places where it went as it goes now (see `pointers`); each
votes for what came there.

The chance of a token is p(t) + the votes for t, over 1 + all votes; a vote is exp(weights of its pointer's
record) times p(t) to a power. So a vote counts in units in which the mind itself has one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jamd.models.book import WORD, Book, word_of
from jamd.models.features import NOWHERE, Cue, Place
from jamd.models.mind import Mind, Spelling, Thought
from jamd.models.pointers import (
    BARS,
    BARS_BACK,
    CALL,
    ENOUGH,
    KINDS,
    MET,
    MOVED,
    POINTERS,
    TURN,
    TURNS_BACK,
    Course,
    Pointers,
)
from jamd.models.tokens import END, KEYS, TOKENS
from jamd.note import Frame

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

ONSETS = np.array([1, 2, 3, 4, 6, 9, 13, 20, 32])
SHARES = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
"""Where the classes of a record begin, each after the class of what is less."""
MISS_CLASSES = 3
STANDINGS, WRONG = 3, 2
"""Of a pointer within the step being spelt: nothing said yet, right so far, wrong somewhere."""
SIZES = (
    KINDS * STANDINGS,
    (len(ONSETS) + 1) * STANDINGS,
    (len(SHARES) + 1) * MISS_CLASSES,
    3 * STANDINGS,
    2 * STANDINGS,
)
"""Classes of each feature of a vote: the pointer's kind, the attacked steps in a row it was right, its share
of right steps with the misses since, the kind of the token, whether its record is the best there is. Tried
without gain: steps in a row, age, the number of other votes."""
STARTS = np.concatenate([[0], np.cumsum(SIZES)])[:-1]
POWERS = 3 * STANDINGS
TOKEN_KIND = np.repeat([0, 1, 2], [KEYS, KEYS, 1]) * STANDINGS
LARGEST = 16.0
"""The largest logarithm of a vote, so that all stays finite."""


@dataclass(frozen=True, slots=True)
class MemoryWeights:
    """What a bundle's header keeps under "memory": a weight for each class of each feature, (sum of SIZES,),
    and the power of the mind's own chance in a vote by kind of token and standing, (POWERS,)."""

    table: tuple[float, ...]
    powers: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.table) != sum(SIZES) or len(self.powers) != POWERS:
            raise ValueError(
                f"a memory has {sum(SIZES)} weights and {POWERS} powers, "
                f"not {len(self.table)} and {len(self.powers)}"
            )


class Remembering:
    """A mind with a memory of the session. `echo` 0 to 2 scales the votes by echo / (2 - echo): 0 is the mind
    alone, 1 as fitted, 2 the memory alone wherever it has a say."""

    def __init__(self, mind: Mind, weights: MemoryWeights, echo: float = 1.0) -> None:
        self.mind, self.echo = mind, echo
        self.table = np.array(weights.table)
        self.powers = np.array(weights.powers)

    def start(self) -> RememberingThought:
        return RememberingThought(self, self.mind.start(), [Course(Book())], Pointers(1))


class RememberingThought:
    def __init__(
        self, memory: Remembering, inner: Thought, courses: list[Course], pointers: Pointers
    ) -> None:
        self.memory, self.inner, self.known, self.pointers = memory, inner, courses, pointers
        self.foretold: Ints | None = None  # kept from spelling a step to hearing it

    @property
    def courses(self) -> int:
        return len(self.known)

    def words(self, own: bool) -> Ints:
        """What the pointers point at, moved, (courses, POINTERS, WORD)."""
        if not own and self.foretold is not None:
            return self.foretold
        steps = np.maximum(self.pointers.step, 0)
        words = np.array([c.words(s, own) for c, s in zip(self.known, steps, strict=True)], np.int64)
        rows = self.pointers.moved.nonzero()
        if len(rows[0]):
            before, by = words[rows], self.pointers.moved[rows][:, None]
            after = before % KEYS + by
            off = (after < 0) | (after >= KEYS)
            words[rows] = np.where(before == END, END, np.where(off, -1, before + by))
        if not own:
            self.foretold = words
        return words

    def hear(self, players: Sequence[Frame], owns: Sequence[Frame], places: Sequence[Place]) -> None:
        self.inner.hear(players, owns, places)
        words = [word_of(player, own) for player, own in zip(players, owns, strict=True)]
        heard = np.zeros((self.courses, KEYS), np.bool_)
        for course, word in enumerate(words):
            heard[course, [token for token in word if token < KEYS]] = True
        foretold = self.words(own=False)
        struck = (foretold >= 0) & (foretold < KEYS)
        rows = np.arange(self.courses)[:, None, None] * KEYS
        came = heard.ravel()[rows + np.where(struck, foretold, 0)]
        self.foretold = None
        counts, attacks = struck.sum(-1), heard.sum(-1, keepdims=True)
        right = ((struck & came).sum(-1) == counts) & (counts == attacks) & (foretold >= 0).all(-1)
        self.pointers.judge(right, (counts > 0) | (attacks > 0), attacks > 0)
        for index, each in enumerate(zip(self.known, words, players, owns, places, strict=True)):
            self._hear(index, *each)

    def _hear(
        self, index: int, course: Course, word: tuple[int, ...], player: Frame, own: Frame, place: Place
    ) -> None:
        step = course.now
        in_bars = place.steps_per_bar != NOWHERE.steps_per_bar or place.step_in_bar != NOWHERE.step_in_bar
        if own.onsets or own.held:
            course.call = None
        elif course.call is None and (player.onsets or player.held):
            course.call = max(0, step - (place.step_in_bar if in_bars else 0))
            course.turns.append(course.call)
        course.trail.add(word)
        contexts = course.trail.contexts()
        found: list[tuple[int, int, int, int]] = []
        oldest = course.oldest
        top = course.trail.top
        for number, moved, onsets in contexts:
            for after in reversed(course.places(number)):
                if after - 1 >= oldest:
                    by = top - course.top(after - 1) if moved else 0
                    found.append((after, by, MOVED if by else MET, onsets))
            if len(found) >= ENOUGH:
                break
        if in_bars and place.step_in_bar == place.steps_per_bar - 1:
            for bars in BARS_BACK:
                if (before := step + 1 - bars * place.steps_per_bar) >= oldest:
                    found.append((before, 0, BARS, 0))
        course.own.add(word, word_of(own), top, [number for number, *_ in contexts])
        self.pointers.put(index, found)
        if oldest > 0:
            self.pointers.step[index, self.pointers.step[index] < oldest + 1] = -1

    def begin(self) -> None:
        self.inner.begin()
        for index, course in enumerate(self.known):
            found = []
            if course.call is not None:
                found.append((course.call, 0, CALL, 0))
            found += [(turn, 0, TURN, 0) for turn in reversed(course.turns) if turn != course.call]
            found = [pointer for pointer in found if course.oldest <= pointer[0] < course.now]
            self.pointers.put(index, found)
            self.foretold = None
            course.turns = [*course.turns[-TURNS_BACK:], course.now]

    def spell(self, befores: Sequence[Frame], cues: Sequence[Cue]) -> RememberingSpelling:
        inner = self.inner.spell(befores, cues)
        return RememberingSpelling(self, inner, befores, any(cue.duet for cue in cues))

    def fork(self, chosen: Sequence[int]) -> RememberingThought:
        return RememberingThought(
            self.memory,
            self.inner.fork(chosen),
            [self.known[course].fork() for course in chosen],
            self.pointers.fork(chosen),
        )


@dataclass(frozen=True, slots=True)
class Votes:
    """The votes for the next token, (courses, POINTERS): whether there is one, for which token, the logarithm
    of the mind's own chance of it, the class of each of its features, (len(SIZES), courses, POINTERS), and of
    its power."""

    alive: Bools
    token: Ints
    log_chance: Floats
    features: Ints
    power: Ints


class RememberingSpelling:
    """One frame per course being chosen; see `mind.Spelling`. Velocity and offset are the mind's own."""

    def __init__(
        self, thought: RememberingThought, inner: Spelling, befores: Sequence[Frame], duet: bool
    ) -> None:
        self.memory, self.inner = thought.memory, inner
        courses = thought.courses
        self.above = np.full((courses, 1, 1), KEYS)
        self.standing = np.zeros((courses, POINTERS), np.int64)
        self.ended = np.zeros((courses, 1), np.bool_)
        if not self.memory.echo:
            return
        pointers = self.pointers = thought.pointers
        self.words = thought.words(own=duet)
        self.there = pointers.step >= 0
        # what can be next; the last is for notes moved off the keyboard
        sounding = np.zeros((courses, TOKENS + 1), np.bool_)
        sounding[:, :KEYS] = sounding[:, END] = True
        for course, before in enumerate(befores):
            sounding[course, [KEYS + token % KEYS for token in word_of(before)]] = True
        rows = np.arange(courses)[:, None, None] * (TOKENS + 1)
        possible = sounding.ravel()[rows + self.words % (TOKENS + 1)]
        self.keys = np.where(possible, self.words % KEYS, KEYS)
        self.keys[self.words == END] = -1
        shape = pointers.step.shape
        self.rows = np.arange(courses)[:, None] * TOKENS
        self.cells = np.arange(pointers.step.size).reshape(shape)
        self.word_starts = self.cells * WORD
        self.fixed = [
            pointers.kind * STANDINGS,
            STARTS[1] + np.searchsorted(ONSETS, pointers.onsets, "right") * STANDINGS,
            STARTS[2]
            + np.searchsorted(SHARES, pointers.share, "right") * MISS_CLASSES
            + np.minimum(pointers.misses, MISS_CLASSES - 1),
        ]
        table = self.memory.table
        by_standing = [table[self.fixed[0] + s] + table[self.fixed[1] + s] for s in range(STANDINGS)]
        self.weights = np.stack(by_standing) + table[self.fixed[2]]
        self.record = pointers.onsets + 4 * pointers.share
        self._look()

    def _look(self) -> None:
        """Find what each pointer has below the last note."""
        column = (self.keys < self.above).argmax(-1)
        self.next = np.maximum(self.words.ravel()[self.word_starts + column], 0)

    def _votes(self, scores: Floats, whole: Floats) -> tuple[Bools, Floats, Ints, Bools]:
        """Which pointers have a vote, the logarithm of the mind's own chance of it, the class of token and
        standing, and whether the record is the best, (courses, POINTERS) each. `whole` (courses, 1) is the
        logarithm of the sum of the exponentials of `scores` (courses, TOKENS)."""
        log_chance = scores.ravel()[self.rows + self.next] - whole
        alive = self.there & (log_chance > -np.inf) & ~self.ended
        kind = TOKEN_KIND[self.next] + self.standing
        record = np.where(alive, self.record - 100 * (self.standing == WRONG), -200)
        return alive, np.where(alive, log_chance, 0), kind, record >= record.max(1, keepdims=True)

    def votes(self, scores: Floats) -> Votes:
        """The votes as they are fitted, given the mind's own scores (courses, TOKENS)."""
        top = scores.max(1, keepdims=True)
        whole = top + np.log(np.exp(scores - top).sum(1, keepdims=True))
        alive, log_chance, kind, best = self._votes(scores, whole)
        standing = self.standing
        features = [
            self.fixed[0] + standing,
            self.fixed[1] + standing,
            self.fixed[2],
            STARTS[3] + kind,
            STARTS[4] + best * STANDINGS + standing,
        ]
        return Votes(alive, self.next, log_chance, np.stack(features), kind)

    def logits(self) -> Floats:
        scores = self.inner.logits()
        memory = self.memory
        if not memory.echo:
            return scores
        top = scores.max(1, keepdims=True)
        chances = np.exp(scores - top)
        whole = chances.sum(1, keepdims=True)
        alive, log_chance, kind, best = self._votes(scores, top + np.log(whole))
        table = memory.table
        weight = self.weights.ravel()[self.standing * self.cells.size + self.cells] + table[STARTS[3] + kind]
        weight += table[STARTS[4] + best * STANDINGS + self.standing] + memory.powers[kind] * log_chance
        echo = memory.echo / max(2 - memory.echo, 1e-6)
        votes = np.where(alive, echo * np.exp(np.minimum(weight, LARGEST)), 0)
        sums = np.bincount((self.rows + self.next).ravel(), votes.ravel(), scores.size)
        (voted,) = sums.nonzero()
        out = (scores - top).ravel()
        out[voted] = np.log(chances.ravel()[voted] + whole.ravel()[voted // TOKENS] * sums[voted])
        return out.reshape(scores.shape)

    def velocity_logits(self, tokens: Ints) -> Floats:
        return self.inner.velocity_logits(tokens)

    def offset_logits(self, velocities: Ints) -> Floats:
        return self.inner.offset_logits(velocities)

    def add(self, tokens: Ints, velocities: Ints, offsets: Ints) -> None:
        self.inner.add(tokens, velocities, offsets)
        tokens = np.asarray(tokens)[:, None]
        self.ended = self.ended | (tokens == END)
        if self.memory.echo:
            self.standing = np.where((self.next != tokens) | (self.standing == WRONG), WRONG, 1)
            self.above = np.where(tokens == END, -1, tokens % KEYS)[..., None]
            self._look()
