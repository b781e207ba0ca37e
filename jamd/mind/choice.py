"""Which of several imagined answers is played.

Each candidate gets a score, the sum of what speaks for it:

- pitch classes shared with what is expected: half the call's, half those of all candidates together;
- consensus: the figures it shares with the other candidates, as MIREX cardinality F1. The candidate nearest
  to all others is right most often whatever the right answer is (minimum Bayes risk, Kumar and Byrne 2004);
- figures of the call taken up, at whatever pitch and place: the same F1 with the call;
- as many notes as the call, and its register, or what was wished instead; as wide a range;
- likelihood in its usual range: nats far from the other candidates' are a loop or a stumble;
- no copy: a run of the call longer than real answers have counts against it, and so does a larger share of
  phrases from the music that the model learned from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from jamd.models.phrases import Phrases, phrases_of
from jamd.music.copying import Groups, groups_of
from jamd.music.measures import Passage
from jamd.music.note import STEPS_PER_BEAT, Frame

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

COMPARED_STEPS = 8 * STEPS_PER_BEAT
COPIED = 0.2
"""The share of the call that real answers take over in one run, about, or of as much of it as fits."""
LEARNED = 0.05
"""The share of a real answer's phrases that stand in other music, about: folk tunes 0.03 to 0.05, songs 0.03
to 0.06, jazz solos less than 0.01."""
WIDEST = 5.0
"""Beyond so many usual distances, unlikely is unlikely."""


@dataclass(frozen=True, slots=True)
class Taste:
    """How much each part of the score counts: found by trying, on held-out calls and their real answers."""

    classes: float = 6.0
    consensus: float = 1.0
    figures: float = 0.3
    density: float = 0.3
    register: float = 0.1
    range: float = 0.5
    likelihood: float = 0.05
    copied: float = 2.0
    learned: float = 2.0


TASTE = Taste()


def worn(depth: float, taste: Taste = TASTE) -> Taste:
    """The taste where so much, 0 to 1, is but an echo of what jamd played (see `repetition`): to be like the
    call, and like the other candidates, counts for less."""
    left = 1 - depth
    likeness = {name: left * getattr(taste, name) for name in ("classes", "consensus", "figures", "range")}
    return replace(taste, **likeness)


@dataclass(frozen=True, slots=True)
class Answers:
    """The onsets of several answers, one answer after another, each in order of step, then pitch: `step` and
    `pitch`, (notes,), and how many notes each answer has, `notes`, (answers,)."""

    step: Ints
    pitch: Ints
    notes: Ints

    def of_each(self) -> Ints:
        """The number of the answer that each note is of, (notes,)."""
        return np.repeat(np.arange(len(self.notes)), self.notes)

    def pitch_class_shares(self) -> Floats:
        """The share of each answer's notes that fall on each pitch class, (answers, 12); zeros without."""
        cells = self.of_each() * 12 + self.pitch % 12
        counts = np.bincount(cells, minlength=12 * len(self.notes)).reshape(-1, 12)
        return np.asarray(counts / np.maximum(1.0, counts.sum(1, keepdims=True)))

    def octaves(self) -> Floats:
        """From each answer's lowest note to its highest, (answers,); 0 without notes."""
        found = np.zeros(len(self.notes))
        some = self.notes > 0
        first = (np.cumsum(self.notes) - self.notes)[some]
        if len(first):
            found[some] = np.maximum.reduceat(self.pitch, first) - np.minimum.reduceat(self.pitch, first)
        return found / 12

    def mean_pitch(self, without: float) -> Floats:
        """The mean pitch of each answer, (answers,), or what is said for those without notes."""
        sums = np.bincount(self.of_each(), self.pitch, len(self.notes))
        return np.where(self.notes > 0, sums / np.maximum(1, self.notes), without)


def answers_of(many: Sequence[Sequence[Frame]]) -> Answers:
    """The onsets of answers that are given as frames."""
    notes = [
        [
            (step, onset.pitch)
            for step, frame in enumerate(frames)
            if frame.onsets
            for onset in sorted(frame.onsets, key=lambda onset: onset.pitch)
        ]
        for frames in many
    ]
    table = np.array([note for each in notes for note in each], np.int64).reshape(-1, 2)
    return Answers(table[:, 0], table[:, 1], np.array([len(each) for each in notes]))


def scores(
    candidates: Sequence[Sequence[Frame]],
    call: Sequence[Frame],
    nats: npt.ArrayLike,
    density: float = 1.0,
    register: float = 0.0,
    learned: Phrases | None = None,
    taste: Taste = TASTE,
) -> Floats:
    """A score per candidate, (candidates,), the higher the better.

    `nats` (candidates,) are what each cost; `density` is the wished share of the call's notes, `register` the
    wished distance from the call's mean pitch in semitones. This is asked when an answer is due: sixteen
    answers of two bars must take a millisecond or two.
    """
    all_answers = answers_of([*candidates, call])  # the call is one of them, the last
    all_shares = all_answers.pitch_class_shares()
    shares, called_shares = all_shares[:-1], all_shares[-1]
    notes, called_notes = all_answers.notes[:-1], int(all_answers.notes[-1])
    expected = shares.mean(0)
    if called_notes:
        expected = (expected + called_shares) / 2
    total = taste.classes * np.minimum(shares, expected).sum(-1)
    if learned is not None:
        total -= taste.learned * np.maximum(0, learned_shares(all_answers, learned)[:-1] - LEARNED)
    agreed = agreement(all_answers)
    if len(candidates) > 1:
        total += taste.consensus * agreed[:-1, :-1].sum(-1) / (len(candidates) - 1)
        cost = np.asarray(nats, np.float64)
        from_usual = np.abs(cost - np.median(cost))
        total -= taste.likelihood * np.minimum(from_usual / (np.median(from_usual) + 1e-6), WIDEST)
    if not called_notes:
        return np.asarray(total)
    total += taste.figures * agreed[:-1, -1]
    wished = density * called_notes / len(call)
    rates = notes / np.maximum(1, [len(frames) for frames in candidates])
    total -= taste.density * np.abs(np.log((rates + 0.05) / (wished + 0.05)))
    centre = all_answers.pitch[-called_notes:].mean() + register
    total -= taste.register * np.abs(all_answers.mean_pitch(centre)[:-1] - centre) / 12
    octaves = all_answers.octaves()
    total -= taste.range * np.abs(octaves[:-1] - octaves[-1])
    *of_candidates, of_call = groups_of_each(all_answers)
    # of a call much longer than the answer, no more than the answer can be copied
    copiable = min(len(of_call), max(1, int(np.median([len(groups) for groups in of_candidates]))))
    copied = longest_runs(of_candidates, of_call) / copiable
    return np.asarray(total - taste.copied * np.maximum(0, copied - COPIED))


def agreement(answers: Answers) -> Floats:
    """MIREX cardinality F1 over 8 beats of each answer with each other, (answers, answers): zeros on the
    diagonal, and for an answer with fewer than two notes there.

    The same as `measures.cardinality_f1`. Here a note is one number, such that the difference of two tells
    the translation that lays one on the other, so that translations are counted and not sorted.
    """
    f1 = np.zeros((len(answers.notes),) * 2)
    early = answers.step < COMPARED_STEPS
    of_each = answers.of_each()[early]
    lowest, highest = answers.pitch.min(initial=127), answers.pitch.max(initial=0)
    width = 2 * int(max(0, highest - lowest)) + 1
    note = answers.step[early] * width + answers.pitch[early] - lowest
    ends = np.cumsum(np.bincount(of_each, minlength=len(f1)))[:-1]
    notes, flipped = np.split(note, ends), np.split(COMPARED_STEPS * width - note, ends)
    for one, mine in enumerate(notes):
        for other, theirs in enumerate(flipped[:one]):
            if len(mine) > 1 and len(theirs) > 1:
                most = np.bincount((mine[:, None] + theirs).ravel()).max() - 1
                f1[one, other] = f1[other, one] = 2 * most / (len(mine) + len(theirs) - 2)
    return f1


def learned_shares(answers: Answers, learned: Phrases) -> Floats:
    """The share of each answer's phrases that stand in what was learned from, (answers,)."""
    of_each, apart = answers.of_each(), int(answers.step.max(initial=0)) + 1
    phrases, ends = phrases_of(answers.step + of_each * apart, answers.pitch)
    first, last = of_each[ends]
    whole = first == last  # the others begin in one answer and end in the next
    count = np.bincount(first[whole], minlength=len(answers.notes))
    known = np.bincount(first[whole], learned.hold(phrases[whole]), len(answers.notes))
    return known / np.maximum(1, count)


def groups_of_each(answers: Answers) -> list[Groups]:
    """The onset groups of each answer."""
    apart = answers.of_each() * (int(answers.step.max(initial=0)) + 1)
    step = answers.step + apart
    together = groups_of(Passage(step, step + 1, answers.pitch, 0))
    first = np.flatnonzero(np.diff(step, prepend=-1))
    groups = np.bincount(answers.of_each()[first], minlength=len(answers.notes))
    ends = np.cumsum(groups)
    return [
        Groups(together.pitches[end - length : end], together.spaced[end - length : end])
        for end, length in zip(ends.tolist(), groups.tolist(), strict=True)
    ]


def longest_runs(answers: Sequence[Groups], source: Groups) -> Ints:
    """For each answer, the length of its longest run of groups that stands in `source`, (answers,).

    The same as `copying.longest_runs`, which is made for a `source` of millions: here each group is compared
    with each, and a run is a stretch of a diagonal.
    """
    groups = max(map(len, answers))
    pitches, spaced = np.zeros((2, len(answers), 1, groups), np.uint64)  # 0 is no group's hash
    for i, answer in enumerate(answers):
        pitches[i, 0, : len(answer)], spaced[i, 0, : len(answer)] = answer.pitches, answer.spaced
    alike = _diagonals(pitches == source.pitches[:, None])
    goes_on = _diagonals(spaced == source.spaced[:, None])
    # a run ends in some group; it began after the last one that did not go on, or with it if that is alike
    row = np.arange(len(source), dtype=np.int32)[:, None]
    before = np.maximum.accumulate(np.where(goes_on, np.int32(-1), row - alike), 1)
    return np.asarray((row - before).max((1, 2), initial=0))


def _diagonals(tables: Bools) -> Bools:
    """Tables (tables, rows, columns) with their diagonals as columns, (tables, rows, rows + columns + 1),
    False where there is nothing."""
    count, rows, columns = tables.shape
    width = rows + columns
    wide = np.zeros((count, rows * (width + 1)), np.bool_)
    wide[:, : rows * width].reshape(count, rows, width)[..., rows:] = tables
    return wide.reshape(count, rows, width + 1)
