"""A session is kept while it is played, and its file is whole at every moment."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from queue import SimpleQueue

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.errors import JamdError
from jamd.music.transport import Metre
from jamd.sessions import recorder
from jamd.sessions.recorder import Recorder
from jamd.smf import midifile
from jamd.system import fallback

PATIENCE_SECONDS = 20.0
"""How long a test waits for what comes at once, before it fails."""


def strike(pitch: int, velocity: int = 64) -> mido.Message:
    return mido.Message("note_on", note=pitch, velocity=velocity)


def let_go(pitch: int) -> mido.Message:
    return mido.Message("note_off", note=pitch)


def unstarted(path: Path) -> Recorder:
    """A recorder without its thread: the test says when it saves."""
    return Recorder(path, 120.0, Metre(4, 4))


def parts_at(path: Path) -> dict[str, list[tuple[int, float, float]]]:
    parts = midifile.read(path).parts
    return {p.name: [(note.pitch, note.start_beats, note.end_beats) for note in p.notes] for p in parts}


def test_player_and_jamd_are_kept_on_their_tracks(tmp_path: Path) -> None:
    path = tmp_path / "session.mid"
    with Recorder(path, 96.0, Metre(3, 4)) as kept:
        for beats, message in [(0.0, strike(60)), (1.0, let_go(60))]:
            kept.record("player", beats, message)
            kept.record("jamd", beats + 3, message)
    assert parts_at(path) == {"player": [(60, 0.0, 1.0)], "jamd": [(60, 3.0, 4.0)]}
    piece = midifile.read(path)
    assert (piece.tempos, piece.metres) == (((0.0, 96.0),), ((0.0, Metre(3, 4)),))
    file = mido.MidiFile(path)
    assert (file.type, [track.name for track in file.tracks]) == (1, ["tempo", "player", "jamd"])


def test_changes_of_tempo_and_metre_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "session.mid"
    with Recorder(path, 120.0, Metre(4, 4)) as kept:
        kept.record("player", 0.0, strike(60))
        kept.tempo(8.0, 90.0)
        kept.metre(8.0, Metre(7, 8))
        kept.record("player", 12.0, let_go(60))
    piece = midifile.read(path)
    assert piece.tempos == ((0.0, 120.0), (8.0, pytest.approx(90.0, abs=1e-3)))
    assert piece.metres == ((0.0, Metre(4, 4)), (8.0, Metre(7, 8)))


def test_a_note_still_held_at_the_end_lasts_to_the_last_beat(tmp_path: Path) -> None:
    path = tmp_path / "session.mid"
    with Recorder(path, 120.0, Metre(4, 4)) as kept:
        kept.record("player", 0.0, strike(60))
        kept.record("jamd", 4.0, strike(72))
        kept.record("jamd", 6.0, let_go(72))
    assert parts_at(path)["player"] == [(60, 0.0, 6.0)]
    ons = [message.note for message in mido.MidiFile(path).tracks[1] if message.type == "note_on"]
    offs = [message.note for message in mido.MidiFile(path).tracks[1] if message.type == "note_off"]
    assert ons == offs == [60]


@pytest.mark.parametrize("number", [120, 123, 127])
def test_what_a_channel_mode_ends_is_let_go_in_words_that_every_reader_knows(
    tmp_path: Path, number: int
) -> None:
    """A keyboard says all-notes-off instead of letting go of its keys; another's goes on."""
    path = tmp_path / "session.mid"
    with Recorder(path, 120.0, Metre(4, 4)) as kept:
        kept.record("player", 0.0, strike(60))
        kept.record("player", 0.0, strike(67).copy(channel=1))
        kept.record("player", 2.0, mido.Message("control_change", control=number))
        kept.record("player", 8.0, let_go(67).copy(channel=1))
    player = mido.merge_tracks(mido.MidiFile(path).tracks[1:2])
    at, offs = 0, []
    for message in player:
        at += message.time
        if message.type == "note_off":
            offs.append((at / 480, message.note))
    assert offs == [(2.0, 60), (8.0, 67)]


def test_a_note_struck_last_of_all_is_still_a_note(tmp_path: Path) -> None:
    path = tmp_path / "session.mid"
    with Recorder(path, 120.0, Metre(4, 4)) as kept:
        kept.record("player", 2.0, strike(60))
    assert [pitch for pitch, _, _ in parts_at(path)["player"]] == [60]


def test_a_note_that_sounds_while_the_file_is_written_goes_on_in_the_next_writing(tmp_path: Path) -> None:
    path = tmp_path / "session.mid"
    kept = unstarted(path)
    kept.record("player", 0.0, strike(60))
    kept.record("player", 1.0, strike(62))
    kept.save()
    assert parts_at(path)["player"][0] == (60, 0.0, 1.0)
    kept.record("player", 4.0, let_go(60))
    kept.record("player", 5.0, let_go(62))
    kept.save()
    assert parts_at(path)["player"] == [(60, 0.0, 4.0), (62, 1.0, 5.0)]


def test_the_pedal_before_the_first_note_is_at_the_beginning(tmp_path: Path) -> None:
    path = tmp_path / "session.mid"
    with Recorder(path, 120.0, Metre(4, 4)) as kept:
        kept.record("player", -0.7, mido.Message("control_change", control=64, value=127))
        kept.record("player", 0.0, strike(60))
        kept.record("player", 1.0, let_go(60))
        kept.record("player", 2.0, mido.Message("control_change", control=64, value=0))
    assert parts_at(path)["player"] == [(60, 0.0, 2.0)]


def test_what_comes_late_is_put_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "session.mid"
    kept = unstarted(path)
    kept.record("jamd", 1.0, strike(62))
    kept.save()
    kept.record("jamd", 0.5, strike(60))
    kept.record("jamd", 0.75, let_go(60))
    kept.record("jamd", 2.0, let_go(62))
    kept.save()
    assert parts_at(path)["jamd"] == [(60, 0.5, 0.75), (62, 1.0, 2.0)]


def test_what_comes_far_too_late_is_kept_where_there_is_still_room(tmp_path: Path) -> None:
    path = tmp_path / "session.mid"
    kept = unstarted(path)
    kept.record("jamd", 8.0, strike(62))
    kept.save()
    kept.record("jamd", 9.0, let_go(62))
    kept.save()
    kept.record("jamd", 1.0, strike(60))
    kept.record("jamd", 10.0, let_go(60))
    kept.save()
    assert parts_at(path)["jamd"] == [(60, 8.0, 10.0), (62, 8.0, 9.0)]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["player", "jamd"]),
            st.floats(-2, 20),
            st.sampled_from([strike(60), strike(61), let_go(60), let_go(61), strike(60, 0)]),
            st.booleans(),
        ),
        max_size=30,
    )
)
def test_whatever_the_order_every_file_is_valid_and_no_note_hangs(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[str, float, mido.Message, bool]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.mid"
    path.unlink(missing_ok=True)
    kept = unstarted(path)
    for part, beats, message, saved in [*events, ("player", 21.0, strike(60), True)]:
        kept.record(part, beats, message)
        if saved:
            kept.save()
    for track in mido.MidiFile(path).tracks:
        sounding = set()
        for message in track:
            assert message.time >= 0
            if message.type == "note_on" and message.velocity:
                sounding.add(message.note)
            elif message.type in ("note_on", "note_off"):
                sounding.discard(message.note)
        assert not sounding
    written = sum(
        m.type == "note_on" and m.velocity > 0 for track in mido.MidiFile(path).tracks for m in track
    )
    assert written == 1 + sum(m.type == "note_on" and m.velocity > 0 for _, _, m, _ in events)


def test_bends_and_pressure_are_kept_and_clock_and_sysex_are_not(tmp_path: Path) -> None:
    path = tmp_path / "session.mid"
    kinds = [
        "control_change",
        "pitchwheel",
        "aftertouch",
        "clock",
        "active_sensing",
        "sysex",
        "program_change",
    ]
    with Recorder(path, 120.0, Metre(4, 4)) as kept:
        kept.record("player", 0.0, strike(60))
        for kind in kinds:
            kept.record("player", 0.5, mido.Message(kind))
        kept.record("player", 1.0, let_go(60))
    kinds = [message.type for message in mido.MidiFile(path).tracks[1] if not message.is_meta]
    assert kinds == ["note_on", "control_change", "pitchwheel", "aftertouch", "note_off"]


def test_where_nothing_is_played_no_file_is_left(tmp_path: Path) -> None:
    with Recorder(tmp_path / "session.mid", 120.0, Metre(4, 4), period_seconds=0.0) as kept:
        kept.record("player", 0.0, mido.Message("control_change", control=64, value=127))
        kept.tempo(0.0, 100.0)
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_written_while_the_music_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: SimpleQueue[bytes] = SimpleQueue()

    def write(path: Path, content: bytes) -> None:
        path.write_bytes(content)
        written.put(content)

    monkeypatch.setattr(recorder, "write_again", write)
    with Recorder(tmp_path / "session.mid", 120.0, Metre(4, 4), period_seconds=0.0) as kept:
        kept.record("player", 0.0, strike(60))
        first = written.get(timeout=PATIENCE_SECONDS)
        kept.record("player", 1.0, let_go(60))
        second = written.get(timeout=PATIENCE_SECONDS)
    assert len(second) > len(first)
    assert written.empty()


def test_events_close_together_are_written_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: SimpleQueue[bytes] = SimpleQueue()

    def write(path: Path, content: bytes) -> None:
        path.write_bytes(content)
        written.put(content)

    monkeypatch.setattr(recorder, "write_again", write)
    with Recorder(tmp_path / "session.mid", 120.0, Metre(4, 4), period_seconds=PATIENCE_SECONDS) as kept:
        for step in range(100):
            kept.record("player", step / 4, strike(60))
    assert written.qsize() == 1


def test_the_past_is_not_encoded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = unstarted(tmp_path / "session.mid")
    for step in range(1000):
        kept.record("player", step / 4, strike(60))
    kept.save()
    kept.record("player", 251.0, let_go(60))
    kept.save()
    encoded: list[float] = []
    add = recorder.TrackWriter.add
    monkeypatch.setattr(
        recorder.TrackWriter,
        "add",
        lambda self, beats, message: (encoded.append(beats), add(self, beats, message)),
    )
    kept.record("player", 252.0, strike(60))
    kept.save()
    assert encoded == [251.0, 252.0]
    assert len(parts_at(tmp_path / "session.mid")["player"]) == 1001


def test_the_thread_that_plays_never_waits_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_disk, released = threading.Event(), threading.Event()

    def stuck(path: Path, content: bytes) -> None:
        at_the_disk.set()
        released.wait(PATIENCE_SECONDS)

    monkeypatch.setattr(recorder, "write_again", stuck)
    monkeypatch.setattr(recorder, "MOST_WAITING", 100)
    monkeypatch.setattr(recorder, "CLOSE_SECONDS", 0.0)
    kept = Recorder(tmp_path / "session.mid", 120.0, Metre(4, 4), period_seconds=0.0)
    kept.start()
    kept.record("player", 0.0, strike(60))
    assert at_the_disk.wait(PATIENCE_SECONDS)
    for step in range(10_000):  # none of these returns if one of them waits
        kept.record("player", step / 4, strike(60))
    kept.close()
    assert not released.is_set()
    released.set()
    for thread in threading.enumerate():  # what it still has to say belongs to this test
        if thread.name == "recorder":
            thread.join(PATIENCE_SECONDS)


def test_a_disk_too_slow_is_reported_with_what_was_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recorder, "MOST_WAITING", 10)
    kept = unstarted(tmp_path / "session.mid")
    for step in range(15):
        kept.record("player", step / 4, strike(60))
    kept.save()
    kept.save()
    assert caplog.messages == ["5 events of the session were not kept: the disk was too slow"]


def test_a_failed_writing_is_complained_of_once_and_made_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fallback, "_places", lambda: iter([]))
    (tmp_path / "sessions").touch()
    path = tmp_path / "sessions" / "session.mid"
    kept = unstarted(path)
    kept.record("player", 0.0, strike(60))
    kept.save()
    kept.record("player", 1.0, let_go(60))
    kept.save()
    assert not kept.is_kept
    assert [(record.levelno, record.message) for record in caplog.records] == [
        (logging.WARNING, f"the session is not being kept: cannot write {path}: Not a directory")
    ]
    (tmp_path / "sessions").unlink()
    kept.save()
    assert kept.is_kept
    assert parts_at(path)["player"] == [(60, 0.0, 1.0)]


def test_the_thread_tries_again_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: SimpleQueue[None] = SimpleQueue()

    def full(path: Path, content: bytes) -> None:
        tries.put(None)
        raise JamdError(f"cannot write {path}: No space left on device")

    monkeypatch.setattr(recorder, "write_again", full)
    monkeypatch.setattr(fallback, "_places", lambda: iter([]))
    monkeypatch.setattr(recorder, "RETRY_SECONDS", 0.0)
    with Recorder(tmp_path / "session.mid", 120.0, Metre(4, 4), period_seconds=0.0) as kept:
        kept.record("player", 0.0, strike(60))
        for _ in range(3):
            tries.get(timeout=PATIENCE_SECONDS)


KILLED = """
import os, signal, sys
from pathlib import Path
import mido
from jamd.sessions import recorder
from jamd.music.transport import Metre

write_whole = recorder.write_again
def write_and_die(path, content):
    write_whole(path, content)
    os.kill(os.getpid(), signal.SIGKILL)

recorder.write_again = write_and_die
kept = recorder.Recorder(Path(sys.argv[1]), 120.0, Metre(4, 4))
kept.record("player", 0.0, mido.Message("note_on", note=60, velocity=64))
kept.record("player", 1.0, mido.Message("note_off", note=60))
kept.record("jamd", 4.0, mido.Message("note_on", note=72, velocity=64))
kept.record("player", 6.0, mido.Message("note_on", note=62, velocity=64))
kept.start()
signal.pause()
"""


def test_the_file_is_whole_after_a_kill_that_nothing_survives(tmp_path: Path) -> None:
    path = tmp_path / "session.mid"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    parts = parts_at(path)
    assert parts["jamd"] == [(72, 4.0, 6.0)]
    assert parts["player"][0] == (60, 0.0, 1.0)
    assert [path.name for path in tmp_path.iterdir()] == ["session.mid"]


LONG = """
import sys, time
from itertools import count
from pathlib import Path
import mido
from jamd.sessions.recorder import Recorder
from jamd.music.transport import Metre

kept = Recorder(Path(sys.argv[1]), 120.0, Metre(4, 4), period_seconds=0.005)
kept.start()
for number in count():
    pitch = 36 + number % 48
    kept.record("player", number / 4, mido.Message("note_on", note=pitch, velocity=64))
    kept.record("player", number / 4 + 0.125, mido.Message("note_off", note=pitch))
    if number >= 20_000:
        time.sleep(0.002)
        print(number, time.monotonic(), flush=True)
"""


@pytest.mark.parametrize("kill_seconds", [0.7, 1.313, 2.021])
def test_a_long_session_is_whole_after_a_kill_and_a_second_of_it_is_lost_at_most(
    tmp_path: Path, kill_seconds: float
) -> None:
    """It is longer than 64 KiB, so that it is written in place, two hundred times a second."""
    path = tmp_path / "session.mid"
    with subprocess.Popen([sys.executable, "-c", LONG, path], stdout=subprocess.PIPE, text=True) as playing:
        assert playing.stdout is not None
        first = playing.stdout.readline()
        time.sleep(kill_seconds)
        killed = time.monotonic()
        playing.kill()
        told = [first, *playing.stdout.read().splitlines()]
    recorded = [(int(number), float(seconds)) for number, seconds in map(str.split, told[:-1])]
    safe = max((number for number, seconds in recorded if seconds < killed - 1.0), default=0)
    assert path.stat().st_size > recorder.ROOM_FROM_BYTES
    notes = parts_at(path)["player"]
    assert [pitch for pitch, _, _ in notes] == [36 + number % 48 for number in range(len(notes))]
    assert [start for _, start, _ in notes] == [number / 4 for number in range(len(notes))]
    assert safe < len(notes) <= recorded[-1][0] + 2
    assert [each.name for each in tmp_path.iterdir()] == ["session.mid"]
