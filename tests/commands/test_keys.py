"""Keys pressed while `jamd listen` and `jamd jam` are shown in a terminal: a real shell, real ports."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.kit.realparts import KEYS, SYNTH, Player, sounding
from tests.kit.shell import Shell

pytestmark = pytest.mark.jack

LISTEN = f"{sys.executable} -m jamd listen --backend jack --in {KEYS} --out {SYNTH} --thru all"
READY, SUMMARY = "play, and jamd will answer", "given up"


def wait_until(shell: Shell, echoes: bool) -> None:
    patience = time.monotonic() + 10
    while shell.echoes != echoes:
        assert time.monotonic() < patience, f"the terminal does{' not' * echoes} echo:\n{shell.shown}"
        time.sleep(0.01)  # nobody tells


def test_keys_are_orders_and_are_not_shown(player: Player, tmp_path: Path) -> None:
    with Shell(tmp_path, columns=150) as shell:
        shell.type(f"{LISTEN}\n")
        shell.wait_until_shown(READY)
        wait_until(shell, echoes=False)
        shell.type("++")
        shell.wait_until_shown("122 BPM")
        shell.type("-")
        shell.wait_until_shown("121 BPM")
        shell.type("m")
        shell.wait_until_shown("duet")
        shell.type("?")
        shell.wait_until_shown("space panic  q quit  + - tempo  m mode  l loop  v vary  s save  ? help")
        player.play([(0.0, (0x90, 60, 90))])
        struck = player.wait_for_strike()
        shell.type(" ")
        player.wait_for(lambda: [m for m in player.heard if m.is_control(123, 0)], 10, "the panic")
        assert not any(count > 0 for count in sounding(player.heard).values()), struck
        shell.type("xyz\x1b[A")
        shell.type("q")
        shell.wait_until_shown(SUMMARY)
        wait_until(shell, echoes=True)
        shell.type("echo ended $?\n")
        shell.wait_until_shown("ended 0\r\n")
    assert "xyz" not in shell.shown
    assert "++" not in shell.shown


def test_ctrl_z_gives_the_shell_its_terminal_and_fg_takes_it_again(player: Player, tmp_path: Path) -> None:
    with Shell(tmp_path, columns=150) as shell:
        shell.type(f"{LISTEN}\n")
        shell.wait_until_shown(READY)
        wait_until(shell, echoes=False)
        shell.type("\x1a")
        shell.wait_until_shown("Stopped")
        # The shell itself reads key by key; what it starts finds the terminal as it is to be.
        shell.type("stty -a | grep -o '.icanon'; stty -a | grep -o '.echo '\n")
        shell.wait_until_shown(" icanon\r\n")
        shell.wait_until_shown(" echo \r\n")
        shell.type("bg; sleep 1; echo qqq\n")  # in the background it plays on, and these are the shell's
        shell.wait_until_shown("\nqqq\r\n")
        shell.type("fg\n")
        shell.wait_until_shown(READY)
        shell.type("+")
        shell.wait_until_shown("121 BPM")
        shell.type("\x03")
        shell.wait_until_shown(SUMMARY)
        assert "^C" not in shell.shown
        shell.type("stty -a | grep -o '.icanon'\n")
        shell.wait_until_shown(" icanon\r\n")


def test_started_in_the_background_it_leaves_the_terminal_alone_until_fg(
    player: Player, tmp_path: Path
) -> None:
    with Shell(tmp_path, columns=150) as shell:
        shell.type(f"{LISTEN} &\n")
        shell.wait_until_shown("listening on")
        shell.type("sleep 1; jobs\n")
        shell.wait_until_shown("Running")
        shell.type("fg\n")
        shell.wait_until_shown(READY)
        shell.type("q")
        shell.wait_until_shown(SUMMARY)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT])
def test_whatever_ends_it_the_terminal_is_as_before(number: int, player: Player, tmp_path: Path) -> None:
    process = tmp_path / "process"
    with Shell(tmp_path, columns=150) as shell:
        shell.type(f"sh -c 'echo $$ > {process}; exec {LISTEN}'; stty -a | grep -o '.icanon'\n")
        shell.wait_until_shown(READY)
        wait_until(shell, echoes=False)
        os.kill(int(process.read_text()), number)
        shell.wait_until_shown(" icanon\r\n")


def test_in_jam_a_key_ends_it_and_none_changes_the_tempo_of_its_file(jack: str, tmp_path: Path) -> None:
    with Shell(tmp_path, columns=150) as shell:
        shell.type(f"{sys.executable} -m jamd jam --no-sound -o {tmp_path / 'jam.mid'}\n")
        shell.wait_until_shown("bar 1")
        wait_until(shell, echoes=False)
        shell.type("?")
        shell.wait_until_shown("space panic  q quit  ? help")
        shell.type("+q")
        shell.wait_until_shown(SUMMARY)
        shell.wait_until_shown("jamd listen --synth")
    assert "113 BPM" not in shell.shown
