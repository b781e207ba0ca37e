"""A session in real time: built, run until a signal or the end of the music, and summed up."""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import mido

from jamd.clock import SystemClock
from jamd.controls.keys import KEYS, QUIT, Key, in_words, meant
from jamd.counted import counted
from jamd.engine.account import Recorder as AnyRecorder
from jamd.engine.engine import Engine
from jamd.engine.output import Lines, Output, Port
from jamd.engine.rig import Rig
from jamd.engine.snapshot import Turn
from jamd.engine.turns import Form
from jamd.engine.voice import Voice
from jamd.errors import JamdError
from jamd.mind.improviser import Improviser
from jamd.mind.minds import MakeWorker
from jamd.mind.process import ProcessWorker, possible, worker_of
from jamd.mind.rack import Improvisers, ModelRack, StandIn
from jamd.mind.worker import Post, Worker
from jamd.music.transport import Metre
from jamd.printable import printable
from jamd.sessions.recorder import Recorder
from jamd.sessions.takes import Takes
from jamd.sync.source import Sync
from jamd.system.keypress import keypresses
from jamd.system.logs import SAID, say
from jamd.system.priority import model_cores, on_time

log = logging.getLogger(__name__)

CLOSE_SECONDS = 1.0
SWITCH_SECONDS = 0.0001
"""How soon the engine's thread gets the interpreter from another: the model's, where that is not a process of
its own, holds it in many small numpy calls. At Python's own 5 ms, one event in a hundred left 5 ms late."""


@dataclass(frozen=True, slots=True)
class Session:
    """What a live session is made of."""

    sync: Sync
    form: Form
    voice: Voice
    improvisers: Callable[[], Improviser]
    keeping: Recorder | None = None
    trace: Lines | None = None
    rig: Rig | None = None
    models: tuple[Sequence[str], str, Improvisers] | None = None
    """The names to choose from, the one that plays, and how each is loaded."""
    stand_ins: Sequence[StandIn] = ()
    page: AnyRecorder | None = None
    """Is told all that goes into the session's file, too."""


@contextmanager
def live_engine(session: Session, port: Port) -> Iterator[tuple[Engine, Output]]:
    """An engine on the system's clock that plays to `port`, with its recorder running."""
    clock, cores, rig = SystemClock(), model_cores(), session.rig or Rig()
    output = Output(port, clock, session.trace, rig.early_seconds)
    processes: list[ProcessWorker] = []

    def make_worker(improvisers: Callable[[], Improviser]) -> MakeWorker:
        def make(post: Post) -> Worker:
            worker = worker_of(improvisers, post, cores)
            if isinstance(worker, ProcessWorker):
                processes[:] = [*(each for each in processes if each.lives), worker]
            return worker

        return make

    with ExitStack() as stack:
        stack.callback(_end, processes)
        recorder: AnyRecorder = NoRecorder()
        if (keeping := session.keeping) is not None:
            transport = session.sync.transport
            stack.enter_context(keeping)
            recorder = takes = Takes(keeping, lambda: keeping.path, transport.tempo, transport.metre)
            rig.desk.save = takes.save
        if session.page is not None:
            recorder = Tee(recorder, session.page)
        engine = Engine(
            clock,
            session.sync,
            session.form,
            session.voice,
            output,
            recorder,
            make_worker(session.improvisers),
            rig,
        )
        if session.models is not None:
            names, name, load = session.models
            stand_ins, apart = session.stand_ins, possible()
            rack = ModelRack(names, name, make_worker, load, engine.inbox.put, cores, stand_ins, apart)
            rig.desk.choose_from(rack)
        yield engine, output


def _end(processes: Sequence[ProcessWorker]) -> None:
    """See the models' processes to their end."""
    for process in processes:
        process.close()
    for process in processes:
        process.join(CLOSE_SECONDS)


class Nowhere:
    """A port that leads nowhere."""

    def send(self, message: object) -> None: ...


class Tee:
    """Two recorders that are told the same."""

    def __init__(self, *recorders: AnyRecorder) -> None:
        self._recorders = recorders

    def record(self, part: str, beats: float, message: mido.Message) -> None:
        for recorder in self._recorders:
            recorder.record(part, beats, message)

    def tempo(self, beats: float, tempo: float) -> None:
        for recorder in self._recorders:
            recorder.tempo(beats, tempo)

    def metre(self, beats: float, metre: Metre) -> None:
        for recorder in self._recorders:
            recorder.metre(beats, metre)

    def turn(self, beats: float, turn: Turn) -> None:
        for recorder in self._recorders:
            recorder.turn(beats, turn)


class NoRecorder:
    """Keeps nothing (`--no-record`)."""

    def record(self, part: str, beats: float, message: object) -> None: ...

    def tempo(self, beats: float, tempo: float) -> None: ...

    def metre(self, beats: float, metre: Metre) -> None: ...

    def turn(self, beats: float, turn: Turn) -> None: ...


def run(engine: Engine) -> None:
    """Play until the end. A fault of the engine's own is said in one line, like any other."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()  # what is here stays: to look through all of it once more takes 20 ms
    try:
        with on_time():
            engine.run()
    except JamdError:
        raise
    except Exception as error:
        log.error("the engine failed", exc_info=True, extra=SAID)
        raise JamdError(f"the engine failed: {type(error).__name__}: {error}") from error
    finally:
        gc.unfreeze()
        sys.setswitchinterval(before)


@contextmanager
def watch(engine: Engine, title: str, quiet: bool, keys: Sequence[Key] = KEYS) -> Iterator[None]:
    """The jam rolling by until the block ends, where there is a terminal to show it on; meanwhile these keys
    do what they do, where they can be pressed there."""
    if quiet or not sys.stdout.isatty():
        yield
        return
    from rich.console import Console

    from jamd.view.view import View

    if not sys.stdin.isatty():
        with View(Console(), lambda: engine.snapshot, printable(title)):
            yield
        return
    view = View(Console(), lambda: engine.snapshot, printable(title), in_words(keys))

    def pressed(typed: str) -> None:
        key = meant(typed, keys)
        if key is None:
            return
        if key.turned is not None:
            engine.inbox.put(key.turned)
        elif key.name == QUIT:
            engine.stop()
        else:
            view.help()

    with keypresses(pressed), view:
        yield


def say_summary(engine: Engine, output: Output) -> None:
    """One account of the session, on stdout."""
    account, jitter = engine.account, output.jitter()
    turns, heard = counted(account.turns, "turn"), counted(account.notes_heard, "note")
    lines = [
        f"{turns}, {heard} heard, {output.notes} played",
        f"{output.dropped} dropped, {account.late_frames} late from the model, {account.faults} given up",
    ]
    if jitter.events:
        lines.append(
            f"jitter over {counted(jitter.events, 'event')}: median {jitter.median_ms:.2f} ms, "
            f"p99 {jitter.p99_ms:.2f} ms, max {jitter.max_ms:.2f} ms"
        )
    say("; ".join(lines))
