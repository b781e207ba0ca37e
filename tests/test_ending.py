"""Whatever ends a command that plays, or makes it stand still, leaves nothing sounding: real ports, real
processes, each command and each signal."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import mido
import pytest
from realparts import KEYS, SYNTH, Jamd, Message, Player, between, sounding

pytestmark = pytest.mark.jack

OUT = ("--out", SYNTH)
PEDAL, ALL_NOTES_OFF = 64, 123
TEMPO = 120
HELD_SECONDS = 2.0
SOON_SECONDS = 0.3
"""Within so long a signal is obeyed and heard of."""


def long_chords(path: Path) -> Path:
    """Chords of two seconds, one after another, the pedal down all the time."""
    file, track = mido.MidiFile(), mido.MidiTrack()
    file.tracks.append(track)
    track.append(mido.MetaMessage("track_name", name="player"))
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(TEMPO)))
    track.append(mido.Message("control_change", control=PEDAL, value=127))
    ticks = int(HELD_SECONDS * TEMPO / 60 * file.ticks_per_beat)
    for root in (60, 62, 64, 65):
        for pitch in (root, root + 4, root + 7):
            track.append(mido.Message("note_on", note=pitch, velocity=90))
        for number, pitch in enumerate((root, root + 4, root + 7)):
            track.append(mido.Message("note_off", note=pitch, time=0 if number else ticks))
    file.save(path)
    return path


def arguments(command: str, home: Path) -> list[str]:
    """How the command is called, so that it plays to SYNTH."""
    match command:
        case "listen":
            return [
                "listen",
                "--in",
                KEYS,
                *OUT,
                "--tempo",
                "240",
                "--bars",
                "1",
                "--thru",
                "all",
                "--seed",
                "7",
            ]
        case "click":
            return ["listen", "--in", KEYS, *OUT, "--tempo", "20", "--count-in", "4", "--click", "76:10"]
        case "jam":
            return ["jam", "--call", str(long_chords(home / "call.mid")), *OUT, "-o", str(home / "jam.mid")]
        case "play":
            folder = home / "data" / "jamd" / "sessions"
            folder.mkdir(parents=True)
            long_chords(folder / "2026-01-01 12.00.00.mid")
            return ["sessions", "play", "last", *OUT]
        case "bench":
            return ["bench", "--in", KEYS, *OUT]
        case "compare":  # ways that other programs have: from the main thread, with no engine
            return ["bench", "timing", "--in", KEYS, *OUT, "--compare", "--quick", "--turns", "10"]
        case "timing":
            return ["bench", "timing", "--in", KEYS, *OUT, "--user", "--quick", "--tempo", "90"]
    return ["bench", "loopback", "--in", KEYS, *OUT, "--n", "1000"]


JOB = """
"$@" &
echo "job $!"
while kill -0 $! 2>/dev/null; do wait $!; status=$?; done
exit $status
"""


class Playing(Jamd):
    """A command that plays, in a job of its own or not."""

    def job(self) -> int:
        return int(self.wait_for_line("job ", 10).split()[1])

    def stop(self) -> None:
        for line in [line for line in self.stdout if line.startswith("job ")]:
            with suppress(ProcessLookupError):
                os.kill(int(line.split()[1]), signal.SIGKILL)
        super().stop()


@contextmanager
def played(command: str, player: Player, home: Path, in_a_job: bool = False) -> Iterator[Playing]:
    """The command, playing: something of it sounds. As a job it is what a shell started in the foreground's
    place, and can be made to stand still."""
    name, *options = arguments(command, home)
    before = ["bash", "-mc", JOB, "job"] if in_a_job else []
    with Playing(home, *options, command=name, before=before) as jamd:
        began = player.now()
        if name == "listen":
            jamd.wait_until_listening()
            began = player.play([(0.0, (0x90, 60, 90)), (0.0, (0xB0, PEDAL, 127))])
        player.wait_for_strike(began, 30)
        yield jamd


def ends_silent(heard: Sequence[Message]) -> bool:
    """Whether all that was struck was let go, then the pedals lifted and all notes ended."""
    used = {m.bytes[0] & 0x0F for m in heard if m.strikes}
    last = [m.bytes for m in heard[-2 * len(used) :]]
    wanted = [(0xB0 | ch, control, 0) for ch in sorted(used) for control in (PEDAL, ALL_NOTES_OFF)]
    return not sounding(heard) and last == wanted


COMMANDS = ("listen", "click", "jam", "play", "bench", "timing", "loopback")
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)

REREAD = {(command, signal.SIGHUP) for command in ("listen", "click")}
"""Where there is no terminal this asks listen for its config."""


def status_of(command: str, number: signal.Signals) -> int:
    """How the command ends at this signal: a session in order, the rest as such programs do."""
    if number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) and command in ("listen", "click", "jam"):
        return 0
    return 130 if number == signal.SIGINT else -number


@pytest.mark.parametrize(
    ("command", "number"),
    [
        pytest.param(command, number, id=f"{command}-{number.name}")
        for command in COMMANDS
        for number in ENDS
        if (command, number) not in REREAD
    ],
)
def test_after_any_end_of_any_command_nothing_sounds(
    command: str, number: signal.Signals, player: Player, tmp_path: Path
) -> None:
    with played(command, player, tmp_path) as jamd:
        jamd.signal(number)
        ended = jamd.wait()
        player.listen_until(player.now() + 0.1)
    assert ends_silent(player.heard)
    assert ended.status == status_of(command, number), ended.stderr
    assert "Traceback" not in ended.stderr


# Standing still


@pytest.mark.parametrize("command", ["listen", "jam", "play", "loopback", "compare"])
def test_ctrl_z_silences_first_and_the_grid_goes_on_at_fg(
    command: str, player: Player, tmp_path: Path
) -> None:
    """As a shell with job control has it: stopped, silent, continued; then it plays on, in time, and ends."""
    with played(command, player, tmp_path, in_a_job=True) as jamd:
        job = jamd.job()
        os.kill(job, signal.SIGTSTP)
        wait_for_state(job, "T")
        stood = player.now()
        player.listen_until(stood + 0.6)
        assert ends_silent(player.heard)
        assert not between(player.heard, stood + 0.1, stood + 0.6)
        os.kill(job, signal.SIGCONT)
        again = player.now()
        if command == "listen":
            player.play([(0.0, (0x80, 60, 0)), (0.1, (0x90, 67, 90)), (0.3, (0x80, 67, 0))])
        player.wait_for_strike(again, 10)
        burst = [m for m in between(player.heard, again, again + 0.05) if m.strikes]
        assert len(burst) <= 4, "what should have sounded meanwhile sounds at once"
        os.kill(job, signal.SIGTERM)
        jamd.wait()
        player.listen_until(player.now() + 0.1)
    assert ends_silent(player.heard)


def wait_for_state(process: int, state: str) -> None:
    """Until the system says that a process is in this state: T is stopped."""
    patience = time.monotonic() + 5
    while Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != state:
        assert time.monotonic() < patience, f"the process did not come to state {state}"
        time.sleep(0.01)  # nobody tells
