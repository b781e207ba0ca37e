"""Which of several imagined answers is played.

Each candidate gets a score, the sum of what speaks for it:

- pitch classes shared with what is expected: half the call's, half those of all candidates together;
- consensus: the figures it shares with the other candidates, as MIREX cardinality F1. The candidate nearest
  to all others is right most often whatever the right answer is (minimum Bayes risk, Kumar and Byrne 2004);
- figures of the call taken up, at whatever pitch and place: the same F1 with the call;
- as many notes as the call, and its register, or what was wished instead;
- likelihood in its usual range: nats far from the other candidates' are a loop or a stumble;
- no copy: a run of the call longer than real answers have counts against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jamd.note import Frame
from jamd.training.copying import groups_of, longest_runs
from jamd.training.measures import Passage, cardinality_f1, pitch_class_shares

Floats = npt.NDArray[np.float64]

COMPARED_BEATS = 8
COPIED = 0.2
"""The share of the call that real answers take over in one run, about."""
WIDEST = 5.0
"""Beyond so many usual distances, unlikely is unlikely."""


@dataclass(frozen=True, slots=True)
class Taste:
    """How much each part of the score counts: found by trying, on held-out calls and their real answers."""

    classes: float = 3.0
    consensus: float = 1.0
    figures: float = 1.0
    density: float = 0.1
    register: float = 0.1
    likelihood: float = 0.02
    copied: float = 1.0


TASTE = Taste()


def passage_of_frames(frames: Sequence[Frame]) -> Passage:
    """The onsets of frames as a passage; every note is a step long."""
    rows = [
        (step, step + 1, pitch)
        for step, frame in enumerate(frames)
        for pitch in sorted(onset.pitch for onset in frame.onsets)
    ]
    table = np.array(rows, np.int64).reshape(-1, 3)
    return Passage(table[:, 0], table[:, 1], table[:, 2], len(frames))


def scores(
    candidates: Sequence[Sequence[Frame]],
    call: Sequence[Frame],
    nats: npt.ArrayLike,
    density: float = 1.0,
    register: float = 0.0,
    taste: Taste = TASTE,
) -> Floats:
    """A score per candidate, (candidates,), the higher the better.

    `nats` (candidates,) are what each cost; `density` is the wished share of the call's notes, `register` the
    wished distance from the call's mean pitch in semitones.
    """
    passages = [passage_of_frames(frames) for frames in candidates]
    called = passage_of_frames(call)
    shares = np.array([pitch_class_shares(passage.pitch) for passage in passages])
    expected = shares.mean(0)
    if called.notes:
        expected = (expected + pitch_class_shares(called.pitch)) / 2
    total = taste.classes * np.minimum(shares, expected).sum(-1)
    if len(passages) > 1:
        total += taste.consensus * _agreement(passages).sum(-1) / (len(passages) - 1)
        cost = np.asarray(nats, np.float64)
        from_usual = np.abs(cost - np.median(cost))
        total -= taste.likelihood * np.minimum(from_usual / (np.median(from_usual) + 1e-6), WIDEST)
    if not called.notes:
        return np.asarray(total)
    total += taste.figures * np.array([_f1(passage, called) for passage in passages])
    wished = density * called.notes / called.steps
    rates = np.array([passage.notes / max(1, passage.steps) for passage in passages])
    total -= taste.density * np.abs(np.log((rates + 0.05) / (wished + 0.05)))
    centre = called.pitch.mean() + register
    means = np.array([passage.pitch.mean() if passage.notes else centre for passage in passages])
    total -= taste.register * np.abs(means - centre) / 12
    of_call = groups_of(called)
    copied = longest_runs([groups_of(passage) for passage in passages], of_call) / len(of_call)
    return np.asarray(total - taste.copied * np.maximum(0, copied - COPIED))


def _agreement(passages: Sequence[Passage]) -> Floats:
    """F1 of each with each other, (passages, passages), zeros on the diagonal."""
    f1 = np.zeros((len(passages), len(passages)))
    for one, passage in enumerate(passages):
        for other in range(one):
            f1[one, other] = f1[other, one] = _f1(passage, passages[other])
    return f1


def _f1(one: Passage, other: Passage) -> float:
    return float(np.nan_to_num(cardinality_f1(one, other, COMPARED_BEATS)))
