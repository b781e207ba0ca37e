"""Start-up time of `jamd listen`, started as its user starts it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

from jamd.errors import JamdError
from jamd.system.signals import in_order

PATIENCE_SECONDS = 60.0
CLOSE_SECONDS = 5.0
LISTENING = "listening on "


def measure(options: Sequence[str], times: int = 3) -> dict[str, Any]:
    """Start it so many times; seconds from the program's start to its line that says so."""
    took = [seconds_until_listening(options) for _ in range(times)]
    return {"n": times, "median_s": round(median(took), 2), "max_s": round(max(took), 2)}


def seconds_until_listening(options: Sequence[str]) -> float:
    """Start `jamd listen` once, with no config file, and end it. Raises JamdError with what it said."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAMD_LISTEN")}
    with in_order(), tempfile.TemporaryDirectory() as folder:
        (config := Path(folder, "empty.toml")).touch()
        jamd = [sys.executable, "-P", "-m", "jamd"]  # -P: in the sources' folder, jamd/ is not all of it
        command = [*jamd, "listen", "--config", str(config), "--no-record", "--quiet", "--virtual"]
        began = time.perf_counter()
        with subprocess.Popen(
            [*command, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        ) as listen:
            too_long = threading.Timer(PATIENCE_SECONDS, listen.kill)
            too_long.start()
            try:
                assert listen.stdout is not None
                line = next((line for line in listen.stdout if line.startswith(LISTENING)), "")
                took = time.perf_counter() - began
                listen.terminate()
                _, said = listen.communicate()
            finally:
                too_long.cancel()
                with suppress(subprocess.TimeoutExpired):  # it silences what it plays
                    listen.terminate()
                    listen.wait(CLOSE_SECONDS)
                listen.kill()
    if not line:
        reason = said.strip().splitlines()[-1:] or ["it said nothing"]
        raise JamdError(f"jamd listen did not start: {reason[0]}")
    return took
