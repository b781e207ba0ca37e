"""Options about time: whose tempo it is, who else is told of it, and what is heard of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from jamd.errors import UsageError
from jamd.options.group import Number, OrWord, Parsed, gathered

if TYPE_CHECKING:
    from jamd.music.transport import Metre, Transport
    from jamd.sync.metronome import Click
    from jamd.sync.source import Sync

SLOWEST_TEMPO, FASTEST_TEMPO = 20, 400
METRES_TAKEN = "like 4/4, 7/8 or 17/16; the longest are 4/1, 8/2, 16/4, 32/8, 64/16"
"""Those of `jamd.music.transport`, not loaded only to tell what the options are; a test compares them."""
OUTPUT = "the output"
"""The value of --send-clock without a name."""


def _metre(text: str) -> Metre:
    from jamd.music.transport import Metre

    return Metre.parse(text)


def _click(text: str) -> Click:
    from jamd.sync.metronome import Click

    return Click.parse(text)


@dataclass(frozen=True, slots=True)
class Timing:
    """Whose time it is. `send_clock` names an output, or is OUTPUT for the one of the notes."""

    tempo: float | str
    sync: str
    clock_in: str | None
    send_clock: str | None
    metre: Metre
    count_in: int
    click: Click | None
    out_latency: float

    def check(self) -> None:
        """Raises UsageError for what does not go together."""
        if isinstance(self.tempo, str) and self.sync != "internal":
            raise UsageError(f"--tempo {self.tempo} is for --sync internal; a master's tempo is the master's")
        if self.clock_in is not None and self.sync != "midi":
            raise UsageError("--clock-in is for --sync midi; give both")
        if self.count_in and (self.sync != "internal" or isinstance(self.tempo, str)):
            raise UsageError("--count-in is for --sync internal and a tempo in numbers; else others begin")

    @property
    def early_seconds(self) -> float:
        return self.out_latency / 1000

    @property
    def count_in_steps(self) -> int:
        return self.count_in * self.metre.steps_per_bar

    def transport(self) -> Transport:
        """The grid as it is known before anything was heard."""
        from jamd.music.transport import DEFAULT_TEMPO, Transport

        tempo = DEFAULT_TEMPO if isinstance(self.tempo, str) else self.tempo
        return Transport(tempo, self.metre, downbeat_step=self.count_in_steps)

    def open_sync(self) -> Sync:
        """What says where the grid lies. Joins a Link session."""
        from jamd.sync.source import Counted, Internal, Tapped

        transport = self.transport()
        if self.sync == "midi":
            from jamd.sync.clockin import ClockIn

            return ClockIn(transport)
        if self.sync == "link":
            from jamd.sync.link import Link
            from jamd.sync.linksession import join

            return Link(join(transport.tempo), transport)
        if self.tempo == "tap":
            return Tapped(transport, self.early_seconds)
        if self.tempo == "auto":
            from jamd.sync.follow import Follow

            return Follow(transport)
        return Counted(transport, self.early_seconds) if self.count_in else Internal(transport)

    @property
    def words(self) -> str:
        """Where the tempo comes from, for the first line."""
        if self.sync == "midi":
            return "MIDI clock"
        if self.sync == "link":
            return "Ableton Link"
        if self.tempo == "tap":
            return "tap four beats"
        return "your tempo" if self.tempo == "auto" else f"{self.tempo:g} BPM"


OPTIONS = (
    click.option(
        "--tempo",
        default="120",
        type=OrWord(Number(SLOWEST_TEMPO, FASTEST_TEMPO), "tap", "auto"),
        help="Tempo in BPM (quarter notes), 20 to 400; tap: tap four beats; auto: follows your playing.",
    ),
    click.option(
        "--sync",
        default="internal",
        type=click.Choice(["internal", "midi", "link"]),
        help="Clock source: jamd's own, MIDI clock that comes in, or Ableton Link.",
    ),
    click.option(
        "--clock-in",
        metavar="NAME",
        help="Input that the MIDI clock comes in by, if not --in: part of its name.",
    ),
    click.option(
        "--send-clock",
        metavar="[NAME]",
        is_flag=False,
        flag_value=OUTPUT,
        help="Send MIDI clock with start and stop, to --out or to another output: part of its name.",
    ),
    click.option(
        "--metre",
        default="4/4",
        type=Parsed("metre", _metre),
        help=f"Time signature, {METRES_TAKEN}.",
    ),
    click.option(
        "--count-in",
        default=0,
        type=click.IntRange(0, 8),
        metavar="BARS",
        help="Count-in, from the start of the program; without one your first note is beat 1.",
    ),
    click.option(
        "--click",
        metavar="[NOTE:CHANNEL]",
        is_flag=False,
        flag_value="37:10",
        type=Parsed("click", _click),
        help="Metronome, played as this note on this channel of --out; without one 37:10, a side stick.",
    ),
    click.option(
        "--out-latency",
        default=0.0,
        type=Number(0, 100),
        metavar="MS",
        help="Latency of your synth: all is sent so much earlier (`jamd bench loopback` measures).",
    ),
)

timing_options = gathered("timing", Timing, "Time", OPTIONS)
