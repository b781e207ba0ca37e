"""Whatever ends a command that plays, or makes it stand still, leaves nothing sounding: real ports, real
processes, each command and each signal."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import mido
import pytest

from tests.kit.realparts import KEYS, SYNTH, Jamd, Message, Player, between, sounding
from tests.kit.shell import Shell

pytestmark = pytest.mark.jack

OUT = ("--out", SYNTH)
PEDAL, ALL_NOTES_OFF = 64, 123
TEMPO = 120
HELD_SECONDS = 2.0


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


class Playing(Jamd):
    """A command that plays, and that may stand still."""

    def stop(self) -> None:
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGCONT)
        super().stop()


@contextmanager
def played(command: str, player: Player, home: Path, in_a_job: bool = False) -> Iterator[Playing]:
    """The command, playing: something of it sounds. As a job it can be made to stand still."""
    name, *options = arguments(command, home)
    with Playing(home, *options, command=name, job=in_a_job) as jamd:
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
    # what a signal meets half-way may be ended once more than it was struck
    return all(count < 0 for count in sounding(heard).values()) and last == wanted


INT, TERM, HUP, QUIT = signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT
ENDS = {
    "listen": (INT, TERM, QUIT),  # without a terminal SIGHUP asks it for its config: see below
    "click": (TERM, signal.SIGUSR1),
    "jam": (INT, TERM, HUP, QUIT),
    "play": (INT, TERM, HUP, QUIT, signal.SIGALRM),
    "loopback": (INT, TERM, HUP, QUIT),
    "timing": (TERM, HUP),
    "bench": (INT, QUIT),
}
"""Any command is ended by any signal in one and the same way: see `jamd.system.signals`."""


def status_of(command: str, number: signal.Signals) -> int:
    """How the command ends at this signal: a session in order, the rest as such programs do."""
    if number in (INT, TERM, HUP) and command in ("listen", "click", "jam"):
        return 0
    return 130 if number == INT else -number


@pytest.mark.parametrize(
    ("command", "number"),
    [
        pytest.param(command, number, id=f"{command}-{number.name}")
        for command, numbers in ENDS.items()
        for number in numbers
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


@pytest.mark.parametrize("command", ["jam", "play", "loopback", "compare"])
def test_ctrl_z_silences_first_and_the_grid_goes_on_at_fg(
    command: str, player: Player, tmp_path: Path
) -> None:
    """As a shell with job control has it: stopped, silent, continued; then it plays on, in time, and ends."""
    with played(command, player, tmp_path, in_a_job=True) as jamd:
        job = jamd.popen.pid
        os.kill(job, signal.SIGTSTP)
        wait_for_state(job, "T")
        stood = player.now()
        player.listen_until(stood + 0.6)
        assert ends_silent(player.heard)
        assert not between(player.heard, stood + 0.1, stood + 0.6)
        os.kill(job, signal.SIGCONT)
        again = player.now()
        player.wait_for_strike(again, 10)
        burst = [m for m in between(player.heard, again, again + 0.05) if m.strikes]
        assert len(burst) <= 4, "what should have sounded meanwhile sounds at once"
        os.kill(job, signal.SIGTERM)
        jamd.wait()
        player.listen_until(player.now() + 0.1)
    assert ends_silent(player.heard)


def test_in_a_terminal_ctrl_z_gives_the_shell_a_clean_one_and_closing_it_ends_the_session(
    player: Player, tmp_path: Path
) -> None:
    """The view is drawn, goes away with Ctrl-Z, and comes back with fg. What the player holds is ended each
    time; the last time nobody says so to jamd but the system: the terminal is gone."""
    with Shell(tmp_path) as shell:
        shell.type(f"{sys.executable} -m jamd listen --backend jack --in {KEYS} --out {SYNTH} --thru all\n")
        shell.wait_until_shown("play, and jamd will answer")
        player.play([(0.0, (0x90, 60, 90))])
        player.wait_for_strike()
        shell.type("\x1a")
        shell.wait_until_shown("Stopped")
        stood = player.now()
        player.listen_until(stood + 0.2)
        assert ends_silent(player.heard)
        assert shell.shown.rindex(SHOW_CURSOR) > shell.shown.rindex(HIDE_CURSOR)

        player.play([(0.0, (0x80, 60, 0))])
        shell.type("fg\n")
        shell.wait_until_shown("jamd will answer")
        again = player.now()
        player.play([(0.0, (0x90, 67, 90))])
        assert player.wait_for_strike(again).pitch == 67
        shell.close()
        closed = player.now()
        player.listen_until(closed + 1.0)
        assert ends_silent(player.heard)
    assert [m.pitch for m in player.heard if m.strikes][:2] == [60, 67]
    assert [m.pitch for m in player.heard if m.releases].count(60) == 1


HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


def wait_for_state(process: int, state: str) -> None:
    """Until the system says that a process is in this state: T is stopped."""
    patience = time.monotonic() + 5
    while Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != state:
        assert time.monotonic() < patience, f"the process did not come to state {state}"
        time.sleep(0.01)  # nobody tells
