"""`jamd listen --sync midi` end to end: a drum machine in another process, whose bars last a second."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from jamd.cli import main
from tests.kit.realparts import KEYS, SYNTH, Jamd, Message, Player, between, sounding

BAR = 1.0
BEAT = BAR / 4
TICK = BEAT / 24
HEARD_LATE_SECONDS = 0.05
START, CONTINUE, STOP, CLOCK = (0xFA,), (0xFB,), (0xFC,), (0xF8,)
OPTIONS = ("--sync", "midi", "--bars", "1", "--answer-bars", "1", "--seed", "7", "--feel", "0")

Score = list[tuple[float, Sequence[int]]]


def ticks(first_bar: float, bars: float, at_seconds: float | None = None) -> Score:
    """The clock of so many bars."""
    begin = first_bar * BAR if at_seconds is None else at_seconds
    return [(begin + tick * TICK, CLOCK) for tick in range(round(bars * BAR / TICK))]


def phrase(seconds: float) -> Score:
    """A bar in quarter notes."""
    return [
        event
        for beat, pitch in enumerate((60, 64, 67, 64))
        for event in (
            (seconds + beat * BEAT, (0x90, pitch, 90)),
            (seconds + (beat + 0.8) * BEAT, (0x80, pitch, 0)),
        )
    ]


def strikes(messages: Sequence[Message]) -> list[float]:
    return [message.seconds for message in messages if message.strikes]


@pytest.mark.jack
def test_answers_are_in_the_drum_machines_bars_through_stop_and_continue(jack: str, tmp_path: Path) -> None:
    """Bars 0 and 2 are played and answered. The machine stops in the middle of bar 3, and goes on from there
    two bars later: what is then bar 4 is played, and bar 5 answers."""
    gap = 2 * BAR
    score = [(-TICK, START), *ticks(0, 3.5), (3.5 * BAR, STOP)]
    score += [(3.5 * BAR + gap - TICK, CONTINUE), *ticks(3.5, 3.5, 3.5 * BAR + gap)]
    score += [*phrase(0.0), *phrase(2 * BAR), *phrase(4 * BAR + gap)]
    options = ("--backend", "jack", "--in", KEYS, "--out", SYNTH, *OPTIONS)
    with Player() as player, Jamd(tmp_path, *options) as jamd:
        jamd.wait_until_listening()
        start = player.play([(seconds + 2 * TICK, message) for seconds, message in sorted(score)])
        player.listen_until(start + 7 * BAR + gap)
        jamd.signal(signal.SIGTERM)
        ended = jamd.wait()
    assert ended.status == 0, ended
    heard = player.heard
    # As they are meant: a single tick may leave late on a busy machine.
    bar_lines = {bar: start + 2 * TICK + bar * BAR + (gap if bar > 3 else 0.0) for bar in (1, 3, 5)}
    stopped = next(message.seconds for message in player.sent if message.bytes == STOP)
    for bar_line in bar_lines.values():
        answer = strikes(between(heard, bar_line - BEAT / 2, bar_line + BAR - BEAT / 2))
        assert -HEARD_LATE_SECONDS < answer[0] - bar_line < HEARD_LATE_SECONDS
    assert not strikes(between(heard, stopped + HEARD_LATE_SECONDS, bar_lines[5] - BEAT / 2))
    assert not sounding(between(heard, 0, stopped + HEARD_LATE_SECONDS))


def test_a_clock_input_without_its_sync_is_refused() -> None:
    result = CliRunner().invoke(main, ["listen", "--clock-in", "drums"])
    assert result.exit_code == 2
    assert "--clock-in is for --sync midi; give both" in result.output + result.stderr
