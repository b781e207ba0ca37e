"""Two jamds on crossed ports, on a virtual clock: does their music stay alive, or does it feed on itself?

Each hears the other's answers as its calls. One gets a call of two bars at the beginning, and then nobody
plays but they. Of every minute it is told how many different pitches a bar has, how many different rhythms
(which steps of a bar have an onset) there are to a bar, the share of bars that stood before note for note,
and the entropy of pitches and rhythms. Pitches and rhythms of the last two minutes are held against the
first two: a third less is too much.

    OPENBLAS_NUM_THREADS=1 python -m tests.bench.two_jamds --seeds 5 [--mode solo] [--riff] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import mido
import numpy as np

from jamd.engine.engine import Engine
from jamd.engine.events import Event, Inbox, Received, Stop
from jamd.engine.output import Output
from jamd.engine.snapshot import Turn
from jamd.engine.turns import Form, Mode
from jamd.engine.voice import Voice
from jamd.mind.improviser import Improviser
from jamd.mind.settings import Wishes
from jamd.mind.worker import InlineWorker
from jamd.models import bundle
from jamd.models.opening import open_mind, set_echo
from jamd.models.sampling import Knobs
from jamd.music.note import STEPS_PER_BEAT
from jamd.music.transport import Metre, Transport
from jamd.smf.write import Track, encode
from jamd.sync.source import Internal

TEMPO = 120.0
SECONDS_PER_BEAT = 60.0 / TEMPO
STEPS_PER_BAR = 4 * STEPS_PER_BEAT
BARS_PER_MINUTE = round(TEMPO / 4)
TURN_BARS = 2
LEAST_LEFT = 2 / 3
"""Of the pitches and rhythms of the first two minutes, in the last two."""

CALLS = (
    "0 60 1, 1 64 1, 2 67 1, 3 64 1, 4 69 1.5, 5.5 67 .5, 6 64 2",
    "0 62 .5, .5 65 .5, 1 69 1, 2 72 1.5, 3.5 69 .5, 4 67 1, 5 65 1, 6 62 2",
    "0 67 1, 1 67 .5, 1.5 69 .5, 2 71 1, 3 74 1, 4 72 1, 5 71 1, 6 67 2",
    "0 57 .5, .5 60 .5, 1 64 .5, 1.5 60 .5, 2 65 1, 3 64 1, 4 62 1, 5 59 1, 6 57 2",
    "0 70 1.5, 1.5 69 .5, 2 67 1, 3 65 1, 4 63 1, 5 62 .5, 5.5 63 .5, 6 65 2",
)
"""Beginnings: beat, pitch and beats of each note."""

Played = list[tuple[float, mido.Message]]


@dataclass
class Table:
    """One virtual time for all who sit at it: whose instant is next goes on, the others wait. Each is a
    program on a thread of its own, and only one of them ever runs."""

    end_seconds: float
    seats: int
    seconds: float = 0.0
    asking: dict[int, tuple[Inbox, float | None]] = field(default_factory=dict)
    turn: int | None = None
    granted: Event | None = None
    changed: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, seat: int, inbox: Inbox, until_seconds: float | None) -> Event | None:
        with self.changed:
            self.asking[seat] = inbox, until_seconds
            if len(self.asking) == self.seats:
                self._go_on()
            self.changed.wait_for(lambda: self.turn == seat)
            self.turn = None
            del self.asking[seat]
            return self.granted

    def leave(self) -> None:
        with self.changed:
            self.seats -= 1
            if self.seats and len(self.asking) == self.seats:
                self._go_on()

    def _go_on(self) -> None:
        for seat, (inbox, _) in sorted(self.asking.items()):
            if not inbox.empty():
                self.turn, self.granted = seat, inbox.get()
                break
        else:
            due = {seat: until for seat, (_, until) in self.asking.items() if until is not None}
            first = min(due, key=lambda seat: (due[seat], seat), default=min(self.asking))
            self.seconds = max(self.seconds, min(due.get(first, self.end_seconds), self.end_seconds))
            over = self.seconds >= self.end_seconds
            self.turn, self.granted = first, Stop() if over else None
        self.changed.notify_all()


@dataclass
class Seat:
    """A place at the table, as the clock of a program."""

    table: Table
    number: int

    def now(self) -> float:
        return self.table.seconds

    def wait(self, inbox: Inbox, until_seconds: float | None) -> Event | None:
        return self.table.wait(self.number, inbox, until_seconds)


class Cable:
    """From one jamd into the other; what went through is kept."""

    def __init__(self, table: Table) -> None:
        self.table, self.into, self.played = table, list[Inbox](), Played()

    def send(self, message: mido.Message) -> None:
        self.played.append((self.table.seconds, message))
        for inbox in self.into:
            inbox.put(Received(self.table.seconds, message))


class Nobody:
    """Records nothing."""

    def record(self, part: str, beats: float, message: mido.Message) -> None: ...

    def metre(self, beats: float, metre: Metre) -> None: ...

    def turn(self, beats: float, turn: Turn) -> None: ...

    def tempo(self, beats: float, tempo: float) -> None: ...


def call_of(notes: str, begin_seconds: float) -> Played:
    messages = []
    for note in notes.split(", "):
        beat, pitch, beats = map(float, note.split())
        at = begin_seconds + beat * SECONDS_PER_BEAT
        messages.append((at, mido.Message("note_on", note=int(pitch), velocity=80)))
        messages.append((at + 0.95 * beats * SECONDS_PER_BEAT, mido.Message("note_off", note=int(pitch))))
    return sorted(messages, key=lambda event: event[0])


@dataclass(frozen=True)
class Setting:
    """Who plays what for how long."""

    minutes: float = 10.0
    model: str = "default"
    mode: Mode = Mode.ANSWER
    riff: bool = False
    candidates: int = 16
    echo: float = 1.0


def improvisers(setting: Setting) -> Callable[[int], Improviser]:
    """Who imagines with the setting's model, by seed; each has a mind of its own over the same weights."""
    found = bundle.read(bundle.find(setting.model, Path("models")))

    def improviser(seed: int) -> Improviser:
        mind = open_mind(found, "cpu", 1.0)
        set_echo(mind, setting.echo)
        return Improviser(mind, Knobs(), seed, Wishes(candidates=setting.candidates), found.phrases)

    return improviser


def play(setting: Setting, seed: int, improviser: Callable[[int], Improviser]) -> list[Played]:
    """What each part played; the beginning is the first part's, or a part of its own where a player plays on
    with one jamd alone."""
    jamds = 1 if setting.riff or setting.mode is Mode.SOLO else 2
    end_seconds = setting.minutes * 60
    table = Table(end_seconds, jamds + 1)
    cables = [Cable(table) for _ in range(jamds)]
    engines = []
    for number, cable in enumerate(cables):
        seat = Seat(table, number)
        mind = improviser(2 * seed + number)
        engines.append(
            Engine(
                seat,
                Internal(Transport(TEMPO, Metre(4, 4))),
                Form(TURN_BARS, TURN_BARS, mode=setting.mode),
                Voice(0, 1.0),
                Output(cable, seat),
                Nobody(),
                lambda post, mind=mind: InlineWorker(mind, post),  # type: ignore[misc]
            )
        )
    if jamds == 2:
        cables[0].into, cables[1].into = [engines[1].inbox], [engines[0].inbox]
    call = CALLS[seed % len(CALLS)]
    turns = int(end_seconds / (2 * TURN_BARS * 4 * SECONDS_PER_BEAT)) if setting.riff else 1
    script = [
        event for turn in range(turns) for event in call_of(call, turn * 2 * TURN_BARS * 4 * SECONDS_PER_BEAT)
    ]

    def player() -> None:
        seat, nothing = Seat(table, jamds), Inbox()
        for at, message in script:
            while seat.now() < at:
                seat.wait(nothing, at)
            engines[0].inbox.put(Received(at, message))
        table.leave()

    broken: list[BaseException] = []

    def run(engine: Engine) -> None:
        try:
            engine.run()
        except BaseException as error:
            broken.append(error)
        finally:
            table.leave()

    threads = [threading.Thread(target=player), *[threading.Thread(target=run, args=(e,)) for e in engines]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if broken:
        raise broken[0]
    for engine in engines:
        assert not engine.account.faults, engine.account.last_fault
    return [script, *[cable.played for cable in cables]]


Bar = frozenset[tuple[int, int]]
"""The onsets of a bar: step in it, pitch."""


def bars_of(parts: Sequence[Played], bars: int) -> list[Bar]:
    """The onsets of all parts together, bar by bar."""
    found = [set[tuple[int, int]]() for _ in range(bars)]
    for part in parts:
        for seconds, message in part:
            if message.type == "note_on" and message.velocity > 0:
                step = round(seconds / SECONDS_PER_BEAT * STEPS_PER_BEAT)
                if step // STEPS_PER_BAR < bars:
                    found[step // STEPS_PER_BAR].add((step % STEPS_PER_BAR, message.note))
    return [frozenset(bar) for bar in found]


def bits(counts: Sequence[int]) -> float:
    share = np.array(counts) / max(1, sum(counts))
    return float(-(share * np.log2(share)).sum())


@dataclass(frozen=True)
class Minute:
    """What a stretch of bars was like."""

    pitches: float
    """Different pitches in a bar, on average."""
    rhythms: float
    """Different rhythms to a bar: 1 when no two bars have the same."""
    again: float
    """The share of bars that stood before, note for note."""
    pitch_bits: float
    rhythm_bits: float


def measured(bars: Sequence[Bar], first: int, last: int) -> Minute:
    here = bars[first:last]
    rhythms = Counter(frozenset(step for step, _ in bar) for bar in here)
    pitches = Counter(pitch for bar in here for _, pitch in bar)
    seen, again = set(bars[:first]), 0
    for bar in here:
        again += bool(bar) and bar in seen
        seen.add(bar)
    return Minute(
        float(np.mean([len({pitch for _, pitch in bar}) for bar in here])),
        len(rhythms) / len(here),
        again / len(here),
        bits(list(pitches.values())),
        bits(list(rhythms.values())),
    )


def left(bars: Sequence[Bar], two: int) -> tuple[float, float]:
    """What the last two minutes, as many bars, have of the pitches and rhythms of the first two."""
    before, after = measured(bars, 0, two), measured(bars, len(bars) - two, len(bars))
    return after.pitches / before.pitches, after.rhythms / before.rhythms


def keep(path: Path, parts: Sequence[Played]) -> None:
    tracks = [
        Track(name, [(seconds / SECONDS_PER_BEAT, message) for seconds, message in part])
        for name, part in zip(("player", "one", "other"), parts, strict=False)
    ]
    path.write_bytes(encode(tracks, [(0.0, TEMPO)], [(0.0, Metre(4, 4))]))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--mode", default="answer", choices=["answer", "solo"])
    parser.add_argument("--riff", action="store_true", help="A player repeats one riff with one jamd.")
    parser.add_argument("--model", default="default")
    parser.add_argument("--echo", type=float, default=1.0)
    parser.add_argument("--candidates", type=int, default=16)
    parser.add_argument("--keep", type=Path)
    said = parser.parse_args()
    setting = Setting(said.minutes, said.model, Mode(said.mode), said.riff, said.candidates, said.echo)
    improviser = improvisers(setting)
    ratios = []
    for seed in range(said.first_seed, said.first_seed + said.seeds):
        began = time.monotonic()
        parts = play(setting, seed, improviser)
        if said.keep:
            said.keep.mkdir(parents=True, exist_ok=True)
            keep(said.keep / f"{said.mode}{'-riff' if said.riff else ''}-{seed}.mid", parts)
        bars, per = bars_of(parts, said.minutes * BARS_PER_MINUTE), BARS_PER_MINUTE
        if said.riff:  # the answers alone
            bars = [bar for number, bar in enumerate(bars) if number % (2 * TURN_BARS) >= TURN_BARS]
            per //= 2
        print(f"seed {seed} ({time.monotonic() - began:.0f} s)")
        print(" minute  pitches  rhythms  again  bits of pitches, rhythms")
        for minute in range(said.minutes):
            m = measured(bars, minute * per, (minute + 1) * per)
            print(f"{minute + 1:7} {m.pitches:8.2f} {m.rhythms:8.2f} {m.again:6.0%}", end=" ")
            print(f"{m.pitch_bits:8.2f} {m.rhythm_bits:8.2f}")
        ratios.append(left(bars, 2 * per))
        print(f" left: pitches {ratios[-1][0]:.2f}, rhythms {ratios[-1][1]:.2f}", flush=True)
    pitches, rhythms = np.median(ratios, 0)
    print(f"median of {len(ratios)}: pitches {pitches:.2f}, rhythms {rhythms:.2f}; bar {LEAST_LEFT:.2f}")


if __name__ == "__main__":
    main()
