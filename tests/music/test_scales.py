"""Keys and scales by the names that musicians have for them."""

from __future__ import annotations

import numpy as np
import pytest

from jamd.errors import UsageError
from jamd.music.scales import key_heard, scale_of, tonic_of


@pytest.mark.parametrize(
    ("name", "pitch_class"),
    [
        *[("C", 0), ("c", 0), ("F#", 6), ("Gb", 6), ("Bb", 10), ("bb", 10), ("B", 11), ("Cb", 11), ("E#", 5)],
        *[
            ("H", 11),
            ("h", 11),
            ("Cis", 1),
            ("Des", 1),
            ("Es", 3),
            ("Fis", 6),
            ("fis", 6),
            ("As", 8),
            ("Ais", 10),
        ],
        *[("His", 0), ("Ces", 11), ("F♯", 6), ("B♭", 10)],
    ],
)
def test_a_tonic_has_its_name_in_english_and_in_german(name: str, pitch_class: int) -> None:
    assert tonic_of(name) == pitch_class


def test_b_is_the_english_one() -> None:
    assert scale_of("B", "minor") == scale_of("H", "minor") != scale_of("Bb", "minor")


@pytest.mark.parametrize("name", ["", "J", "Am", "C major", "F##", "Ds", "C4", "isis", "H\n", "auto "])
def test_what_is_no_key_is_refused_with_what_would_be_right(name: str) -> None:
    with pytest.raises(UsageError, match="is no key; name its tonic like C, F#, Bb, Es or H, or say auto"):
        tonic_of(name)


@pytest.mark.parametrize(
    ("notes", "key"),
    [
        ("C D E F G A B C E G C", "C major"),
        ("A B C D E F G# A C E A", "A minor"),
        ("Bb C D Eb F G A Bb D F Bb", "Bb major"),
        ("C# E G# B A F# D# C# G# C#", "C# minor"),
    ],
)
def test_the_key_of_music_is_named(notes: str, key: str) -> None:
    assert key_heard(np.bincount([tonic_of(note) for note in notes.split()], minlength=12)) == key


def test_silence_and_all_twelve_alike_are_in_no_key() -> None:
    assert key_heard(np.zeros(12)) == key_heard(np.ones(12)) == ""
