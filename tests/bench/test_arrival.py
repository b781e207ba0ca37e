"""What another program hears of what jamd sends: made-up arrivals, the listener itself, and busy loops."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import mido
import pytest

from jamd.bench import arrival, timing, verdict
from jamd.bench.arrival import (
    Arrival,
    Heard,
    compared,
    heard_of,
    listening,
    matched,
)
from jamd.bench.lateness import NOTE_OFF, NOTE_ON, Sent
from jamd.bench.listener import Heard as Ears
from jamd.bench.load import busy_loops
from jamd.bench.rehearsal import Piece, Rehearsed
from jamd.bench.timing import Ports, Way, in_turn
from jamd.midi.backends import open_backend
from jamd.music.transport import Metre
from jamd.system.priority import real_time_is_had
from tests.bench.test_bench import MACHINE
from tests.kit.realparts import Jamd, Player


def struck(pitch: int, seconds: float, left_late: float = 0.0) -> Sent:
    """A note that is to begin at that second."""
    return Sent(seconds, seconds + left_late, True, pitch)


def ended(pitch: int, seconds: float) -> Sent:
    return Sent(seconds, seconds, False, pitch)


def came(pitch: int, seconds: float, is_on: bool = True) -> Arrival:
    return Arrival(seconds, is_on, pitch)


def test_each_note_is_heard_when_it_comes_in_elsewhere() -> None:
    sent = [struck(60, 1.0), struck(64, 1.1), ended(60, 1.2), struck(60, 1.3)]
    heard = [came(60, 1.002), came(64, 1.15), came(60, 1.21, is_on=False), came(60, 1.303)]
    assert matched(sent, heard) == [1.002, 1.15, 1.21, 1.303]


def test_a_note_that_is_lost_is_not_taken_for_the_next_of_its_key() -> None:
    sent = [struck(60, 1.0), struck(64, 1.1), struck(60, 1.2)]
    assert matched(sent, [came(64, 1.101), came(60, 1.204)]) == [None, 1.101, 1.204]


def test_what_others_play_on_the_cable_is_passed_over() -> None:
    sent = [struck(60, 1.0), struck(62, 1.5)]
    heard = [came(60, 0.9), came(72, 1.0), came(60, 1.001), came(61, 1.2), came(62, 1.501)]
    assert matched(sent, heard) == [1.001, 1.501]


def test_what_comes_half_a_second_later_is_not_it() -> None:
    assert matched([struck(60, 1.0)], [came(60, 1.49)]) == [1.49]
    assert matched([struck(60, 1.0)], [came(60, 1.51)]) == [None]


def test_it_is_the_instant_on_the_grid_that_a_note_is_late_after_not_that_of_its_sending() -> None:
    heard = heard_of([struck(60, 1.0, left_late=0.004)], [came(60, 1.006)], [1.0], 0.5)
    assert heard.late_seconds == pytest.approx((0.006,))
    assert heard.answer_seconds == pytest.approx((0.006,))


def test_an_answer_is_as_late_as_the_first_note_that_is_heard_of_it() -> None:
    """Two answers, on the bar lines at 2 and 4 seconds; of the second the first note is lost."""
    sent = [struck(60, 2.0), ended(60, 2.1), struck(62, 2.125), struck(64, 4.0), struck(65, 4.125)]
    arrivals = [came(60, 2.003), came(60, 2.11, is_on=False), came(62, 2.135), came(65, 4.126)]
    heard = heard_of(sent, arrivals, [2.0, 4.0], 1.0)
    assert heard.late_seconds == pytest.approx((0.003, 0.01, 0.001))
    assert heard.answer_seconds == pytest.approx((0.003, 0.126))
    assert heard.missing == 1


def test_of_one_clock_nothing_is_set() -> None:
    readings = [(10.0, 10.001, 10.002), (11.0, 11.0, 11.0005)]
    clocks = compared(readings)
    assert (clocks.added_seconds, clocks.within_seconds) == (0.0, 0.0)


def test_another_clock_is_set_by_the_quickest_reading_and_said_how_well() -> None:
    """The other's clock is 7 seconds behind."""
    readings = [(10.0, 3.004, 10.03), (11.0, 4.001, 11.002), (12.0, 5.1, 12.11)]
    clocks = compared(readings)
    assert clocks.added_seconds == pytest.approx(7.0)
    assert clocks.within_seconds == pytest.approx(0.001)


def test_the_ears_keep_notes_alone_and_begin_anew_when_they_have_told() -> None:
    ears = Ears()
    before = time.monotonic()
    ears.receive(mido.Message("note_on", note=60, velocity=9))
    ears.receive(mido.Message("control_change", control=64, value=127))
    ears.receive(mido.Message("note_on", note=60, velocity=0))
    told = ears.take()
    assert [note[1:] for note in told] == [(NOTE_ON, 60), (NOTE_OFF, 60)]
    assert all(before <= seconds <= time.monotonic() for seconds, _, _ in told)
    assert ears.take() == []


# The account


def measured(way: Way, *arrivals: Arrival) -> dict[str, Any]:
    """The row of one way, of which another program heard this."""

    class Listening:
        port = "jamd out"

        def take(self) -> list[Arrival]:
            return list(arrivals)

    return in_turn([timing.listened_to(way, Listening())], Piece(1, 240, Metre(2, 4)))[0]  # type: ignore[arg-type]


def test_a_row_says_how_late_notes_and_answers_were_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "SETTLE_SECONDS", 0.0)
    played = Rehearsed((struck(60, 2.0), struck(62, 2.1)), (0.0,), (2.0,), turns=1)
    row = measured(Way("jamd", True, lambda piece: played), came(60, 2.03))
    assert row["max_ms"] == 0.0  # all of it left in time
    assert (row["heard"]["n"], row["heard"]["max_ms"], row["heard"]["missing"]) == (1, 30.0, 1)
    assert row["heard"]["answers"]["median_ms"] == 30.0


def row(busy: bool = False, name: str = "jamd, real-time priority", **changes: Any) -> dict[str, Any]:
    """A row in which all was sent in time; the changes are of what was heard."""
    heard = {"n": 1600, "p99_ms": 3.0, "missing": 0, "answers": {"n": 50, "median_ms": 2.0, "p99_ms": 4.0}}
    return {
        "name": name,
        "busy": busy,
        "real_time": True,
        "n": 3200,
        "p99_ms": 0.2,
        "max_ms": 1.0,
        "answers": {"n": 50, "max_ms": 0.9},
        "late_notes": 0,
        "late_frames": 0,
        "faults": 0,
        "dropped": 0,
        "drift_ms": 0.0,
        "heard": heard | changes,
    }


def judge(*rows: dict[str, Any]) -> verdict.Verdict:
    account = {"piece": {"seconds": 50.0}, "rows": list(rows)}
    return verdict.verdict(verdict.judged(account), MACHINE, "jack")


def answers(median_ms: float, p99_ms: float) -> dict[str, Any]:
    return {"answers": {"n": 50, "median_ms": median_ms, "p99_ms": p99_ms}}


def test_heard_in_time_alone_and_beside_busy_loops_is_as_promised() -> None:
    assert judge(row(), row(busy=True)).words == "fit for the stage: all is as promised"


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        (answers(5.1, 9.0), "first notes heard, median, busy 5.1 ms (a stage bears 5)"),
        (answers(2.0, 10.5), "first notes heard, 99 %, busy 10.5 ms (a stage bears 10)"),
        ({"p99_ms": 11.0}, "notes heard, 99 %, busy 11 ms (a stage bears 10)"),
        ({"missing": 1}, "notes and answers lost, busy 1 (a stage bears 0)"),
    ],
)
def test_sent_in_time_and_heard_late_is_not_fit(heard: dict[str, Any], said: str) -> None:
    found = judge(row(), row(busy=True, **heard))
    assert found.words == f"not fit for the stage: {said}"
    assert found.advice == (verdict.for_ports("jack"),)


def test_all_notes_heard_within_ten_milliseconds_are_borne_but_not_what_is_promised() -> None:
    found = judge(row(), row(busy=True, p99_ms=6.0))
    assert found.fit
    assert "notes heard, 99 %, busy 6 ms (promised 5)" in found.words


def test_a_note_that_was_never_sent_counts_as_lost() -> None:
    assert "notes and answers lost 2" in judge(row() | {"dropped": 1, "faults": 1}).words


def test_other_ways_beside_jamds_are_not_judged() -> None:
    assert judge(row(), row(name="a poll every 5 ms", **answers(20.0, 60.0))).fit


def test_without_a_listener_what_left_is_judged_alone() -> None:
    deaf = row()
    del deaf["heard"]
    assert judge(deaf).words == "fit for the stage: all is as promised"


# Real programs


def test_busy_loops_are_one_a_core_and_end_with_the_block() -> None:
    before = children()
    with busy_loops() as count:
        running = children() - before
        assert count == len(os.sched_getaffinity(0)) == len(running)
        assert {os.sched_getscheduler(pid) for pid in running} == {os.SCHED_OTHER}
    assert not children() & running


def test_busy_loops_end_with_the_program_that_began_them_whatever_ends_it() -> None:
    begin = """
import sys, time
from jamd.bench.load import busy_loops
with busy_loops(1):
    print("busy", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", begin], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "busy\n"
        (loop,) = children(program.pid)
        program.send_signal(signal.SIGKILL)
    until = time.monotonic() + 10
    while Path(f"/proc/{loop}").exists() and time.monotonic() < until:
        time.sleep(0.01)
    assert not Path(f"/proc/{loop}").exists()


def children(pid: int | None = None) -> set[int]:
    """The processes that this one, or another, has begun and that have not ended."""
    pid = os.getpid() if pid is None else pid
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return {int(child) for task in tasks for child in task.read_text().split()}


@pytest.mark.jack
def test_another_program_hears_what_is_sent_by_the_same_clock(jack: str) -> None:
    with open_backend("jack") as midi:
        out = midi.open_output(None)
        with listening("jack", min(out.seen_as)) as listener:
            assert (listener.clocks.added_seconds, listener.clocks.within_seconds) == (0.0, 0.0)
            assert listener.take() == []
            sent = time.monotonic()
            out.send(mido.Message("note_on", note=60, velocity=9))
            out.send(mido.Message("note_off", note=60))
            heard: list[Arrival] = []
            while len(heard) < 2 and time.monotonic() < sent + 10:
                heard += listener.take()
            assert [(note.is_on, note.pitch) for note in heard] == [(True, 60), (False, 60)]
            assert sent < heard[0].seconds <= heard[1].seconds <= time.monotonic()


@pytest.mark.jack
def test_who_cannot_listen_says_why(jack: str) -> None:
    with pytest.raises(arrival.JamdError, match="no input matches 'nowhere'"), listening("jack", "nowhere"):
        pytest.fail("it listens to nothing")


@pytest.mark.jack
def test_where_no_cable_leads_back_that_is_said_and_nothing_is_judged_by_it(
    jack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = Way("jamd, real-time priority", True, lambda piece: Rehearsed(turns=1))
    monkeypatch.setattr(timing, "ways", lambda *_: [quiet])
    monkeypatch.setattr(timing, "SETTLE_SECONDS", 0.0)
    wishes = timing.Wishes(turns=1, quick=True, load="idle")
    account = timing.measure(lambda: pytest.fail("nobody plays"), Ports("jack"), wishes, MACHINE)
    assert account["listener"]["why_not"].startswith("nothing of it came in on")
    assert "heard" not in account["rows"][0]


# Who is in real time


@pytest.mark.jack
def test_nothing_but_the_engine_is_in_real_time_while_it_plays_records_learns_and_shows(
    jack: str, tmp_path: Path
) -> None:
    """A call and its answer, on real ports, with a profile, a session's file, a log and the view."""
    options = ["--backend", "jack", "--in", "jamd-test-keys", "--out", "jamd-test-synth", "--tempo", "240"]
    more = ["--bars", "1", "--answer-bars", "1", "--learn", "--log", str(tmp_path / "log")]
    with Player() as player, Jamd(tmp_path, *options, *more, terminal=True) as jamd:
        jamd.wait_until_listening()
        start = player.play([(0.0, (0x90, 60, 80)), (0.3, (0x80, 60, 0))])
        player.wait_for_strike(start)
        main = jamd.popen.pid
        policies = {
            task: os.sched_getscheduler(task) & ~os.SCHED_RESET_ON_FORK
            for pid in (main, *children(main))
            for task in map(int, os.listdir(f"/proc/{pid}/task"))
        }
        names = {Path(f"/proc/{task}/comm").read_text().strip() for task in policies}
        jamd.signal(signal.SIGTERM)
        jamd.wait()
    in_real_time = {task for task, policy in policies.items() if policy != os.SCHED_OTHER}
    assert in_real_time == ({main} if real_time_is_had() else set())
    assert "jamd-model" in names
    assert len(policies) > 8


def test_replacing_a_field_keeps_what_was_heard() -> None:
    heard = Heard((0.001,), (0.001,), 0)
    twice = Rehearsed(heard=(heard,)) + replace(Rehearsed(), heard=(heard,))
    assert twice.heard == (heard, heard)
