"""A jam on the virtual clock: what is played, what is answered, at which second."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import mido

from jamd.engine.engine import Engine
from jamd.engine.events import Clocked, Received
from jamd.engine.output import Output
from jamd.engine.rig import Rig
from jamd.engine.snapshot import Turn
from jamd.engine.turns import Form
from jamd.engine.virtual import ManualClock
from jamd.engine.voice import Voice
from jamd.mind.worker import InlineWorker, Post, Worker
from jamd.models.features import Place
from jamd.music.note import REST, Frame, Onset
from jamd.music.transport import Metre, Transport
from jamd.sync.clockin import ClockIn
from jamd.sync.source import Internal, Sync

Heard = list[tuple[float, str, int]]
"""What came out: (seconds, "on" or "off" or "control N" or another kind, pitch or value or channel)."""


class Parrot:
    """An improviser that answers with what it heard last, an octave up."""

    def __init__(self) -> None:
        self.heard: list[tuple[Frame, Frame, Place]] = []

    def hear(self, player: Frame, own: Frame, place: Place) -> None:
        self.heard.append((player, own, place))

    def answer(self, places: Sequence[Place], due: object = None) -> Iterator[Frame]:
        frames = [player for player, _, _ in self.heard][-len(places) :]
        for frame in frames + [REST] * (len(places) - len(frames)):
            onsets = tuple(Onset(o.pitch + 12, o.velocity, o.offset_steps) for o in frame.onsets)
            yield Frame(onsets, frozenset(pitch + 12 for pitch in frame.held))


@dataclass
class Pad(Parrot):
    """An improviser that holds one note for the whole answer, and can be told to fail."""

    pitch: int = 60
    fail: Callable[[], bool] = lambda: False
    offset_steps: float = 0.0
    heard: list[tuple[Frame, Frame, Place]] = field(default_factory=list)

    def answer(self, places: Sequence[Place], due: object = None) -> Iterator[Frame]:
        for step, _ in enumerate(places):
            if step == len(places) // 2 and self.fail():
                raise RuntimeError("the strings are broken")
            held = frozenset([self.pitch])
            yield Frame((Onset(self.pitch, 80, self.offset_steps),)) if step == 0 else Frame((), held)


class RecordingPort:
    """A port that notes down what is sent, and when on the jam's clock."""

    def __init__(self) -> None:
        self.clock: ManualClock | None = None
        self.engine: Engine | None = None
        self.heard: Heard = []

    def send(self, message: mido.Message) -> None:
        assert self.clock is not None
        seconds = round(self.clock.now(), 6)
        if message.type == "control_change":
            self.heard.append((seconds, f"control {message.control}", message.value))
        elif message.type in ("note_on", "note_off"):
            self.heard.append((seconds, message.type.removeprefix("note_"), message.note))
        else:
            self.heard.append((seconds, message.type, message.channel))


class TimedPort(RecordingPort):
    """A port that is told when each message is to be heard, and notes that down too: a page."""

    def __init__(self) -> None:
        super().__init__()
        self.instants: list[tuple[float, str, int]] = []

    def send(self, message: mido.Message) -> None:
        assert self.clock is not None
        self.send_at(message, self.clock.now())

    def send_at(self, message: mido.Message, seconds: float) -> None:
        super().send(message)
        _, what, which = self.heard[-1]
        self.instants.append((round(seconds, 6), what, which))


class Notebook:
    """A recorder that only remembers."""

    def __init__(self) -> None:
        self.events: list[tuple[str, float, mido.Message]] = []
        self.tempos: list[tuple[float, float]] = []
        self.metres: list[tuple[float, Metre]] = []
        self.turns: list[tuple[float, Turn]] = []

    def record(self, part: str, beats: float, message: mido.Message) -> None:
        self.events.append((part, beats, message))

    def tempo(self, beats: float, tempo: float) -> None:
        self.tempos.append((beats, tempo))

    def metre(self, beats: float, metre: Metre) -> None:
        self.metres.append((beats, metre))

    def turn(self, beats: float, turn: Turn) -> None:
        self.turns.append((beats, turn))


def note(
    start_seconds: float, pitch: int, end_seconds: float, velocity: int = 80, channel: int = 0
) -> list[Received]:
    """One note of the player's."""
    on = mido.Message("note_on", note=pitch, velocity=velocity, channel=channel)
    off = mido.Message("note_off", note=pitch, channel=channel)
    return [Received(start_seconds, on), Received(end_seconds, off)]


def control(seconds: float, number: int, value: int, channel: int = 0) -> list[Received]:
    message = mido.Message("control_change", control=number, value=value, channel=channel)
    return [Received(seconds, message)]


def pedal(seconds: float, down: bool) -> list[Received]:
    return control(seconds, 64, 127 if down else 0)


@dataclass
class Jam:
    """What came of a jam."""

    heard: Heard
    engine: Engine
    output: Output
    notebook: Notebook

    @property
    def notes(self) -> Heard:
        return [event for event in self.heard if event[1] in ("on", "off")]


def jam(
    script: Iterable[Sequence[Received | Clocked]],
    end_seconds: float,
    improviser: object | None = None,
    form: Form | None = None,
    tempo: float = 120.0,
    metre: str = "4/4",
    feel: float = 1.0,
    port: RecordingPort | None = None,
    make_worker: Callable[[Post], Worker] | None = None,
    clocked: bool = False,
    sync: Sync | None = None,
    rig: Rig | None = None,
) -> Jam:
    """Play a script to the engine until `end_seconds`; at 120 BPM a bar of 4/4 lasts two seconds. When
    `clocked`, the grid is that of the clock in the script."""
    events = sorted((event for group in script for event in group), key=lambda event: event.seconds)
    clock = ManualClock(events, end_seconds)
    port = port or RecordingPort()
    port.clock = clock
    output, notebook = Output(port, clock, early_seconds=rig.early_seconds if rig else 0.0), Notebook()
    mind = improviser or Parrot()
    transport = Transport(tempo, Metre.parse(metre))
    engine = Engine(
        clock,
        sync or (ClockIn(transport) if clocked else Internal(transport)),
        form or Form(1, 1),
        Voice(0, feel),
        output,
        notebook,
        make_worker or (lambda post: InlineWorker(mind, post)),  # type: ignore[arg-type]
        rig,
    )
    port.engine = engine
    engine.run()
    return Jam(port.heard, engine, output, notebook)
