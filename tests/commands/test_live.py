"""`jamd listen` end to end: real ports, real processes, real time. A bar lasts a second here."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest

from jamd.smf import midifile
from tests.kit.processes import Ended
from tests.kit.realparts import KEYS, SYNTH, Jamd, Message, Player, Synth, between, sounding

pytestmark = pytest.mark.jack

BAR = 1.0
BEAT = BAR / 4
STEP = BEAT / 4
HEARD_LATE_SECONDS = 0.05
"""How late a note may be heard: two JACK periods, a listener's thread, and a machine with other work."""
PEDAL, ALL_NOTES_OFF = 64, 123
ONE_BAR = ("--tempo", "240", "--bars", "1", "--answer-bars", "1", "--seed", "7")
PORTS = ("--in", KEYS, "--out", SYNTH)

Score = list[tuple[float, Sequence[int]]]
Start = Callable[..., Jamd]


def note(pitch: int, seconds: float, length_seconds: float = 0.2, velocity: int = 90) -> Score:
    return [(seconds, (0x90, pitch, velocity)), (seconds + length_seconds, (0x80, pitch, 0))]


def phrase(bar: int = 0, root: int = 60) -> Score:
    """A bar in quarter notes, let go before the bar line."""
    pitches = (root, root + 4, root + 7, root + 4)
    return [event for beat, p in enumerate(pitches) for event in note(p, bar * BAR + beat * BEAT)]


def strikes(messages: Sequence[Message]) -> list[Message]:
    return [message for message in messages if message.strikes]


def ends_silent(heard: Sequence[Message]) -> bool:
    """Whether each note that was struck was let go, then the pedal was lifted and all notes ended."""
    if sounding(heard):
        return False
    return [message.bytes[1:] for message in heard[-2:]] == [(PEDAL, 0), (ALL_NOTES_OFF, 0)]


def recorded_strikes(path: Path, part: str) -> list[tuple[float, mido.Message]]:
    """The note-ons in one track of a session file, at seconds."""
    file = mido.MidiFile(path)
    assert [track.name for track in file.tracks] == ["tempo", "player", "jamd"]
    tempo = next(message.tempo for message in file.tracks[0] if message.type == "set_tempo")
    ticks, found = 0, []
    for message in next(track for track in file.tracks if track.name == part):
        ticks += message.time
        if message.type == "note_on" and message.velocity > 0:
            found.append((mido.tick2second(ticks, file.ticks_per_beat, tempo), message))
    return found


@dataclass(frozen=True)
class Jam:
    """Four calls and their answers, from beginning to end."""

    start_seconds: float
    sent: list[Message]
    heard: list[Message]
    trace: list[dict[str, Any]]
    record: Path
    ended: Ended

    def answer(self, turn: int) -> list[Message]:
        """What was heard in the bar of an answer."""
        start = self.start_seconds + (2 * turn + 1) * BAR
        return between(self.heard, start - STEP / 2, start + BAR - STEP / 2)


@pytest.fixture(scope="module")
def jam(jack: str, tmp_path_factory: pytest.TempPathFactory) -> Jam:
    """Calls in bars 0, 2, 4 and 6, exactly on the grid, answered on the grid (`--feel 0`)."""
    home = tmp_path_factory.mktemp("jam")
    with Player() as player, Jamd(home, "--backend", "jack", *PORTS, *ONE_BAR, "--feel", "0") as jamd:
        jamd.wait_until_listening()
        start = player.play([event for turn in range(4) for event in phrase(2 * turn, 60 + turn)])
        player.listen_until(start + 8.5 * BAR)
        jamd.signal(signal.SIGTERM)
        ended = jamd.wait()
        player.listen_until(start + 8.6 * BAR)
    began = strikes(player.sent)[0].seconds
    return Jam(began, player.sent, player.heard, jamd.trace(), jamd.record, ended)


@pytest.mark.parametrize("turn", range(4))
def test_the_answer_begins_on_the_bar_line_after_the_call(jam: Jam, turn: int) -> None:
    bar_line = jam.start_seconds + (2 * turn + 1) * BAR
    first = strikes(jam.answer(turn))[0]
    assert 0 <= first.seconds - bar_line < HEARD_LATE_SECONDS


def test_jamd_plays_in_its_own_bars_only(jam: Jam) -> None:
    for message in strikes(jam.heard):
        bars = (message.seconds - jam.start_seconds) / BAR
        assert int(bars) in (1, 3, 5, 7), f"a note {bars:.3f} bars after the first"


@pytest.mark.parametrize("turn", range(4))
def test_every_note_of_an_answer_ends_with_it(jam: Jam, turn: int) -> None:
    answer_end = jam.start_seconds + (2 * turn + 2) * BAR
    assert not sounding(between(jam.heard, 0, answer_end + HEARD_LATE_SECONDS))


def test_no_note_is_let_go_that_was_not_struck(jam: Jam) -> None:
    for count in range(len(jam.heard)):
        assert min(sounding(jam.heard[:count]).values(), default=1) == 1


def test_notes_without_feel_are_meant_for_the_grid(jam: Jam) -> None:
    on_grid = [sent["intended"] for sent in jam.trace if sent["bytes"][0] & 0xF0 == 0x90]
    steps = (np.array(on_grid) - on_grid[0]) / STEP
    assert np.abs(steps - steps.round()).max() < 1e-3


def test_what_is_sent_is_sent_when_it_was_meant(jam: Jam) -> None:
    late = np.array([sent["actual"] - sent["intended"] for sent in jam.trace])
    assert late.min() >= 0
    assert np.median(late) < 0.001
    assert np.percentile(late, 90) < 0.02  # the machine that tests has other work too


def test_the_trace_is_what_the_synth_hears(jam: Jam) -> None:
    assert [tuple(sent["bytes"]) for sent in jam.trace] == [message.bytes for message in jam.heard]


def test_the_session_holds_what_both_played(jam: Jam) -> None:
    for part, messages in (("player", jam.sent), ("jamd", jam.heard)):
        kept = [(m.note, m.velocity) for _, m in recorded_strikes(jam.record, part)]
        assert kept == [message.bytes[1:] for message in strikes(messages)]


def test_the_session_is_on_the_grid_that_was_played(jam: Jam) -> None:
    kept = [seconds for seconds, _ in recorded_strikes(jam.record, "player")]
    sent = [message.seconds - jam.start_seconds for message in strikes(jam.sent)]
    assert kept == pytest.approx(sent, abs=HEARD_LATE_SECONDS)


def test_a_session_ended_by_a_signal_is_summed_up(jam: Jam) -> None:
    assert jam.ended.status == 0, jam.ended.stderr
    for said in ("4 turns", "16 notes heard", f"{len(strikes(jam.heard))} played", "jitter"):
        assert said in jam.ended.stdout


def test_chords_repeated_notes_and_the_pedal_are_heard(player: Player, jamd: Start) -> None:
    chord = [event for pitch in (48, 52, 55, 60) for event in note(pitch, 0.0, 0.1)]
    pedal: Score = [(0.05, (0xB0, PEDAL, 127)), (0.5, (0xB0, PEDAL, 0))]
    velocities = [60, 65, 70, 75]
    repeated = [event for k, v in enumerate(velocities) for event in note(72, (2 + k / 2) * BEAT, 0.08, v)]
    playing = jamd(*PORTS, *ONE_BAR)
    start = player.play(chord + pedal + repeated)
    answer = player.wait_for_strike(after_seconds=start)
    player.listen_until(start + 2.2 * BAR)
    playing.signal(signal.SIGTERM)
    assert playing.wait().status == 0
    assert start + BAR <= answer.seconds < start + 2 * BAR
    (part,) = (part for part in midifile.read(playing.record).parts if part.name == "player")
    chord_notes = [heard for heard in part.notes if heard.pitch < 72]
    assert sorted(heard.pitch for heard in chord_notes) == [48, 52, 55, 60]
    # Let go after 0.1 s and held by the pedal for 0.5 s, at 4 beats a second.
    assert [heard.end_beats for heard in chord_notes] == pytest.approx([2.0] * 4, abs=0.2)
    assert [heard.velocity for heard in part.notes if heard.pitch == 72] == velocities


def test_playing_during_an_answer_stops_it_at_once(player: Player, jamd: Start) -> None:
    playing = jamd(*PORTS, *ONE_BAR)
    start = player.play(phrase())
    player.wait_for_strike(after_seconds=start)
    player.play(note(64, 0.0), player.heard[-1].seconds)
    player.listen_until(start + 3.2 * BAR)
    pressed = strikes(player.sent)[-1].seconds
    assert start + BAR < pressed < start + 2 * BAR
    playing.signal(signal.SIGTERM)
    assert playing.wait().status == 0
    assert sounding(between(player.heard, 0, pressed))
    assert not sounding(between(player.heard, 0, pressed + HEARD_LATE_SECONDS))
    # The key that stopped it began a call, which has its answer on the next bar line.
    stopped, again = pressed + HEARD_LATE_SECONDS, start + 2 * BAR
    assert not strikes(between(player.heard, stopped, again))
    assert strikes(between(player.heard, again, again + BAR))


def test_playing_during_an_answer_leaves_it_alone_without_interrupt(player: Player, jamd: Start) -> None:
    playing = jamd(*PORTS, *ONE_BAR, "--answer-bars", "2", "--no-interrupt")
    start = player.play(phrase())
    player.wait_for_strike(after_seconds=start)
    player.play(note(64, 0.0), player.heard[-1].seconds)
    player.listen_until(start + 4 * BAR)
    pressed = strikes(player.sent)[-1].seconds
    playing.signal(signal.SIGTERM)
    assert playing.wait().status == 0
    # What was sounding is not cut off, whether or not the answer has anything more to strike.
    assert sounding(between(player.heard, 0, pressed + HEARD_LATE_SECONDS))
    assert between(player.heard, pressed + HEARD_LATE_SECONDS, start + 3 * BAR)
    assert not strikes(between(player.heard, start + 3 * BAR, start + 4 * BAR))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_during_an_answer_leaves_nothing_sounding(
    player: Player, jamd: Start, number: signal.Signals
) -> None:
    playing = jamd(*PORTS, *ONE_BAR)
    start = player.play(phrase())
    player.wait_for_strike(after_seconds=start)
    stopped = player.now()
    playing.signal(number)
    player.listen_until(stopped + 0.2)
    assert ends_silent(list(player.heard))
    ended = playing.wait()
    assert ended.status == 0, ended.stderr
    assert "1 turn," in ended.stdout
    player.listen_until(stopped + 0.5)
    assert not strikes(between(player.heard, stopped + 0.2, stopped + 1))


def test_a_second_of_music_at_most_is_lost_to_a_kill(player: Player, jamd: Start) -> None:
    playing = jamd(*PORTS, *ONE_BAR)
    start = player.play(phrase(0) + phrase(2))
    player.wait_for_strike(after_seconds=start + 3 * BAR)
    killed = player.now()
    playing.signal(signal.SIGKILL)
    assert playing.wait().status == -signal.SIGKILL
    for part, messages in (("player", player.sent), ("jamd", player.heard)):
        played = Counter(m.pitch for m in strikes(between(messages, 0, killed - 1.0)))
        kept = Counter(m.note for _, m in recorded_strikes(playing.record, part))
        assert played
        assert played <= kept


def test_the_synth_sounds_while_jamd_plays_only(synth: Synth, player: Player, jamd: Start) -> None:
    playing = jamd("--in", KEYS, "--out", Synth.port, *ONE_BAR)
    before = synth.seconds
    start = player.play(phrase())
    player.listen_until(start + BAR)
    call_end = synth.seconds
    player.listen_until(start + 1.8 * BAR)
    playing.signal(signal.SIGTERM)
    stopped = synth.seconds
    assert playing.wait().status == 0
    synth.wait_for_seconds(stopped + 1.5)
    assert synth.loudness(before, call_end - 0.1) < 1
    assert synth.loudness(call_end, stopped) > 30
    assert synth.loudness(stopped + 1.0, stopped + 1.5) < 1


def test_jamd_does_not_answer_itself(jack: str, jamd: Start) -> None:
    """One device that sends back all it gets, as a keyboard with local echo or a loopback port does."""
    with Player("jamd-test-loop", "jamd-test-loop", "--echo") as device:
        playing = jamd("--in", "jamd-test-loop", "--out", "jamd-test-loop", *ONE_BAR)
        start = device.play(phrase(0) + phrase(4, 65))
        device.listen_until(start + 6.2 * BAR)
        playing.signal(signal.SIGTERM)
        assert playing.wait().status == 0
        kept = [m.note for _, m in recorded_strikes(playing.record, "player")]
        assert kept == [message.pitch for message in strikes(device.sent)]
        bars = Counter(int((m.seconds - start) / BAR) for m in strikes(device.heard))
        assert set(bars) == {1, 5}


MALFORMED = [
    (0x90,),  # a note-on without its data
    (0x90, 60),
    (0x90, 200, 255),  # data with the top bit set
    (0x40, 0x40),  # data without a status
    (0xF4,),  # undefined
    (0xF0, 0x7D, 0x90, 0xF7),  # a status inside an exclusive
    (0xF0, *[0x11] * 3000),  # an exclusive without an end: RtMidi takes what follows for more of it, until
    (0x40, 0xF7),
    (0xF7,),  # the end of no exclusive
    (0xB0, 64),
    (0xE0, 0),
    (0xFF,),  # reset
]


def test_malformed_bytes_do_not_stop_the_music(player: Player, jamd: Start) -> None:
    playing = jamd(*PORTS, *ONE_BAR)
    rubbish: Score = [(0.01 + 0.02 * number, message) for number, message in enumerate(MALFORMED)]
    in_the_answer: Score = [(BAR + seconds, message) for seconds, message in rubbish]
    start = player.play(phrase(0) + rubbish + in_the_answer + phrase(2))
    player.listen_until(start + 4.2 * BAR)
    playing.signal(signal.SIGTERM)
    ended = playing.wait()
    assert ended.status == 0, ended.stderr
    assert "2 turns" in ended.stdout
    assert {int((m.seconds - start) / BAR) for m in strikes(player.heard)} == {1, 3}
    assert ends_silent(list(player.heard))


def test_without_names_jamd_makes_ports_for_others_to_open(jack: str, jamd: Start) -> None:
    playing = jamd(*ONE_BAR)
    with Player("jamd in", "jamd out", "--join") as player:
        start = player.play(phrase())
        answer = player.wait_for_strike(after_seconds=start)
        assert start + BAR <= answer.seconds < start + 2 * BAR
        playing.signal(signal.SIGTERM)
        assert playing.wait().status == 0


def refused(home: Path, *options: str) -> str:
    """The one line with which `jamd listen` refuses these options."""
    with Jamd(home, "--backend", "jack", *options) as jamd:
        ended = jamd.wait(20)
    assert ended.status == 2
    (line,) = ended.stderr.splitlines()
    assert not jamd.record.exists()
    return line


def test_an_unknown_port_is_refused_with_the_ports_there_are(player: Player, tmp_path: Path) -> None:
    line = refused(tmp_path, "--in", "harpsichord", "--out", SYNTH)
    assert "harpsichord" in line
    assert KEYS in line


def test_an_ambiguous_port_is_refused_with_the_ports_it_could_be(player: Player, tmp_path: Path) -> None:
    with Player("jamd-test-left", "jamd-test-right"):
        line = refused(tmp_path, "--in", KEYS, "--out", "jamd-test")
    assert SYNTH in line
    assert "jamd-test-right" in line


BREAK = """
import jamd.mind.improviser
answer = jamd.mind.improviser.Improviser.answer
def broken(self, places, *due):  # to warm up, none is due
    if due:
        with open({counter!r}, "a+") as asked:  # each model may be in a process of its own
            asked.write("x")
            asked.flush()
            if asked.tell() in {failing}:
                raise RuntimeError("the device was lost")
    return answer(self, places, *due)
jamd.mind.improviser.Improviser.answer = broken
"""


def breaking(folder: Path, failing: Sequence[int]) -> dict[str, str]:
    """What makes the model of a jamd that is started so raise at these turns."""
    broken = BREAK.replace("{failing}", repr(failing)).replace("{counter!r}", repr(str(folder / "asked")))
    (folder / "sitecustomize.py").write_text(broken)
    return {"PYTHONPATH": str(folder)}


def test_for_a_model_that_fails_twice_another_stands_in(
    player: Player, jamd: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two turns fall silent, each is said, and the third is answered. The session ends well."""
    for name, value in breaking(tmp_path, (1, 2)).items():
        monkeypatch.setenv(name, value)
    playing = jamd(*PORTS, *ONE_BAR)
    start = player.play(phrase(0) + phrase(2) + phrase(6))
    player.wait_for_strike(after_seconds=start + 7 * BAR - STEP)
    playing.signal(signal.SIGTERM)
    ended = playing.wait()
    assert ended.status == 0, ended.stderr
    assert not strikes(between(player.heard, 0, start + 7 * BAR - STEP))
    fault = "RuntimeError: the device was lost"
    assert ended.stderr.splitlines() == [
        f"jamd: answer 1 given up: {fault}",
        f"jamd: answer 2 given up: {fault}",
        "jamd: default fails again and again; markov stands in for it",
    ]
    player.listen_until(player.now() + 0.2)
    assert ends_silent(list(player.heard))


def test_a_session_in_which_the_model_never_worked_ends_with_a_fault(
    player: Player, jamd: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in breaking(tmp_path, range(1, 100)).items():
        monkeypatch.setenv(name, value)
    playing = jamd(*PORTS, *ONE_BAR)
    start = player.play(phrase())
    player.listen_until(start + 1.5 * BAR)
    playing.signal(signal.SIGTERM)
    ended = playing.wait()
    assert ended.status == 1
    assert not strikes(player.heard)
    last = "jamd: the model failed whenever it was asked; last: RuntimeError: the device was lost"
    assert ended.stderr.splitlines()[-1] == last


def test_a_signal_sent_twice_is_one_wish(player: Player, jamd: Start) -> None:
    """As `timeout` and launchers that pass signals on send it; the second must not cut the silencing off."""
    playing = jamd(*PORTS, *ONE_BAR)
    start = player.play(phrase())
    player.wait_for_strike(after_seconds=start)
    for _ in range(2):
        playing.signal(signal.SIGINT)
    ended = playing.wait()
    assert ended.status == 0, ended.stderr
    assert "1 turn," in ended.stdout
    player.listen_until(player.now() + 0.2)
    assert ends_silent(list(player.heard))
