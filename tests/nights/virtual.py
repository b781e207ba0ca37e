"""A night on the virtual clock: the real engine, model, recorder and profile; only the hours are not real."""

from __future__ import annotations

import gc
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import mido

from jamd.controls.bindings import Bindings
from jamd.engine.desk import Desk
from jamd.engine.engine import Engine
from jamd.engine.events import Event, Inbox, Received
from jamd.engine.output import Output
from jamd.engine.rig import Rig
from jamd.engine.turns import Form, Mode
from jamd.engine.virtual import ManualClock
from jamd.engine.voice import Voice
from jamd.mind.improviser import Improviser
from jamd.mind.settings import Settings, Wishes
from jamd.mind.worker import InlineWorker
from jamd.models import bundle
from jamd.models.opening import open_mind
from jamd.models.sampling import Knobs
from jamd.music.transport import Metre, Transport
from jamd.sessions.profile_writer import Tonight
from jamd.sessions.recorder import Recorder
from jamd.sessions.takes import Takes
from jamd.sync.source import Internal
from tests.nights.player import BOUND, NightPlayer
from tests.nights.verdicts import Verdicts, file_verdicts, flat, resident_mib, told

LINES = 16
"""A night is told in so many lines: a half hour each, of eight hours."""
OFF_GRID_SECONDS = 1e-6
PROFILE_SECONDS = 2.0
"""How often the profile is written, in real time: the night passes some fifty times as fast."""


@dataclass(frozen=True)
class Night:
    """What is played for how long."""

    hours: float
    model: str = "default"
    tempo: float = 120.0
    mode: str = "answer"
    seed: int = 1
    candidates: int = 4
    learn: bool = False


@dataclass
class Listener:
    """The port, and what comes out of it."""

    player: NightPlayer
    now: Callable[[], float] = lambda: 0.0
    begun: int = 0
    ended: int = 0
    doubled: int = 0  # begun while it sounded
    stray: int = 0  # ended while it did not
    on_grid: int = 0
    off_grid_seconds: float = 0.0  # the furthest
    sounding: set[tuple[int, int]] = field(default_factory=set)

    def send(self, message: mido.Message) -> None:
        if message.type not in ("note_on", "note_off"):
            return
        key = (message.channel, message.note)
        if message.type == "note_off":
            self.ended += key in self.sounding
            self.stray += key not in self.sounding
            self.sounding.discard(key)
            return
        self.begun += 1
        self.doubled += key in self.sounding
        self.sounding.add(key)
        seconds, transport = self.now(), self.player.transport
        if seconds > self.player.loose_until_seconds:
            step = round(transport.position_at(seconds))
            self.on_grid += 1
            self.off_grid_seconds = max(self.off_grid_seconds, abs(seconds - transport.seconds_at(step)))


class NightClock(ManualClock):
    """Virtual time that says when a part of the night is over."""

    def __init__(self, script: Iterable[Received], end_seconds: float, tell: Callable[[float], None]) -> None:
        super().__init__(script, end_seconds)
        self._part_seconds, self._told, self._tell = end_seconds / LINES, 0, tell

    def wait(self, inbox: Inbox, until_seconds: float | None) -> Event | None:
        event = super().wait(inbox, until_seconds)
        while self.now() >= self._part_seconds * (self._told + 1):
            self._told += 1
            self._tell(self.now())
        return event


class TimedRecorder(Recorder):
    """The real one, and what its writing costs."""

    saves = 0
    cpu_seconds = 0.0

    def save(self) -> None:
        began = time.thread_time()
        super().save()
        self.cpu_seconds += time.thread_time() - began
        self.saves += 1


def play(night: Night, record: Path) -> Verdicts:
    """Play it, tell of each part, and judge it."""
    player = NightPlayer(night.seed, night.tempo, mode=night.mode)
    listener = Listener(player)
    improviser = _improviser(night)
    resident: list[float] = []
    with ExitStack() as stack:
        metre = Metre(4, 4)
        recorder = stack.enter_context(TimedRecorder(record, night.tempo, metre))
        takes = Takes(recorder, lambda: record, night.tempo, metre)
        tonight = (
            stack.enter_context(Tonight("night", datetime.now(), PROFILE_SECONDS)) if night.learn else None
        )
        since = [time.thread_time(), 0.0, 0.0, 0.0]  # the engine's CPU, the night's seconds, saves, their CPU

        def tell(seconds: float) -> None:
            gc.collect()
            resident.append(resident_mib())
            now = [time.thread_time(), seconds, recorder.saves, recorder.cpu_seconds]
            cpu, length, saves, saving = (b - a for a, b in zip(since, now, strict=True))
            size = record.stat().st_size / 1024 if record.exists() else 0.0
            print(
                told(seconds, engine.account.turns, engine.account.notes_heard, output.notes, resident[-1])
                + f" {1000 * cpu / length:7.2f} {size:8.0f} {1000 * saving / max(saves, 1):7.2f}",
                flush=True,
            )
            since[:] = [time.thread_time(), *now[1:]]

        clock = NightClock(iter(player), 3600 * night.hours, tell)
        listener.now = clock.now
        output = Output(listener, clock)
        settings = Settings(wishes=Wishes(candidates=night.candidates))
        desk = Desk(settings, Bindings(BOUND), save=takes.save)
        engine = Engine(
            clock,
            Internal(Transport(night.tempo, metre)),
            Form(2, 2, mode=Mode(night.mode)),
            Voice(0, 0.0),
            output,
            takes,
            lambda post: InlineWorker(improviser(), post),
            Rig(keep=None if tonight is None else tonight.hear, desk=desk),
        )
        print("   hours  turns   heard  played  MiB     ms CPU/s   file KiB  ms CPU/save")
        engine.run()
    account = engine.account
    verdicts = [
        (
            "every note-on has its note-off",
            listener.begun == listener.ended == output.notes and not (listener.doubled or listener.stray),
            f"{listener.begun} on, {listener.ended} off, {listener.doubled} doubled, {listener.stray} stray",
        ),
        (
            "after stop nothing sounds",
            not listener.sounding and not output.sounding,
            f"{len(listener.sounding)} sound",
        ),
        flat(resident, LINES),
        (
            "no drift: what is meant for a step is on it",
            listener.on_grid > 0 and listener.off_grid_seconds < OFF_GRID_SECONDS,
            f"{listener.on_grid} note-ons, {1e6 * listener.off_grid_seconds:.3f} us off at most",
        ),
        (
            "the model never failed",
            account.faults == account.late_frames == output.dropped == 0,
            f"{account.faults} faults, {account.late_frames} late, {output.dropped} dropped",
        ),
    ]
    if tonight is not None:
        kept = f"{tonight.kept_steps} steps {tonight.fault}"
        verdicts.append(("the evening is in the profile", tonight.kept_steps > 0 and not tonight.fault, kept))
    return [*verdicts, *file_verdicts(record, account.notes_heard, listener.begun)]


def _improviser(night: Night) -> Callable[[], Improviser]:
    found = bundle.read(bundle.find(night.model, Path(tempfile.gettempdir())))
    mind = open_mind(found, "cpu")
    wishes = Wishes(candidates=night.candidates)

    def improviser() -> Improviser:
        return Improviser(mind, Knobs(), night.seed, wishes, found.phrases)

    return improviser


def in_a_home(night: Night) -> Verdicts:
    """The same, in a folder of its own that is gone afterwards, with the user's folders in it."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_DATA_HOME"] = folder
        return play(night, Path(folder, "night.mid"))
