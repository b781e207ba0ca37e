"""The tempo map of a piece: tempos (BPM) by the beat from which they hold, the first from beat 0 on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from jamd.music.note import STEPS_PER_BEAT

Tempos = Sequence[tuple[float, float]]
Floats = npt.NDArray[np.float64]


def seconds_at(tempos: Tempos, beats: Floats) -> Floats:
    """When positions (n,) in beats are heard, in seconds: the tempo changes, summed up."""
    changes, begins, seconds_per_beat = _spans(tempos)
    which = np.maximum(np.searchsorted(changes, beats, side="right") - 1, 0)
    return begins[which] + (beats - changes[which]) * seconds_per_beat[which]


def beats_at(tempos: Tempos, seconds: Floats) -> Floats:
    """Where instants (n,) in seconds lie, in beats."""
    changes, begins, seconds_per_beat = _spans(tempos)
    which = np.maximum(np.searchsorted(begins, seconds, side="right") - 1, 0)
    return changes[which] + (seconds - begins[which]) / seconds_per_beat[which]


def _spans(tempos: Tempos) -> tuple[Floats, Floats, Floats]:
    """Of each tempo (tempos,): from which beat on it holds, from which second on, and how long a beat is."""
    changes, tempo = np.array(tempos, np.float64).reshape(-1, 2).T
    seconds_per_beat = 60 / tempo
    begins = np.concatenate([[0.0], np.cumsum(np.diff(changes) * seconds_per_beat[:-1])])
    return changes, begins, seconds_per_beat


def followed(tempos: Tempos, end_beats: float, tempo: float | None = None) -> list[tuple[float, float]]:
    """The tempo map of music that ends on this beat, and of what follows it, in this tempo or in that of the
    end. A change behind it is none, and one on that beat only if it takes up a former tempo, as after a
    fermata."""
    early, late = end_beats - 0.5 / STEPS_PER_BEAT, end_beats + 0.5 / STEPS_PER_BEAT
    before = [(at, tempo) for at, tempo in tempos if at < early]
    former = [tempo for _, tempo in before]
    if tempo is not None:
        return before if tempo == former[-1] else [*before, (end_beats, tempo)]
    return before + [(at, tempo) for at, tempo in tempos if early <= at < late and tempo in former]
