"""What a MIDI file says is what is read; what is no MIDI file is refused in one line."""

from __future__ import annotations

import struct
from pathlib import Path

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.errors import MidiFileError
from jamd.music.note import Note
from jamd.music.transport import Metre
from jamd.smf import midifile
from jamd.smf.midifile import (
    TICKS_PER_BEAT,
    Track,
    encode,
    messages_of,
    notes_of,
)

END = b"\x00\xff\x2f\x00"
MIDDLE_C = b"\x00\x90\x3c\x40\x60\x80\x3c\x00"
"""A note of 96 ticks."""


def file_of(*tracks: bytes, form: int = 1, division: int = 96) -> bytes:
    chunks = b"".join(b"MTrk" + struct.pack(">L", len(track)) + track for track in tracks)
    return b"MThd" + struct.pack(">LHHH", 6, form, len(tracks), division) + chunks


def read(folder: Path, content: bytes) -> midifile.Piece:
    path = folder / "piece.mid"
    path.write_bytes(content)
    return midifile.read(path)


def notes_in(folder: Path, *tracks: bytes) -> list[tuple[int, int, float, float]]:
    return [
        (note.pitch, note.velocity, note.start_beats, note.end_beats)
        for note in read(folder, file_of(*tracks)).notes
    ]


def refusal(folder: Path, content: bytes) -> str:
    with pytest.raises(MidiFileError) as caught:
        read(folder, content)
    message = str(caught.value)
    assert "piece.mid" in message
    assert "\n" not in message
    return message


# What is heard


def test_a_note_is_read_in_beats(tmp_path: Path) -> None:
    assert notes_in(tmp_path, b"\x60" + MIDDLE_C[1:] + END) == [(60, 64, 1.0, 2.0)]


def test_running_status_goes_on_with_the_last_event(tmp_path: Path) -> None:
    track = b"\x00\x90\x3c\x40\x30\x3e\x40\x30\x3c\x00\x00\x3e\x00" + END
    assert notes_in(tmp_path, track) == [(60, 64, 0.0, 1.0), (62, 64, 0.5, 1.0)]


def test_running_status_survives_a_meta_event(tmp_path: Path) -> None:
    track = b"\x00\x90\x3c\x40" + b"\x30\xff\x01\x02hi" + b"\x30\x3c\x00" + END
    assert notes_in(tmp_path, track) == [(60, 64, 0.0, 1.0)]


def test_a_note_on_of_velocity_zero_is_a_note_off(tmp_path: Path) -> None:
    assert notes_in(tmp_path, b"\x00\x90\x3c\x40\x60\x90\x3c\x00\x60\xff\x2f\x00") == [(60, 64, 0.0, 1.0)]


def test_a_note_off_without_its_note_on_is_nothing(tmp_path: Path) -> None:
    assert notes_in(tmp_path, b"\x00\x80\x40\x00" + MIDDLE_C + b"\x10\x80\x3c\x00" + END) == [
        (60, 64, 0.0, 1.0)
    ]


def test_a_note_that_is_never_ended_lasts_to_the_end_of_its_track(tmp_path: Path) -> None:
    assert notes_in(tmp_path, b"\x00\x90\x3c\x40\x81\x40\xff\x2f\x00") == [(60, 64, 0.0, 2.0)]


def test_the_pedal_lengthens_what_is_let_go_under_it(tmp_path: Path) -> None:
    track = b"\x00\xb0\x40\x7f" + MIDDLE_C + b"\x60\xb0\x40\x00" + END
    assert notes_in(tmp_path, track) == [(60, 64, 0.0, 2.0)]


def test_a_note_let_go_after_the_pedal_lasts_as_long_as_its_key(tmp_path: Path) -> None:
    track = b"\x00\xb0\x40\x7f\x00\x90\x3c\x40\x30\xb0\x40\x00\x30\x80\x3c\x00" + END
    assert notes_in(tmp_path, track) == [(60, 64, 0.0, 1.0)]


def test_a_second_strike_ends_the_first_note(tmp_path: Path) -> None:
    track = b"\x00\x90\x3c\x40\x30\x90\x3c\x50\x30\x80\x3c\x00" + END
    assert notes_in(tmp_path, track) == [(60, 64, 0.0, 0.5), (60, 80, 0.5, 1.0)]


def test_a_strike_under_the_pedal_ends_the_note_that_the_pedal_held(tmp_path: Path) -> None:
    track = (
        b"\x00\xb0\x40\x7f\x00\x90\x3c\x40\x18\x80\x3c\x00\x18\x90\x3c\x50\x30\x80\x3c\x00\x30\xb0\x40\x00"
        + END
    )
    assert notes_in(tmp_path, track) == [(60, 64, 0.0, 0.5), (60, 80, 0.5, 1.5)]


def test_drums_are_left_out(tmp_path: Path) -> None:
    drums = MIDDLE_C.replace(b"\x90", b"\x99").replace(b"\x80", b"\x89")
    assert len(notes_in(tmp_path, drums + END, MIDDLE_C + END)) == 1
    assert "no notes (drums are left out)" in refusal(tmp_path, file_of(drums + END))


def test_channels_and_tracks_are_parts(tmp_path: Path) -> None:
    other = MIDDLE_C.replace(b"\x90\x3c", b"\x92\x40").replace(b"\x80\x3c", b"\x82\x40")
    piece = read(tmp_path, file_of(b"\x00\xff\x03\x04left" + MIDDLE_C + other + END, MIDDLE_C + END))
    assert [(part.name, part.notes[0].pitch) for part in piece.parts] == [
        ("left", 60),
        ("left", 64),
        ("", 60),
    ]


def test_a_file_of_format_0_is_read(tmp_path: Path) -> None:
    assert len(read(tmp_path, file_of(MIDDLE_C + END, form=0)).notes) == 1


def test_the_patterns_of_format_2_follow_each_other(tmp_path: Path) -> None:
    piece = read(tmp_path, file_of(MIDDLE_C + END, MIDDLE_C + END, form=2))
    assert [note.start_beats for note in piece.notes] == [0.0, 1.0]


@pytest.mark.parametrize(("frames", "ticks_a_second"), [(24, 960), (25, 1000), (29, 1198.8), (30, 1200)])
def test_time_in_film_frames_is_read_at_120_beats_a_minute(
    tmp_path: Path, frames: int, ticks_a_second: float
) -> None:
    tempo = b"\x00\xff\x51\x03\x0f\x42\x40"
    piece = read(tmp_path, file_of(tempo + MIDDLE_C + END, division=(256 - frames) << 8 | 40))
    assert piece.notes[0].end_beats == pytest.approx(96 / ticks_a_second * 2)
    assert piece.tempos == ((0.0, 120.0),)


def test_tempo_and_metre_are_read_where_they_change(tmp_path: Path) -> None:
    conductor = b"\x00\xff\x58\x04\x07\x03\x18\x08" + b"\x60\xff\x51\x03\x0f\x42\x40" + END
    piece = read(tmp_path, file_of(conductor, MIDDLE_C + END))
    assert piece.metres == ((0.0, Metre(7, 8)),)
    assert piece.tempos == ((0.0, 120.0), (1.0, 60.0))


def test_a_tempo_of_zero_is_passed_over(tmp_path: Path) -> None:
    assert read(tmp_path, file_of(b"\x00\xff\x51\x03\x00\x00\x00" + MIDDLE_C + END)).tempos == ((0.0, 120.0),)


@pytest.mark.parametrize("signature", [(1, 6), (0, 2), (255, 2), (4, 255)], ids=str)
def test_a_metre_that_does_not_fit_the_grid_is_passed_over(
    tmp_path: Path, signature: tuple[int, int]
) -> None:
    event = b"\x00\xff\x58\x04" + bytes(signature) + b"\x18\x08"
    assert read(tmp_path, file_of(event + MIDDLE_C + END)).metres == ((0.0, Metre(4, 4)),)


@pytest.mark.parametrize(
    ("spelt", "name"),
    [
        ("Flöte".encode(), "Flöte"),
        ("Flöte".encode("latin-1"), "Flöte"),
        (b"\xff\xfe\x00\x1b[2Jbass\x00\n", "ÿþ[2Jbass"),
        (b"", ""),
    ],
)
def test_a_name_in_any_encoding_is_read_and_can_be_printed(tmp_path: Path, spelt: bytes, name: str) -> None:
    track = b"\x00\xff\x03" + bytes([len(spelt)]) + spelt + MIDDLE_C + END
    assert read(tmp_path, file_of(track)).parts[0].name == name


@pytest.mark.parametrize(
    "event",
    [
        b"\xff\x59\x02\x0c\x07",  # a key of twelve sharps
        b"\xff\x59\x00",
        b"\xff\x51\x01\x07",
        b"\xff\x58\x00",
        b"\xff\x60\x01\x00",  # a kind nobody has defined
        b"\xf0\x05\x7e\x7f\x09\x01\xf7",
        b"\xf7\x02\xf3\x01",
        b"\xf8",
        b"\xf2\x01\x02",
        b"\xe0\x00\x40",
        b"\xc0\x05",
        b"\xd0\x40",
    ],
    ids=bytes.hex,
)
def test_what_is_no_note_takes_its_time_and_nothing_else(tmp_path: Path, event: bytes) -> None:
    assert notes_in(tmp_path, b"\x60" + event + MIDDLE_C + END) == [(60, 64, 1.0, 2.0)]


def test_data_out_of_range_is_clipped(tmp_path: Path) -> None:
    assert notes_in(tmp_path, b"\x00\x90\x3c\xff\x60\x80\x3c\x00" + END) == [(60, 127, 0.0, 1.0)]


def test_chunks_of_other_kinds_are_passed_over(tmp_path: Path) -> None:
    content = file_of(MIDDLE_C + END)
    alien = b"XFIH" + struct.pack(">L", 3) + b"abc"
    assert len(read(tmp_path, content[:14] + alien + content[14:] + b"rubbish at the end").notes) == 1


def test_a_track_without_an_end_event_is_read(tmp_path: Path) -> None:
    assert notes_in(tmp_path, MIDDLE_C) == [(60, 64, 0.0, 1.0)]


# What is refused


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"MThd", "its header is cut short"),
        (file_of(), "has no notes"),
        (file_of(END), "has no notes"),
        (file_of(MIDDLE_C + END)[:-6], "cut short"),
        (file_of(MIDDLE_C + END)[:20], "it ends after 0 of 1 track"),
        (file_of(MIDDLE_C + END, MIDDLE_C + END)[: -4 - len(MIDDLE_C + END)], "it ends after 1 of 2 tracks"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + bytes(200), "does not begin with MThd"),
        (bytes(range(256)) * 8, "does not begin with MThd"),
        (file_of(MIDDLE_C + END, division=0), "its division, 0x0000"),
        (file_of(MIDDLE_C + END, division=0xE800), "its division, 0xe800"),
        (file_of(MIDDLE_C + END, division=0x9928), "its division, 0x9928"),
        (file_of(b"\x00\x3c\x40" + END), "data before any event"),
        (file_of(b"\xff\xff\xff\x7f\x90\x3c\x40" + END, division=1), "beats, more than 250000"),
        (file_of(b"\xff\xff\xff\xff\x7f" + MIDDLE_C + END), "a number in it is too long"),
        (file_of(b"\x00\xff\x01\x7fabc"), "cut short"),
        (file_of(b"\xff" * 1_000_000), "a number in it is too long"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    assert reason in refusal(tmp_path, content)


def test_a_file_cut_anywhere_is_refused_but_between_two_tracks(tmp_path: Path) -> None:
    """There it is a file whose header counts one track too many, and these are common."""
    first, second = b"\x00\xff\x03\x02me" + MIDDLE_C + END, MIDDLE_C + END
    content = file_of(first, second)
    between = len(content) - 8 - len(second)
    for length in set(range(len(content))) - {between}:
        refusal(tmp_path, content[:length])
    assert len(read(tmp_path, content[:between]).notes) == 1


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(MidiFileError, match=r"cannot read .*nowhere\.mid: No such file"):
        midifile.read(tmp_path / "nowhere.mid")
    with pytest.raises(MidiFileError, match="Is a directory"):
        midifile.read(tmp_path)


def test_a_file_without_end_is_refused() -> None:
    with pytest.raises(MidiFileError, match="/dev/zero is too large"):
        midifile.read(Path("/dev/zero"))


WHOLE = file_of(
    b"\x00\xff\x58\x04\x03\x02\x18\x08\x00\xff\x51\x03\x07\xa1\x20" + END,
    b"\x00\xff\x03\x05piano\x00\xb0\x40\x7f" + MIDDLE_C * 3 + b"\x00\xf0\x02\x01\xf7\x10\x3c\x40" + END,
)


@given(
    st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=12),
    st.integers(0, len(WHOLE)),
    st.binary(max_size=24),
)
def test_damaged_bytes_are_read_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, damage: list[tuple[int, int]], cut: int, inserted: bytes
) -> None:
    content = bytearray(WHOLE)
    for offset, byte in damage:
        content[offset] = byte
    content[cut:cut] = inserted
    path = tmp_path_factory.getbasetemp() / "damaged.mid"
    path.write_bytes(content)
    fault, notes = "", []
    try:
        notes = midifile.read(path).notes
    except MidiFileError as error:
        fault = str(error)
    assert bool(fault) != bool(notes)
    assert "\n" not in fault
    assert all(0 <= note.start_beats < note.end_beats for note in notes)
    assert all(0 <= note.pitch <= 127 and 1 <= note.velocity <= 127 for note in notes)


# What is played


def test_a_file_is_played_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "piece.mid"
    pedal = b"\x00\xb2\x40\x7f\x00\xc2\x05\x00\xe2\x00\x50\x00\xf0\x02\x01\xf7"
    slower = b"\x60\xff\x51\x03\x0f\x42\x40" + END
    path.write_bytes(file_of(slower, pedal + MIDDLE_C + MIDDLE_C + END))
    assert [(seconds, str(message)) for seconds, message in midifile.performance(path)] == [
        (0.0, "control_change channel=2 control=64 value=127 time=0"),
        (0.0, "note_on channel=0 note=60 velocity=64 time=0"),
        (0.0, "program_change channel=2 program=5 time=0"),
        (0.0, "pitchwheel channel=2 pitch=2048 time=0"),
        (0.5, "note_off channel=0 note=60 velocity=0 time=0"),
        (0.5, "note_on channel=0 note=60 velocity=64 time=0"),
        (1.5, "note_off channel=0 note=60 velocity=0 time=0"),
        (1.5, "control_change channel=2 control=64 value=0 time=0"),
    ]


@pytest.mark.parametrize(
    ("content", "seconds"),
    [
        (file_of(MIDDLE_C + END, MIDDLE_C + END, form=2), [0, 0.5, 0.5, 1]),
        (file_of(MIDDLE_C + END, division=0xE728), [0, 96 / 1000]),
        (file_of(b"\x00\xff\x59\x02\x09\x07" + MIDDLE_C + END), [0, 0.5]),
        (file_of(b"\x00\x90\x3c\xc8" + MIDDLE_C[4:] + END), [0, 0.5]),
        (file_of(MIDDLE_C + END + b"\x00\x90"), [0, 0.5]),
    ],
    ids=["patterns", "film", "no such key", "no such velocity", "after the end"],
)
def test_what_can_be_read_can_be_played(tmp_path: Path, content: bytes, seconds: list[float]) -> None:
    path = tmp_path / "piece.mid"
    path.write_bytes(content)
    assert [at for at, _ in midifile.performance(path)] == pytest.approx(seconds)


def test_what_cannot_be_read_cannot_be_played(tmp_path: Path) -> None:
    path = tmp_path / "piece.mid"
    for content in (b"", file_of(MIDDLE_C + END)[:-6]):
        path.write_bytes(content)
        with pytest.raises(MidiFileError, match=r"piece\.mid"):
            midifile.performance(path)


# What is written

lines = st.lists(
    st.tuples(st.integers(0, 127), st.integers(1, 127), st.integers(0, 4000), st.integers(1, 4000)),
    max_size=30,
)


def line_of(strikes: list[tuple[int, int, int, int]]) -> list[Note]:
    """Notes that follow each other on each pitch: rest and length in ticks."""
    last: dict[int, int] = {}
    notes = []
    for pitch, velocity, rest, length in strikes:
        start = last.get(pitch, 0) + rest
        last[pitch] = start + length
        notes.append(Note(pitch, velocity, start / TICKS_PER_BEAT, (start + length) / TICKS_PER_BEAT))
    return sorted(notes, key=lambda note: (note.start_beats, note.pitch))


@given(lines, lines)
def test_notes_written_and_read_are_the_same_to_the_tick(
    tmp_path_factory: pytest.TempPathFactory,
    left: list[tuple[int, int, int, int]],
    right: list[tuple[int, int, int, int]],
) -> None:
    parts = {"left": line_of(left), "right": line_of([*right, (60, 64, 0, 1)])}
    tracks = [Track(name, messages_of(notes)) for name, notes in parts.items()]
    path = tmp_path_factory.getbasetemp() / "written.mid"
    path.write_bytes(encode(tracks, [(0.0, 96.0), (4.0, 150.0)], [(0.0, Metre(6, 8))]))
    piece = midifile.read(path)
    assert {part.name: list(part.notes) for part in piece.parts} == {k: v for k, v in parts.items() if v}
    assert piece.tempos == ((0.0, 96.0), (4.0, 150.0))
    assert piece.metres == ((0.0, Metre(6, 8)),)


def test_other_programs_read_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "written.mid"
    notes = [Note(60, 64, 0.0, 1.0), Note(64, 70, 300.0, 301.5)]
    path.write_bytes(
        encode([Track("Flöte", messages_of(notes, channel=3))], [(0.0, 90.0)], [(0.0, Metre(3, 4))])
    )
    file = mido.MidiFile(path, charset="utf-8")
    assert (file.type, file.ticks_per_beat, [track.name for track in file.tracks]) == (
        1,
        480,
        ["tempo", "Flöte"],
    )
    assert [(m.type, m.channel, m.note, m.time) for m in file.tracks[1] if not m.is_meta] == [
        ("note_on", 3, 60, 0),
        ("note_off", 3, 60, 480),
        ("note_on", 3, 64, 299 * 480),
        ("note_off", 3, 64, 720),
    ]
    assert mido.tempo2bpm(file.tracks[0][1].tempo) == pytest.approx(90, abs=1e-4)


def test_what_a_file_cannot_hold_is_left_out(tmp_path: Path) -> None:
    note = messages_of([Note(60, 64, 0.0, 1.0)])
    system = [(0.5, mido.Message(kind)) for kind in ("clock", "active_sensing", "sysex", "songpos", "reset")]
    events = [note[0], *system, note[1]]
    assert encode([Track("a", events)], [], []) == encode([Track("a", note)], [], [])


def test_live_messages_give_the_same_notes_as_a_file() -> None:
    events = [
        (0.0, mido.Message("control_change", control=64, value=127)),
        (0.0, mido.Message("note_on", note=60, velocity=64)),
        (0.5, mido.Message("pitchwheel", pitch=100)),
        (1.0, mido.Message("note_on", note=60, velocity=0)),
        (2.0, mido.Message("note_on", note=62, velocity=80)),
    ]
    assert notes_of(events, 3.0) == [Note(60, 64, 0.0, 3.0), Note(62, 80, 2.0, 3.0)]
