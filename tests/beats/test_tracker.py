"""What the likeliest beat is, onset by onset."""

from __future__ import annotations

import numpy as np
import pytest

from jamd.beats.tracker import (
    COMPOUND_FIGURES,
    FASTEST_PULSE,
    SLOWEST_PULSE,
    TWELFTHS,
    BeatTracker,
)


def heard(gaps: list[float], tracker: BeatTracker | None = None) -> BeatTracker:
    tracker = tracker or BeatTracker()
    for gap_seconds in gaps:
        tracker.hear(gap_seconds)
    return tracker


@pytest.mark.parametrize("tempo", [72, 90, 120, 160])
def test_quarters_and_eighths(tempo: float) -> None:
    """The last note is on the beat."""
    beat = heard([60 / tempo * length for length in (1, 0.5, 0.5, 1, 0.5, 0.5, 1, 1)]).best()
    assert beat.tempo == pytest.approx(tempo, rel=0.02)
    assert min(beat.phase, 1 - beat.phase) < 0.05
    assert beat.likelihood > 0.6


def test_on_the_offbeat_half_the_pulse_has_passed() -> None:
    gaps = [0.5, 0.25, 0.25, 0.5, 0.25, 0.25, 0.5, 0.25]
    assert heard(gaps).best().phase == pytest.approx(0.5, abs=0.05)


def test_it_grows_surer() -> None:
    gaps = [0.6, 0.3, 0.3, 0.6, 0.45, 0.15, 0.6]
    early, late = heard(gaps[:2]).best(), heard(2 * gaps).best()
    assert early.likelihood < 0.5 < late.likelihood


def test_three_to_a_beat_where_beats_are_dotted() -> None:
    beat = heard([60 / 100 / 3] * 24, BeatTracker(COMPOUND_FIGURES)).best()
    assert beat.tempo == pytest.approx(100, rel=0.02)


def test_near_a_tempo_it_stays_there() -> None:
    tracker = BeatTracker()
    tracker.keep_near(60, 0.2)
    beat = heard([0.5] * 12, tracker).best()
    assert 60 / 1.2 < beat.tempo < 60 * 1.2


@pytest.mark.parametrize("gaps", [[0.031] * 40, [1000.0] * 5, [0.031, 1000.0] * 5])
def test_the_absurd_is_survived(gaps: list[float]) -> None:
    beat = heard(gaps).best()
    assert np.isfinite([beat.tempo, beat.phase, beat.likelihood]).all()
    assert SLOWEST_PULSE * 0.99 < beat.tempo < FASTEST_PULSE * 1.01
    assert 0 <= beat.phase < 1
    assert 0 < beat.likelihood <= 1 + 1e-9


def test_every_place_of_a_figure_is_a_twelfth() -> None:
    assert all(TWELFTHS % len(figure) == 0 for figure in COMPOUND_FIGURES)
