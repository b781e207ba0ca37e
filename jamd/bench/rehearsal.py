"""A rehearsal: the real engine with a real model trades bars with a scripted player, in real time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO

import mido

from jamd.bench.arrival import Heard
from jamd.bench.lateness import Sent, answers, sent_in, strikes
from jamd.bench.machine import core_seconds
from jamd.engine.output import Port
from jamd.engine.snapshot import Turn
from jamd.engine.turns import Form
from jamd.engine.voice import Voice
from jamd.live import Session, live_engine, run
from jamd.mind.improviser import Due, Improviser
from jamd.mind.settings import Settings
from jamd.models.features import Place
from jamd.music.note import STEPS_PER_BEAT, Frame, Onset
from jamd.music.transport import Metre, Transport
from jamd.player import Player, TimedMessages
from jamd.sync.source import Internal

CALL_BARS = ANSWER_BARS = 1
FEEL = 1.0
CALL_PITCHES = (60, 64, 67, 72, 69, 65, 62, 67)
REST_STEPS = 2
"""At the end of a call: a player whom a busy machine holds up must not play into the answer."""
HELD = 0.6
"""Of a step, each of the player's notes."""
CHORD = ((48, 0.0), (64, 0.125), (72, 0.25), (79, 0.375))
"""Pitches above the step's own, and where in the step each begins: four instants in each sixteenth."""
CHORD_SHIFTS = 12
QUIET = 12
"""The velocity of all of it: it may go to a real synthesizer."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What came of it."""

    sent: tuple[Sent, ...] = ()
    answer_seconds: tuple[float, ...] = ()
    """How late the first note of each answer left after its bar line."""
    bar_lines_seconds: tuple[float, ...] = ()
    """On which answers were to begin."""
    heard: tuple[Heard, ...] = ()
    """What another program heard of it, if one listened."""
    turns: int = 0
    dropped: int = 0
    late_frames: int = 0
    """That came from the model after their step."""
    faults: int = 0
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    """Of the whole program, the model's process too, on all cores."""

    def __add__(self, other: Rehearsed) -> Rehearsed:
        return Rehearsed(
            self.sent + other.sent,
            self.answer_seconds + other.answer_seconds,
            self.bar_lines_seconds + other.bar_lines_seconds,
            self.heard + other.heard,
            self.turns + other.turns,
            self.dropped + other.dropped,
            self.late_frames + other.late_frames,
            self.faults + other.faults,
            self.wall_seconds + other.wall_seconds,
            self.cpu_seconds + other.cpu_seconds,
        )


@dataclass(frozen=True, slots=True)
class Piece:
    """What is rehearsed: so many calls of a bar, each with its answer. `dense`: the model thinks as ever, but
    in place of its notes four are played in each sixteenth, so that there is enough to measure."""

    turns: int
    tempo: float
    metre: Metre
    dense: bool = True

    @property
    def bar_seconds(self) -> float:
        return self.metre.steps_per_bar * self.step_seconds

    @property
    def step_seconds(self) -> float:
        return Transport(self.tempo, self.metre).seconds_per_step

    def calls(self) -> TimedMessages:
        """What the player plays: a note in each sixteenth of a call."""
        timed = []
        for turn in range(self.turns):
            first = turn * (CALL_BARS + ANSWER_BARS) * self.metre.steps_per_bar
            for step in range(max(1, self.metre.steps_per_bar - REST_STEPS)):
                at, pitch = first + step, CALL_PITCHES[step % len(CALL_PITCHES)]
                on = mido.Message("note_on", note=pitch, velocity=64)
                timed.append((at * self.step_seconds, on))
                off = mido.Message("note_off", note=pitch)
                timed.append(((at + HELD) * self.step_seconds, off))
        return timed


@dataclass(frozen=True, slots=True)
class Dense:
    """An improviser whose notes are replaced as they come."""

    inner: Improviser

    def warm_up(self) -> None:
        self.inner.warm_up()

    def hear(self, player: Frame, own: Frame, place: Place) -> None:
        self.inner.hear(player, own, place)

    def turn(self, settings: Settings) -> None:
        self.inner.turn(settings)

    def answer(
        self, places: Sequence[Place], due: Due, about: Sequence[Frame] | None = None
    ) -> Iterator[Frame]:
        for step, _ in enumerate(self.inner.answer(places, due, about)):
            yield chord(step)


def chord(step: int) -> Frame:
    """Four quiet notes, one after another; those of the next step are others, so all of these end there."""
    shift = step % CHORD_SHIFTS
    return Frame(tuple(Onset(pitch + shift, QUIET, offset) for pitch, offset in CHORD))


def rehearse(improvisers: Callable[[], Improviser], piece: Piece, port: Port) -> Rehearsed:
    """Play a piece once, to `port`, as `jamd listen` would; takes as long as the music."""
    trace = StringIO()
    sync = Internal(Transport(piece.tempo, piece.metre))

    def improviser() -> Improviser:
        return Dense(improvisers()) if piece.dense else improvisers()  # type: ignore[return-value]

    session = Session(sync, Form(CALL_BARS, ANSWER_BARS), Voice(0, FEEL), improviser, trace=trace)
    cpu = core_seconds()
    with live_engine(session, port) as (engine, output):
        rest_seconds = (ANSWER_BARS + 0.5) * piece.bar_seconds
        player = Player(piece.calls(), engine.intake.receive, rest_seconds, engine.stop)
        player.start()
        wall = time.perf_counter()
        try:
            run(engine)
        finally:
            player.stop()
        wall_seconds = time.perf_counter() - wall
    cpu_seconds = core_seconds() - cpu
    sent, account = tuple(sent_in(trace)), engine.account
    bar_lines = [
        sync.transport.seconds_at(STEPS_PER_BEAT * span.start_beats)
        for span in account.spans
        if span.turn is Turn.ANSWER
    ]
    return Rehearsed(
        sent,
        tuple(answers(strikes(sent), bar_lines, piece.bar_seconds)),
        tuple(bar_lines),
        turns=account.turns,
        dropped=output.dropped,
        late_frames=account.late_frames,
        faults=account.faults,
        wall_seconds=wall_seconds,
        cpu_seconds=cpu_seconds,
    )
