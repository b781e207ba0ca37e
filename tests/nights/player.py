"""A player who never tires: phrase after phrase, out of chance, for as long as anybody listens.

Nothing is made before it is asked for, so a night of it takes no more memory than a minute. The player counts
along: `transport` is the grid as it should be, and what jamd plays can be held against it.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import mido

from jamd.controls.controls import Control
from jamd.controls.knobs import KNOBS
from jamd.engine.events import Received
from jamd.music.note import STEPS_PER_BEAT, Note
from jamd.music.transport import Metre, Transport
from jamd.smf import midifile

CHANNEL, CONTROLLER = 1, 15
"""Where the player plays and turns knobs; jamd is on channel 0, and nothing taken for an echo."""
FIRST_CC = 21
BOUND = {
    name: (Control("cc", FIRST_CC + number, CONTROLLER + 1),)
    for number, name in enumerate(
        name for name in KNOBS if name not in ("tap", "next-model", "previous-model")
    )
}
SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 3, 5, 6, 7, 10), (0, 2, 4, 7, 9))
LONGEST_TURN_SECONDS = 60.0
"""So long may what was asked for before a knob was turned still sound: eight bars at 40 BPM, and some."""

Timed = tuple[float, mido.Message]


class NightPlayer:
    """Plays from `first_seconds` on. `knobs`: whether it turns any. `rest_seconds`: its longest rest."""

    def __init__(
        self,
        seed: int,
        tempo: float = 120.0,
        metre: str = "4/4",
        mode: str = "answer",
        bars: int = 2,
        knobs: bool = True,
        rest_seconds: float = 240.0,
        first_seconds: float = 1.0,
    ) -> None:
        self.transport = Transport(tempo, Metre.parse(metre), first_seconds)
        self.notes = self.interruptions = self.turned = 0
        self.loose_until_seconds = 0.0
        """Until then jamd may play off the grid: somebody turned `feel` up."""
        self._chance, self._mode, self._bars, self._knobs = random.Random(seed), mode, bars, knobs
        self._rest_seconds, self._beats = rest_seconds, 0.0
        self._tonic, self._scale = 60, SCALES[0]
        self._call = midifile.read(Path(str(files("jamd") / "call.mid"))).notes

    def __iter__(self) -> Iterator[Received]:
        """What is received of it, in order, without an end."""
        yield from self._phrase(self._walk(0.0, 2), exact=True)
        while True:
            yield from self._something()

    # What happens next

    def _something(self) -> Iterator[Received]:
        chance = self._chance.random()
        if chance < 0.70 or not self._knobs:
            yield from self._trade()
        elif chance < 0.86:
            yield from self._turn_a_knob()
        elif chance < 0.90:
            yield from self._elsewhere()
        elif chance < 0.94:
            yield from self._press("loop")
            yield from self._wait(self._chance.choice((4, 8)))
            if self._chance.random() < 0.5:
                yield from self._trade()
            yield from self._press("loop")
        elif chance < 0.96:
            yield from self._press("vary")
        elif chance < 0.975:
            yield from self._press("turn")
        elif chance < 0.985:
            yield from self._press("panic")
        elif chance < 0.99:
            yield from self._press("save")
        else:
            yield from self._turn("tempo", self._chance.randrange(10, 111))

    def _trade(self) -> Iterator[Received]:
        """A call, and room for the answer; now and then into the answer, now and then a long rest."""
        if self._chance.random() < 0.1:
            self._tonic, self._scale = self._chance.randint(53, 68), self._chance.choice(SCALES)
        self._on_bar()
        yield from self._phrase(self._some_phrase(self._bars))
        if self._chance.random() < 0.2:
            self.interruptions += 1
            self._beats += self._chance.choice((0.5, 1.0, 1.25, 2.0, 3.5))
            yield from self._phrase(self._walk(self._chance.random(), 1))
        yield from self._wait(self._bars)
        if self._chance.random() < 0.015:
            seconds = self._rest_seconds * self._chance.uniform(0.2, 1.0)
            self._beats += seconds * self.transport.tempo / 60

    def _turn_a_knob(self) -> Iterator[Received]:
        name = self._chance.choice(("temperature", "echo", "density", "register", "feel", "bars"))
        if name == "bars":
            place = self._chance.choice((0, 0, 1, 1, 2))
            self._bars = int(KNOBS["bars"].choices[place])
            yield from self._turn("bars", place * 32)
            return
        if name == "feel":
            self.loose_until_seconds = float("inf")
            yield from self._turn("feel", self._chance.randrange(1, 128))
            yield from self._trade()
            yield from self._turn("feel", 0)
            self.loose_until_seconds = self.transport.seconds_at(self._step) + LONGEST_TURN_SECONDS
            return
        for value in sorted(self._chance.sample(range(128), 3)):  # a sweep
            yield from self._turn(name, value)
            self._beats += 0.1
        yield from self._turn(name, 64)

    def _elsewhere(self) -> Iterator[Received]:
        """Some bars in another mode."""
        modes = KNOBS["mode"].choices
        other = self._chance.choice([mode for mode in modes if mode != self._mode])
        yield from self._turn("mode", modes.index(other) * 43)
        for _ in range(self._chance.randint(1, 3)):
            yield from self._trade()
        yield from self._turn("mode", modes.index(self._mode) * 43)

    # The hands

    @property
    def _step(self) -> float:
        return self._beats * STEPS_PER_BEAT

    def _on_bar(self) -> None:
        bar = self.transport.bar_of(int(self._step + 0.999)) + 1
        self._beats = self.transport.bar_line(bar) / STEPS_PER_BEAT

    def _wait(self, bars: int) -> Iterator[Received]:
        self._beats += bars * self.transport.metre.steps_per_bar / STEPS_PER_BEAT
        yield from ()

    def _press(self, name: str) -> Iterator[Received]:
        yield from self._turn(name, 127)
        self._beats += 0.25
        yield from self._turn(name, 0)

    def _turn(self, name: str, value: int) -> Iterator[Received]:
        """Move the control of a knob."""
        if not self._knobs:
            return
        self.turned += 1
        control = BOUND[name][0].number
        message = mido.Message("control_change", channel=CONTROLLER, control=control, value=value)
        seconds = self.transport.seconds_at(self._step)
        yield Received(seconds, message)
        if name == "tempo":
            self.transport = self.transport.at_tempo(float(KNOBS["tempo"].value_at(value / 127)), seconds)

    def _phrase(self, notes: Iterable[Note], exact: bool = False) -> Iterator[Received]:
        """Play notes, in beats from now on, a little out of time unless `exact`, some with the pedal."""
        timed: list[Timed] = []
        ends: dict[int, float] = {}
        for note in sorted(notes, key=lambda note: note.start_beats):
            loose = 0.0 if exact else self._chance.gauss(0, 0.012) * self.transport.tempo / 60
            start = max(note.start_beats + loose, ends.get(note.pitch, 0.0))  # never before now
            end = max(start + 0.05, note.end_beats)
            ends[note.pitch] = end
            on = mido.Message("note_on", channel=CHANNEL, note=note.pitch, velocity=note.velocity)
            timed.append((start, on))
            timed.append((end, mido.Message("note_off", channel=CHANNEL, note=note.pitch)))
            self.notes += 1
        if self._chance.random() < 0.15 and not exact:
            last = max(ends.values())
            timed += [
                (0.1, mido.Message("control_change", channel=CHANNEL, control=64, value=127)),
                (last + 0.2, mido.Message("control_change", channel=CHANNEL, control=64, value=0)),
            ]
        timed.sort(key=lambda each: (each[0], each[1].type == "note_on"))
        for beats, message in timed:
            yield Received(self.transport.seconds_at(self._step + beats * STEPS_PER_BEAT), message)
        self._beats += timed[-1][0]

    # What the hands know

    def _some_phrase(self, bars: int) -> list[Note]:
        chance = self._chance.random()
        if chance < 0.2:
            return self._of_the_call(bars)
        if chance < 0.6:
            return self._walk(self._chance.random(), bars)
        if chance < 0.8:
            return self._chords(bars)
        return self._figure(bars)

    def _room_beats(self, bars: int) -> float:
        return max(0.25, bars * self.transport.metre.steps_per_bar / STEPS_PER_BEAT - 0.5)

    def _of_the_call(self, bars: int) -> list[Note]:
        by, room = self._chance.randint(-5, 6), self._room_beats(bars)
        notes = [replace(note, pitch=note.pitch + by) for note in self._call if note.end_beats <= room]
        return notes or self._walk(0.5, bars)

    def _walk(self, density: float, bars: int) -> list[Note]:
        """Up and down a scale."""
        notes, beats, place = [], 0.0, self._chance.randint(-3, 7)
        while beats < self._room_beats(bars):
            length = self._chance.choice((0.25, 0.5, 0.5, 1.0) if density < 0.7 else (0.25, 0.25, 0.125))
            if not notes or self._chance.random() < 0.85:
                held = length * self._chance.uniform(0.4, 1.0)
                notes.append(Note(self._key(place), self._chance.randint(40, 110), beats, beats + held))
            place = min(max(place + self._chance.choice((-2, -1, 1, 2)), -8), 12)
            beats += length
        return notes

    def _chords(self, bars: int) -> list[Note]:
        notes = []
        for beat in range(0, int(self._room_beats(bars)), self._chance.choice((1, 2))):
            root = self._chance.randint(-5, 4)
            notes += [Note(self._key(root + up), 70, beat, beat + 0.9) for up in (0, 2, 4)]
        return notes or self._walk(0.5, bars)

    def _figure(self, bars: int) -> list[Note]:
        """The same few notes again and again."""
        places = [self._chance.randint(-4, 8) for _ in range(self._chance.randint(2, 5))]
        count = int(self._room_beats(bars) / 0.5)
        return [
            Note(self._key(places[number % len(places)]), 80, number / 2, number / 2 + 0.4)
            for number in range(max(1, count))
        ]

    def _key(self, place: int) -> int:
        octave, degree = divmod(place, len(self._scale))
        return self._tonic + 12 * octave + self._scale[degree]
