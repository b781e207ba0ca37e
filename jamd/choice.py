"""Which of several imagined answers is played.

Each candidate gets a score, the sum of what speaks for it:

- consensus: how much of it the other candidates have too, as MIREX cardinality F1 and as shared pitch classes. The
  candidate nearest to all others is the one that is right most often whatever the right answer is (minimum Bayes
  risk, Kumar and Byrne 2004);
- fit to the call: shared pitch classes, the number of notes, the register;
- likelihood in its usual range: far above or below the other candidates' nats is a loop or a stumble;
- not a copy: a run of the call longer than real answers have counts against it.
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

COMPARED_BEATS = 16
COPIED = 0.2
"""The share of the call that real answers take over in one run, about."""


@dataclass(frozen=True, slots=True)
class Taste:
    """How much each part of the score counts; fitted on held-out calls and their real answers."""

    consensus: float = 1.0
    shared_classes: float = 1.0
    call_classes: float = 1.0
    density: float = 0.3
    register: float = 0.2
    likelihood: float = 0.05
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
    register: float | None = 0.0,
    taste: Taste = TASTE,
) -> Floats:
    """A score per candidate, (candidates,), the higher the better.

    `nats` (candidates,) are what each cost; `density` is the wished share of the call's notes, `register` the
    wished distance from the call's mean pitch in semitones, None for any.
    """
    passages = [passage_of_frames(frames) for frames in candidates]
    called = passage_of_frames(call)
    shares = np.array([pitch_class_shares(passage.pitch) for passage in passages])
    total = np.zeros(len(passages))
    if len(passages) > 1:
        f1 = np.zeros((len(passages), len(passages)))
        for one in range(len(passages)):
            for other in range(one):
                agreement = cardinality_f1(passages[one], passages[other], COMPARED_BEATS)
                f1[one, other] = f1[other, one] = 0.0 if np.isnan(agreement) else agreement
        total += taste.consensus * f1.sum(-1) / (len(passages) - 1)
        overlap = np.minimum(shares[:, None], shares).sum(-1)
        total += taste.shared_classes * (overlap.sum(-1) - 1) / (len(passages) - 1)
        cost = np.asarray(nats, np.float64)
        spread = np.median(np.abs(cost - np.median(cost))) + 1e-6
        total -= taste.likelihood * np.minimum(np.abs(cost - np.median(cost)) / spread, 5)
    if not called.notes:
        return total
    total += taste.call_classes * np.minimum(shares, pitch_class_shares(called.pitch)).sum(-1)
    wished = density * called.notes / called.steps
    rates = np.array([passage.notes / max(1, passage.steps) for passage in passages])
    total -= taste.density * np.abs(np.log((rates + 0.05) / (wished + 0.05)))
    if register is not None:
        means = np.array([p.pitch.mean() if p.notes else called.pitch.mean() for p in passages])
        total -= taste.register * np.abs(means - called.pitch.mean() - register) / 12
    groups = [groups_of(passage) for passage in passages]
    of_call = groups_of(called)
    copied = longest_runs(groups, of_call) / max(1, len(of_call))
    return total - taste.copied * np.maximum(0, copied - COPIED)


