"""Whatever bytes come from outside: a right result, or one line that says what is wrong.

The kept corpus is tried whole, and a few hundred new cases of each kind. The hundreds of thousands are
`.venv/bin/python -m tests.fuzz.fuzz`.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jamd.errors import JamdError
from tests.fuzz import fuzz
from tests.fuzz.fuzz import CORPUS, ODD, REFUSED, TAKEN, outcome_of, run, seeds_of
from tests.fuzz.targets import TARGETS, Target, at_home
from tests.kit.processes import ROOT

CASES = 200
CUT = (
    "midi",
    "config",
    "session",
    "favourites",
    "profile",
    "piece",
    "shard",
    "archive",
    "beats",
    "live",
    "page",
)
"""Targets whose seeds are short enough to be cut at every byte."""
FILES = sorted(path for name in TARGETS for path in (CORPUS / name).iterdir())


def id_of(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


@pytest.fixture(autouse=True)
def home() -> Iterator[None]:
    with at_home():
        yield


@pytest.mark.parametrize("path", [path for path in FILES if not path.name.startswith(ODD)], ids=id_of)
def test_every_seed_is_whole(path: Path) -> None:
    """Where a format has changed: `.venv/bin/python -m tests.fuzz.seeds`."""
    assert outcome_of(TARGETS[path.parent.name], path.read_bytes()) == TAKEN


@pytest.mark.parametrize("path", [path for path in FILES if path.name.startswith(ODD)], ids=id_of)
def test_what_was_found_once_is_right_now(path: Path) -> None:
    assert outcome_of(TARGETS[path.parent.name], path.read_bytes()) in (TAKEN, REFUSED)


@pytest.mark.parametrize("name", CUT)
def test_a_file_may_be_cut_at_any_byte(name: str) -> None:
    for seed in seeds_of(name):
        wrong = {
            length: outcome
            for length in range(min(len(seed), 600))
            if (outcome := outcome_of(TARGETS[name], seed[:length])) not in (TAKEN, REFUSED)
        }
        assert not wrong


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_bytes_do_no_harm(name: str) -> None:
    tally = run(TARGETS[name], seeds_of(name), range(CASES), seed=0)
    assert tally.found == {}
    assert tally.cases == CASES
    assert 0 < tally.taken < CASES  # else nothing is hurt, or all is refused at the door


def test_an_error_is_one_line_whatever_it_quotes() -> None:
    assert str(JamdError("no port 'a\n\x1b[2J\u2028é♪'")) == "no port 'a\\n\\x1b[2J\\u2028é♪'"


# The fuzzer itself


def target(feed: object) -> Target:
    return Target("test", "", TARGETS["favourites"].mutate, feed)  # type: ignore[arg-type]


def test_a_fault_is_found_and_made_small() -> None:
    def feed(case: bytes) -> bool:
        if b"x" in case and b"y" in case:
            raise KeyError("x")
        return True

    tally = run(target(feed), [b"abxabcyab" * 20], range(50), seed=0)
    assert list(tally.found) == [f"KeyError in test_fuzz.py:{feed.__code__.co_firstlineno + 2} feed"]
    (case,) = tally.found.values()
    assert sorted(case) == sorted(b"xy")


def test_what_takes_long_is_found() -> None:
    def feed(case: bytes) -> bool:
        until = time.process_time() + 60
        while b"x" in case and time.process_time() < until:
            pass
        return False

    assert outcome_of(target(feed), b"y") == REFUSED
    assert outcome_of(target(feed), b"x") == "slow in test_fuzz.py feed"


FUZZ = [sys.executable, "-m", "tests.fuzz.fuzz"]

FILLS = """
from tests.fuzz.test_fuzz import run, target
print(*run(target(lambda case: bool(bytearray(len(case) * 2**27))), [b""], range(9), seed=0).found)
"""


def test_what_fills_the_memory_is_found() -> None:
    """In a process of its own: the peak of this one may be far above what it takes now."""
    done = subprocess.run(
        [sys.executable, "-c", FILLS], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.split() == ["memory"], done.stderr


def test_the_same_seed_makes_the_same_cases() -> None:
    for name in TARGETS:
        seeds = seeds_of(name)
        cases = [fuzz.case_of(TARGETS[name], seeds, 7, number) for number in range(20)]
        assert cases == [fuzz.case_of(TARGETS[name], seeds, 7, number) for number in range(20)]
        assert len(set(cases)) > 10


def test_the_program_says_what_it_tried(tmp_path: Path) -> None:
    command = [*FUZZ, "config", "--cases", "60", "--keep", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "config" in done.stdout
    assert "60 cases" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_target_is_named() -> None:
    done = subprocess.run([*FUZZ, "tarot"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert "no target tarot; there are: live, page" in done.stderr
