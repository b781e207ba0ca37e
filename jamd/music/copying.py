"""How much of an answer stands somewhere else note for note: in its call, or in the training music.

Music is compared in two ways. By onset groups: the pitches that begin together, and the steps since the group
before. And by windows of frames: everything that sounds in 16 steps on end, attacks and holds told apart.
Both become 64-bit hashes, which differ for different music but for one chance in billions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jamd.music.measures import Ints, Passage

Hashes = npt.NDArray[np.uint64]

WINDOW_STEPS = 16
FEWEST_ONSETS = 2
"""A window counts when notes begin in two of its steps at least: a held chord is nobody's own."""
BASE = np.uint64(0x9E3779B97F4A7C15)
LONGEST_RUN = 256
"""Groups; longer runs are told as this long. It bounds the time a training set that holds itself takes."""
_CODES = np.random.default_rng(20).integers(1, 2**63, (3, 4096), np.int64).astype(np.uint64)
"""Random words for attacks and holds by pitch, and for the steps between groups."""


@dataclass(frozen=True, slots=True)
class Groups:
    """Onset groups in order: a hash of the pitches of each, and one of that and the steps since the last."""

    pitches: Hashes
    spaced: Hashes

    def __len__(self) -> int:
        return len(self.pitches)


def groups_of(passage: Passage) -> Groups:
    """A passage's onset groups."""
    first = np.flatnonzero(np.diff(passage.step, prepend=-1))
    codes = _CODES[0, passage.pitch]
    pitches = np.add.reduceat(codes, first) if len(first) else codes
    spacing = np.minimum(np.diff(passage.step[first], prepend=0), _CODES.shape[1] - 1)
    return Groups(pitches, _mixed(pitches + _CODES[2, spacing]))


def _mixed(hashes: Hashes) -> Hashes:
    """Hashes that no sum or product takes back (splitmix64): without it two groups could change places."""
    hashes = (hashes ^ hashes >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    return hashes ^ hashes >> np.uint64(27)


def joined(many: Sequence[Groups]) -> Groups:
    """Groups of several pieces end to end, such that no run goes on from one piece into the next."""
    ends = np.random.default_rng(21).integers(1, 2**63, (2, len(many), 1)).astype(np.uint64)
    return Groups(
        np.concatenate([x for groups, end in zip(many, ends[0], strict=True) for x in (groups.pitches, end)]),
        np.concatenate([x for groups, end in zip(many, ends[1], strict=True) for x in (groups.spaced, end)]),
    )


def longest_runs(answers: Sequence[Groups], source: Groups) -> Ints:
    """For each answer, the length of its longest run of groups that stands in `source` with the same pitches
    and the same spacing, (answers,), in groups."""
    longest = np.zeros(len(answers), np.int64)
    known, places = source.pitches, np.arange(len(source))  # runs of the present length, where they begin
    runs = {i: answer.pitches for i, answer in enumerate(answers)}
    for length in range(1, LONGEST_RUN + 1):
        # only what both have can grow, so each round has less to look through than the one before
        both = np.intersect1d(known, np.concatenate([np.zeros(0, np.uint64), *runs.values()]))
        runs = {i: hashes for i, hashes in runs.items() if _stand(hashes, both).any()}
        if not runs:
            break
        longest[list(runs)] = length
        kept = _stand(known, both) & (places + length < len(source))
        places = places[kept]
        known = known[kept] * BASE + source.spaced[places + length]
        runs = {i: hashes[:-1] * BASE + answers[i].spaced[length:] for i, hashes in runs.items()}
    return longest


def _stand(hashes: Hashes, ordered: Hashes) -> npt.NDArray[np.bool_]:
    """Which of `hashes` are among `ordered`."""
    if not len(ordered):
        return np.zeros(len(hashes), bool)
    return np.asarray(ordered[np.minimum(np.searchsorted(ordered, hashes), len(ordered) - 1)] == hashes)


def copied_share(answer: Passage, call: Passage) -> float:
    """The answer's longest run of groups that stands in the call, as a share of the call's groups."""
    source = groups_of(call)
    (longest,) = longest_runs([groups_of(answer)], source)
    return float(longest) / max(1, len(source))


def windows_of(passage: Passage) -> Hashes:
    """Hashes of all of a passage's windows of 16 frames in which notes begin in two steps or more."""
    step, end, pitch, steps = passage.step, passage.end, passage.pitch, passage.steps
    if steps < WINDOW_STEPS:
        return np.zeros(0, np.uint64)
    change = np.zeros(steps + 1, np.uint64)  # what is added to the hash of what is held
    np.add.at(change, np.minimum(step + 1, end), _CODES[1, pitch])
    np.subtract.at(change, end, _CODES[1, pitch])
    frames = np.cumsum(change, dtype=np.uint64)[:steps]
    np.add.at(frames, step, _CODES[0, pitch])
    begins = np.bincount(step, minlength=steps) > 0
    windows = np.zeros(steps - WINDOW_STEPS + 1, np.uint64)
    for ahead in range(WINDOW_STEPS):
        windows = windows * BASE + frames[ahead : ahead + len(windows)]
    onsets = np.convolve(begins, np.ones(WINDOW_STEPS, np.int64), "valid")
    return windows[onsets >= FEWEST_ONSETS]


@dataclass(frozen=True, slots=True)
class Index:
    """What the training music holds: its onset groups, and its windows in order."""

    groups: Groups
    windows: Hashes

    def share_of(self, windows: Hashes) -> float:
        """The share of these windows that the training music holds. NaN without windows."""
        return float(_stand(windows, self.windows).mean()) if len(windows) else float("nan")


def index_of(pieces: Iterable[Passage]) -> Index:
    """An index of whole pieces."""
    groups, windows = [], [np.zeros(0, np.uint64)]
    for piece in pieces:
        groups.append(groups_of(piece))
        windows.append(np.unique(windows_of(piece)))
    return Index(joined(groups), np.unique(np.concatenate(windows)))
