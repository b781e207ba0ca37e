"""Session memory: what was played comes back, in time, in key and in turn; exactly nothing without echo."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest

from jamd.models.features import Cue, Place
from jamd.models.memory import book
from jamd.models.memory.memory import Remembering, RememberingThought
from jamd.models.memory.pointers import BARS, CALL, KINDS, MET
from jamd.models.memory.votes import (
    ONSETS_FROM,
    POWERS,
    SIZES,
    STANDINGS,
    MemoryWeights,
)
from jamd.models.tokens import END, KEYS, LOWEST_PITCH, TOKENS, Ints, key_of
from jamd.music.note import REST, Frame, Onset
from jamd.training.fitting.memory_weights import fit_memory, nats_per_step, questions_of, spelt

NONE = np.zeros(1, np.int64)


class Flat:
    """A mind that always thinks the same, of courses that count their steps."""

    def __init__(self, keys: range = range(KEYS)) -> None:
        self.scores = np.full(TOKENS, -np.inf, np.float32)
        self.scores[list(keys)] = np.linspace(-1, 1, len(keys))
        self.scores[END] = 1.5

    def start(self) -> FlatThought:
        return FlatThought(self, 1)


class FlatThought:
    def __init__(self, mind: Flat, courses: int) -> None:
        self.mind, self.courses, self.begun = mind, courses, 0

    def hear(self, players: Sequence[Frame], owns: Sequence[Frame], places: Sequence[Place]) -> None:
        assert len(players) == len(owns) == len(places) == self.courses

    def begin(self) -> None:
        self.begun += 1

    def spell(self, befores: Sequence[Frame], cues: Sequence[Cue]) -> FlatSpelling:
        return FlatSpelling(self.mind.scores, befores)

    def fork(self, chosen: Sequence[int]) -> FlatThought:
        return FlatThought(self.mind, len(chosen))


class FlatSpelling:
    def __init__(self, scores: np.ndarray, befores: Sequence[Frame]) -> None:
        self.scores = np.tile(scores, (len(befores), 1))
        for course, before in enumerate(befores):
            for pitch in before.sounding:
                self.scores[course, KEYS + key_of(pitch)] = 0.0

    def logits(self) -> np.ndarray:
        return self.scores.copy()

    def velocity_logits(self, tokens: Ints) -> np.ndarray:
        return np.tile(np.arange(16, dtype=np.float32), (len(tokens), 1))

    def offset_logits(self, velocities: Ints) -> np.ndarray:
        return np.tile(np.arange(9, dtype=np.float32), (len(velocities), 1))

    def add(self, tokens: Ints, velocities: Ints, offsets: Ints) -> None:
        for course, token in enumerate(tokens):
            lowest = 0 if token == END else token % KEYS
            self.scores[course, lowest:KEYS] = self.scores[course, KEYS + lowest : END] = -np.inf


def weights(vote: float = 1.0, turn: float = -20.0) -> MemoryWeights:
    """A vote counts e to the `vote` when its pointer was right in three attacks or more, and next to nothing
    otherwise; e to the `turn` for pointers set when a turn began."""
    kinds = [-20.0] * KINDS * STANDINGS
    kinds[MET * STANDINGS : CALL * STANDINGS] = [0.0] * (2 * STANDINGS)
    kinds[CALL * STANDINGS : BARS * STANDINGS] = [turn] * (2 * STANDINGS)
    onsets = [-20.0 if few < 3 else vote for few in range(len(ONSETS_FROM) + 1) for _ in range(STANDINGS)]
    onsets[: 3 * STANDINGS] = [-20.0 if turn < -10 else 0.0] * (3 * STANDINGS)
    table = [*kinds, *onsets, *([0.0] * sum(SIZES[2:]))]
    return MemoryWeights(tuple(table), (0.0,) * POWERS)


def melody(*pitches: int) -> list[Frame]:
    """A note a step; 0 is a rest."""
    return [Frame((Onset(pitch, 64),)) if pitch else REST for pitch in pitches]


A = melody(60, 64, 67, 65, 62)
B = melody(72, 71, 69, 74, 76)
C = melody(30, 37, 31, 36)


def place_of(step: int) -> Place:
    return Place(step % 16, 16)


def remember(
    frames: Sequence[Frame],
    mind: Flat | None = None,
    vote: float = 1.0,
    echo: float = 1.0,
    own: bool = False,
    turn: float = -20.0,
) -> RememberingThought:
    """A thought that has heard these steps of the player, or of jamd."""
    thought = Remembering(mind or Flat(), weights(vote, turn), echo).start()
    for step, frame in enumerate(frames):
        thought.hear([REST if own else frame], [frame if own else REST], [place_of(step)])
    return thought


def hear(thought: RememberingThought, frames: Sequence[Frame]) -> None:
    for frame in frames:
        thought.hear([frame], [REST], [Place(5, 16)])


def chances(thought: RememberingThought, before: Frame = REST, duet: bool = False) -> np.ndarray:
    """The chances of the next step's first token, (TOKENS,)."""
    cues = [Cue(Place(5, 16), duet)] * thought.courses
    logits = thought.spell([before] * thought.courses, cues).logits()
    assert logits.shape == (thought.courses, TOKENS)
    return np.exp(logits[0].astype(np.float64)) / np.exp(logits[0].astype(np.float64)).sum()


def attack(pitch: int) -> int:
    return key_of(pitch)


def test_after_a_b_a_comes_b() -> None:
    thought = remember([*A, *B, *A])
    alone = chances(remember([*A, *B, *A], echo=0))
    for frame in B:
        expected = attack(frame.onsets[0].pitch)
        assert chances(thought)[expected] > 0.5 > 10 * alone[expected]
        hear(thought, [frame])


def test_b_comes_moved_when_a_was_moved() -> None:
    up = [Frame(tuple(Onset(o.pitch + 3, 64) for o in frame.onsets)) for frame in A]
    thought = remember([*A, *B, *melody(0, 50, 0, 51), *up])
    assert chances(thought).argmax() == attack(B[0].onsets[0].pitch + 3)


def test_the_notes_of_a_chord_come_back_in_order_with_their_end() -> None:
    chord = Frame((Onset(72, 64), Onset(60, 64)), frozenset({65}))
    below = Frame((Onset(65, 64),))
    thought = remember([*A, below, chord, *B, *A, below], vote=6.0)
    spelling = thought.spell([below], [Cue(Place(5, 16))])
    for token in (attack(72), KEYS + attack(65), attack(60), END):
        assert spelling.logits()[0].argmax() == token
        spelling.add(np.array([token]), NONE, NONE)


def test_what_cannot_be_held_is_passed_over() -> None:
    thought = remember([*A, Frame((Onset(48, 64),), frozenset({62})), *B, *A], vote=6.0)
    found = chances(thought, REST)
    assert found[KEYS + attack(62)] == 0
    assert found.argmax() == attack(48)
    assert chances(thought, A[-1]).argmax() == KEYS + attack(62)


def test_a_turn_may_begin_with_the_call() -> None:
    call = [*B, *melody(*[0] * 6, 55, 57, 59, 60, 62)]
    thought = remember(call, turn=4.0)
    before = chances(thought)[attack(72)]
    thought.begin()
    assert chances(thought)[attack(72)] > 10 * before
    assert thought.inner.begun == 1  # type: ignore[attr-defined]


def test_the_call_begins_on_the_bar_line_before_its_first_note() -> None:
    own = melody(*range(40, 56))
    thought = remember(own, own=True, turn=4.0)
    for step, frame in enumerate(melody(0, 0, 84, *[0] * 13)):  # the call rests for two steps
        thought.hear([frame], [REST], [place_of(16 + step)])
    thought.begin()
    hear(thought, [REST, REST])
    assert chances(thought).argmax() == attack(84)


def test_echo_scales_from_the_mind_alone_to_the_memory_alone() -> None:
    heard, wanted = [*A, *B, *A], attack(72)
    found = [chances(remember(heard, echo=echo))[wanted] for echo in (0, 0.5, 1, 1.5, 2)]
    assert found == sorted(found)
    assert found[-1] > 0.999
    odds = np.array(found[:4]) / (1 - np.array(found[:4]))
    alone = found[0]
    votes = [f * (1 - alone) / (1 - f) - alone for f in found[1:4]]  # p = (alone + v) / (1 + v)
    assert votes[0] / votes[1] == pytest.approx(1 / 3, rel=0.01)
    assert votes[2] / votes[1] == pytest.approx(3, rel=0.01)
    assert (np.diff(odds) > 0).all()


def test_echo_0_is_the_mind_itself() -> None:
    thought = remember([*A, *B, *A], echo=0)
    spelling = thought.spell([REST], [Cue(Place(5, 16))])
    alone = FlatSpelling(Flat().scores, [REST])
    for token in (70, 40, END):
        assert (spelling.logits() == alone.logits()).all()
        for each in (spelling, alone):
            each.add(np.array([token]), NONE, NONE)


@pytest.mark.parametrize("echo", [0.3, 1.0, 2.0])
def test_chances_of_all_note_sets_sum_to_one(echo: float) -> None:
    keys = range(40, 43)
    chord = Frame((Onset(LOWEST_PITCH + 42, 64),), frozenset({LOWEST_PITCH + 41}))
    frames = [*A, chord, Frame(chord.onsets), *A, chord, *A]
    thought = remember(frames, Flat(keys), echo=echo)
    before = Frame((), frozenset({LOWEST_PITCH + 41}))
    total, possible = 0.0, [40, 41, 42, KEYS + 41]
    for size in range(4):
        for chosen in combinations(possible, size):
            word = sorted(chosen, key=lambda token: -(token % KEYS))
            if len({token % KEYS for token in word}) < size:
                continue
            spelling = thought.spell([before], [Cue(Place(5, 16))])
            chance = 1.0
            for token in [*word, END]:
                logits = spelling.logits()[0].astype(np.float64)
                assert not np.isnan(logits).any()
                assert np.isfinite(logits.max())
                chance *= float(np.exp(logits[token]) / np.exp(logits).sum())
                spelling.add(np.array([token]), NONE, NONE)
            total += chance
    assert total == pytest.approx(1, abs=1e-5)


def test_velocity_and_offset_are_the_minds() -> None:
    spelling = remember([*A, *B, *A]).spell([REST], [Cue(Place(5, 16))])
    assert spelling.velocity_logits(NONE)[0].tolist() == list(range(16))
    assert spelling.offset_logits(NONE)[0].tolist() == list(range(9))


def test_a_copy_imagines_and_the_true_course_does_not_hear_it() -> None:
    thought = remember([*A, *B, *melody(0, 0)])
    untouched = chances(thought)
    copies = thought.fork([0] * 3)
    for frame in [*C, *melody(90, 91), *C]:
        copies.hear([REST] * 3, [frame, REST, frame], [Place(5, 16)] * 3)
    logits = copies.spell([REST] * 3, [Cue(Place(5, 16))] * 3).logits()
    assert logits[0].argmax() == logits[2].argmax() == attack(90)  # what it imagined itself comes back
    assert logits[1].argmax() != attack(90)
    assert (chances(thought) == untouched).all()
    again = copies.fork([2, 0])
    assert (again.spell([REST] * 2, [Cue(Place(5, 16))] * 2).logits() == logits[[2, 0]]).all()
    hear(again.fork([1]), melody(30, 31, 32))
    assert (copies.spell([REST] * 3, [Cue(Place(5, 16))] * 3).logits() == logits).all()


def test_what_the_true_course_hears_is_not_heard_by_a_copy() -> None:
    thought = remember([*A, *B])
    copy = thought.fork([0])
    hear(thought, [*A, *melody(30, 31, 32, 33)])
    hear(copy, A)
    assert chances(copy).argmax() == attack(72)
    assert chances(copy)[attack(30)] < 0.1


def test_a_rest_reminds_of_no_other_rest() -> None:
    thought = remember([*A, *[REST] * 20, *B, *[REST] * 20])
    (course,) = thought.known
    assert {pointer.kind for pointer in course.pointers} <= {BARS}
    hear(thought, A)
    assert MET in {pointer.kind for pointer in course.pointers}


def test_in_a_duet_only_jamds_own_notes_come_back() -> None:
    thought = Remembering(Flat(), weights(4.0)).start()
    theme = list(zip([*A, *B], melody(48, 0, 50, 0, 52, 53, 55, 0, 57, 0), strict=True))
    for step, (player, own) in enumerate([*theme, *theme[:5]]):
        thought.hear([player], [own], [place_of(step)])
    assert chances(thought, duet=True).argmax() == attack(53)
    assert chances(thought, duet=True)[attack(72)] < 0.01
    assert chances(thought, duet=False).argmax() == attack(72)


def test_a_book_is_bounded_and_forgets_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "MOST_STEPS", 64)
    rng = np.random.default_rng(0)
    noise = melody(*rng.integers(40, 90, 300).tolist())
    thought = remember([*A, *B, *noise, *A])
    assert thought.pages.words.shape[2] == 64
    index = thought.known[0].places
    assert len(index._shapes) == len(index._tops) == 64
    assert len(index._numbers) == len(index._before) == 64 * len(book.CONTEXTS)
    assert chances(thought)[attack(72)] < 0.2
    hear(thought, [*B, *melody(50, 0, 50), *A])
    assert chances(thought)[attack(72)] > 0.5
    copy = thought.fork([0])
    hear(copy, [*B, *melody(*rng.integers(40, 90, 100).tolist()), *C, *melody(81, 80), *C])
    assert chances(copy)[attack(81)] > 0.5


def test_long_chords_and_the_ends_of_the_keyboard_do_no_harm() -> None:
    cluster = Frame(tuple(Onset(pitch, 64) for pitch in range(90, 40, -1)))
    edge = melody(15, 17, 16, 15)
    moved = melody(18, 20, 19, 18, 110, 112, 111, 110)
    for frames in ([cluster, cluster, *A, cluster], [*edge, *moved, *edge], [REST] * 40):
        assert chances(remember(frames)).sum() == pytest.approx(1)


def test_of_a_chord_longer_than_is_remembered_the_end_is_the_minds_own() -> None:
    """Both hands and both arms: 50 keys, which come three times. The mind writes them all down."""
    keys = range(90, 40, -1)
    cluster = Frame(tuple(Onset(pitch, 64) for pitch in keys))
    spelling = remember([cluster, *A, cluster, *A, cluster, *A]).spell([REST], [Cue(Place(5, 16))])
    for number, pitch in enumerate(keys):
        preferred = spelling.logits()[0].argmax()
        assert preferred == attack(pitch) or number >= book.WORD - 1
        spelling.add(np.array([attack(pitch)]), np.array([8]), np.array([4]))
    assert len(spelling.voters) == 0


def songs(seeds: range) -> list:
    from tests.models.test_markov import conversation

    return [conversation(seed, steps=96) for seed in seeds]


def test_fitted_weights_make_new_music_likelier() -> None:
    mind = Flat()
    learnt, new = questions_of(mind, songs(range(4))), questions_of(mind, songs(range(20, 22)))
    fitted = fit_memory(learnt, updates=60)
    assert nats_per_step(new, fitted) < 0.7 * nats_per_step(new, None)
    assert nats_per_step(new, fitted, echo=1e-14) == pytest.approx(nats_per_step(new, None), rel=1e-4)


def test_what_is_fitted_is_what_is_played() -> None:
    """The nats of the questions are those of the scores, step by step."""
    rng = np.random.default_rng(1)
    any_weights = MemoryWeights(
        tuple(rng.normal(0, 0.4, sum(SIZES)).tolist()), tuple(rng.uniform(0, 0.5, POWERS).tolist())
    )
    (song,) = songs(range(1))
    thought = Remembering(Flat(), any_weights).start()
    from jamd.training.fitting.memory_weights import frames_of

    players, owns = frames_of(song, 0), frames_of(song, 1)
    nats, frames, begins = 0.0, 0, {start for start, _ in song.turns}
    mine = {step for turn in song.turns for step in range(*turn)}
    for step, (player, own) in enumerate(zip(players, owns, strict=True)):
        if step in begins:
            thought.begin()
        if step in mine:
            frames += 1
            spelling = thought.spell([owns[step - 1] if step else REST], [Cue(place_of(step))])
            for token, velocity, offset in spelt(own):
                logits = spelling.logits()[0].astype(np.float64)
                nats -= logits[token] - np.log(np.exp(logits).sum())
                spelling.add(np.array([token]), np.array([velocity]), np.array([offset]))
        thought.hear([player], [own], [place_of(step)])
    assert nats_per_step(questions_of(Flat(), [song]), any_weights) == pytest.approx(nats / frames, rel=1e-4)


def test_weights_of_another_memory_are_refused() -> None:
    with pytest.raises(ValueError, match=f"a memory has {sum(SIZES)} weights"):
        MemoryWeights((0.0,) * 7, (0.0,) * POWERS)
