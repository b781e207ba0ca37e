"""What signals do to a program that plays, one script at a time; all of jamd, on real ports, is in
test_ending."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="other systems have few of these signals")

BEFORE = """
import os, signal, sys, threading, time
from contextlib import contextmanager
from functools import partial
from jamd.system import signals as ending

say = partial(print, flush=True)
me = os.getpid()

@contextmanager
def silenced():
    say("silent")
    yield

def wait(seconds=30.0):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.01)
"""


def run(script: str) -> tuple[list[str], int]:
    """What a script said, and how it ended."""
    done = subprocess.run(
        [sys.executable, "-c", BEFORE + script],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parent,
    )
    assert "Traceback" not in done.stderr or "KeyboardInterrupt" in done.stderr, done.stderr
    return done.stdout.splitlines(), done.returncode


def test_a_signal_to_end_unwinds_what_is_open_and_is_died_of() -> None:
    said, status = run("""
try:
    with ending.in_order(silenced):
        try:
            os.kill(me, signal.SIGTERM)
            wait()
        finally:
            say("closed")
except ending.Ended as ended:
    ended.die()
""")
    assert (said, status) == (["closed"], -signal.SIGTERM)


def test_a_second_signal_soon_after_does_not_cut_the_closing_off() -> None:
    said, status = run("""
try:
    with ending.in_order(silenced):
        try:
            os.kill(me, signal.SIGTERM)
            wait()
        finally:
            os.kill(me, signal.SIGTERM)
            wait(0.1)
            say("closed")
except ending.Ended as ended:
    ended.die()
""")
    assert (said, status) == (["closed"], -signal.SIGTERM)


def test_one_that_comes_while_all_is_closed_waits_until_it_is() -> None:
    said, status = run("""
try:
    with ending.in_order(silenced):
        with ending.undisturbed():
            os.kill(me, signal.SIGTERM)
            wait(0.1)
            say("closed")
        say("never")
except ending.Ended as ended:
    ended.die()
""")
    assert (said, status) == (["closed"], -signal.SIGTERM)


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGHUP])
def test_a_second_one_a_second_later_ends_what_hangs_silenced(first: signal.Signals) -> None:
    said, status = run(f"""
with ending.in_order(silenced), ending.playing(lambda: say("asked"), lambda then: None):
    os.kill(me, {int(first)})
    wait(ending.IMPATIENCE_SECONDS + 0.1)
    os.kill(me, {int(first)})
    wait()
""")
    assert (said, status) == (["asked", "silent"], -first)


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGUSR1, signal.SIGALRM], ids=lambda n: n.name)
def test_what_ends_at_once_does_so_silenced_by_the_engine_first(number: signal.Signals) -> None:
    said, status = run(f"""
import queue
events = queue.SimpleQueue()
with ending.in_order(silenced), ending.playing(lambda: None, events.put):
    os.kill(me, {int(number)})
    then = events.get()
    say("the engine is silent")
    then()
    say("never")
""")
    assert (said, status) == (["the engine is silent", "silent"], -number)


def test_an_engine_that_hangs_is_ended_all_the_same() -> None:
    said, status = run("""
with ending.in_order(silenced), ending.playing(lambda: None, lambda then: say("asked")):
    os.kill(me, signal.SIGQUIT)
    wait()
""")
    assert (said, status) == (["asked", "silent"], -signal.SIGQUIT)


def test_what_is_ignored_stays_ignored_and_all_is_as_it_was_afterwards() -> None:
    said, status = run("""
signal.signal(signal.SIGHUP, signal.SIG_IGN)
before = [signal.getsignal(number) for number in sorted(signal.valid_signals())]
with ending.in_order(silenced), ending.in_order(silenced):
    os.kill(me, signal.SIGHUP)
    say(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)
say(before == [signal.getsignal(number) for number in sorted(signal.valid_signals())])
""")
    assert (said, status) == (["False", "True"], 0)


def test_a_wait_that_a_handler_outlasts_is_over_when_its_time_is() -> None:
    """Python's own queue would wait for ever."""
    said, status = run("""
from queue import Empty
from jamd.clock import Queue
signal.signal(signal.SIGALRM, lambda *_: wait(0.3))
signal.setitimer(signal.ITIMER_REAL, 0.1)
try:
    Queue().get(timeout=0.2)
except Empty:
    say("over")
""")
    assert (said, status) == (["over"], 0)
