"""A player on pads: on MIDI channel 10, and let go as soon as struck. What is heard and answered is in the
session, and is read again by whatever reads it."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import mido
import pytest
from click.testing import CliRunner

from jamd.cli import main
from jamd.music.transport import Metre
from jamd.player import performance
from jamd.sessions import sessions
from jamd.sessions.recorder import Recorder
from jamd.smf import midifile
from jamd.smf.write import Track
from jamd.training.recordings import jamd_sessions as own_sessions
from jamd.training.recordings import pieces
from tests.kit.realparts import KEYS, SYNTH, Jamd, Player

PADS = [36, 38, 42, 46] * 8
"""A bar of 4/4 each, as quarters."""


def pads(path: Path, channels: tuple[int, ...] = (9,), length_beats: float = 0.0) -> Path:
    """Two bars of the player's on these channels in turn, and two of jamd's, and so on, for eight bars."""
    with Recorder(path, 120.0, Metre(4, 4)) as kept:
        for beat, pitch in enumerate(PADS):
            part = "player" if beat // 8 % 2 == 0 else "jamd"
            channel = channels[beat % len(channels)] if part == "player" else 0
            kept.record(part, float(beat), mido.Message("note_on", note=pitch, channel=channel))
            kept.record(part, beat + length_beats, mido.Message("note_off", note=pitch, channel=channel))
    return path


@pytest.mark.parametrize("channels", [(9,), (0, 9), (9, 10, 15), (0,)])
@pytest.mark.parametrize("length_beats", [0.0, 1 / 480, 0.5])
def test_a_session_holds_all_that_was_played_on_whatever_channel_and_however_short(
    tmp_path: Path, channels: tuple[int, ...], length_beats: float
) -> None:
    path = pads(tmp_path / "session.mid", channels, length_beats)
    session = sessions.session_at(path)
    assert (session.player_notes, session.jamd_notes, session.bars, session.fault) == (16, 16, 8, "")
    played = [pitch for beat, pitch in enumerate(PADS) if beat // 8 % 2 == 0]
    piece = midifile.read(path)
    assert [note.pitch for note in sessions.notes_of(piece, "player")] == played
    assert all(note.end_beats > note.start_beats for note in piece.notes)
    assert [message.note for _, message in performance(path) if message.type == "note_on"] == PADS
    own = own_sessions.session_of(piece, "session.mid")
    assert own is not None
    assert [(part.name, len(part.notes)) for part in own.parts] == [("player", 16), ("jamd", 16)]
    learned = pieces.read(path.read_bytes(), str(path), path.name, "0" * 64)
    assert int(learned.learned.sum()) == 16


def test_a_take_is_a_session_too_and_other_music_on_channel_ten_is_drums(tmp_path: Path) -> None:
    strikes, melody = (
        [
            (float(beat), mido.Message(kind, note=pitch, channel=channel))
            for beat in range(4)
            for kind in ("note_on", "note_off")
        ]
        for pitch, channel in ((36, 9), (60, 0))
    )
    for names, count in ((("player", "jamd"), 8), (("player", "bass"), 4), (("drums", "jamd"), 4)):
        tracks = [Track(name, part) for name, part in zip(names, (strikes, melody), strict=True)]
        content = midifile.encode(tracks, [(0.0, 120.0)], [(0.0, Metre(4, 4))])
        assert len(midifile.parsed(content, "x.mid").notes) == count


def test_the_picture_of_a_session_shows_all_channels_of_the_player(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    folder = tmp_path / "jamd" / "sessions"
    folder.mkdir(parents=True)
    pads(folder / "gig.mid", (0, 9))
    drawn: list[int] = []
    monkeypatch.setattr(
        "jamd.view.plot.draw", lambda path, player, own, *_, **__: drawn.extend((len(player), len(own)))
    )
    result = CliRunner().invoke(main, ["sessions", "export", "gig", "-o", str(tmp_path / "gig.png")])
    assert result.exit_code == 0, result.output
    assert drawn == [16, 16]


@pytest.mark.jack
def test_pads_on_channel_ten_that_let_go_at_once_are_heard_answered_and_kept(
    player: Player, jamd: Callable[..., Jamd], tmp_path: Path
) -> None:
    playing = jamd("--in", KEYS, "--out", SYNTH, "--tempo", "240", "--bars", "1")
    score: list[tuple[float, tuple[int, int, int]]] = []
    for beat in range(4):
        score += [(0.25 * beat, (0x99, 36 + beat, 90)), (0.25 * beat, (0x89, 36 + beat, 0))]
    player.wait_for_strike(player.play(score))
    playing.signal(signal.SIGTERM)
    assert playing.wait().status == 0
    piece = midifile.read(playing.record)
    assert [note.pitch for note in sessions.notes_of(piece, "player")] == [36, 37, 38, 39]
