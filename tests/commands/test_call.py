"""The bundled call keeps what it promises: four calls on the bar lines, in one key, by a human hand."""

from importlib.resources import as_file, files
from io import BytesIO

import mido
import pytest

from jamd.music.note import Note
from jamd.music.transport import Metre
from jamd.smf import midifile

CALL = files("jamd").joinpath("call.mid")
PERIOD_BEATS, CALL_BEATS = 16, 8
G_MAJOR = {7, 9, 11, 0, 2, 4, 6}


@pytest.fixture(scope="module")
def piece() -> midifile.Piece:
    with as_file(CALL) as path:
        return midifile.read(path)


@pytest.fixture(scope="module")
def calls(piece: midifile.Piece) -> list[list[Note]]:
    return [[n for n in piece.notes if n.start_beats // PERIOD_BEATS == i] for i in range(4)]


def test_the_call_is_one_part_named_player_at_112_in_four_four(piece: midifile.Piece) -> None:
    assert [part.name for part in piece.parts] == ["player"]
    ((start_beats, tempo),) = piece.tempos
    assert (start_beats, tempo) == (0.0, pytest.approx(112, abs=0.01))
    assert piece.metres == ((0.0, Metre(4, 4)),)


def test_four_calls_begin_on_their_bar_lines_and_leave_two_bars_of_rest(calls: list[list[Note]]) -> None:
    assert sum(map(len, calls)) > 80
    for number, call in enumerate(calls):
        begins = min(note.start_beats for note in call) - number * PERIOD_BEATS
        ends = max(note.end_beats for note in call) - number * PERIOD_BEATS
        assert 0 <= begins < 0.01
        assert CALL_BEATS - 1 < ends < CALL_BEATS


def test_the_calls_stay_in_g_major_and_come_home(calls: list[list[Note]]) -> None:
    assert {note.pitch % 12 for call in calls for note in call} <= G_MAJOR
    final = max(note.end_beats for note in calls[-1])
    last_chord = {note.pitch for note in calls[-1] if note.end_beats > final - 0.1}
    assert {pitch % 12 for pitch in last_chord} == {7, 11, 2}
    assert min(last_chord) % 12 == max(last_chord) % 12 == 7


def test_every_call_has_chords_and_the_second_repeats_notes(calls: list[list[Note]]) -> None:
    for call in calls:
        assert any(sum(n.start_beats <= o.start_beats < n.end_beats for o in call) >= 3 for n in call)
    melody = [note.pitch for note in calls[1] if note.pitch >= 67]
    assert [melody[0]] * 3 == melody[:3]


def test_the_playing_is_shaped_and_human(piece: midifile.Piece) -> None:
    velocities = {note.velocity for note in piece.notes}
    assert max(velocities) - min(velocities) > 50
    milliseconds = [abs(n.start_beats * 4 - round(n.start_beats * 4)) / 4 * 60_000 / 112 for n in piece.notes]
    assert max(milliseconds) < 20
    assert sum(late > 0.5 for late in milliseconds) > len(milliseconds) / 2


def test_the_pedal_is_used_in_the_third_call_only_and_let_go() -> None:
    file = mido.MidiFile(file=BytesIO(CALL.read_bytes()))
    beats, pedal = 0.0, []
    for message in file.tracks[1]:
        beats += message.time / file.ticks_per_beat
        if message.type == "control_change" and message.control == midifile.PEDAL:
            pedal.append((beats, message.value))
    assert [value for _, value in pedal] == [127, 0] * 4
    assert 2 * PERIOD_BEATS <= pedal[0][0] < pedal[-1][0] < 2 * PERIOD_BEATS + CALL_BEATS


def test_the_file_is_small_and_plays_on_the_first_channel() -> None:
    content = CALL.read_bytes()
    assert len(content) < 4096
    assert {m.channel for m in mido.MidiFile(file=BytesIO(content)) if not m.is_meta} == {0}
