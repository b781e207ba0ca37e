"""MIDI clock from a master: 24 ticks a beat, start, stop, continue and song position become the transport."""

from __future__ import annotations

import logging
import math
from collections import deque
from dataclasses import replace
from functools import lru_cache

import mido
import numpy as np
import numpy.typing as npt

from jamd.music.note import STEPS_PER_BEAT
from jamd.music.transport import FASTEST_TEMPO, SLOWEST_TEMPO, Transport
from jamd.sync.source import Free

TICKS_PER_BEAT = 24
TICKS_PER_STEP = TICKS_PER_BEAT // STEPS_PER_BEAT
MESSAGES = frozenset({"clock", "start", "stop", "continue", "songpos"})

WINDOW_TICKS = 2 * TICKS_PER_BEAT
"""Ticks come early and late by some milliseconds. A parabola through the last two beats of them, 3 ms off at
most, tells where the next one falls to half a millisecond, also while the tempo goes from 80 to 160 BPM in
eight bars; a line would lag by 2 ms there."""
CURVE_TICKS = TICKS_PER_BEAT
"""A parabola through fewer would swing: it is a line."""
RECENT_TICKS = 4
JUMP = 0.12
JUMP_SECONDS = 0.003
"""How far, as a share and at least, the last intervals must be from the fitted one for a new tempo."""
LOST = 1.6
"""Intervals without a tick from which on some are missing, unless it comes again: then the tempo fell."""
HURRIED = 0.5
"""An interval so much shorter, after a gap: ticks that were held up come all at once."""
MOST_DOUBTED = 3
"""Ticks in a row that a new tempo can make seem lost; where more are, the clock itself was."""
COARSE_TICKS = TICKS_PER_STEP
"""What a song position may be off: it counts sixteenths, and may be said anywhere in one."""
GONE_SECONDS = 2.0
"""Without a tick for so long, a running clock is gone; what is shorter is bridged."""
SHORTEST_SECONDS, LONGEST_SECONDS = (
    60.0 / tempo / TICKS_PER_BEAT for tempo in (FASTEST_TEMPO, SLOWEST_TEMPO)
)


log = logging.getLogger(__name__)


class Pulse:
    """The ticks of a clock, numbered, missing ones too, and where the fitted pulse says they fall."""

    def __init__(self) -> None:
        self.tick = -1
        """The number of the last tick."""
        self.interval_seconds: float | None = None
        """Between ticks now; None before two have come."""
        self.seconds = 0.0
        """The instant of the last tick, as fitted."""
        self._ticks: deque[tuple[int, float]] = deque(maxlen=WINDOW_TICKS)
        self._usual_seconds = 0.0  # the interval as a line has it: steadier than a parabola's end
        self._doubts: deque[int] = deque([0], maxlen=2 * RECENT_TICKS)  # ticks counted as missing, of late

    def add(self, seconds: float) -> None:
        """A tick came."""
        if self._doubts[-1] and seconds - self._ticks[-1][1] < HURRIED * self._usual_seconds:
            self._doubts[-1] -= 1  # it was not lost but held up, and is in the count already
            return
        missing = self._missing(seconds)
        self.tick += 1 + missing
        self._ticks.append((self.tick, seconds))
        self._doubts.append(missing)
        self._fit()
        if self._jumped():
            self._restart()

    def _missing(self, seconds: float) -> int:
        """How many ticks must have been lost since the last one."""
        if self.interval_seconds is None:
            return 0
        intervals = (seconds - self._ticks[-1][1]) / self._usual_seconds
        return round(intervals) - 1 if intervals > LOST else 0

    def _restart(self) -> None:
        """Go on from the last ticks alone: the tempo is a new one, and none of them was missing but those
        before a gap too long for a tempo."""
        self.tick -= sum(missing for missing in self._doubts if missing < MOST_DOUBTED)
        self._doubts.extend([0] * 2 * RECENT_TICKS)
        recent = [seconds for _, seconds in self._ticks][-RECENT_TICKS:]
        self._ticks.clear()
        self._ticks.extend(enumerate(recent, self.tick + 1 - len(recent)))
        self._fit()

    def _jumped(self) -> bool:
        """Whether the last ticks are of another tempo: their mean interval, or each of them."""
        if len(self._ticks) <= 2 * RECENT_TICKS:
            return False
        numbers, seconds = np.array(self._ticks).T[:, -1 - RECENT_TICKS :]
        mean = (seconds[-1] - seconds[0]) / (numbers[-1] - numbers[0])
        shortest = np.diff(seconds).min()
        return bool(
            abs(mean - self._usual_seconds) > max(JUMP * self._usual_seconds, JUMP_SECONDS)
            or shortest > (1 + JUMP) * self._usual_seconds
        )

    def _fit(self) -> None:
        numbers, seconds = np.array(self._ticks).T
        self.seconds = float(seconds[-1])
        if len(numbers) < 2:
            return
        back, since = tuple((numbers - numbers[-1]).tolist()), seconds - seconds[-1]
        line = _fitting(back, 1) @ since
        self._usual_seconds = _possible(line[1])
        curve = line if len(numbers) < CURVE_TICKS else _fitting(back, 2) @ since
        self.seconds += float(curve[0])
        self.interval_seconds = _possible(curve[1])


@lru_cache(maxsize=2 * WINDOW_TICKS)
def _fitting(at: tuple[float, ...], degree: int) -> npt.NDArray[np.float64]:
    """What makes of values at these places the coefficients of their least-squares polynomial, the constant
    one first: (degree + 1, places). While no tick is lost the places are always the same."""
    return np.linalg.pinv(np.vander(at, degree + 1, increasing=True))


def _possible(seconds: float) -> float:
    """The nearest interval that a tempo has."""
    return float(min(max(seconds, SHORTEST_SECONDS), LONGEST_SECONDS))


class ClockIn(Free):
    """Follows a master. `transport` is where the grid lies as far as is known. `running`: the master plays
    and has ticked since it does.

    Our position never runs backwards: wherever the master goes, we go on from where we are with the next
    step, and its bar lines become ours. Where they fall on ours already, as at the end of a DAW's loop, the
    grid goes on as if nothing was said.
    """

    name = "MIDI clock"

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self._pulse = Pulse()
        self._told = False  # the master has said whether it plays
        self._begins = False  # with the next tick
        self._lost = False
        self._stopped_after: int | None = None  # the pulse's tick, if the grid ran until then
        self._next = 0  # our position in ticks at the next tick
        self._reached = 0  # the tick that the grid came to without the master
        self._song_next = 0  # the position in the master's song
        self._song_told: int | None = None  # where a continue is to go on

    @property
    def due_seconds(self) -> float | None:
        """The instant from which on the clock is gone, if it runs and no tick comes."""
        return self._pulse.seconds + GONE_SECONDS if self.running else None

    def clocked(self, message: mido.Message, seconds: float) -> None:
        """Take in one of MESSAGES; anything else changes nothing."""
        if self.running and message.type in ("start", "stop", "continue", "songpos"):
            self._reach(seconds)
        match message.type:
            case "clock":
                self._tick(seconds)
            case "start":
                self._play(0, seconds)
            case "continue":
                self._play(self._song_next if self._song_told is None else self._song_told, seconds)
            case "stop":
                if self.running:
                    self._stopped_after = self._pulse.tick
                self._told = True
                self.stop()
            case "songpos":
                self._song_told = message.pos * TICKS_PER_STEP
                if self.running and not self._stays(self._song_told, COARSE_TICKS):
                    self._begin(self._song_told)

    def advance(self, seconds: float) -> None:
        """Stand still when the clock is gone. Its next tick goes on where it would be by now."""
        if self.due_seconds is not None and self.due_seconds <= seconds:
            log.warning("the clock is gone; waiting for it")
            self._reach(seconds)
            self.stop()
            self._lost = True

    def played(self, message: mido.Message, seconds: float) -> None:
        """A first note is beat 1 of bar 1, as nearly as there is a tick, if the master was running before it
        was heard here: where its bars begin is known to the player alone."""
        if self.running or message.type != "note_on" or message.velocity == 0:
            return
        pulse = self._pulse
        if self._told or pulse.interval_seconds is None or seconds > pulse.seconds + GONE_SECONDS:
            return  # it is not known to run
        self._begin(1 - round((seconds - pulse.seconds) / pulse.interval_seconds))
        self._place(0)

    def _play(self, song_tick: int, seconds: float) -> None:
        """The master plays from this tick of its song on, or goes on playing: at the end of a loop it may say
        so although it never stood, or say stop and continue in one breath."""
        goes_on = self.running or self._stopped_just_now(seconds)
        self._told, self._song_told = True, None
        if goes_on and not self._begins and self._stays(song_tick, 1):
            self.running = True
        else:
            self._begin(song_tick)

    def _stopped_just_now(self, seconds: float) -> bool:
        """Whether the grid ran until now: the tick after the last one has yet to come."""
        pulse = self._pulse
        if self._stopped_after != pulse.tick or pulse.interval_seconds is None:
            return False
        return seconds < pulse.seconds + 2 * pulse.interval_seconds

    def _stays(self, song_tick: int, slack_ticks: int) -> bool:
        """Take this for the next tick of the song, if our bar lines stay where they are then, or are off by
        so little that the master cannot mean it."""
        bar_ticks = self.transport.metre.steps_per_bar * TICKS_PER_STEP
        off_ticks = (song_tick - self._song_next + bar_ticks // 2) % bar_ticks - bar_ticks // 2
        if abs(off_ticks) > slack_ticks:
            return False
        self._song_next = song_tick - off_ticks
        return True

    def stop(self) -> None:
        """The master stands still. A continue goes on from here."""
        self.running = self._begins = self._lost = False

    def _reach(self, seconds: float) -> None:
        """Take down where the grid is by now: it may have gone on without ticks, and never goes back."""
        self._reached = math.floor(self.transport.position_at(seconds) * TICKS_PER_STEP)

    def _begin(self, song_tick: int) -> None:
        """Run from the next tick on. It is this one of the master's song, and falls on the next such place of
        ours."""
        self._song_next = song_tick
        self._next = max(self._next, self._reached)
        self._next += (song_tick - self._next) % TICKS_PER_STEP
        self._begins = True

    def _tick(self, seconds: float) -> None:
        before, pulse = self._pulse.tick, self._pulse
        pulse.add(seconds)
        if pulse.interval_seconds is not None:
            tempo = 60.0 / TICKS_PER_BEAT / pulse.interval_seconds
            self.transport = replace(self.transport, tempo=tempo)
        if self.running or self._begins:
            self._song_told = None
        if self._begins:
            self._place(1)
        elif self.running or self._lost:
            self._place(pulse.tick - before)

    def _place(self, passed: int) -> None:
        """So many ticks have passed, and the last one lies where the pulse has it."""
        self._next, self._song_next = self._next + passed, self._song_next + passed
        self.running, self._begins, self._lost = True, False, False
        self.transport = replace(
            self.transport,
            anchor_seconds=self._pulse.seconds,
            anchor_step=(self._next - 1) / TICKS_PER_STEP,
            downbeat_step=(self._next - self._song_next) // TICKS_PER_STEP,
        )
