"""Fixtures of the tests that play on real parts."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from jamd.system.priority import one_blas_thread

one_blas_thread()  # before numpy is there, as the program does it

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

from tests.kit.realparts import Jamd, Player, Synth, jack_server  # noqa: E402

# A shell that runs the tests in the background has them ignore Ctrl-C and more, and so would what they start.
for _name in ("SIGINT", "SIGQUIT", "SIGHUP", "SIGTERM", "SIGTSTP", "SIGTTIN", "SIGTTOU"):
    _number = getattr(signal, _name, None)
    if _number is not None and signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _name == "SIGINT" else signal.SIG_DFL)

settings.register_profile("jamd", deadline=None)  # how fast a busy machine is decides no test
settings.load_profile("jamd")


@pytest.fixture(scope="session")
def jack() -> Iterator[str]:
    """The name of the JACK server that all the real parts of this test run share."""
    with jack_server() as name:
        yield name


@pytest.fixture
def player(jack: str) -> Iterator[Player]:
    """A keyboard and a listener, for jamd to open."""
    with Player() as player:
        yield player


@pytest.fixture
def synth(jack: str, tmp_path: Path) -> Iterator[Synth]:
    with Synth(tmp_path) as synth:
        yield synth


@pytest.fixture
def jamd(jack: str, tmp_path: Path) -> Iterator[Callable[..., Jamd]]:
    """Starts `jamd listen` with the options given and waits until it listens."""
    with ExitStack() as running:

        def start(*options: str) -> Jamd:
            started = running.enter_context(Jamd(tmp_path, "--backend", "jack", *options))
            started.wait_until_listening()
            return started

        yield start
