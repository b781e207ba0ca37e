"""A piano in one part: its two hands told apart, and what one hand played left whole."""

from __future__ import annotations

import time

import numpy as np

from jamd.models.tokens import LOWEST_PITCH
from jamd.music.note import Note
from jamd.music.transport import Metre
from jamd.smf import midifile
from jamd.smf.midifile import Part, Piece
from jamd.training.recordings import hands, pieces
from tests.kit.corpus import scale_chords


def one_part(notes: list[Note]) -> Piece:
    return Piece(
        (Part("piano", tuple(sorted(notes, key=lambda n: (n.start_beats, n.pitch)))),), ((0.0, 120.0),), ()
    )


def run(pitches: list[int], beats: float, first: float = 0.0) -> list[Note]:
    return [Note(p, 80, first + beats * i, first + beats * (i + 1)) for i, p in enumerate(pitches)]


TUNE = run([72, 74, 76, 77, 79, 77, 76, 74] * 4, 0.5)
BASS = [Note(p, 60, float(b), b + 1.0) for b in range(16) for p in ((36,), (52, 55, 60))[b % 2]]


def told(piece: Piece) -> list[set[Note]]:
    return [set(part.notes) for part in hands.apart(piece).parts]


def test_melody_and_accompaniment_are_two_parts_the_right_hand_first() -> None:
    apart = hands.apart(one_part(TUNE + BASS))
    assert [part.name for part in apart.parts] == ["piano right", "piano left"]
    assert told(one_part(TUNE + BASS)) == [set(TUNE), set(BASS)]


def test_hands_are_followed_where_they_go() -> None:
    """Both climb an octave and a half: the left ends where the right began."""
    right = run([60 + i // 2 for i in range(48)], 0.5)
    left = run([38 + i // 2 for i in range(48)], 0.5)
    assert told(one_part(right + left)) == [set(right), set(left)]


def test_a_chord_is_cut_where_each_hand_can_reach_its_notes() -> None:
    right = [Note(p, 80, float(b), b + 0.9) for b in range(12) for p in (64, 67, 71, 76)]
    left = [Note(p, 80, float(b), b + 0.9) for b in range(12) for p in (43, 50, 53)]
    assert told(one_part(right + left)) == [set(right), set(left)]


def test_an_arpeggiated_bass_under_a_held_melody_is_of_the_left_hand() -> None:
    right = [Note(76 + b % 3, 85, 4.0 * b, 4.0 * b + 4) for b in range(8)]
    left = [note for b in range(8) for note in run([40, 47, 52, 55, 52, 47, 40, 47], 0.5, 4.0 * b)]
    assert told(one_part(right + left)) == [set(right), set(left)]


def test_one_voice_is_left_whole_however_far_it_leaps() -> None:
    rng = np.random.default_rng(0)
    piece = one_part(run(rng.integers(36, 96, 200).tolist(), 0.5))
    assert hands.apart(piece) is piece


def test_what_one_hand_reaches_is_left_whole() -> None:
    chords = [Note(60 + b % 5 + p, 80, float(b), b + 0.9) for b in range(40) for p in (0, 4, 7, 12)]
    assert len(told(one_part(chords))) == 1
    assert len(told(one_part(chords[:4]))) == 1
    assert len(told(one_part([]))) == 1


def test_parts_that_a_file_has_are_left_as_they_are() -> None:
    piece = Piece((Part("a", tuple(TUNE)), Part("b", tuple(BASS))), ((0.0, 120.0),), ())
    assert hands.apart(piece) is piece


def test_a_high_figure_with_hardly_a_bass_note_is_left_whole() -> None:
    few = [Note(40, 80, 16.0 * b, 16.0 * b + 15) for b in range(3)]
    assert len(told(one_part(run([76, 79, 84, 79] * 24, 0.5) + few))) == 1


def test_every_note_is_kept_once() -> None:
    rng = np.random.default_rng(1)
    notes = [
        Note(int(rng.integers(30, 95)), 80, at, at + 0.7) for at in np.sort(rng.uniform(0, 60, 600)).tolist()
    ]
    right, left = hands.split(notes)
    assert sorted(map(id, right + left)) == sorted(map(id, notes))
    assert hands.split(notes) == (right, left)


def test_long_pieces_take_seconds() -> None:
    rng = np.random.default_rng(2)
    notes = [
        Note(int(p), 80, i // 2 / 4, i // 2 / 4 + 0.3) for i, p in enumerate(rng.integers(30, 95, 10_000))
    ]
    begin = time.process_time()
    hands.split(notes)
    assert time.process_time() - begin < 10  # about 0.6, on a machine that has nothing else to do


def test_a_file_in_one_part_is_read_as_two_hands() -> None:
    track = midifile.Track("piano", midifile.messages_of(TUNE + BASS))
    content = midifile.encode([track], [(0.0, 120.0)], [(0.0, Metre(4, 4))])
    piece = pieces.read(content, "a.mid", "a.mid", "")
    assert set(piece.key[piece.part == 0].tolist()) == {note.pitch - LOWEST_PITCH for note in TUNE}
    assert set(piece.key[piece.part == 1].tolist()) == {note.pitch - LOWEST_PITCH for note in BASS}
    narrow = midifile.Track("piano", midifile.messages_of(scale_chords(60)))
    piece = pieces.read(midifile.encode([narrow], [(0.0, 120.0)], []), "b.mid", "b.mid", "")
    assert set(piece.part.tolist()) == {0}
