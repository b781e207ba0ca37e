"""Files as other programs write them: the music is whole, and something beside it is odd."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from jamd.cli import main
from jamd.errors import MidiFileError
from jamd.music.note import Note, frames_of
from jamd.music.pianoroll import PianoRoll
from jamd.smf import midifile
from jamd.smf.chunks import unwrapped
from jamd.smf.write import messages_of
from jamd.training.recordings import pieces

TICKS = 96
FAR_BEATS = 300_000.0
Event = tuple[float, bytes]


def quantity(value: int) -> bytes:
    spelt = [value & 0x7F]
    while value := value >> 7:
        spelt.append(0x80 | value & 0x7F)
    return bytes(reversed(spelt))


def track(*events: Event, end: float | None = None) -> bytes:
    """A track of messages at beats, in the order given, whose end stands at the last one or at `end`."""
    spelt, now = bytearray(), 0
    last = events[-1][0] if events else 0.0
    for beats, message in (*events, (last if end is None else end, b"\xff\x2f\x00")):
        ticks = round(beats * TICKS)
        assert ticks >= now, "events are in order"
        for part in range(now + 2**28 - 1, ticks, 2**28 - 1):  # no rest is written longer
            spelt += quantity(part - now) + b"\xff\x01\x00"
            now = part
        spelt += quantity(ticks - now) + message
        now = ticks
    return bytes(spelt)


def chunk(content: bytes, kind: bytes = b"MTrk", size: int | None = None) -> bytes:
    return kind + struct.pack(">L", len(content) if size is None else size) + content


def header(count: int, form: int = 1, division: int = TICKS) -> bytes:
    return chunk(struct.pack(">HHH", form, count, division), b"MThd")


def file_of(*tracks: bytes, form: int = 1) -> bytes:
    return header(len(tracks), form) + b"".join(map(chunk, tracks))


def on(pitch: int, channel: int = 0, velocity: int = 80) -> bytes:
    return bytes((0x90 | channel, pitch, velocity))


def off(pitch: int, channel: int = 0) -> bytes:
    return bytes((0x80 | channel, pitch, 64))


def control(number: int, value: int, channel: int = 0) -> bytes:
    return bytes((0xB0 | channel, number, value))


def played(*notes: tuple[int, float, float], channel: int = 0) -> list[Event]:
    """Pitch, beginning and end of notes, as events: at one instant note-offs go first."""
    events = [(start, 1, on(pitch, channel)) for pitch, start, _ in notes]
    events += [(end, 0, off(pitch, channel)) for pitch, _, end in notes]
    return [(beats, message) for beats, _, message in sorted(events)]


def read(content: bytes) -> midifile.Piece:
    return midifile.parsed(content, "foreign.mid")


def notes(content: bytes) -> list[tuple[int, float, float]]:
    return [(note.pitch, note.start_beats, note.end_beats) for note in read(content).notes]


SCALE = [(60 + 2 * beat, float(beat), beat + 1.0) for beat in range(4)]
LINE = track(*played(*SCALE))
CONDUCTOR = track((0.0, b"\xff\x51\x03\x0a\x2c\x2b"))


# Repeated notes, short ones, and unisons


@pytest.mark.parametrize("late", [0.0, 1 / TICKS, 5 / TICKS])
def test_a_key_struck_again_before_its_note_off_keeps_all_its_notes(late: float) -> None:
    events: list[Event] = [(0.0, on(60))]
    for beat in range(1, 16):
        events += [(float(beat), on(60)), (beat + late, off(60))]
    found = notes(file_of(track(*events, (16.0, off(60)))))
    assert found == [(60, float(beat), beat + 1.0) for beat in range(16)]


def test_a_lost_note_off_costs_no_later_note_its_length() -> None:
    events = [(0.0, on(60)), (1.0, on(60)), (2.0, off(60)), (3.0, on(60)), (3.5, off(60))]
    assert notes(file_of(track(*events))) == [(60, 0.0, 1.0), (60, 1.0, 2.0), (60, 3.0, 3.5)]


def test_a_short_last_note_after_a_lost_note_off_is_short() -> None:
    assert notes(file_of(track((0.0, on(60)), (1.0, on(60)), (1.0, off(60)), end=4.0))) == [
        (60, 0.0, 1.0),
        (60, 1.0, 1.25),
    ]


def test_a_key_struck_twice_at_once_is_one_note_the_longer_and_the_louder() -> None:
    events = [(0.0, on(60, velocity=90)), (0.0, on(60, velocity=40)), (1.0, off(60)), (1.0, off(60))]
    (note,) = read(file_of(track(*events))).notes
    assert (note.velocity, note.end_beats) == (90, 1.0)


def test_notes_without_length_last_a_step() -> None:
    chord = [(0.0, each) for pitch in (60, 64, 67) for each in (on(pitch), off(pitch))]
    grace = [(2.0, on(71)), (2.0, off(71)), (2.0, on(72)), (3.0, off(72))]
    assert notes(file_of(track(*chord, *grace))) == [
        (60, 0.0, 0.25),
        (64, 0.0, 0.25),
        (67, 0.0, 0.25),
        (71, 2.0, 2.25),
        (72, 2.0, 3.0),
    ]


def test_a_note_without_length_ends_where_its_key_is_struck_again() -> None:
    events = [(0.0, on(60)), (0.0, off(60)), (0.125, on(60)), (1.0, off(60))]
    assert notes(file_of(track(*events))) == [(60, 0.0, 0.125), (60, 0.125, 1.0)]


def test_a_pitch_held_in_one_track_and_struck_in_another_is_held_to_its_end() -> None:
    for channels in ((0, 1), (0, 0)):
        long, short = (
            track(*played((60, s, e), channel=c)) for c, s, e in zip(channels, (0, 2), (8, 2.5), strict=True)
        )
        piece = read(file_of(long, short))
        assert [part.notes[0].end_beats for part in piece.parts] == [8.0, 2.5]
        assert [(n.start_beats, n.end_beats) for n in piece.heard] == [(0.0, 2.0), (2.0, 8.0)]
        assert all(60 in frame.sounding for frame in frames_of(piece.heard)[:32])


# Pedals and channel modes


@pytest.mark.parametrize("where", [0, 1, 2])
def test_a_pedal_is_its_channels_in_whatever_track_it_is(where: int) -> None:
    hands = [played((72, 0, 0.5), (76, 1, 1.5)), played((48, 0, 0.5), (52, 1, 1.5)), []]
    hands[where] = sorted(
        [(0.0, control(64, 127)), *hands[where], (3.75, control(64, 0))], key=lambda e: e[0]
    )
    assert {end for _, _, end in notes(file_of(CONDUCTOR, *(track(*hand) for hand in hands)))} == {3.75}


def test_the_pedal_of_another_channel_port_or_pattern_holds_nothing() -> None:
    hand, foot = track(*played((60, 0, 1), channel=3)), track((0.0, control(64, 127)), (4.0, control(64, 0)))
    assert notes(file_of(hand, foot)) == [(60, 0.0, 1.0)]
    on_port_2 = track((0.0, b"\xff\x21\x01\x01"), *played((60, 0, 1)))
    assert notes(file_of(on_port_2, foot)) == [(60, 0.0, 1.0)]
    pattern = track(*played((60, 0, 1)))
    pedalled = track((0.0, control(64, 127)), *played((62, 0, 1)), end=2.0)
    assert notes(file_of(pedalled, pattern, form=2)) == [(62, 0.0, 2.0), (60, 2.0, 3.0)]


def test_a_pedal_pressed_in_another_track_as_a_note_ends_does_not_hold_it() -> None:
    foot = track((1.0, control(64, 127)), (3.0, control(64, 0)))
    assert notes(file_of(foot, track(*played((60, 0, 1), (62, 1, 2))))) == [(60, 0.0, 1.0), (62, 1.0, 3.0)]


@pytest.mark.parametrize("number", [120, 123, 124, 125, 126, 127])
def test_channel_modes_let_go_of_keys(number: int) -> None:
    chords = [
        (4.0 * bar + beats, message)
        for bar in range(4)
        for beats, message in ((0, on(48)), (0, on(64)), (3.75, control(number, 0)))
    ]
    assert notes(file_of(track(*chords, end=40.0))) == [
        (pitch, 4.0 * bar, 4.0 * bar + 3.75) for bar in range(4) for pitch in (48, 64)
    ]


def test_all_notes_off_in_another_track_lets_go_and_spares_what_begins_with_it() -> None:
    foot = track((1.0, control(123, 0)), (2.0, control(123, 0)))
    assert notes(file_of(track((0.0, on(60)), (1.0, on(62))), foot)) == [(60, 0.0, 1.0), (62, 1.0, 2.0)]


def test_the_pedal_holds_what_all_notes_off_lets_go_and_all_sound_off_ends_it() -> None:
    down = [(0.0, control(64, 127)), (0.0, on(60)), (1.0, control(123, 0))]
    assert notes(file_of(track(*down, (3.0, control(64, 0))))) == [(60, 0.0, 3.0)]
    assert notes(file_of(track(*down, (2.0, control(120, 0)), (3.0, control(64, 0))))) == [(60, 0.0, 2.0)]


def test_reset_all_controllers_lifts_the_pedal() -> None:
    events = [(0.0, control(64, 127)), *played((60, 0, 0.5)), (1.0, control(121, 0)), *played((62, 1, 1.5))]
    assert notes(file_of(track(*events))) == [(60, 0.0, 1.0), (62, 1.0, 1.5)]


def test_the_sostenuto_holds_the_keys_that_were_down() -> None:
    events = [(0.0, on(48)), (0.5, control(66, 127)), (1.0, off(48)), (1.0, on(60)), (2.0, off(60))]
    assert notes(file_of(track(*events, (4.0, control(66, 0))))) == [(48, 0.0, 4.0), (60, 1.0, 2.0)]


def test_a_pedal_that_stays_down_holds_to_the_end_of_the_track() -> None:
    events = [(0.0, control(64, 127)), *played((60, 0, 1), (62, 1, 2))]
    assert notes(file_of(track(*events, end=4.0))) == [(60, 0.0, 4.0), (62, 1.0, 4.0)]


# MPE

ZONE = [(0.0, control(101, 0)), (0.0, control(100, 6)), (0.0, control(6, 4))]


def in_turn(channels: list[int], beats: float = 8) -> list[Event]:
    """A scale in short notes, each on the next of the channels."""
    return [
        (at, message)
        for beat in range(int(beats))
        for channel in [channels[beat % len(channels)]]
        for at, message in played((60 + beat, beat, beat + 0.5), channel=channel)
    ]


def under_pedal(master: int, *events: Event) -> list[Event]:
    both = [(0.0, control(64, 127, master)), *events, (8.0, control(64, 0, master))]
    return sorted(both, key=lambda event: event[0])


@pytest.mark.parametrize(("master", "channels"), [(0, [1, 2, 3, 4]), (15, [14, 13, 12]), (0, [9, 10])])
def test_the_pedal_of_an_mpe_master_holds_the_notes_of_its_members(master: int, channels: list[int]) -> None:
    piece = read(file_of(track(*under_pedal(master, *in_turn(channels))), form=0))
    assert [note.end_beats for note in piece.notes] == [8.0] * 8
    assert len(piece.parts) == 1  # one player's


def test_a_zone_that_is_announced_needs_no_guess() -> None:
    chords = [
        event
        for beat in range(4)
        for event in played((60, beat, beat + 0.5), (64, beat, beat + 0.5), channel=1)
    ]
    events = [*ZONE, *under_pedal(0, (0.0, bytes((0xC1, 5))), *chords)]
    assert {end for _, start, end in notes(file_of(track(*events))) if start == 3} == {8.0}
    apart = [track(*ZONE, *under_pedal(0)), track(*in_turn([1, 2]))]
    assert {end for _, _, end in notes(file_of(*apart))} == {8.0}
    beyond = track(*ZONE, *under_pedal(0, *in_turn([1, 7])))
    assert {end for _, _, end in notes(file_of(beyond))} == {8.0, 1.5, 3.5, 5.5, 7.5}


@pytest.mark.parametrize(
    "others",
    [
        in_turn([1]),  # one instrument
        [*in_turn([1, 2]), (8.0, bytes((0xC2, 40)))],  # with sounds of their own
        [*in_turn([1, 2]), (8.0, control(64, 0, 1))],  # with a pedal of its own
        [*in_turn([1, 2]), *played((30, 8, 8.5))],  # and notes where the pedal is
        [
            e for b in range(8) for e in played((60, b, b + 0.5), (64, b, b + 0.5), channel=1 + b % 2)
        ],  # chords
        sorted(in_turn([1], 4) + [(b + 4, m) for b, m in in_turn([2], 4)], key=lambda e: e[0]),  # not in turn
    ],
    ids=["one channel", "programmes", "own pedal", "notes on it", "chords", "not in turn"],
)
def test_a_pedal_on_the_first_channel_of_an_ordinary_file_holds_that_channel_alone(
    others: list[Event],
) -> None:
    found = notes(file_of(track(*under_pedal(0, *others)), form=0))
    assert [end for pitch, start, end in found if pitch != 30] == [
        start + 0.5 for pitch, start, _ in found if pitch != 30
    ]


# Drums

KIT = [(float(beat), each) for beat in range(4) for each in (on(36, 10), off(36, 10))]
TO_BANK: dict[str, Callable[[int], list[Event]]] = {
    "XG drums": lambda channel: [(0.0, control(0, 127, channel)), (0.0, bytes((0xC0 | channel, 0)))],
    "XG effects": lambda channel: [(0.0, control(0, 126, channel)), (0.0, bytes((0xC0 | channel, 0)))],
    "GM 2": lambda channel: [(0.0, control(0, 120, channel)), (0.0, bytes((0xC0 | channel, 0)))],
    "GS": lambda channel: [(0.0, exclusive("41 10 42 12 40 1a 15 02 0f"))],
    "XG part": lambda channel: [(0.0, exclusive("43 10 4c 08 0a 07 02"))],
}


def exclusive(data: str) -> bytes:
    content = bytes.fromhex(data) + b"\xf7"
    return b"\xf0" + quantity(len(content)) + content


GM_ON, GS_RESET, XG_ON = map(exclusive, ("7e 7f 09 01", "41 10 42 12 40 00 7f 00 41", "43 10 4c 00 00 7e 00"))


@pytest.mark.parametrize("made", TO_BANK)
def test_a_channel_made_drums_is_left_out(made: str) -> None:
    kit = [*TO_BANK[made](10), *KIT]
    assert notes(file_of(CONDUCTOR, LINE, track(*kit))) == SCALE
    assert notes(file_of(track(*TO_BANK[made](10)), LINE, track(*KIT))) == SCALE  # told in another track
    with pytest.raises(MidiFileError, match=r"has no notes \(drums are left out\)"):
        read(file_of(track(*kit)))


@pytest.mark.parametrize(
    "made",
    [
        [(0.0, exclusive("41 10 42 12 40 10 15 00 1b"))],
        [(0.0, exclusive("43 10 4c 08 09 07 00"))],
        [(0.0, control(0, 121, 9)), (0.0, b"\xc9\x00")],
    ],
    ids=["GS", "XG", "GM 2"],
)
def test_the_tenth_channel_made_an_instrument_is_music(made: list[Event]) -> None:
    assert notes(file_of(track(*made, *played(*SCALE, channel=9)))) == SCALE


@pytest.mark.parametrize("before", [[], [GM_ON], [XG_ON], [GS_RESET]], ids=["", "GM", "XG", "GS"])
def test_an_ordinary_bank_leaves_the_tenth_channel_to_the_drums(before: list[bytes]) -> None:
    kit = [*((0.0, each) for each in before), (0.0, control(0, 0, 9)), (0.0, b"\xc9\x00")]
    assert notes(file_of(LINE, track(*kit, *played((36, 0, 1), channel=9)))) == SCALE


def test_the_last_bank_of_a_gs_synth_is_an_older_synths_sounds() -> None:
    assert notes(file_of(track((0.0, GS_RESET), (0.0, control(0, 127)), *played(*SCALE)))) == SCALE


def packets(message: bytes, *lengths: int) -> list[bytes]:
    """A system-exclusive message in packets: the first of its kind, the others of the kind that goes on."""
    content, found = message[2:], []
    for length in lengths:
        found.append(content[:length])
        content = content[length:]
    return [
        bytes((0xF7 if number else 0xF0,)) + quantity(len(each)) + each
        for number, each in enumerate([*found, content])
    ]


@pytest.mark.parametrize("lengths", [(), (4,), (1, 1, 1), (8, 1), (9,)])
@pytest.mark.parametrize("made", ["GS", "XG part"])
def test_a_message_that_comes_in_packets_is_one(made: str, lengths: tuple[int, ...]) -> None:
    ((_, message),) = TO_BANK[made](10)
    sent = [(0.0, each) for each in packets(message, *lengths)]
    assert notes(file_of(CONDUCTOR, LINE, track(*sent, *KIT))) == SCALE


def test_a_message_without_its_end_is_not_made_of_the_next_one() -> None:
    """Many programs leave the end out; and some write a whole message as packets are written."""
    ((_, message),) = TO_BANK["GS"](10)
    endless = b"\xf0" + quantity(len(message) - 3) + message[2:-1]
    escaped = b"\xf7" + quantity(len(GM_ON) - 1) + b"\xf0" + GM_ON[2:]
    music = [(pitch, start + 4, end + 4) for pitch, start, end in SCALE]
    events = [(0.0, endless), *KIT, (4.0, escaped), *played(*music, channel=10)]
    assert notes(file_of(track(*events))) == music


def test_a_channel_may_change_its_part_and_a_reset_takes_it_back() -> None:
    music = [(pitch, start + 4, end + 4) for pitch, start, end in SCALE]
    for made, back in (
        ("XG drums", control(0, 0, 10)),
        ("GM 2", GM_ON),
        ("GS", GS_RESET),
        ("XG part", XG_ON),
    ):
        events = [*TO_BANK[made](10), *KIT, (4.0, back), *played(*music, channel=10)]
        assert notes(file_of(track(*events))) == music


def test_a_kits_variant_leaves_drums_that_a_message_made() -> None:
    kit = [*TO_BANK["GS"](10), (0.0, control(0, 0, 10)), (0.0, b"\xca\x08"), *KIT]
    assert notes(file_of(LINE, track(*kit))) == SCALE


def test_a_players_tenth_channel_is_music_in_a_session() -> None:
    pads = [(float(beat), each) for beat in range(4) for each in (on(36, 9), off(36, 9))]
    names = [(0.0, b"\xff\x03" + quantity(len(name)) + name) for name in (b"tempo", b"player", b"jamd")]
    session = file_of(track(names[0]), track(names[1], *pads), track(names[2], *played((60, 4, 5))))
    piece = read(session)
    assert [note.start_beats for note in piece.of("player")] == [0.0, 1.0, 2.0, 3.0]


# Headers and lengths that lie

FOREIGN = chunk(b"\x04\x01\x02\x03\x04", b"XFIH")


@pytest.mark.parametrize(
    "content",
    [
        header(3) + chunk(CONDUCTOR) + chunk(LINE) + FOREIGN,
        header(3) + FOREIGN + chunk(CONDUCTOR) + chunk(LINE),
        header(3) + chunk(CONDUCTOR) + chunk(LINE),
        header(1) + chunk(CONDUCTOR) + chunk(LINE),
        header(0) + chunk(CONDUCTOR) + chunk(LINE),
        header(9) + chunk(CONDUCTOR) + chunk(LINE) + bytes(37),
        header(2, form=0) + chunk(CONDUCTOR) + chunk(LINE),
        header(2, form=4) + chunk(CONDUCTOR) + chunk(LINE),
        header(2) + chunk(CONDUCTOR, size=0) + chunk(LINE),
        header(2) + chunk(CONDUCTOR, size=2**31) + chunk(LINE),
        header(2) + chunk(CONDUCTOR, size=len(CONDUCTOR) + 8 + len(LINE)) + chunk(LINE),
        header(2) + chunk(CONDUCTOR) + chunk(LINE, size=7),
        header(2) + chunk(CONDUCTOR) + chunk(LINE, size=len(LINE) + 100),
        header(2) + chunk(CONDUCTOR) + b"\0" + chunk(LINE),
        header(2)[:7] + b"\xff" + header(2)[8:] + chunk(CONDUCTOR) + chunk(LINE),
        bytes(128) + file_of(CONDUCTOR, LINE) + bytes(60),
        file_of(CONDUCTOR, LINE) + b"\r\n<!-- sent by post -->",
    ],
    ids=lambda content: "",
)
def test_music_is_read_whatever_the_header_claims(content: bytes) -> None:
    assert notes(content) == SCALE


def riff(*chunks: tuple[bytes, bytes], size: int | None = None) -> bytes:
    content = b"RMID"
    for kind, data in chunks:
        length = len(data) if size is None or kind != b"data" else size
        content += kind + struct.pack("<L", length) + data + bytes(len(data) % 2)
    return b"RIFF" + struct.pack("<L", len(content)) + content


SONG = file_of(CONDUCTOR, LINE)


@pytest.mark.parametrize(
    "content",
    [
        riff((b"data", SONG)),
        riff((b"DISP", b"\1\0\0\0a"), (b"data", SONG), (b"LIST", b"INFOINAM\5\0\0\0song\0")),
        riff((b"data", SONG), size=0),
        riff((b"data", SONG), size=2**32 - 1),
        riff((b"data", SONG), size=len(SONG) - 20),
        riff((b"RIFF", b"DLS " + bytes(5001)), (b"data", SONG)),
        riff((b"LIST", b"INFOINAM\x0a\0\0\0MThd\0\0\0\6ab"), (b"data", SONG)),
        riff((b"data", SONG), (b"LIST", b"INFOINAM\5\0\0\0MTrk\0")),
    ],
    ids=[
        "plain",
        "with other chunks",
        "no size",
        "too large a size",
        "too small a size",
        "behind its sounds",
        "behind a name that reads like a header",
        "before a name that reads like a track",
    ],
)
def test_a_riff_file_is_read_by_every_command(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "song.rmi"
    path.write_bytes(content)
    assert [note.start_beats for note in midifile.read(path).notes] == [0, 1, 2, 3]
    assert len(midifile.performance(path)) == 8
    assert len(pieces.read(content, "song.rmi", "song.rmi", "0" * 64).step) == 4
    done = CliRunner().invoke(
        main, ["render", str(path), "-o", str(tmp_path / "jam.mid"), "--model", "markov"]
    )
    assert done.exit_code == 0, done.output


def test_a_bare_song_and_a_wrapped_one_are_copies() -> None:
    assert unwrapped(riff((b"DISP", b"\1\0\0\0a"), (b"data", SONG), (b"LIST", b"INFO"))) == SONG


# What ends far away, or before it begins


@pytest.mark.parametrize(
    "far",
    [
        [track(*played(*SCALE), end=FAR_BEATS)],
        [track((FAR_BEATS, control(7, 100))), LINE],
        [track((FAR_BEATS, b"\xff\x51\x03\x0a\x2c\x2b")), LINE],
        [track((FAR_BEATS, b"\xff\x58\x04\x03\x02\x18\x08")), LINE],
        [track(*played(*SCALE[:3]), (3.0, on(66)), end=FAR_BEATS), track(*played((40, 0, 4), channel=1))],
        [
            track(*played(*SCALE[:3]), (3.0, on(66)), (FAR_BEATS, off(66))),
            track(*played((40, 0, 4), channel=1)),
        ],
        [track((0.0, control(64, 127)), *played(*SCALE), (FAR_BEATS, control(64, 0)))],
    ],
    ids=["end", "controller", "tempo", "metre", "no note-off", "late note-off", "pedal"],
)
def test_the_music_is_measured_and_not_what_is_far_behind_it(tmp_path: Path, far: list[bytes]) -> None:
    path = tmp_path / "far.mid"
    path.write_bytes(file_of(*far))
    assert max(note.end_beats for note in midifile.read(path).notes) == 4.0
    assert midifile.performance(path)[-1][0] == 2.0
    done = CliRunner().invoke(
        main, ["render", str(path), "-o", str(tmp_path / "jam.mid"), "--model", "markov"]
    )
    assert done.exit_code == 0, done.output
    answer = midifile.read(tmp_path / "jam.mid").of("jamd")
    assert min(note.start_beats for note in answer) >= 3.5  # a bar was called


def test_patterns_follow_one_another_however_far_away_their_tracks_end() -> None:
    first = track(*played((60, 0, 4)), end=FAR_BEATS)
    assert notes(file_of(first, track(*played((62, 0, 1))), form=2)) == [(60, 0.0, 4.0), (62, 4.0, 5.0)]


def test_music_behind_an_end_of_track_that_comes_before_all_notes_is_read() -> None:
    """The chunk's length says that it is of the track, and without it the track would hold no music."""
    assert notes(file_of(CONDUCTOR + LINE, form=0)) == SCALE
    assert (
        notes(file_of(LINE + track(*played((30, 8, 9))), form=0)) == SCALE
    )  # behind music: what was cut away
    assert notes(file_of(CONDUCTOR + b"\x00\x90\x3c", LINE)) == SCALE  # rubbish


# All readers agree


@given(
    st.lists(
        st.tuples(
            st.integers(1, 40),
            st.one_of(
                st.tuples(st.just("key"), st.integers(60, 63)),
                st.tuples(st.sampled_from([64, 66, 120, 121, 123, 126]), st.sampled_from([0, 127])),
            ),
        ),
        max_size=40,
    )
)
def test_live_and_file_agree_on_pedals_and_modes(acts: list[tuple[int, tuple[object, int]]]) -> None:
    """One player on one channel, no two things at once, no key struck again while it is down."""
    import mido

    down: set[int] = set()
    events: list[Event] = []
    beats = 0.0
    for rest, (what, value) in acts:
        beats += (rest * 7 + 1) / TICKS
        if what == "key":
            events.append((beats, off(value) if value in down else on(value)))
            down ^= {value}
        else:
            events.append((beats, control(int(str(what)), value)))
            if what in (120, 123, 126):
                down.clear()
    beats += 1.0
    events += [(beats, control(121, 0)), (beats, control(120, 0))]
    if not any(message[0] == 0x90 for _, message in events):
        return
    piece = read(file_of(track(*events)))
    roll = PianoRoll()
    for at, message in events:
        roll.receive(mido.Message.from_bytes(message), round(at * TICKS) / TICKS * 4)
    expected = frames_of(piece.heard)
    assert [roll.close(step) for step in range(len(expected))] == expected


def test_what_is_played_is_what_is_read(tmp_path: Path) -> None:
    """Repeated, short, held and pedalled notes, as the built-in player plays them to jamd."""
    right = [
        (0.0, on(60)),
        (1.0, on(60)),
        (1.0, off(60)),
        (2.0, off(60)),
        (2.0, on(62)),
        (2.0, off(62)),
        (3.0, on(64)),
    ]
    left = [
        (0.0, control(64, 127)),
        (0.0, on(48)),
        (0.5, off(48)),
        (2.0, control(64, 0)),
        *played((60, 2, 3)),
    ]
    drums = [event for beat in range(4) for event in played((36, beat, beat + 0.5), channel=9)]
    path = tmp_path / "song.mid"
    path.write_bytes(file_of(track(*right, end=4.0), track(*left), track(*drums)))
    roll = PianoRoll()
    for seconds, message in midifile.performance(path, drums=False):
        roll.receive(message, seconds * 2 * 4)
    expected = frames_of(midifile.read(path).heard)
    assert [roll.close(step) for step in range(len(expected))] == expected
    assert any(message.channel == 9 for _, message in midifile.performance(path))


def test_unisons_of_parts_written_as_one_keyboard_are_read_as_they_are_heard(tmp_path: Path) -> None:
    heard = [Note(60, 80, 0.0, 2.0), Note(60, 90, 2.0, 8.0)]
    path = tmp_path / "one.mid"
    path.write_bytes(midifile.encode([midifile.Track("", messages_of(heard))], [], []))
    assert midifile.read(path).notes == heard
