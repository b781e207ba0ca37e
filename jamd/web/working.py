"""Jobs given to a process of their own, one at a time, each for so long and no longer."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from typing import Any

from jamd.errors import JamdError

MOST_SECONDS = 30.0
MOST_WAITING = 6
MOST_BYTES = 1 << 26
JOBS = "jamd.web.jobs"
"""The module that does them, which knows all of jamd. Only its name is known here."""

Job = dict[str, Any]


class Busy(JamdError):
    """Others are waiting already."""


class Working:
    """Where jobs are done."""

    def __init__(self, most_seconds: float = MOST_SECONDS) -> None:
        self._most_seconds = most_seconds
        self._one = asyncio.Lock()
        self._waiting = 0

    async def do(self, job: Job) -> tuple[int, bytes]:
        """An HTTP status, and the bytes or a line. Raises Busy, or JamdError where it takes too long."""
        if self._waiting >= MOST_WAITING:
            raise Busy("jamd is at work for others; try again")
        self._waiting += 1
        try:
            async with self._one:
                return await self._done(job)
        finally:
            self._waiting -= 1

    async def _done(self, job: Job) -> tuple[int, bytes]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            JOBS,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "agg"},
        )
        try:
            async with asyncio.timeout(self._most_seconds):
                return await _asked(process, job)
        except TimeoutError:
            raise JamdError(f"{job['job']} took more than {self._most_seconds:g} s") from None
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _asked(process: asyncio.subprocess.Process, job: Job) -> tuple[int, bytes]:
    """Its input stays open meanwhile: the process ends with it."""
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(ConnectionError):
        process.stdin.write(json.dumps(job).encode() + b"\n")
        await process.stdin.drain()
    content = bytearray()
    while more := await process.stdout.read(1 << 16):
        content += more
        if len(content) > MOST_BYTES:
            raise JamdError(f"{job['job']} is too much to be sent")
    head, found, body = bytes(content).partition(b"\n")
    if not found:
        raise JamdError(f"{job['job']} failed")
    status: Any = json.loads(head)["status"]
    return int(status), body
