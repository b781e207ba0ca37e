"""What happens is said on stderr and kept in a file, and nobody who plays waits for either."""

from __future__ import annotations

import logging
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from jamd.errors import JamdError
from jamd.system import logs
from jamd.system.logs import LogFile, Waiting, logged, say
from tests.kit.realparts import KEYS, SYNTH, Jamd, Player

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d"
log = logging.getLogger("jamd.test")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jamd.log"


def record(message: str, level: int = logging.INFO) -> logging.LogRecord:
    return logging.LogRecord("jamd.test", level, __file__, 0, message, (), None)


def said(path: Path) -> list[str]:
    """The lines of a log without their times."""
    lines = path.read_text().splitlines()
    assert all(re.match(rf"{STAMP} |    ", line) for line in lines)
    return [re.sub(f"^{STAMP} ", "", line) for line in lines]


def test_a_warning_is_a_line_on_stderr_and_a_line_with_its_time_in_the_file(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with logged(path):
        log.warning("answer %d given up: %s", 3, "no time")
        log.info("the synth is back")
        log.debug("a note")
    assert said(path) == ["WARNING answer 3 given up: no time", "INFO the synth is back"]
    assert capsys.readouterr().err == "jamd: answer 3 given up: no time\n"


def test_a_fact_of_the_session_is_said_once_on_stdout(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with logged(path):
        say("listening on Keys -> jamd -> Synth")
    assert said(path) == ["INFO listening on Keys -> jamd -> Synth"]
    assert capsys.readouterr() == ("listening on Keys -> jamd -> Synth\n", "")


def test_without_a_file_warnings_are_said_and_afterwards_nothing_is_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = [*logging.getLogger("jamd").handlers], logging.getLogger("jamd").level
    with logged():
        log.warning("the clock is gone")
        log.info("the clock is back")
    assert capsys.readouterr().err == "jamd: the clock is gone\n"
    assert ([*logging.getLogger("jamd").handlers], logging.getLogger("jamd").level) == before


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (JamdError("the model failed twice"), "ERROR ended: the model failed twice"),
        (click.BadParameter("no such metre"), "ERROR ended: no such metre"),
        (KeyboardInterrupt(), "ERROR ended by Ctrl-C"),
    ],
)
def test_what_ended_it_is_the_last_line_of_the_file_and_left_to_others_to_say(
    path: Path, capsys: pytest.CaptureFixture[str], error: BaseException, line: str
) -> None:
    with pytest.raises(type(error)), logged(path):
        raise error
    assert said(path) == [line]
    assert capsys.readouterr().err == ""


def test_a_fault_of_jamd_s_own_is_kept_with_its_traceback(path: Path) -> None:
    with pytest.raises(ZeroDivisionError), logged(path):
        _ = 1 / 0
    first, *traceback = said(path)
    assert first == "ERROR ended by a fault of jamd's own"
    assert traceback[0] == "    Traceback (most recent call last):"
    assert traceback[-1] == "    ZeroDivisionError: division by zero"


def test_a_port_s_name_cannot_pass_for_a_line(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with logged(path):
        log.warning("gone: %s", "Synth\n2026-01-01T00:00:00.000+00:00 INFO all is well\x1b[2J")
    assert said(path) == [
        "WARNING gone: Synth",
        "    2026-01-01T00:00:00.000+00:00 INFO all is well\\x1b[2J",
    ]
    assert capsys.readouterr().err == "jamd: gone: Synth\n"


def test_a_full_file_is_put_aside_and_the_oldest_goes(path: Path) -> None:
    """Each line here takes 48 bytes, so two of them fill a file of 100."""
    keep = LogFile(path, most_bytes=100, older_files=2)
    for number in range(1, 8):
        keep(record(f"line number {number}"))
    kept = {each.name: [line[-1] for line in said(each)] for each in path.parent.iterdir()}
    assert kept == {"jamd.log": ["7"], "jamd.log.1": ["5", "6"], "jamd.log.2": ["3", "4"]}


def test_a_file_that_is_moved_away_is_begun_anew(path: Path) -> None:
    keep = LogFile(path)
    keep(record("one"))
    path.rename(path.with_name("archived"))
    keep(record("two"))
    assert said(path) == ["INFO two"]


def test_where_no_log_can_be_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(JamdError, match=r"^cannot write .*nowhere/x\.log: No such file or directory$"):
        LogFile(tmp_path / "nowhere" / "x.log")
    with pytest.raises(JamdError, match=r"^cannot write .*: Is a directory$"), logged(tmp_path):
        pytest.fail("nothing is to be done without the log")


def test_a_full_disk_is_complained_of_once(capsys: pytest.CaptureFixture[str]) -> None:
    keep = LogFile(Path("/dev/full"))
    for _ in range(3):
        keep(record("a line"))
    assert capsys.readouterr().err == (
        "jamd: the log is not being written: cannot write /dev/full: No space left on device\n"
    )


@pytest.fixture
def asleep() -> Iterator[tuple[Callable[[logging.LogRecord], None], threading.Event, list[str]]]:
    """A sink that takes nothing until it is woken, the waking, and what it took."""
    woken, took = threading.Event(), []

    def take(record: logging.LogRecord) -> None:
        woken.wait()
        took.append(record.getMessage())

    yield take, woken, took
    woken.set()


def test_who_logs_does_not_wait_for_a_reader_that_sleeps(
    asleep: tuple[Callable[[logging.LogRecord], None], threading.Event, list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The tenth of the lines and all after it find no room. The first is in the reader's hands already, or
    waits with the others."""
    monkeypatch.setattr(logs, "MOST_WAITING", 10)
    sink, woken, took = asleep
    handler = Waiting(sink)
    for number in range(100):
        handler.handle(record(f"line {number}"))
    assert took == []
    woken.set()
    handler.finish()
    taken = [line for line in took if line.startswith("line")]
    assert taken == [f"line {number}" for number in range(len(taken))]
    assert len(taken) in (10, 11)
    lost = 100 - len(taken)
    assert f"{lost} lines of the log left out: nobody took them in time" in took


def test_a_reader_that_never_wakes_does_not_keep_the_program_from_ending(
    asleep: tuple[Callable[[logging.LogRecord], None], threading.Event, list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logs, "CLOSE_SECONDS", 0.01)
    sink, _, took = asleep
    handler = Waiting(sink)
    handler.handle(record("a line"))
    handler.finish()
    assert took == []


def test_a_program_whose_stderr_nobody_reads_goes_on_and_ends() -> None:
    """A pipe holds 64 KiB; ten times that is said to it."""
    script = """
import logging
from jamd.system.logs import logged
with logged():
    for number in range(5000):
        logging.getLogger("jamd.test").warning("%s", "x" * 120)
print("played to the end")
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        assert program.stdout.read() == "played to the end\n"
        assert program.wait(60) == 0


@pytest.mark.jack
def test_a_session_s_log_tells_of_its_beginning_and_end_and_of_no_note(
    player: Player, jamd: Callable[..., Jamd], path: Path
) -> None:
    playing = jamd("--in", KEYS, "--out", SYNTH, "--tempo", "240", "--bars", "1", "--log", str(path))
    player.play([(0, (0x90, 60, 90)), (0.1, (0x80, 60, 0))])
    player.wait_for_strike()
    playing.signal(signal.SIGTERM)
    ended = playing.wait()
    assert ended.status == 0, ended.stderr
    begun, over, *kept = said(path)
    assert begun.startswith(f"INFO listening on {KEYS}:{KEYS} -> jamd -> {SYNTH}:{SYNTH} (jack, default)")
    assert over.startswith("INFO 1 turn, 1 note heard")
    assert kept == [f"INFO kept in {playing.record}"]
    assert [f"INFO {line}" for line in ended.stdout.splitlines()] == [begun, over, *kept]
