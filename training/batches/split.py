"""Which of a player's pieces teach, which tell when to stop, and which judge the outcome.

Those that judge decide nothing, so their figures flatter nobody. By the hash of a piece and not by chance or
name: what judges today judges tomorrow, when there are more recordings.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from jamd.counted import counted
from jamd.training.batches import floor
from jamd.training.reading import store
from jamd.training.recordings.pieces import QuantisedPiece

SHARE_JUDGING = 0.2
SHARE_WATCHED = 0.1
MOST_JUDGING_STEPS, MOST_WATCHED_STEPS = 40_000, 10_000
"""Of much music a smaller share tells as well: 80 minutes, and 20, at 120 beats a minute."""
FEWEST_TO_WATCH = 5
"""Pieces beside those that judge, of which one may be spared to tell when to stop."""
STRETCH_BARS = 12
"""Where pieces are too few, stretches of this many bars are held out."""
FEWEST_BARS = 3
"""With notes: one to learn from, one to tell when to stop, and one to judge."""

Pieces = Sequence[QuantisedPiece]


@dataclass(frozen=True, slots=True)
class Split:
    """`taught` and `watched` are pieces, or stretches of the same ones; `judging` are whole pieces but where
    `whole` is False."""

    taught: Pieces
    watched: Pieces
    judging: Pieces
    whole: bool = True


def split(pieces: Pieces, known: frozenset[str] = frozenset(), named: frozenset[str] = frozenset()) -> Split:
    """Pieces, each once, in three. About a fifth of the music judges: the pieces whose hashes are in `named`
    if there are such, else those whose hashes come first. Pieces that a model has learned from already,
    `known`, judge only where there are no others.

    Of a single piece, and of a few that are too short, stretches are held out; of still less music, bars.
    Raises ValueError, which says how much there is and how much it takes, for less than that.
    """
    if len(pieces) > 1:
        with suppress(ValueError):
            return _by_pieces(pieces, known, named)
    with suppress(ValueError):
        rest, judging = apart(pieces, SHARE_JUDGING)
        return Split(*apart(rest, SHARE_WATCHED), judging, whole=False)
    bars = [bar for piece in pieces for bar in _by_bars(piece)]
    if len(bars) < FEWEST_BARS:
        notes = sum(int(piece.learned.sum()) for piece in pieces)
        raise ValueError(
            f"{counted(notes, 'note')} in {counted(len(bars), 'bar')}; to learn from some"
            f" and hold some out takes {FEWEST_BARS} bars with notes at least"
        )
    return Split(bars[:-2], bars[-2:-1], bars[-1:], whole=False)


def _by_pieces(pieces: Pieces, known: frozenset[str], named: frozenset[str]) -> Split:
    """The same with whole pieces to judge. Raises ValueError when the rest is too short to tell when to
    stop."""
    hashes, steps = hashes_of(pieces), steps_of(pieces)
    order = sorted(range(len(hashes)), key=lambda index: (hashes[index] in known, hashes[index]))
    first = [index for index in order if hashes[index] in named]
    if not first or len(first) == len(order):
        first = order[: _first(steps[order], SHARE_JUDGING, MOST_JUDGING_STEPS)]
    judging, rest_of_all = chosen(pieces, first), sorted(set(order) - set(first), key=hashes.__getitem__)
    if len(rest_of_all) < FEWEST_TO_WATCH:
        return Split(*apart(chosen(pieces, rest_of_all), SHARE_WATCHED), judging)
    count = _first(steps[rest_of_all], SHARE_WATCHED, MOST_WATCHED_STEPS)
    return Split(chosen(pieces, rest_of_all[count:]), chosen(pieces, rest_of_all[:count]), judging)


def _first(steps: npt.NDArray[np.int64], share: float, most_steps: int) -> int:
    """How many pieces of these lengths, from the first on, come nearest to a share of all steps, or to the
    most: one at least, and never all."""
    until = np.cumsum(steps)
    return min(1 + int(np.abs(until - min(share * until[-1], most_steps)).argmin()), len(steps) - 1)


def hashes_of(pieces: Pieces) -> list[str]:
    """The SHA-256 of each piece's recording."""
    return pieces.sha256 if isinstance(pieces, store.Pieces) else [piece.sha256 for piece in pieces]


def steps_of(pieces: Pieces) -> npt.NDArray[np.int64]:
    """The length of each piece, (pieces,)."""
    if isinstance(pieces, store.Pieces):
        return pieces.lengths_steps
    return np.array([piece.steps for piece in pieces], np.int64)


def notes_of(pieces: Pieces) -> int:
    """How many notes there are in all."""
    return sum(
        pieces.notes.tolist() if isinstance(pieces, store.Pieces) else (len(piece.step) for piece in pieces)
    )


def chosen(pieces: Pieces, indices: Sequence[int]) -> Pieces:
    """Those of the pieces, in this order."""
    if isinstance(pieces, store.Pieces):
        return pieces.chosen(indices)
    return [pieces[index] for index in indices]


def apart(pieces: Pieces, share: float) -> tuple[Pieces, Pieces]:
    """Pieces cut in stretches, and about a share of these taken out, evenly over the music: what is left, and
    what was taken. Raises ValueError when there is but one stretch with notes to learn from."""
    stretches = [stretch for piece in pieces for stretch in _stretches(piece)]
    if len(stretches) < 2:
        raise ValueError("too short to hold anything out")
    every = max(2, round(1 / share))
    out = [number % every == every // 2 for number in range(len(stretches))]
    if not any(out):
        out[-1] = True
    left = tuple(s for s, taken in zip(stretches, out, strict=True) if not taken)
    return left, tuple(s for s, taken in zip(stretches, out, strict=True) if taken)


def _by_bars(piece: QuantisedPiece) -> list[QuantisedPiece]:
    """A piece cut before each bar in which a note to learn from begins, the first of them excepted."""
    struck = floor.bars_struck(piece).tolist()
    cuts = pairwise([0, *struck[1:], len(piece.bar_lines) - 1]) if struck else ()
    return [_stretch(piece, first, last) for first, last in cuts]


def _stretches(piece: QuantisedPiece) -> list[QuantisedPiece]:
    """A piece in stretches of about `STRETCH_BARS`, two at least where it has two bars; those in which there
    is something to learn from."""
    bars = len(piece.bar_lines) - 1
    count = min(bars, max(2, round(bars / STRETCH_BARS)))
    cuts = np.linspace(0, bars, count + 1).round().astype(int).tolist()
    found = (_stretch(piece, first, last) for first, last in pairwise(cuts))
    return [stretch for stretch in found if stretch.learned.any()]


def _stretch(piece: QuantisedPiece, first_bar: int, last_bar: int) -> QuantisedPiece:
    """Some bars of a piece, as a piece. A note that lasts beyond them ends with them."""
    lines = piece.bar_lines[first_bar : last_bar + 1]
    start, end = int(lines[0]), int(lines[-1])
    low, high = np.searchsorted(piece.step, [start, end])
    phrases = piece.phrase_steps[(piece.phrase_steps >= start) & (piece.phrase_steps < end)]
    return replace(
        piece,
        step=piece.step[low:high] - start,
        end=np.minimum(piece.end[low:high], end) - start,
        key=piece.key[low:high],
        velocity=piece.velocity[low:high],
        offset=piece.offset[low:high],
        part=piece.part[low:high],
        bar_lines=lines - start,
        phrase_steps=phrases - start,
    )
