"""Whose turn it was in a session, bar by bar, told from what was played."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from jamd.training.recordings.pieces import QuantisedPiece

LONGEST_REST_BARS = 2
"""A rest so short, between bars in which the player plays, is part of what they play."""

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def turns_of(player: Ints, jamd: Ints, lines: Ints, steps: int) -> tuple[list[tuple[int, int]], bool]:
    """The player's turns in so many steps, as (first step, step after the last), and whether it is a duet.

    `player` and `jamd` are the steps on which each strikes, one for every note; `lines` those on which bars
    begin, from 0 on and to `steps` or beyond. Where both play in most of the bars it is a duet, and one turn.
    Else a bar is the player's in which they strike no fewer notes than jamd: an upbeat to the next turn does
    not make the bar theirs, nor does the last note of an answer take theirs away.
    """
    lines = np.append(lines[lines < steps], steps)
    mine, theirs = _strikes(player, lines), _strikes(jamd, lines)
    together = (mine > 0) & (theirs > 0)
    if 2 * together.sum() > ((mine > 0) | (theirs > 0)).sum():
        return [(0, steps)], True
    bars = _with_rests((mine > 0) & (mine >= theirs), (mine == 0) & (theirs == 0))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], bars, [0]])))
    return [(int(lines[first]), int(lines[last])) for first, last in edges.reshape(-1, 2)], False


def bars_struck(piece: QuantisedPiece) -> Ints:
    """The bars, rising, in which notes begin that are there to learn from: in a session, the player's."""
    return np.unique(np.searchsorted(piece.bar_lines, piece.step[piece.learned], side="right") - 1)


def bars_of_player(piece: QuantisedPiece) -> Bools:
    """The bars of a session (bars,) in which the player strikes a note, and their short rests between."""
    own = piece.learned
    mine, theirs = _strikes(piece.step[own], piece.bar_lines), _strikes(piece.step[~own], piece.bar_lines)
    return _with_rests(mine > 0, (mine == 0) & (theirs == 0))


def player_alone(piece: QuantisedPiece) -> QuantisedPiece:
    """What the player played in a session, without jamd: their bars put end to end, as one part. What they
    played between two answers is a phrase. A piece that is no session is as it was.

    The bars of the answers are left out, for they would teach that a call is answered by silence.
    """
    if piece.context_part < 0:
        return piece
    bars, lines = bars_of_player(piece), piece.bar_lines
    lengths = np.diff(lines)
    removed = np.cumsum(np.where(bars, 0, lengths)) - np.where(bars, 0, lengths)  # steps, before each bar
    chosen = piece.learned
    step = piece.step[chosen]
    bar = np.searchsorted(lines, step, side="right") - 1
    gaps = np.append(np.flatnonzero(~bars), len(bars))
    end = np.minimum(piece.end[chosen], lines[gaps[np.searchsorted(gaps, bar)]])
    begins = np.flatnonzero(bars & ~np.append(False, bars[:-1]))
    return replace(
        piece,
        step=(step - removed[bar]).astype(np.int32),
        end=(end - removed[bar]).astype(np.int32),
        key=piece.key[chosen],
        velocity=piece.velocity[chosen],
        offset=piece.offset[chosen],
        part=np.zeros(len(step), np.int16),
        bar_lines=np.append(0, np.cumsum(lengths[bars])).astype(np.int32),
        phrase_steps=(lines[begins] - removed[begins]).astype(np.int32),
        context_part=-1,
    )


def _strikes(step: npt.NDArray[np.integer], lines: npt.NDArray[np.integer]) -> Ints:
    """How many notes begin in each bar (bars,)."""
    return np.bincount(np.searchsorted(lines, step, side="right") - 1, minlength=len(lines) - 1)


def _with_rests(taken: Bools, silent: Bools) -> Bools:
    """The bars that are taken, and the silent ones between two of them where these are few."""
    taken, busy = taken.copy(), np.cumsum(~silent)
    before, after = np.flatnonzero(taken)[:-1], np.flatnonzero(taken)[1:]
    rests = (
        (after - before > 1) & (after - before - 1 <= LONGEST_REST_BARS) & (busy[after - 1] == busy[before])
    )
    for first, last in zip(before[rests], after[rests], strict=True):
        taken[first:last] = True
    return taken
