"""jamd's own sessions: the player's part is learned, and jamd's is only heard."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jamd.errors import JamdError, MidiFileError
from jamd.models.features import PART
from jamd.models.tokens import END, KEYS, LOWEST_PITCH
from jamd.music.note import Note
from jamd.music.transport import Metre
from jamd.sessions import sessions
from jamd.sessions.recorder import Recorder
from jamd.smf import midifile
from jamd.smf.midifile import Track, messages_of
from jamd.training.batches import conversations, floor
from jamd.training.batches.batches import (
    OWN,
    PLAYER,
    Conversation,
    batch_of,
    converse,
)
from jamd.training.recordings import jamd_sessions as found
from jamd.training.recordings import pieces

DRAWS = 200
BARS = 16
LOW = (48, 52, 55, 59)
"""The player's keys, in C; jamd's lie three octaves above, so that no transposing makes one the other."""
BETWEEN = 68
STEPS = 128


def line(bar: int, pitches: tuple[int, ...] = LOW, up: int = 0) -> list[Note]:
    """A note on every beat of a bar of 4/4."""
    return [Note(pitch + up, 80, 4.0 * bar + i, 4.0 * bar + i + 0.9) for i, pitch in enumerate(pitches)]


def trading(bars: int = BARS, turn: int = 2) -> tuple[list[Note], list[Note]]:
    """The player's notes and jamd's, who take turns of so many bars."""
    mine = [note for bar in range(bars) if bar // turn % 2 == 0 for note in line(bar)]
    theirs = [note for bar in range(bars) if bar // turn % 2 == 1 for note in line(bar, up=36)]
    return mine, theirs


def record(path: Path, player: list[Note], jamd: list[Note], channel: int = 0) -> Path:
    with Recorder(path, 120.0, Metre(4, 4)) as recorder:
        for part, notes in (("player", player), ("jamd", jamd)):
            for beats, message in messages_of(notes, channel):
                recorder.record(part, beats, message)
    return path


def piece_of(path: Path) -> pieces.QuantisedPiece:
    """The session in a file as a piece, its parts those of `session_of`."""
    content = path.read_bytes()
    session = found.session_of(midifile.parsed(content, str(path)), str(path))
    assert session is not None
    quantised = pieces.quantised(session, path.name, hashlib.sha256(content).hexdigest())
    return replace(quantised, context_part=1)


@pytest.fixture
def piece(tmp_path: Path) -> pieces.QuantisedPiece:
    return piece_of(record(tmp_path / "session.mid", *trading()))


def draws(piece: pieces.QuantisedPiece, augment: bool = True) -> Iterator[Conversation]:
    for seed in range(DRAWS):
        rng = np.random.default_rng(seed)
        conversation = converse(piece, int(rng.integers(len(piece.bar_lines) - 1)), STEPS, rng, augment)
        if conversation is not None:
            yield conversation


def pitches(roll: np.ndarray) -> set[int]:
    return {int(key) + LOWEST_PITCH for key in np.nonzero(roll.any(0))[0]}


def split(numbers: set[int]) -> tuple[bool, bool]:
    """Whether the player's register and jamd's are among these pitches."""
    return any(n < BETWEEN for n in numbers), any(n >= BETWEEN for n in numbers)


def test_what_jamd_played_is_never_a_target(piece: pieces.QuantisedPiece) -> None:
    targets, drawn = set(), 0
    for conversation in draws(piece):
        batch = batch_of([conversation])
        targets |= {int(token) % KEYS + LOWEST_PITCH for token in batch.token if token != END}
        assert split(pitches(conversation.rolls.attacks[OWN]))[1] is False
        assert not batch.sounding[:, BETWEEN - LOWEST_PITCH :].any()
        drawn += 1
    assert drawn > DRAWS // 2
    assert split(targets) == (True, False)


def test_what_jamd_played_is_heard(piece: pieces.QuantisedPiece) -> None:
    heard = np.zeros(KEYS, bool)
    own = np.zeros(KEYS, bool)
    as_played = 0
    for conversation in draws(piece, augment=False):
        features = batch_of([conversation]).heard[0]
        heard |= (features[:, :KEYS] > 0).any(0)
        own |= (features[:, PART : PART + KEYS] > 0).any(0)
        as_played += split(pitches(conversation.rolls.attacks[PLAYER]))[1]
    assert heard[BETWEEN - LOWEST_PITCH :].any()
    assert not own[BETWEEN - LOWEST_PITCH :].any()
    assert 0.3 < as_played / DRAWS < 0.7


def as_played(piece: pieces.QuantisedPiece, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Conversation]:
    monkeypatch.setattr(conversations, "SHARE_AS_PLAYED", 1.0)

    def draw(first_bar: int = 0, steps: int = STEPS) -> Conversation:
        conversation = converse(piece, first_bar, steps, np.random.default_rng(0), augment=False)
        assert conversation is not None
        return conversation

    return draw


def test_own_turns_are_those_of_the_player(
    piece: pieces.QuantisedPiece, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = as_played(piece, monkeypatch)
    assert draw().turns == [(0, 32), (64, 96)]
    assert draw(first_bar=1).turns == [(0, 16), (48, 80), (112, 128)]
    assert draw(first_bar=2, steps=40).turns == [(32, 40)]  # cut where the sequence is
    assert not draw().duet


def test_an_upbeat_and_a_last_note_belong_to_no_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, theirs = trading()
    mine += [Note(50, 80, 15.5, 16.0)]  # before the player's second turn
    theirs += [Note(86, 80, 16.0, 16.5)]  # after jamd's first
    conversation = as_played(piece_of(record(tmp_path / "s.mid", mine, theirs)), monkeypatch)()
    assert conversation.turns == [(0, 32), (64, 96)]
    assert not conversation.rolls.attacks[OWN, 32:64].any()
    assert conversation.rolls.attacks[PLAYER, 64].any()


def test_a_note_held_into_the_answer_ends_with_the_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = trading()
    mine = [replace(note, end_beats=12.0) if note.start_beats == 7.0 else note for note in mine]
    conversation = as_played(piece_of(record(tmp_path / "s.mid", mine, theirs)), monkeypatch)()
    assert conversation.rolls.holds[OWN, 31].any()
    assert not conversation.rolls.holds[OWN, 32:64].any()


def test_a_short_rest_is_within_a_turn_and_a_long_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = [note for bar in (0, 2, 6) for note in line(bar)]
    session = piece_of(record(tmp_path / "s.mid", mine, line(7, up=36)))
    assert as_played(session, monkeypatch)().turns == [(0, 48), (96, 112)]


def test_where_both_play_it_is_a_duet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = [note for bar in range(8) for note in line(bar)]
    theirs = [note for bar in range(1, 8) for note in line(bar, up=36)]
    conversation = as_played(piece_of(record(tmp_path / "s.mid", mine, theirs)), monkeypatch)()
    assert (conversation.turns, conversation.duet) == ([(0, 128)], True)
    assert split(pitches(conversation.rolls.attacks[OWN])) == (True, False)
    assert split(pitches(conversation.rolls.attacks[PLAYER])) == (False, True)


def test_the_player_alone_is_what_they_played_end_to_end(piece: pieces.QuantisedPiece) -> None:
    alone = floor.player_alone(piece)
    assert alone.bar_lines.tolist() == list(range(0, 129, 16))
    assert alone.phrase_steps.tolist() == [0, 32, 64, 96]  # every call
    assert alone.step.tolist() == list(range(0, 128, 4))
    assert (alone.key + LOWEST_PITCH).tolist() == [*LOW] * 8
    assert (alone.context_part, set(alone.part.tolist())) == (-1, {0})


def test_alone_no_turn_of_the_player_is_answered_by_silence(
    piece: pieces.QuantisedPiece, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "SHARE_AS_PLAYED", 0.0)
    for conversation in draws(piece, augment=False):
        struck = conversation.rolls.attacks[OWN].any(1)
        music = int(np.flatnonzero(conversation.rolls.attacks.any((0, 2)))[-1])
        assert all(struck[first:last].any() for first, last in conversation.turns if first < music)
        assert split(pitches(conversation.rolls.attacks[PLAYER]))[1] is False


def test_the_key_is_the_players(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, theirs = trading()
    flat = [replace(note, pitch=note.pitch + 1) for note in mine]  # in C sharp, which jamd did not notice
    conversation = as_played(piece_of(record(tmp_path / "s.mid", flat, theirs)), monkeypatch)()
    assert pitches(conversation.rolls.attacks[OWN]) == set(LOW)
    assert pitches(conversation.rolls.attacks[PLAYER]) == {pitch + 35 for pitch in LOW}


def test_every_bar_of_a_session_can_be_drawn_from(tmp_path: Path) -> None:
    """Where only one of the two plays, too."""
    mine = [note for bar in range(4) for note in line(bar)]
    theirs = [note for bar in range(8, 12) for note in line(bar, up=36)]
    session = piece_of(record(tmp_path / "s.mid", mine, theirs))
    for bar in range(len(session.bar_lines) - 1):
        for seed in range(20):
            conversation = converse(session, bar, 64, np.random.default_rng(seed), augment=True)
            if conversation is not None:
                assert split(pitches(conversation.rolls.attacks[OWN]))[1] is False


@settings(max_examples=30)
@given(
    bars=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=8),
    held_beats=st.floats(0.1, 20.0),
    seed=st.integers(0, 99),
    augment=st.booleans(),
)
def test_however_the_two_alternate_own_notes_lie_in_own_turns_and_are_the_players(
    bars: list[tuple[int, int]], held_beats: float, seed: int, augment: bool
) -> None:
    mine, theirs = (
        [
            replace(note, end_beats=note.start_beats + held_beats)
            for bar, struck in enumerate(bars)
            for note in line(bar, LOW[: struck[who]], up=36 * who)
        ]
        for who in (0, 1)
    )
    if not mine or not theirs:
        return
    parts = (midifile.Part("player", tuple(mine)), midifile.Part("jamd", tuple(theirs)))
    session = midifile.Piece(parts, ((0.0, 120.0),), ((0.0, Metre(4, 4)),))
    piece = replace(pieces.quantised(session, "s.mid", ""), context_part=1)
    rng = np.random.default_rng(seed)
    drawn = [
        converse(piece, bar, 64, rng, augment) for bar in range(len(piece.bar_lines) - 1) for _ in range(12)
    ]
    assert any(drawn)
    for conversation in filter(None, drawn):
        inside = np.zeros(64, bool)
        for first, last in conversation.turns:
            assert 0 <= first < last <= 64
            assert not inside[first:last].any()
            inside[first:last] = True
        own = (conversation.rolls.attacks[OWN] > 0) | (conversation.rolls.holds[OWN] > 0)
        assert not own[~inside].any()
        assert not split(pitches(own))[1]


# --- how a session is known


def test_a_session_is_known_by_its_tracks_wherever_it_lies(tmp_path: Path) -> None:
    session = found.session_of(midifile.read(record(tmp_path / "renamed.mid", *trading())), "renamed.mid")
    assert session is not None
    assert [part.name for part in session.parts] == ["player", "jamd"]


def test_a_player_on_two_channels_is_one_part(tmp_path: Path) -> None:
    mine, theirs = trading()
    path = tmp_path / "split.mid"
    with Recorder(path, 120.0, Metre(4, 4)) as recorder:
        halves = [(0, mine[::2]), (1, mine[1::2])]
        for channel, notes in halves:
            for beats, message in messages_of(notes, channel):
                recorder.record("player", beats, message)
        for beats, message in messages_of(theirs):
            recorder.record("jamd", beats, message)
    session = found.session_of(midifile.read(path), "split.mid")
    assert session is not None
    assert [(part.name, len(part.notes)) for part in session.parts] == [
        ("player", len(mine)),
        ("jamd", len(theirs)),
    ]
    assert [note.pitch for note in session.parts[0].notes] == [note.pitch for note in mine]


@pytest.mark.parametrize("names", [["piano", "bass"], ["jamd", "player"], ["player", "jamd", "drums"], [""]])
def test_music_with_other_tracks_is_no_session(names: list[str]) -> None:
    tracks = [Track(name, messages_of(line(i))) for i, name in enumerate(names)]
    piece = midifile.parsed(midifile.encode(tracks, [], []), "song.mid")
    assert found.session_of(piece, "song.mid") is None


def test_a_session_without_an_answer_is_music_like_any_other(tmp_path: Path) -> None:
    assert found.session_of(midifile.read(record(tmp_path / "s.mid", line(0), [])), "s.mid") is None


def test_a_session_in_which_only_jamd_plays_is_refused(tmp_path: Path) -> None:
    path = record(tmp_path / "s.mid", [], line(0))
    with pytest.raises(MidiFileError, match=r"^s\.mid holds nothing but what jamd played$"):
        found.session_of(midifile.read(path), "s.mid")


# --- the user's folder of sessions


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sessions, "user_data_path", lambda name, appauthor: tmp_path / "data" / name)
    folder = tmp_path / "data" / "jamd" / "sessions"
    folder.mkdir(parents=True)
    return folder


def test_all_sessions_or_the_favourites_are_found(folder: Path) -> None:
    names = ["2026-11-21 20.15.03", "2026-11-22 20.15.03", "the good one"]
    for name in names:
        record(folder / f"{name}.mid", *trading())
    (folder / ".half.mid.x7").write_bytes(b"")
    (folder / "notes.txt").write_text("not a session")
    sessions.pick(folder / "the good one.mid")
    assert [recording.stem for recording in found.recordings()] == names
    assert [recording.stem for recording in found.recordings(favourites_only=True)] == ["the good one"]


def test_a_take_is_not_learned_twice(folder: Path) -> None:
    for name in ("monday", "monday take 1", "monday take 12", "gone take 1", "take 2"):
        record(folder / f"{name}.mid", *trading())
    assert [recording.stem for recording in found.recordings()] == ["gone take 1", "monday", "take 2"]


def test_where_no_session_is_to_be_had_it_is_said(folder: Path) -> None:
    with pytest.raises(JamdError, match=r"there are no sessions in .*sessions yet; `jamd listen` keeps them"):
        found.recordings()
    record(folder / "monday.mid", *trading())
    with pytest.raises(JamdError, match="no session is a favourite yet; `jamd sessions pick last` makes one"):
        found.recordings(favourites_only=True)


def test_what_is_wrong_with_the_list_of_favourites_is_said_with_its_file(folder: Path) -> None:
    path, said = folder / sessions.FAVOURITES, list[str]()
    for name in ("monday", "tuesday"):
        record(folder / f"{name}.mid", *trading())
    path.write_bytes(b"monday.mid\n\xff\x00\n")
    assert [recording.stem for recording in found.recordings(True, said.append)] == ["monday"]
    assert said == [f"{path} is damaged: 1 of its lines names no session"]
    path.write_bytes(b"\xff\x00\n")
    with pytest.raises(
        JamdError, match=f"^no favourite is known: {path} is damaged: 1 of its lines names no"
    ):
        found.recordings(favourites_only=True)


def test_the_recorder_writes_the_tracks_that_a_session_is_known_by(tmp_path: Path) -> None:
    path = record(tmp_path / "s.mid", *trading())
    names = [track.name for track in mido.MidiFile(path).tracks]
    assert names == ["tempo", found.PLAYER_PART, found.JAMD_PART]
