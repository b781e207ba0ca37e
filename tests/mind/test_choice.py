"""Which answer is played: what was called, what was imagined, and which of it is taken."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from jamd.mind.choice import (
    TASTE,
    Taste,
    agreement,
    answers_of,
    groups_of_each,
    longest_runs,
    scores,
)
from jamd.music import copying
from jamd.music.measures import Passage, cardinality_f1
from jamd.music.note import Frame, Note, Onset, frames_of


def melody(*pitches: int, step_beats: float = 0.5) -> list[Frame]:
    notes = [Note(pitch, 80, i * step_beats, (i + 1) * step_beats) for i, pitch in enumerate(pitches)]
    return frames_of(notes)


CALL = melody(60, 62, 64, 65, 67, 69, 71, 72)
IN_KEY = melody(67, 65, 64, 62, 64, 60, 71, 69)
OUT_OF_KEY = melody(61, 63, 66, 68, 70, 61, 63, 66)


NONE = Taste(*[0.0] * len(fields(Taste)))


def only(**taste: float) -> Taste:
    """A taste for nothing else."""
    return replace(NONE, **taste)


def best(
    *candidates: list[Frame], nats: list[float] | None = None, taste: Taste = TASTE, **wishes: float
) -> int:
    return int(scores(candidates, CALL, nats or [1.0] * len(candidates), taste=taste, **wishes).argmax())


def test_an_answer_in_the_key_of_the_call_is_preferred() -> None:
    assert best(OUT_OF_KEY, IN_KEY) == 1


def test_the_answer_most_like_the_others_is_preferred() -> None:
    taste = only(consensus=1)
    near, far = melody(67, 65, 64, 62, 64, 60, 71, 67), melody(60, 73, 61, 50, 66, 55, 80, 62)
    assert best(far, IN_KEY, near, taste=taste) in (1, 2)


def test_a_figure_of_the_call_is_taken_up_at_any_pitch() -> None:
    moved = [Frame(f.onsets and tuple(type(o)(o.pitch + 3, o.velocity) for o in f.onsets)) for f in CALL]
    assert best(IN_KEY, moved, taste=only(figures=1)) == 1


@pytest.mark.parametrize(("density", "wanted"), [(1.0, 1), (2.0, 0), (0.5, 2)])
def test_the_number_of_notes_is_the_calls_or_what_was_wished(density: float, wanted: int) -> None:
    busy, calm = melody(*range(60, 76), step_beats=0.25), melody(60, 64, 67, 72, step_beats=1.0)
    assert best(busy, IN_KEY, calm, taste=only(density=1), density=density) == wanted


@pytest.mark.parametrize(("register", "wanted"), [(0.0, 0), (12.0, 1), (-12.0, 2)])
def test_the_register_is_the_calls_or_what_was_wished(register: float, wanted: int) -> None:
    up, down = (
        [Frame(tuple(type(o)(o.pitch + by, o.velocity) for o in f.onsets)) for f in IN_KEY]
        for by in (12, -12)
    )
    assert best(IN_KEY, up, down, taste=only(register=1), register=register) == wanted


def test_the_range_is_the_calls() -> None:
    narrow, wide = melody(65, 64, 65, 64, 65, 64, 65, 67), melody(48, 84, 50, 83, 52, 81, 55, 79)
    assert best(narrow, IN_KEY, wide, taste=only(range=1)) == 1
    assert best([Frame()] * 16, IN_KEY, taste=only(range=1)) == 1


def test_what_is_far_more_or_less_likely_than_the_rest_is_not_played() -> None:
    taste = only(likelihood=1)
    others = [IN_KEY] * 5
    assert best(*others, nats=[1.0, 90.0, 101.0, 100.0, 300.0], taste=taste) == 3


def test_the_call_played_back_is_no_answer() -> None:
    assert best(CALL, IN_KEY, taste=only(copied=1)) == 1


def test_a_few_bars_of_a_long_call_played_back_are_no_answer_either() -> None:
    long_call = [*CALL, *IN_KEY, *4 * OUT_OF_KEY]
    moved = [Frame(tuple(Onset(o.pitch + 2, 80) for o in frame.onsets)) for frame in IN_KEY]
    assert scores([IN_KEY, moved], long_call, [1.0, 1.0], taste=only(copied=1)).argmax() == 1


def noise(rng: np.random.Generator) -> list[Frame]:
    """Up to 70 steps with up to 40 notes of few pitches, so that much comes again."""
    pitches: list[set[int]] = [set() for _ in range(rng.integers(1, 70))]
    for _ in range(rng.integers(0, 40)):
        pitches[rng.integers(len(pitches))].add(60 + int(rng.integers(6)))
    return [Frame(tuple(Onset(pitch, 80) for pitch in sorted(each, reverse=True))) for each in pitches]


@pytest.mark.parametrize("seed", range(20))
def test_answers_are_compared_as_they_are_in_measuring(seed: int) -> None:
    rng = np.random.default_rng(seed)
    music = [noise(rng) for _ in range(5)]
    answers = answers_of([*music, music[0]])
    passages = []
    for frames in [*music, music[0]]:
        onsets = [(step, o.pitch) for step, f in enumerate(frames) for o in reversed(f.onsets)]
        step, pitch = np.array(onsets, np.int64).reshape(-1, 2).T
        passages.append(Passage(step, step + 1, pitch, len(frames)))
    for one, row in zip(passages, agreement(answers), strict=True):
        by_pairs = [0.0 if one is other else cardinality_f1(one, other, 8) for other in passages]
        assert row == pytest.approx(np.nan_to_num(by_pairs))
    *groups, last = groups_of_each(answers)
    of_passages = [copying.groups_of(passage) for passage in passages]
    assert (
        longest_runs(groups, last).tolist()
        == copying.longest_runs(of_passages[:-1], of_passages[-1]).tolist()
    )


def test_silence_has_a_score_too() -> None:
    rest = [Frame()] * 16
    assert np.isfinite(scores([rest, IN_KEY], CALL, [1.0, 2.0])).all()
    assert np.isfinite(scores([rest, IN_KEY], [], [1.0, 2.0])).all()
    assert np.isfinite(scores([IN_KEY], CALL, [1.0])).all()
