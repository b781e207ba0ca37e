"""The measures of an answer, on music whose values are known by hand."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.music import copying, measures
from jamd.music.measures import Passage, passage_of
from jamd.music.note import Note
from jamd.training.judging import cases
from jamd.training.reading import reading
from jamd.training.recordings import pieces
from jamd.training.recordings.sources import Recording
from tests.kit.corpus import scale_chords, write_song

BAR = 16


def tune(*pitches: int, first_beat: float = 0.0, beats: float = 1.0, steps: int = 4 * BAR) -> Passage:
    """One note after another, `beats` apart."""
    notes = [Note(p, 80, first_beat + i * beats, first_beat + (i + 1) * beats) for i, p in enumerate(pitches)]
    return passage_of(notes, steps)


passages = st.lists(
    st.tuples(st.integers(0, 60), st.integers(40, 80)), min_size=2, max_size=20, unique=True
).map(lambda points: passage_of([Note(p, 80, s / 4, s / 4 + 0.25) for s, p in points], 64))


def test_a_passage_is_quantised_and_cut() -> None:
    notes = [Note(60, 80, 3.9, 5.0), Note(62, 80, 7.49, 30.0), Note(64, 80, 8.0, 9.0), Note(50, 80, 1.0, 6.0)]
    passage = passage_of(notes, steps=16, first_step=16)
    assert passage.step.tolist() == [0, 14]
    assert passage.pitch.tolist() == [60, 62]
    assert passage.end.tolist() == [4, 16]


def test_cardinality_counts_the_notes_that_one_move_lays_on_the_truth() -> None:
    truth = tune(60, 62, 64, 65, 67)
    assert measures.cardinality_f1(truth, truth, 8) == 1.0
    assert measures.cardinality_f1(tune(65, 67, 69, 70, 72), truth, 8) == 1.0  # transposed
    assert measures.cardinality_f1(tune(60, 62, 64, 65, 67, first_beat=1), truth, 8) == 1.0  # and late
    # 60 62 64 stand, 3 of 5: recall and precision are both 2/4
    assert measures.cardinality_f1(tune(60, 62, 64, 80, 43), truth, 8) == pytest.approx(0.5)
    # 3 notes all found: precision 2/2, recall 2/4
    assert measures.cardinality_f1(tune(60, 62, 64), truth, 8) == pytest.approx(2 * 0.5 / 1.5)
    # within four beats are four notes of each: 60 62 64, recall and precision are both 2/3
    assert measures.cardinality_f1(tune(60, 62, 64, 80, 43), truth, 4) == pytest.approx(2 / 3)


def test_cardinality_of_next_to_nothing() -> None:
    assert measures.cardinality_f1(tune(), tune(60, 62), 8) == 0.0
    assert measures.cardinality_f1(tune(60), tune(60, 62), 8) == 0.0
    assert np.isnan(measures.cardinality_f1(tune(60, 62), tune(60), 8))
    assert measures.cardinality_f1(tune(60, 72), tune(60, 61), 8) == 0.0


@given(passages, passages)
def test_cardinality_is_even_handed_and_bounded(one: Passage, other: Passage) -> None:
    score = measures.cardinality_f1(one, other, 16)
    assert 0.0 <= score <= 1.0
    assert score == pytest.approx(measures.cardinality_f1(other, one, 16))
    assert measures.cardinality_f1(one, one, 16) == 1.0


def test_pitch_classes_overlap_whatever_the_octave() -> None:
    assert measures.pitch_class_overlap(tune(60, 64, 67, 67), tune(48, 52, 55, 79)) == pytest.approx(1.0)
    assert measures.pitch_class_overlap(tune(60, 62), tune(60, 61)) == pytest.approx(0.5)
    assert measures.pitch_class_overlap(tune(60, 62), tune(61, 63)) == 0.0
    assert measures.pitch_class_overlap(tune(), tune(60)) == 0.0


def test_scale_consistency_is_the_share_in_the_best_scale() -> None:
    assert measures.scale_consistency(tune(62, 64, 66, 67, 69, 71, 73)) == 1.0  # D major
    assert measures.scale_consistency(tune(60, 62, 64, 66, 68, 70)) == pytest.approx(4 / 6)  # whole tones
    assert measures.scale_consistency(tune(*range(60, 72))) == pytest.approx(7 / 12)
    assert np.isnan(measures.scale_consistency(tune()))


def test_groove_compares_each_bar_with_the_next() -> None:
    assert measures.groove_consistency(tune(*[60] * 16), BAR) == 1.0
    # bars of 4 onsets, then of none: 4 of 16 steps differ once in three times
    assert measures.groove_consistency(tune(*[60] * 8), BAR) == pytest.approx(1 - 4 / 48)
    assert np.isnan(measures.groove_consistency(tune(60, steps=BAR), BAR))


def test_range_and_inter_onsets() -> None:
    chord = passage_of([Note(p, 80, b, b + 1) for b in (0, 0.5, 2) for p in (60, 67)], 64)
    assert measures.pitch_range(chord) == 7
    assert measures.inter_onsets(chord).tolist() == [2, 6]
    assert np.isnan(measures.pitch_range(tune()))
    assert measures.inter_onsets(tune()).tolist() == []


def test_coupling_is_what_is_shared_with_the_own_call_alone() -> None:
    calls = [tune(60, 64), tune(61, 65), tune(60, 65)]
    # own 1; others 0 and 1/2: the other way round 1 - 1/4, and 1/2 - 1/2 for one that fits two calls alike
    got = measures.coupling([tune(60, 64), tune(61, 65), tune(60, 61)], calls)
    assert got == pytest.approx([1 - 0.25, 1 - 0.25, 0.5 - 0.5])
    assert np.isnan(measures.coupling([tune(60)], [tune(60)])).all()


def test_overlap_area() -> None:
    rng = np.random.default_rng(0)
    one = rng.integers(50, 70, 400)
    assert measures.overlap_area(one, one) == pytest.approx(1.0, abs=1e-3)
    assert measures.overlap_area(one, one + 1000) == pytest.approx(0.0, abs=1e-3)
    # two bells of width 10, 20 apart, share 2 * Phi(-1) of their areas; Scott's rule widens both a little
    bells = [np.round(1000 * rng.normal(mean, 10, 4000)) / 1000 for mean in (0.0, 20.0)]
    assert measures.overlap_area(*bells) == pytest.approx(0.317, abs=0.02)
    assert measures.overlap_area([3, 3, 3], [3, 3]) == pytest.approx(1.0, abs=1e-3)
    assert np.isnan(measures.overlap_area([], [1.0]))


def run_by_search(answer: Passage, source: Passage) -> int:
    """The longest run of onset groups in both, by trying all of them."""

    def groups(p: Passage) -> list[tuple[int, frozenset[int]]]:
        return [(s, frozenset(p.pitch[p.step == s].tolist())) for s in sorted(set(p.step.tolist()))]

    ones, others = groups(answer), groups(source)
    best = 0
    for i in range(len(ones)):
        for j in range(len(others)):
            length = 0
            while (
                i + length < len(ones)
                and j + length < len(others)
                and ones[i + length][1] == others[j + length][1]
                and ones[i + length][0] - ones[i][0] == others[j + length][0] - others[j][0]
            ):
                length += 1
            best = max(best, length)
    return best


few = st.lists(st.tuples(st.integers(0, 12), st.integers(60, 61)), min_size=1, max_size=16, unique=True).map(
    lambda points: passage_of([Note(p, 80, s / 4, s / 4 + 0.25) for s, p in points], 16)
)


@given(st.lists(few, min_size=1, max_size=3), st.lists(few, min_size=1, max_size=3))
def test_the_longest_run_is_the_one_that_a_search_finds(
    answers: list[Passage], sources: list[Passage]
) -> None:
    together = copying.joined([copying.groups_of(source) for source in sources])
    found = copying.longest_runs([copying.groups_of(answer) for answer in answers], together)
    assert found.tolist() == [max(run_by_search(a, s) for s in sources) for a in answers]


def test_copied_is_a_share_of_the_calls_groups() -> None:
    call = tune(60, 62, 64, 65, 67, 69, 71, 72)
    assert copying.copied_share(call, call) == 1.0
    assert copying.copied_share(tune(50, 62, 64, 65, 50, first_beat=3), call) == pytest.approx(3 / 8)
    assert copying.copied_share(tune(62, 64, 65, beats=0.5), call) == pytest.approx(1 / 8)  # other spacing
    assert copying.copied_share(tune(), call) == 0.0
    assert copying.copied_share(call, tune()) == 0.0


def test_windows_tell_attacks_from_holds_and_leave_out_what_stands_still() -> None:
    repeated, held = tune(*[60] * 8, steps=32), passage_of([Note(60, 80, 0, 8)], 32)
    assert len(copying.windows_of(repeated)) == 32 - 16 + 1
    assert len(copying.windows_of(held)) == 0
    index = copying.index_of([tune(*range(50, 66), steps=64), repeated])
    assert index.share_of(copying.windows_of(repeated)) == 1.0
    assert index.share_of(copying.windows_of(tune(*range(56, 61), steps=20))) == 1.0  # from its middle
    struck_twice = passage_of([Note(60, 80, b, 8) for b in (0, 3)], 32)
    assert index.share_of(copying.windows_of(struck_twice)) == 0.0
    assert np.isnan(index.share_of(copying.windows_of(held)))


def song(path: Path, notes: list[Note], metre: str = "4/4") -> pieces.QuantisedPiece:
    (piece,) = reading.read_all([Recording(write_song(path, notes, metre=metre))], 1)
    assert isinstance(piece, pieces.QuantisedPiece)
    return piece


def test_a_case_is_four_bars_and_the_four_that_followed(tmp_path: Path) -> None:
    piece = song(tmp_path / "long.mid", scale_chords(60, bars=24))
    found = cases.cases_of([piece], 10)
    assert 1 <= len(found) <= 3
    assert found == cases.cases_of([piece], 10)
    bars = sorted(int(case.name.split()[-1]) for case in found)
    assert all(later - earlier >= 8 for earlier, later in pairwise(bars))
    for case in found:
        first_beat = 4.0 * (int(case.name.split()[-1]) - 1)
        for notes, start in ((case.call, first_beat - 16), (case.answer, first_beat)):
            expected = [n for n in scale_chords(60, bars=24) if start <= n.start_beats < start + 16]
            assert sorted((n.pitch, n.start_beats + start) for n in notes) == sorted(
                (n.pitch, n.start_beats) for n in expected
            )
            assert max(n.end_beats for n in notes) <= 16
        assert case.called.steps == case.truth.steps == 64


def test_a_note_across_the_cut_ends_there_and_is_the_calls(tmp_path: Path) -> None:
    notes = [Note(60 + i % 12, 80, float(i), i + 3.0) for i in range(32)]
    (case,) = cases.cases_of([song(tmp_path / "overlapping.mid", notes)], 10)
    assert max(n.end_beats for n in case.call) == 16.0
    assert len(case.call) == len(case.answer) == 16


@pytest.mark.parametrize(
    ("notes", "metre"),
    [
        (scale_chords(60, bars=7), "4/4"),  # no eight bars
        ([Note(60, 80, 4.0 * bar, 4.0 * bar + 1) for bar in range(8)], "4/4"),  # four notes a side
        (scale_chords(60, bars=3), "2/16"),  # bars of two steps
        ([n for n in scale_chords(60) if not 12 <= n.start_beats < 16], "4/4"),  # the call's last bar rests
    ],
)
def test_what_makes_no_case(tmp_path: Path, notes: list[Note], metre: str) -> None:
    assert cases.cases_of([song(tmp_path / "song.mid", notes, metre)], 10) == []


def test_cases_come_from_every_piece_before_any_gives_two_and_foils_from_another(tmp_path: Path) -> None:
    songs = [song(tmp_path / f"{root}.mid", scale_chords(root, bars=40)) for root in (50, 55, 60)]
    songs.append(song(tmp_path / "waltz.mid", scale_chords(62, bars=40), metre="3/4"))
    found = cases.cases_of(songs, 6)
    assert len(found) == 6
    assert len({case.sha256 for case in found[:4]}) == 4
    for case, foil in zip(found, cases.foils(found), strict=True):
        if case.steps_per_bar == 12:
            assert foil is None
        else:
            assert foil is not None
            assert found[foil].sha256 != case.sha256
            assert found[foil].steps == case.steps


def test_the_bar_of_a_call_is_as_long_as_the_pieces(tmp_path: Path) -> None:
    for metre, steps in (("3/4", 12), ("7/8", 14), ("9/16", 9)):
        notes = [Note(60 + i % 5, 80, i * 0.5, i * 0.5 + 0.5) for i in range(100)]
        case = cases.cases_of([song(tmp_path / "song.mid", notes, metre)], 1)[0]
        ((_, read),) = case.call_piece.metres
        assert read.steps_per_bar == case.steps_per_bar == steps
