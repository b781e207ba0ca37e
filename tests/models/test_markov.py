"""The Markov floor: exact chances, back-off without zeros, counting and playing in step."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from jamd.models import features, markov
from jamd.models.features import Cue, Place
from jamd.models.markov import Markov, MarkovSpelling, MarkovThought
from jamd.models.tokens import END, KEYS, TOKENS
from jamd.music.note import (
    REST,
    Frame,
    Note,
    Onset,
    frames_of,
)
from jamd.training.batches.batches import Conversation
from jamd.training.fitting.blending import fit_blend
from jamd.training.fitting.counting import count, events_of

PLACE = Place(0, 16)
NONE = np.zeros(1, np.int64)


def softmax(logits: np.ndarray) -> np.ndarray:
    shares = np.exp(logits.astype(np.float64) - logits.max())
    return shares / shares.sum()


def song(seed: int, steps: int) -> list[Frame]:
    """A walk over a scale, with chords on the beats, repeated every 8 steps."""
    rng = np.random.default_rng(seed)
    scale = [60, 62, 64, 65, 67, 69, 71, 72]
    bar = [Note(int(rng.choice(scale)), int(rng.integers(1, 128)), i / 4, (i + 1) / 4) for i in range(8)]
    bar += [Note(48 + third, 60, beat, beat + 0.8) for beat in (0, 1) for third in (0, 4)]
    repeats = [
        Note(n.pitch, n.velocity, n.start_beats + 2 * k, n.end_beats + 2 * k)
        for k in range(steps // 8 + 1)
        for n in bar
    ]
    return frames_of(repeats)[:steps]


def conversation(seed: int, steps: int = 64, duet: bool = False) -> Conversation:
    """Turns of 16 steps, the player's first; in a duet both play all the time."""
    frames = song(seed, steps)
    own = [frame if duet or step // 16 % 2 else REST for step, frame in enumerate(frames)]
    other = song(seed + 100, steps) if duet else frames
    player = [frame if duet or not step // 16 % 2 else REST for step, frame in enumerate(other)]
    # the first step of a turn holds nothing
    own = [Frame(f.onsets) if s % 16 == 0 else f for s, f in enumerate(own)]
    player = [Frame(f.onsets) if s % 16 == 0 else f for s, f in enumerate(player)]
    both = [features.rolls_of(part) for part in (player, own)]
    rolls = features.Rolls(
        *(np.stack([getattr(r, n) for r in both]) for n in ("attacks", "holds", "offsets"))
    )
    turns = [(0, steps)] if duet else [(s, s + 16) for s in range(16, steps, 32)]
    place = np.arange(steps) % 16
    return Conversation(rolls, place, np.full(steps, 16), turns, duet)


def tables(**changes: object) -> dict[str, np.ndarray]:
    counted = count(conversation(seed, duet=seed % 3 == 0) for seed in range(12))
    blend = np.full((markov.LEVELS, 2), 1.0, np.float32)
    return {**counted, "blend": blend, **changes}  # type: ignore[dict-item]


@pytest.fixture(scope="module")
def mind() -> Markov:
    return Markov(**tables())


def frames_at(c: Conversation, step: int) -> tuple[Frame, Frame]:
    """The player's and jamd's own frame of a step, for one that takes frames."""
    found = []
    for part in range(2):
        attacks, holds, offsets = (getattr(c.rolls, n)[part, step] for n in ("attacks", "holds", "offsets"))
        onsets = tuple(
            Onset(key + 15, int(attacks[key] - 1) * 8 + 4, (int(offsets[key]) - 5) / 8)
            for key in range(KEYS - 1, -1, -1)
            if attacks[key]
        )
        found.append(Frame(onsets, frozenset(int(key) + 15 for key in np.flatnonzero(holds))))
    return found[0], found[1]


def token_nats(spelling: MarkovSpelling, token: int) -> float:
    return -float(np.log(softmax(spelling.logits()[0])[token]))


def step_nats(mind: Markov, c: Conversation) -> tuple[list[float], list[float], list[float]]:
    """Nats of every token, velocity and offset of the own turns, stepped as in playing."""
    thought = mind.start()
    keys, velocities, offsets = [], [], []
    own = {step for a, z in c.turns for step in range(a, z)}
    before = REST
    for step in range(c.steps):
        place = Place(int(c.step_in_bar[step]), int(c.steps_per_bar[step]))
        player, frame = frames_at(c, step)
        if step in own:
            spelling = thought.spell([before], [Cue(place, c.duet)])
            rolls = features.rolls_of([frame])
            for key in range(KEYS - 1, -1, -1):
                velocity, held = int(rolls.attacks[0, key]) - 1, rolls.holds[0, key]
                if velocity < 0 and not held:
                    continue
                token = np.array([KEYS + key if held else key])
                keys.append(token_nats(spelling, int(token[0])))
                offset = int(rolls.offsets[0, key]) - 1
                if velocity >= 0:
                    chances = softmax(spelling.velocity_logits(token)[0])
                    velocities.append(-float(np.log(chances[velocity])))
                    offsets.append(
                        -float(np.log(softmax(spelling.offset_logits(np.array([velocity]))[0])[offset]))
                    )
                spelling.add(token, np.array([max(0, velocity)]), np.array([max(0, offset)]))
            keys.append(token_nats(spelling, END))
        thought.hear([player], [frame], [place])
        before = frame
    return keys, velocities, offsets


def thought_after(mind: Markov, frames: list[Frame]) -> MarkovThought:
    thought = mind.start()
    for frame in frames:
        thought.hear([frame], [REST], [PLACE])
    return thought


def test_chances_of_all_note_sets_sum_to_one(mind: Markov) -> None:
    thought = thought_after(mind, song(0, 9))
    before = Frame((Onset(16, 64),), frozenset({18}))
    chances: dict[tuple[int, ...], float] = {}
    possible = [0, 1, 2, 3, KEYS + 1, KEYS + 3]  # attacks of the four lowest keys and the two holds
    for size in range(5):
        for chosen in combinations(possible, size):
            word = sorted(chosen, key=lambda token: -(token % KEYS))
            if len({token % KEYS for token in word}) < size:
                continue
            spelling = thought.spell([before], [Cue(PLACE)])
            # within the range, all begin by leaving the other keys out
            spelling.above = np.array([4])
            nats = 0.0
            for token in word:
                nats += token_nats(spelling, token)
                spelling.add(np.array([token]), NONE, NONE)
            chances[tuple(word)] = np.exp(-nats - token_nats(spelling, END))
    assert len(chances) == 2 * 2 * 3 * 3
    assert sum(chances.values()) == pytest.approx(1, abs=1e-5)


def test_no_allowed_token_is_impossible(mind: Markov) -> None:
    for frames in ([], song(0, 9), [REST] * 40):
        logits = thought_after(mind, frames).spell([Frame((), frozenset({60, 64}))], [Cue(PLACE)]).logits()[0]
        assert np.isfinite(logits[:KEYS]).all()
        assert np.isfinite(logits[END])
        assert (np.flatnonzero(np.isfinite(logits[KEYS:END])) + 15).tolist() == [60, 64]


def test_after_end_only_end_follows(mind: Markov) -> None:
    spelling = mind.start().fork([0, 0]).spell([REST, REST], [Cue(PLACE)] * 2)
    for tokens in ([END, 40], [END, 30], [END, END]):
        spelling.add(np.array(tokens), np.zeros(2, np.int64), np.zeros(2, np.int64))
    assert np.isfinite(spelling.logits()[0]).nonzero()[0].tolist() == [END]


@pytest.mark.parametrize("duet", [False, True])
def test_playing_meets_the_contexts_that_were_counted(mind: Markov, duet: bool) -> None:
    """Stepped frame by frame, every chance is what counting looked up, masked to the allowed tokens."""
    c = conversation(3, duet=duet)
    events = events_of(c)
    chances = mind.chances(events.context)
    counted = -np.log(chances[np.arange(len(chances)), events.token])
    keys, velocities, offsets = step_nats(mind, c)
    masked = np.array(keys)
    assert len(masked) == len(counted)
    # tokens that are not allowed hold a little of the counted chances: playing can only be likelier
    assert (masked <= counted + 1e-4).all()
    assert masked.sum() == pytest.approx(counted.sum(), rel=0.1)
    for nats, logs, (now, before) in (
        (velocities, mind.velocities, events.velocity),
        (offsets, mind.offsets, events.offset),
    ):
        known = now > 0
        np.testing.assert_allclose(nats, -logs[before[known], now[known] - 1], rtol=1e-4)


def test_a_later_frame_changes_no_earlier_output(mind: Markov) -> None:
    frames = song(1, 20)
    first = thought_after(mind, frames[:10])
    earlier = first.spell([REST], [Cue(PLACE)]).logits()
    copy = first.fork([0])
    for frame in frames[10:]:
        copy.hear([frame], [REST], [PLACE])
    assert (first.spell([REST], [Cue(PLACE)]).logits() == earlier).all()
    assert (copy.spell([REST], [Cue(PLACE)]).logits() != earlier).any()


def test_courses_do_not_disturb_one_another(mind: Markov) -> None:
    alone = [thought_after(mind, song(seed, 12)) for seed in (0, 1)]
    together = mind.start().fork([0, 0])
    for step in range(12):
        together.hear([song(0, 12)[step], song(1, 12)[step]], [REST] * 2, [PLACE] * 2)
    side_by_side = together.spell([REST] * 2, [Cue(PLACE)] * 2).logits()
    for course, thought in enumerate(alone):
        np.testing.assert_allclose(
            side_by_side[course], thought.spell([REST], [Cue(PLACE)]).logits()[0], rtol=1e-5
        )


def test_it_learns_its_music(mind: Markov) -> None:
    known, _, _ = step_nats(mind, conversation(1))
    strange, _, _ = step_nats(mind, conversation(77))
    assert np.mean(known) < 0.5 * np.mean(strange)


def test_a_fitted_blend_is_no_worse_on_what_it_was_fitted_to() -> None:
    plain = tables()
    held_out = [conversation(seed) for seed in (50, 51)]
    fitted = Markov(**{**plain, "blend": fit_blend(plain, held_out, updates=60)})
    before, after = (
        np.mean([np.mean(step_nats(mind, c)[0]) for c in held_out]) for mind in (Markov(**plain), fitted)
    )
    assert after < before


def test_pruning_keeps_whole_contexts_and_the_commonest() -> None:
    whole = count([conversation(seed) for seed in range(6)])
    pruned = count([conversation(seed) for seed in range(6)], most_entries=200)
    assert 50 < len(pruned["keys"]) <= 200
    context = whole["keys"] & ~np.uint64(0xFF)
    kept = np.isin(context, pruned["keys"] & ~np.uint64(0xFF))
    assert (whole["keys"][kept] == pruned["keys"]).all()
    seen = {c: whole["counts"][context == c].sum() for c in np.unique(context)}
    dropped = [n for c, n in seen.items() if c not in set(context[kept].tolist())]
    assert max(dropped) < min(seen[c] for c in np.unique(context[kept]))


def test_counting_in_chunks_is_counting(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = count([conversation(seed) for seed in range(4)])
    monkeypatch.setattr("jamd.training.fitting.counting.CHUNK_EVENTS", 50)
    chunked = count([conversation(seed) for seed in range(4)])
    assert all((whole[name] == chunked[name]).all() for name in whole)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"velocities": np.zeros((3, 3), np.uint32)}, "velocities"),
        ({"keys": np.array([3, 1], np.uint64), "counts": np.array([1, 1], np.uint16)}, "sorted"),
        ({"keys": np.array([255], np.uint64), "counts": np.array([1], np.uint16)}, f"beyond {TOKENS - 1}"),
        ({"blend": np.zeros((markov.LEVELS, 2), np.float32)}, "blend"),
    ],
)
def test_damaged_tables_are_refused(changes: dict[str, np.ndarray], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Markov(**tables(**changes))


def test_the_numbers_of_contexts_stay_what_they_are(mind: Markov) -> None:
    """Tables in bundles hold them: they may never change."""
    one = np.ones(1, np.uint64)
    near = markov.Context(np.array([60]), one, np.array([40]), np.array([1040]), np.tile(one, (1, 5)))
    assert near.numbers()[0, [0, -1]].tolist() == NUMBERS


NUMBERS = [16874046921749263872, 16116067046486652672]
