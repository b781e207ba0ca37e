"""Music that holds next to nothing of what a training looks for: it ends, and says what there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from jamd.cli import main
from jamd.music.note import Note
from jamd.music.transport import Metre
from jamd.smf import midifile
from jamd.smf.write import Track, messages_of
from jamd.training.batches import sampler
from jamd.training.batches.batches import batch_of
from jamd.training.batches.sampler import Sampler
from jamd.training.batches.split import FEWEST_BARS, split
from jamd.training.fitting import tuning
from jamd.training.learning import personal
from jamd.training.recordings import pieces
from jamd.training.recordings.pieces import QuantisedPiece
from tests.kit.corpus import scale_chords, write_corpus, write_song

BARS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=9)
"""How many beats of each bar the player strikes, and jamd."""


def beats_of(bars: list[int], pitch: int) -> list[Note]:
    return [
        Note(pitch + beat, 80, start := 4.0 * bar + beat, start + 0.9)
        for bar, struck in enumerate(bars)
        for beat in range(struck)
    ]


def write_session(path: Path, player: list[Note], jamd: list[Note]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tracks = [Track("player", messages_of(player)), Track("jamd", messages_of(jamd))]
    path.write_bytes(midifile.encode(tracks, [(0.0, 120.0)], [(0.0, Metre(4, 4))]))
    return path


def quantised(player: list[Note], jamd: list[Note]) -> QuantisedPiece:
    """As a session, or as a piece of two parts or one where jamd does not play."""
    parts = tuple(midifile.Part(name, tuple(n)) for name, n in (("player", player), ("jamd", jamd)) if n)
    piece = midifile.Piece(parts, ((0.0, 120.0),), ((0.0, Metre(4, 4)),))
    return replace(pieces.quantised(piece, "s.mid", "5" * 64), context_part=1 if jamd else -1)


@pytest.fixture(scope="module")
def draws() -> Iterator[list[int]]:
    """The bars from which conversations were tried."""
    tried: list[int] = []
    converse = sampler.converse

    def counted(piece: QuantisedPiece, bar: int, *rest: object) -> object:
        tried.append(bar)
        return converse(piece, bar, *rest)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sampler, "converse", counted)
        yield tried


@settings(max_examples=60)
@given(bars=BARS, number=st.integers(0, 999), augment=st.booleans(), steps=st.sampled_from([32, 64, 192]))
def test_two_tries_are_enough_whatever_was_played(
    draws: list[int], bars: list[tuple[int, int]], number: int, augment: bool, steps: int
) -> None:
    player, jamd = (beats_of([bar[who] for bar in bars], 48 + 24 * who) for who in (0, 1))
    if not player:
        return
    drawn = Sampler([quantised(player, jamd)], steps, 0, augment)
    for at in range(number, number + 12):
        draws.clear()
        assert batch_of([drawn.conversation(at)]).frames > 0
        assert len(draws) <= 2


@settings(max_examples=60)
@given(songs=st.lists(BARS, min_size=1, max_size=3))
def test_however_little_it_can_be_split_or_the_reason_told(songs: list[list[tuple[int, int]]]) -> None:
    """All that is taught, watched and judged by can be drawn from."""
    parts = [tuple(beats_of([bar[who] for bar in song], 48 + 24 * who) for who in (0, 1)) for song in songs]
    music = [
        replace(quantised(*both), sha256=f"{number}" * 64) for number, both in enumerate(parts) if both[0]
    ]
    if not music:
        return
    struck = sum(bar[0] > 0 for song in songs for bar in song)
    if struck < FEWEST_BARS:
        with pytest.raises(ValueError, match=rf"^\d+ notes? in {struck} bars?; .* takes 3 bars with notes"):
            split(music)
        return
    divided = split(music)
    for part in (divided.taught, divided.watched, divided.judging):
        assert len(part)
        assert all(asked for asked in tuning.asked_of(part, 64))


def test_one_note_in_hours_of_rests_is_found(draws: list[int]) -> None:
    rests = beats_of([0] * 3000 + [1], 60)
    drawn = Sampler([quantised(rests, beats_of([1], 84))], 64, 0)
    draws.clear()
    for number in range(20):
        assert drawn.conversation(number).rolls.attacks.any()
    assert len(draws) <= 40


# What the commands say


def jamd(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


SMALL = ("--hidden=8", "--epochs=1", "--batch=4", "--steps=32", "--sample-epochs=0", "--no-cache")


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("start")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_DATA_HOME", str(folder))
        output = folder / "start.safetensors"
        made = jamd("train", write_corpus(folder / "music", 2), "-o", output, "--from", "scratch", *SMALL)
    assert made.exit_code == 0, made.output
    return output


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("DATA", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind.lower()))
    monkeypatch.setattr(personal, "KEPT_GROUPS", range(1))
    monkeypatch.setattr(personal, "REHEARSED_GROUPS", range(1, 2))


TURN, ANSWER = [4, 4], [0, 0]


def session(player: list[int], jamd: list[int]) -> Callable[[Path], object]:
    return lambda folder: write_session(folder / "s.mid", beats_of(player, 60), beats_of(jamd, 84))


def doubled(folder: Path) -> None:
    """Each note of the player's at once with a longer one of jamd's on the same key."""
    mine = beats_of([4], 60)
    write_session(folder / "s.mid", mine, [replace(note, end_beats=note.start_beats + 2) for note in mine])


def song(bars: int) -> Callable[[Path], object]:
    return lambda folder: write_song(folder / "song.mid", scale_chords(60, bars))


def two_songs(folder: Path) -> None:
    write_song(folder / "a.mid", scale_chords(60, 1))
    write_song(folder / "b.mid", scale_chords(62, 1))


TOO_LITTLE = (
    "jamd: there is too little music: {} in {}; to learn from some and hold some out takes 3 bars with"
)


@pytest.mark.parametrize(
    ("played", "said"),
    [
        (session(TURN, [*ANSWER, 4]), TOO_LITTLE.format("8 notes", "2 bars")),
        (session([*TURN, *ANSWER, *TURN], [*ANSWER, *TURN]), None),
        (session([1], [0, 4, 4, 4, 4, 4, 4]), TOO_LITTLE.format("1 note", "1 bar")),
        (session([0] * 30 + [1], [4] * 30), TOO_LITTLE.format("1 note", "1 bar")),
        (session([], [4] * 16), "jamd: no MIDI file with notes in"),
        (doubled, "jamd: no MIDI file with notes in"),
        (song(1), TOO_LITTLE.format("13 notes", "1 bar")),
        (song(2), TOO_LITTLE.format("26 notes", "2 bars")),
        (song(3), None),
        (two_songs, TOO_LITTLE.format("26 notes", "2 bars")),
    ],
)
def test_a_training_on_next_to_nothing_ends(
    tmp_path: Path, start: Path, played: Callable[[Path], object], said: str | None
) -> None:
    """With a model, or with one line of what there is; and what begins with nothing learns what there is."""
    folder = tmp_path / "music"
    played(folder)
    made = jamd("train", folder, "--from", start, *SMALL[1:], "--threads=1", "--replace")
    if said is None:
        assert made.exit_code == 0, made.output
        assert (tmp_path / "data" / "jamd" / "models" / "music.safetensors").is_file()
    else:
        assert made.exit_code == 1
        assert made.output.splitlines()[-1].startswith(said)
    for arch in (("--hidden=8",), ("--arch=wavenet", "--hidden=8"), ("--arch=markov",)):
        output = tmp_path / f"{arch[0][-4:]}.safetensors"
        anew = jamd("train", folder, "-o", output, "--from", "scratch", *SMALL[1:], *arch)
        if said and "no MIDI file" in said:
            assert anew.exit_code == 1
            assert anew.output.splitlines()[-1].startswith(said)
        else:
            assert anew.exit_code == 0, anew.output
    judged = jamd("evaluate", start, "--data", folder)
    assert judged.exit_code == 1
    assert judged.output.splitlines()[-1].startswith(
        ("jamd: no ", "jamd: there is no call")
    )  # no music, or no call of four bars


def test_a_silent_file_is_no_music(tmp_path: Path, start: Path) -> None:
    write_song(tmp_path / "music" / "rests.mid", [])
    made = jamd("train", tmp_path / "music", "--from", start, *SMALL[1:])
    assert (made.exit_code, made.output.splitlines()[-1][:21]) == (1, "jamd: no MIDI file wi")
