"""CPU load: a busy loop on every core, to see what is left for jamd."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from jamd.system.priority import cores

LOOP = """
import os, sys, threading
def until_its_parent_ends():
    sys.stdin.read()
    os._exit(0)
threading.Thread(target=until_its_parent_ends, daemon=True).start()
while True:
    pass
"""
WARM_SECONDS = 0.3
"""Until all of them are at it."""


@contextmanager
def busy_loops(count: int | None = None) -> Iterator[int]:
    """As many programs as there are cores do nothing but count, each at an ordinary priority, until the block
    ends; they end with this program, whatever ends it. Tells how many they are."""
    count = len(cores()) or os.cpu_count() or 1 if count is None else count
    with ExitStack() as stack:
        for _ in range(count):
            loop = subprocess.Popen([sys.executable, "-I", "-S", "-c", LOOP], stdin=subprocess.PIPE)
            stack.enter_context(loop)
            stack.callback(loop.kill)
        if count:
            time.sleep(WARM_SECONDS)
        yield count
