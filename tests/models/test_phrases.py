"""What a model learned from: its phrases are known again at any pitch, and an answer made of them is not
played."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jamd.mind.choice import answers_of, learned_shares, scores
from jamd.models import bundle
from jamd.models.phrases import GROUPS, Phrases, filter_of, phrases_of
from jamd.music.note import REST, Frame, Onset

TUNE = [67, 64, 65, 62, 64, 60, 67, 72, 71, 69]


def played(*pitches: int, every: int = 2, by: int = 0) -> list[Frame]:
    """A note every so many steps."""
    rests = [REST] * (every - 1)
    return [frame for pitch in pitches for frame in (Frame((Onset(pitch + by, 80),)), *rests)]


def phrases(frames: list[Frame]) -> np.ndarray:
    answers = answers_of([frames])
    return phrases_of(answers.step, answers.pitch)[0]


def test_a_phrase_is_the_same_at_any_pitch_and_another_in_another_rhythm() -> None:
    heard = phrases(played(*TUNE))
    assert len(heard) == len(set(heard)) == len(TUNE) - GROUPS + 1
    assert (phrases(played(*TUNE, by=-5)) == heard).all()
    assert (phrases([*[REST] * 7, *played(*TUNE)]) == heard).all()
    assert not np.isin(phrases(played(*TUNE, every=3)), heard).any()
    assert not np.isin(phrases(played(*TUNE[::-1])), heard).any()


def test_a_chord_is_one_group_and_its_inner_voices_count() -> None:
    def chords(middle: int) -> list[Frame]:
        return [Frame(tuple(Onset(p, 80) for p in (pitch, pitch + middle, pitch + 7))) for pitch in TUNE]

    major, minor = phrases(chords(4)), phrases(chords(3))
    assert len(major) == len(minor) == len(TUNE) - GROUPS + 1
    assert not np.isin(major, minor).any()


def test_too_short_for_a_phrase() -> None:
    for frames in ([], [REST] * 9, played(*TUNE[: GROUPS - 1])):
        assert len(phrases(frames)) == 0


def test_a_filter_holds_all_that_was_put_in_and_little_else() -> None:
    rng = np.random.default_rng(0)
    learned, others = rng.integers(0, 2**63, (2, 20_000)).astype(np.uint64)
    known = filter_of([learned[:9000], learned[5000:]])
    assert known.hold(learned).all()
    assert known.hold(others).mean() == pytest.approx(1 / 85, rel=0.25)
    assert not filter_of([]).hold(others).any()


def test_shares_are_of_each_answer_alone() -> None:
    known = filter_of([phrases(played(*TUNE))])
    half = played(*TUNE, 50, 53, 51, 56, by=3)
    answers = answers_of([played(*TUNE), played(*TUNE[::-1]), [], half, played(*TUNE[:4]), played(*TUNE[4:])])
    assert learned_shares(answers, known).tolist() == [1, 0, 0, pytest.approx(3 / 7), 0, 0]


def test_an_answer_made_of_learned_phrases_is_not_played() -> None:
    call, own = played(60, 62, 64, 65, 67, 65, 64, 62, 60), played(64, 65, 67, 65, 64, 62, 60, 62, 64)
    candidates = [played(*TUNE), own]
    for learned, wanted in ((played(*TUNE, by=2), 1), (own, 0)):
        known = filter_of([phrases(learned)])
        without, knowing = (scores(candidates, call, [1.0, 1.0], learned=each) for each in (None, known))
        assert knowing.argmax() == wanted
        assert knowing[wanted] == without[wanted]
        assert knowing[1 - wanted] < without[1 - wanted] - 1


def test_phrases_travel_with_the_bundle(tmp_path: Path) -> None:
    known = filter_of([phrases(played(*TUNE))])
    path = tmp_path / "mine.safetensors"
    weights = {"a": np.ones(3, np.float32)}
    bundle.write(path, weights, {"arch": "markov", "settings": {}}, known)
    read = bundle.read(path)
    assert isinstance(read.phrases, Phrases)
    assert read.phrases.hold(phrases(played(*TUNE, by=1))).all()
    assert list(read.weights) == ["a"]
    bundle.write(path, weights, {"arch": "markov", "settings": {}})
    assert bundle.read(path).phrases is None
