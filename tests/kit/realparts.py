"""The real parts that tests play with: JACK, a synthesizer, a keyboard and jamd, each its own process."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from tests.kit.processes import ROOT, Process

PACKAGES = "jackd2 fluidsynth timgm6mb-soundfont libasound2 chromium"
SOUNDFONT_FOLDERS = ("/usr/share/sounds/sf2", "/usr/share/soundfonts", "/usr/local/share/sounds/sf2")
SAMPLES_PER_SECOND = 44100
ASK_FOR_PORTS = """
import rtmidi
for kind in rtmidi.MidiIn, rtmidi.MidiOut:
    client = kind(rtmidi.API_UNIX_JACK)
    for name in client.get_ports():
        print(name)
    client.delete()
"""
KEYS, SYNTH = "jamd-test-keys", "jamd-test-synth"


def missing(name: str) -> NoReturn:
    pytest.fail(f"{name} is not installed; these tests play on real parts: apt-get install {PACKAGES}")


def program(name: str) -> str:
    """Where a program that the tests need lies; fails the test in plain words when it is not there."""
    found = shutil.which(name)
    if found is None:
        missing(name)
    return found


ALONE = "JAMD_TEST_ALONE"
"""Set for the programs that a test run starts while no other may have a JACK server."""


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Wait until no other test run on this machine has a JACK server.

    Two clients of one name disturb each other as they open, even on two servers.
    """
    if ALONE in os.environ:
        yield
        return
    with (Path(tempfile.gettempdir()) / f"jamd-test-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.environ[ALONE] = "1"
        try:
            yield
        finally:
            del os.environ[ALONE]


@contextmanager
def jack_server() -> Iterator[str]:
    """A JACK server on the dummy driver, of a name of its own; programs started inside find it."""
    name = f"jamd-test-{os.getpid()}"
    with one_at_a_time(), default_server(name), serving(name):
        yield name


@contextmanager
def default_server(name: str) -> Iterator[None]:
    """Programs started inside find the JACK server of this name, if it runs."""
    before = os.environ.get("JACK_DEFAULT_SERVER")
    os.environ["JACK_DEFAULT_SERVER"] = name
    try:
        yield
    finally:
        if before is None:
            del os.environ["JACK_DEFAULT_SERVER"]
        else:
            os.environ["JACK_DEFAULT_SERVER"] = before
        for left in Path("/dev/shm").glob(f"jack_sem.*_{name}_*"):  # jackd forgets them
            left.unlink()


@contextmanager
def serving(name: str) -> Iterator[Process]:
    """The default server runs."""
    # -S: wait for every client in every period. Else a client that comes late on a busy machine loses
    # messages or hears them twice. -t: but for 0.1 s at most, as one that was killed never comes.
    server_options = ["-S", "-t", "100", "-r", "--no-mlock", "-n", name]
    command = [program("jackd"), *server_options, "-d", "dummy", "-r", "48000", "-p", "64"]
    with Process(command) as server:
        while _ports() is None:
            if server.popen.poll() is not None:
                server.fail("no JACK server")
        yield server
        # A server told to end before it has noticed that a client was killed dies of SIGPIPE, and its
        # place among the eight that a machine may have stays taken.
        patience = time.monotonic() + 10
        while server.popen.poll() is None and _ports() and time.monotonic() < patience:
            pass


def _ports() -> list[str] | None:
    """The MIDI ports on the JACK server, None if there is no server."""
    with Process([sys.executable, "-c", ASK_FOR_PORTS]) as asking:  # elsewhere, as libjack prints a lot
        ended = asking.wait()
    return ended.stdout.splitlines() if ended.status == 0 else None


@dataclass(frozen=True)
class Message:
    """Bytes on a cable at an instant of the monotonic clock."""

    seconds: float
    bytes: tuple[int, ...]

    @property
    def strikes(self) -> bool:
        return self.bytes[0] & 0xF0 == 0x90 and self.bytes[2] > 0

    @property
    def releases(self) -> bool:
        return self.bytes[0] & 0xF0 == 0x80 or (self.bytes[0] & 0xF0 == 0x90 and self.bytes[2] == 0)

    @property
    def pitch(self) -> int:
        return self.bytes[1]

    def is_control(self, number: int, value: int) -> bool:
        return self.bytes[0] & 0xF0 == 0xB0 and self.bytes[1:] == (number, value)


def sounding(messages: Iterable[Message]) -> dict[int, int]:
    """How often each pitch was struck and not yet let go, after all these messages; held pitches only."""
    struck: dict[int, int] = {}
    for message in messages:
        if message.strikes:
            struck[message.pitch] = struck.get(message.pitch, 0) + 1
        elif message.releases:
            struck[message.pitch] = struck.get(message.pitch, 0) - 1
    return {pitch: count for pitch, count in struck.items() if count}


def between(messages: Iterable[Message], from_seconds: float, until_seconds: float) -> list[Message]:
    return [message for message in messages if from_seconds <= message.seconds < until_seconds]


class Player(Process):
    """Someone at a keyboard who also listens: `sent` and `heard` grow while the test runs."""

    ends_with_stdin = True

    def __init__(self, keys: str = KEYS, synth: str = SYNTH, *options: str) -> None:
        self.sent: list[Message] = []
        self.heard: list[Message] = []
        self.told: list[float] = []
        script = ROOT / "tests" / "kit" / "scripted_player.py"
        super().__init__([sys.executable, script, "--keys", keys, "--synth", synth, *options])
        self.wait_for_line('{"ready"', 10)

    def hear(self, line: str) -> None:
        said = json.loads(line) if line.startswith("{") else {}
        if "sent" in said:
            self.sent.append(Message(said["sent"], tuple(said["bytes"])))
        elif "heard" in said:
            self.heard.append(Message(said["heard"], tuple(said["bytes"])))
        elif "told" in said:
            self.told.append(said["told"])

    def play(self, score: Sequence[tuple[float, Sequence[int]]], start_seconds: float | None = None) -> float:
        """Send the score's messages, in seconds from `start_seconds` (soon); returns that instant."""
        start = time.monotonic() + 0.1 if start_seconds is None else start_seconds
        self.write(json.dumps({"play": [[start + seconds, list(message)] for seconds, message in score]}))
        return start

    def listen_until(self, seconds: float) -> None:
        """Come back when this instant of the monotonic clock has passed and all until then was heard."""
        self.write(json.dumps({"tell": seconds}))
        patience = max(0.0, seconds - time.monotonic()) + 10
        self.wait_for(lambda: [told for told in self.told if told == seconds], patience, "the instant")

    def now(self) -> float:
        """The instant on the clock that everything here is heard and sent by."""
        return time.monotonic()

    def wait_for_strike(self, after_seconds: float = 0.0, within_seconds: float = 10.0) -> Message:
        """The first note-on heard after an instant."""

        def look() -> Message | None:
            return next((m for m in self.heard if m.strikes and m.seconds >= after_seconds), None)

        return self.wait_for(look, within_seconds, "a note from jamd")


class Synth(Process):
    """FluidSynth, listening on JACK; what it plays goes to a file as fast as time passes."""

    ends_with_stdin = True
    port = "fluidsynth"

    def __init__(self, folder: Path) -> None:
        fonts = (Path(place) / "TimGM6mb.sf2" for place in SOUNDFONT_FOLDERS)
        font = next((font for font in fonts if font.exists()), None)
        if font is None:
            missing("TimGM6mb.sf2")
        self.audio = folder / "synth.raw"
        to_file = {"audio.file.name": self.audio, "audio.file.type": "raw", "audio.file.format": "s16"}
        options = [f"-o{name}={value}" for name, value in to_file.items()]
        # Reverb and chorus off: silence is then silence. The file driver keeps to real time.
        plain = ["-a", "file", "-m", "jack", "-R", "0", "-C", "0"]
        super().__init__([program("fluidsynth"), *plain, *options, font])
        self.wait_for_seconds(0.1)

    @property
    def seconds(self) -> float:
        """How much has been played until now, silence too."""
        return self.audio.stat().st_size / 4 / SAMPLES_PER_SECOND if self.audio.exists() else 0.0

    def wait_for_seconds(self, seconds: float) -> None:
        """Wait until this much has been played."""
        patience = time.monotonic() + seconds - self.seconds + 10
        while self.seconds < seconds:
            if time.monotonic() > patience or self.popen.poll() is not None:
                self.fail("no audio")
            with self.changed:
                self.changed.wait(0.02)  # nobody says that a file has grown

    def loudness(self, from_seconds: float, until_seconds: float) -> float:
        """Root mean square of what was played between, in 16-bit sample values."""
        samples = np.fromfile(self.audio, "<i2").astype(np.float64)
        first, last = (int(seconds * SAMPLES_PER_SECOND) * 2 for seconds in (from_seconds, until_seconds))
        return float(np.sqrt(np.mean(samples[first:last] ** 2)))


class Jamd(Process):
    """`jamd listen` as its own process, in a home of its own. `--record` and `--trace` go to that home."""

    def __init__(
        self,
        home: Path,
        *options: str,
        command: str = "listen",
        terminal: bool = False,
        before: Sequence[str] = (),
        named: bool = True,
        job: bool = False,
    ) -> None:
        """`before` is a program that runs it in its own place, with arguments. Not `named`, session and trace
        are left to jamd. As a `job` it can be made to stand still."""
        self.record, self.trace_file = home / "session.mid", home / "trace.jsonl"
        kept = (
            ("--record", str(self.record), "--trace", str(self.trace_file))
            if command == "listen" and named
            else ()
        )
        kinds = ("DATA", "CONFIG", "CACHE", "STATE")
        homes = {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in kinds}
        arguments = [*before, sys.executable, "-m", "jamd", command, *options, *kept]
        environment = homes | {"HOME": str(home), "COLUMNS": "200", "TERM": "xterm-256color"}
        super().__init__(arguments, environment, home, terminal, job)

    def wait_until_listening(self) -> None:
        self.wait_for_line("listening", 20)

    def trace(self) -> list[dict[str, Any]]:
        """What jamd says it sent: intended and actual instants and bytes."""
        return [json.loads(line) for line in self.trace_file.read_text().splitlines()]
