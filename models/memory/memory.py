"""Session memory: what was played tonight, and in earlier evenings, has a say in what is played next.

Pointers go along in the music heard so far, at places where it went as it goes now (see `pointers`); each
votes for what came there (see `votes`). The steps of earlier evenings (see `past`) are counted before those
of tonight, and stay known however long tonight lasts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jamd.models.features import NOWHERE, Cue, Place
from jamd.models.memory import book
from jamd.models.memory.book import (
    PLACES,
    TOPS,
    Attacks,
    Pages,
    Places,
    Trail,
    word_of,
)
from jamd.models.memory.index import Index
from jamd.models.memory.past import NOTHING, Past
from jamd.models.memory.pointers import (
    BARS,
    BARS_BACK,
    CALL,
    ENOUGH,
    MET,
    MOVED,
    TURN,
    TURNS_BACK,
    Found,
    Pointer,
    judged,
    put,
)
from jamd.models.memory.votes import (
    Ints,
    MemoryWeights,
    RememberingSpelling,
    Table,
    records_of,
)
from jamd.models.mind import Mind, Thought
from jamd.music.note import Frame

FORKED_ROWS = 64
"""Steps that an imagined course has room for before it needs more."""


class Remembering:
    """A mind with a memory of the session. `echo` 0 to 2 scales the votes by echo / (2 - echo): 0 is the mind
    alone, 1 as fitted, 2 the memory alone wherever it has a say."""

    def __init__(self, mind: Mind, weights: MemoryWeights, echo: float = 1.0) -> None:
        self.mind, self.echo, self._weights = mind, echo, weights
        self.table = Table(weights, echo)
        self.past = NOTHING
        """Earlier evenings, which all that is started from now on knows."""

    def turn_echo(self, echo: float) -> None:
        """Another echo, from the next frame on."""
        if echo != self.echo:
            self.echo, self.table = echo, Table(self._weights, echo)

    def start(self) -> RememberingThought:
        pages = Pages(1, self.past.stop, book.MOST_STEPS)
        return RememberingThought(self, self.mind.start(), [Course(self.past)], pages, None)


class Course:
    """What is known of one course of events beside its pages: where it met each context, and before that in
    the course it was forked from, `shared`, and in the `past`.

    `call` is the step where the bars begin in which the player has been heard since jamd was, `turns` are the
    beginnings of earlier turns of both."""

    def __init__(self, past: Past) -> None:
        self.past = past
        self.trail = Trail()
        self.places: Places | Index = Index()
        self.shared: Index | None = None
        self.pointers: list[Pointer] = []
        self.call: int | None = None
        self.turns: list[int] = []

    def fork(self) -> Course:
        """A copy; of the true course, what was met is shared from then on and not copied."""
        other = Course.__new__(Course)
        other.past, other.trail = self.past, self.trail.copy()
        if isinstance(self.places, Index):
            other.places, other.shared = Places(), self.places
        else:
            other.places, other.shared = self.places.copy(), self.shared
        other.pointers = [pointer.copy() for pointer in self.pointers]
        other.call, other.turns = self.call, self.turns.copy()
        return other

    def met(self, number: int, first: int) -> list[int]:
        """The places where a context was met, the latest first; of the shared ones those up to `first`, for
        what the other course hears after the fork is not known here."""
        places = list(self.places.met(number))
        if self.shared is not None:
            limit = (first + 1) * TOPS
            places += [place for place in self.shared.met(number) if place < limit]
        if self.past.stop and len(places) < PLACES:
            places += self.past.met(number, PLACES - len(places))
        return places

    def attacks(self, step: int) -> Attacks:
        """The attacks of a step."""
        if step < self.past.stop:
            return self.past.attacks[step]
        known = self.places.attacks(step)
        if known is None:
            assert self.shared is not None
            known = self.shared.attacks(step)
        return known


class RememberingThought:
    def __init__(
        self,
        memory: Remembering,
        inner: Thought,
        known: list[Course],
        pages: Pages,
        shared: Pages | None,
    ) -> None:
        """`pages` are of the steps since the courses were forked from one, `shared` those before."""
        self.memory, self.inner, self.known, self.pages, self.shared = memory, inner, known, pages, shared

    @property
    def courses(self) -> int:
        return len(self.known)

    @property
    def oldest(self) -> int:
        """The first step of tonight that is still known."""
        pages = self.pages
        if self.shared is None or pages.oldest > pages.first:
            return pages.oldest
        return min(self.shared.oldest, pages.first)

    def _words(self, own: bool, courses: Ints, steps: Ints) -> Ints:
        """The words of steps of courses, of both parts or of jamd's own, (V, WORD)."""
        pages, kind, past = self.pages, int(own), self.known[0].past
        if self.shared is None:
            words = pages.words[kind, courses, pages.rows(steps)]
        else:
            words = self.shared.words[kind, 0].take(self.shared.rows(np.minimum(steps, pages.first - 1)), 0)
            (here,) = np.nonzero(steps >= pages.first)
            if len(here):
                words[here] = pages.words[kind, courses[here], pages.rows(steps[here])]
        if past.stop:
            (before,) = np.nonzero(steps < past.stop)
            words[before] = past.words[kind].take(steps[before], 0)
        return words

    def hear(self, players: Sequence[Frame], owns: Sequence[Frame], places: Sequence[Place]) -> None:
        self.inner.hear(players, owns, places)
        words = [word_of(player, own) for player, own in zip(players, owns, strict=True)]
        silent = not any(player.onsets or player.held for player in players)
        self.pages.add(words, words if silent else [word_of(own) for own in owns])
        oldest = self.oldest
        for each in zip(self.known, words, players, owns, places, strict=True):
            self._hear(oldest, *each)

    def _hear(
        self, oldest: int, course: Course, word: list[int], player: Frame, own: Frame, where: Place
    ) -> None:
        """Judge the pointers of a course by its last step, and set some where it went like this before."""
        step, first = self.pages.stop - 1, self.pages.first
        begun = course.past.stop
        gone = range(begun, oldest)
        attacks = course.trail.add(word)
        course.pointers = judged(course.pointers, attacks, course.attacks, gone)
        in_bars = where != NOWHERE
        if own.onsets or own.held:
            course.call = None
        elif course.call is None and (player.onsets or player.held):
            course.call = max(begun, step - (where.step_in_bar if in_bars else 0))
            course.turns = [*course.turns[-TURNS_BACK - 1 :], course.call]
        contexts = course.trail.contexts()
        found: list[Found] = []
        for number, by_intervals, onsets in contexts:
            for place in course.met(number, first):
                after, top = divmod(place, TOPS)
                if after - 1 not in gone:
                    by = attacks[1] - top if by_intervals else 0
                    found.append((after, by, MOVED if by else MET, onsets))
            if len(found) >= ENOUGH:
                break
        if in_bars and where.step_in_bar == where.steps_per_bar - 1:
            for bars in BARS_BACK:
                if (before := step + 1 - bars * where.steps_per_bar) >= oldest:
                    found.append((before, 0, BARS, 0))
        course.places.add(step, attacks, contexts)
        put(course.pointers, found)

    def begin(self) -> None:
        self.inner.begin()
        now, oldest = self.pages.stop, self.oldest
        for course in self.known:
            found = [] if course.call is None else [(course.call, 0, CALL, 0)]
            found += [(turn, 0, TURN, 0) for turn in reversed(course.turns) if turn != course.call]
            put(course.pointers, [each for each in found if oldest <= each[0] < now])
            course.turns = [*course.turns[-TURNS_BACK:], now]

    def spell(self, befores: Sequence[Frame], cues: Sequence[Cue]) -> RememberingSpelling:
        inner, begun = self.inner.spell(befores, cues), self.known[0].past.stop
        records = records_of([course.pointers if self.memory.echo else [] for course in self.known], begun)
        words = self._words(any(cue.duet for cue in cues), records.course, records.step)
        return RememberingSpelling(self.memory.table, inner, records, words, befores)

    def fork(self, chosen: Sequence[int]) -> RememberingThought:
        which = list(chosen)
        first = self.shared is None
        return RememberingThought(
            self.memory,
            self.inner.fork(which),
            [self.known[course].fork() for course in which],
            Pages(len(which), self.pages.stop, FORKED_ROWS) if first else self.pages.fork(which),
            self.pages if first else self.shared,
        )
