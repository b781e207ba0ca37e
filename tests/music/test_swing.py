"""Swing: jamd puts its off-beats where the player puts theirs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from jamd.engine.turns import Form
from jamd.models.features import Place
from jamd.music.note import REST, STEPS_PER_BEAT, Frame, Onset
from jamd.music.swing import swung
from tests.kit.fakes import Jam, Pad, jam, note

BEAT = 0.5
START = 1.0


class Eighths(Pad):
    """An improviser that plays even eighths, or, with `step` 3, dotted ones and sixteenths."""

    step = 2

    def answer(self, places: Sequence[Place], due: object = None) -> Iterator[Frame]:
        for place in places:
            plays = place.step_in_bar % STEPS_PER_BEAT in (0, self.step)
            yield Frame((Onset(60, 80, 0.1),)) if plays else REST


class Dotted(Eighths):
    step = 3


def eighths(share: float, beats: int, seed: int | None = None) -> list[list]:
    """The player's eighths, the second of each beat at this share of it."""
    rng = np.random.default_rng(seed)
    script = []
    for beat in range(beats):
        for place in (0.0, share):
            late = 0.0 if seed is None or beat == place == 0 else rng.normal(0, 0.008)
            seconds = START + (beat + place) * BEAT + late
            script.append(note(seconds, 65, seconds + 0.1))
    return script


def off_beats(played: Jam) -> list[float]:
    """Where in their beats jamd's notes between the beats fall."""
    places = [(seconds - START) / BEAT % 1 for seconds, what, _ in played.notes if what == "on"]
    return [place for place in places if 0.1 < place < 0.9]


@pytest.mark.parametrize("share", [0.58, 2 / 3, 0.72])
@pytest.mark.parametrize("mind", [Eighths, Dotted])
def test_jamds_eighths_swing_as_the_players_do(share: float, mind: type[Pad]) -> None:
    played = jam(eighths(share, 8), START + 16 * BEAT, mind(), Form(2, 2))
    assert off_beats(played) == pytest.approx([share] * 8, abs=1e-4)


def test_a_swing_of_human_hands_is_found() -> None:
    played = jam(eighths(2 / 3, 8, seed=1), START + 16 * BEAT, Eighths(), Form(2, 2))
    assert off_beats(played) == pytest.approx([2 / 3] * 8, abs=0.03)


def test_even_eighths_are_answered_as_the_model_means_them() -> None:
    played = jam(eighths(0.5, 8, seed=1), START + 16 * BEAT, Eighths(), Form(2, 2))
    assert off_beats(played) == pytest.approx([0.525] * 8, abs=1e-4)


def test_half_the_feel_is_half_the_swing_and_none_is_the_grid() -> None:
    half = jam(eighths(0.7, 8), START + 16 * BEAT, Eighths(), Form(2, 2), feel=0.5)
    assert off_beats(half) == pytest.approx([0.6] * 8, abs=1e-4)
    none = jam(eighths(0.7, 8), START + 16 * BEAT, Eighths(), Form(2, 2), feel=0)
    assert off_beats(none) == pytest.approx([0.5] * 8, abs=1e-4)


def test_sixteenths_are_no_swing() -> None:
    script = []
    for step in range(32):
        seconds = START + step * BEAT / 4
        script.append(note(seconds, 65, seconds + 0.05))
    played = jam(script, START + 16 * BEAT, Eighths(), Form(2, 2))
    assert off_beats(played) == pytest.approx([0.525] * 8, abs=1e-4)


def test_in_six_eight_nothing_swings() -> None:
    played = jam(eighths(2 / 3, 6), START + 14 * BEAT, Eighths(), Form(2, 2), metre="6/8")
    assert set(np.round(off_beats(played), 3)) == {0.525}


@pytest.mark.parametrize("share", [0.55, 2 / 3, 0.75])
def test_steps_stay_in_their_order(share: float) -> None:
    even = [swung(step, share, alone=False) for step in range(4)]
    assert even == sorted(even)
    assert swung(3, share, alone=True) == swung(2, share, alone=True)
