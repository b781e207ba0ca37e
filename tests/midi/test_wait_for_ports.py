"""A jamd that is there before the keyboard is: it waits, and says for what."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from jamd.errors import BackendError, PortError
from jamd.midi.wait_for_ports import arrived
from tests.kit.realparts import KEYS, SYNTH, Jamd, Player


@dataclass
class Evening:
    """A machine on which more is switched on each second; at None there is no MIDI system."""

    ports: list[list[str] | None]
    second: int = 0

    def open(self) -> Evening:
        if self.ports[self.second] is None:
            raise BackendError("no MIDI backend opens; start JACK")
        return self

    def inputs(self) -> list[str]:
        return self.ports[self.second] or []

    outputs = inputs

    def wait(self, seconds: float) -> None:
        assert seconds == 1.0
        self.second += 1


def test_it_begins_when_all_ports_are_there(caplog: pytest.LogCaptureFixture) -> None:
    evening = Evening([None, None, ["Synth"], ["Synth"], ["Synth", "Keys"], ["too late"]])
    assert arrived(evening.open, ["keys", None], ["synth"], evening.wait) is evening
    assert evening.second == 4
    assert [record.getMessage() for record in caplog.records] == [
        "waiting: no MIDI backend opens; start JACK",
        "waiting: no input matches 'keys'",
    ]


def test_where_all_is_there_nothing_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    evening = Evening([["Keys", "Synth"]])
    assert arrived(evening.open, ["Keys"], ["Synth", None], evening.wait) is evening
    assert not caplog.records


def test_a_name_that_means_two_ports_is_no_better_tomorrow() -> None:
    evening = Evening([["Strings"], ["Synth left", "Synth right"]])
    with pytest.raises(PortError, match="output 'synth ' could be any of: Synth left, Synth right"):
        arrived(evening.open, [], ["synth "], evening.wait)
    assert evening.second == 1


@pytest.mark.jack
def test_a_keyboard_that_is_plugged_in_later_is_played_on(jack: str, tmp_path: Path) -> None:
    ports = ("--in", KEYS, "--out", SYNTH, "--wait", "--silence-first")
    one_bar = ("--tempo", "240", "--bars", "1", "--answer-bars", "1", "--seed", "7")
    with Jamd(tmp_path, "--backend", "jack", *ports, *one_bar) as waiting:
        waiting.wait_for_line(f"jamd: waiting: no input matches '{KEYS}'; no output matches '{SYNTH}'", 20)
        with Player() as player:
            waiting.wait_until_listening()
            player.wait_for(lambda: silenced(player), 10, "the silence first")
            start = player.play([(0.25 * beat, (0x90, 60 + beat, 90)) for beat in range(4)])
            player.wait_for_strike(after_seconds=start)
            waiting.signal(signal.SIGTERM)
            assert waiting.wait().status == 0


def silenced(player: Player) -> bool:
    return any(message.bytes[:2] == (0x8F, 127) for message in player.heard)
