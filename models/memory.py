"""Session memory: what was played tonight has a say in what is played next.

Pointers go along in the music heard so far, at places where it went as it goes now; each votes for what came
there. A pointer is set where the last steps were met before (as they are, or moved to another pitch), one,
two and four bars back, at the beginning of the call when a turn begins, and at the beginnings of earlier
turns. It goes on through what it gets wrong, until that is too much. (Match models of data compression do the
same: Salomon and Motta 2010, 5.15; the tolerant ones are of Pratas et al. 2016.)

The chance of a token is p(t) + the votes for t, over 1 + all votes; a vote is exp(weights of its pointer's
record) times p(t) to a power. So a vote counts in units in which the mind itself has one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jamd.models.book import WORD, Book, Trail, word_of
from jamd.models.features import NOWHERE, Cue, Place
from jamd.models.mind import Mind, Spelling, Thought
from jamd.models.tokens import END, KEYS, TOKENS
from jamd.note import Frame

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

POINTERS = 24
ENOUGH = 12
"""Places found, so many that shorter contexts are not looked up."""
MET, MOVED, CALL, TURN, BARS = range(5)
"""Why a pointer was set."""
KINDS = 5
BARS_BACK = (1, 2, 4)
TURNS_BACK = 6
MOST_MISSES = 4
"""Steps in a row that a pointer may get wrong."""
HABIT = 0.2
"""How fast a pointer's share of right steps follows what it does."""

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
FEATURES = len(SIZES)
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


class Course:
    """One course of events: its own book, and the one it shares with where it was forked from, up to where
    its own begins.

    `call` is the step where the bars begin in which the player has been heard since jamd was, `turns` are the
    beginnings of earlier turns of both."""

    def __init__(self, own: Book, shared: Book | None = None, trail: Trail | None = None) -> None:
        self.own, self.shared, self.trail = own, shared, trail or Trail()
        self.call: int | None = None
        self.turns: list[int] = []

    def fork(self) -> Course:
        if self.shared is None:
            other = Course(Book(self.own.stop), self.own, self.trail.copy())
        else:
            other = Course(self.own.copy(), self.shared, self.trail.copy())
        other.call, other.turns = self.call, self.turns.copy()
        return other

    @property
    def now(self) -> int:
        return self.own.stop

    @property
    def oldest(self) -> int:
        """The first step that is still known."""
        if self.shared is None:
            return self.own.oldest
        return self.shared.oldest if self.shared.oldest < self.own.first else self.own.oldest

    def places(self, number: int) -> tuple[int, ...]:
        """Where a context was met: the steps after it, the latest last."""
        places = self.own.where.get(number, ())
        if self.shared is None:
            return places
        # what the true course hears after the fork is not known here
        return tuple(s for s in self.shared.where.get(number, ()) if s < self.own.first) + places

    def top(self, step: int) -> int:
        """The highest key of the last attacks at a step."""
        book = self.shared if self.shared is not None and step < self.own.first else self.own
        return book.tops[step]

    def words(self, steps: Ints, own: bool) -> npt.NDArray[np.int16]:
        """The words of steps, (steps, WORD)."""
        if self.shared is None:
            return self.own.words(steps, own)
        there = steps < self.own.first
        words = self.shared.words(np.minimum(steps, self.own.first - 1), own)
        if not there.all():
            words[~there] = self.own.words(steps[~there], own)
        return words


class Pointers:
    """Arrays (courses, POINTERS): the `step` whose word is the vote, -1 for no pointer; how many keys it is
    `moved`; its `kind`; how many attacked steps in a row it was right (`onsets`), its habitual `share` of
    right steps, and the steps in a row it was wrong (`misses`)."""

    def __init__(self, courses: int) -> None:
        shape = (courses, POINTERS)
        self.step = np.full(shape, -1)
        self.moved, self.kind, self.onsets, self.misses = (np.zeros(shape, np.int64) for _ in range(4))
        self.share = np.zeros(shape)

    def fork(self, chosen: Sequence[int]) -> Pointers:
        other = Pointers(0)
        for name, array in vars(self).items():
            setattr(other, name, array[list(chosen)])
        return other

    def judge(self, right: Bools, telling: Bools, attacked: Bools) -> None:
        """Go on by a step: `right` (courses, POINTERS) were those whose attacks came; `telling` where there
        was an attack, heard or foretold; `attacked` (courses, 1) where one was heard."""
        self.onsets = np.where(right, self.onsets + attacked, 0)
        self.share = self.share + np.where(telling, HABIT * (right - self.share), 0.0)
        self.misses = np.where(right, np.where(telling, 0, self.misses), self.misses + 1)
        self.step = np.where((self.step >= 0) & (self.misses <= MOST_MISSES), self.step + 1, -1)

    def put(self, course: int, found: Sequence[tuple[int, int, int, int]]) -> None:
        """Set pointers (step, moved, kind, onsets) that are not there yet, the first ones rather than
        the last and rather than the weakest there are."""
        step, moved = self.step[course], self.moved[course]
        there = {at: slot for slot, at in enumerate(zip(step.tolist(), moved.tolist(), strict=True))}
        new = []
        for pointer in found:
            at, kind = pointer[:2], pointer[2]
            if at not in there:
                there[at] = -1
                new.append(pointer)
            elif kind in (CALL, TURN) and there[at] >= 0:
                self.kind[course, there[at]] = kind
        if not new:
            return
        strength = np.where(step < 0, -1.0, self.onsets[course] + 4 * self.share[course])
        slots = np.argsort(strength, kind="stable")[: len(new)]
        for slot, (to, by, kind, onsets) in zip(slots.tolist(), new, strict=False):
            if kind in (MET, MOVED) and strength[slot] > onsets + 2:
                break
            self.step[course, slot], self.moved[course, slot], self.kind[course, slot] = to, by, kind
            self.onsets[course, slot], self.misses[course, slot] = onsets, 0
            self.share[course, slot] = 0.5


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
    of the mind's own chance of it, the class of each of its features, (FEATURES, courses, POINTERS), and of
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
