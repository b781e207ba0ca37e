"""Options about the keyboard: which keys and channels are the call, and what is passed through."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from jamd.errors import UsageError
from jamd.music.notename import NOTE, semitones_of
from jamd.options.group import Parsed, gathered

if TYPE_CHECKING:
    from jamd.engine.zones import Zones

NAMED = re.compile(rf"({NOTE})(-?[0-9])", re.IGNORECASE)


def pitch_of(text: str) -> int:
    """A MIDI pitch from its name (C4 is 60, the C that is called middle) or number. Raises UsageError."""
    named, pitch = NAMED.fullmatch(text), -1
    if named and (semitones := semitones_of(named[1])) is not None:
        pitch = 12 * (int(named[2]) + 1) + semitones
    elif re.fullmatch("[0-9]{1,3}", text):
        pitch = int(text)
    if not 0 <= pitch < 128:
        raise UsageError(f"{text!r} is no key; write it like C4, F#3 or 60")
    return pitch


@dataclass(frozen=True, slots=True)
class Keyboard:
    """Which of what comes in is for jamd, and where the rest goes. Channels count from 1."""

    split: int | None
    call_below: bool
    call_channel: int | None
    thru: str
    thru_channel: int | None
    thru_transpose: int

    def check(self) -> None:
        """Raises UsageError for what does not go together."""
        if self.call_below and self.split is None:
            raise UsageError("--call-below is for --split; give both")
        if self.thru == "off" and (self.thru_channel is not None or self.thru_transpose):
            raise UsageError("--thru-channel and --thru-transpose are for --thru rest or --thru all")

    def zones(self) -> Zones:
        from jamd.engine.zones import Thru, Zones

        def from_0(channel: int | None) -> int | None:
            return None if channel is None else channel - 1

        return Zones(
            self.split,
            self.call_below,
            from_0(self.call_channel),
            Thru(self.thru),
            from_0(self.thru_channel),
            self.thru_transpose,
        )


OPTIONS = (
    click.option(
        "--split",
        type=Parsed("key", pitch_of),
        metavar="KEY",
        help="Keyboard split, such as C4 (60): your call is this key and up; below it, play what you like.",
    ),
    click.option("--call-below", is_flag=True, help="Your call is what lies below the split instead."),
    click.option(
        "--call-channel",
        type=click.IntRange(1, 16),
        metavar="CHANNEL",
        help="Your call is what comes on this MIDI channel; without it, on any.",
    ),
    click.option(
        "--thru",
        default="off",
        type=click.Choice(["off", "rest", "all"]),
        help="MIDI thru to --out: nothing, what is not your call, or all that you play.",
    ),
    click.option(
        "--thru-channel",
        type=click.IntRange(1, 16),
        metavar="CHANNEL",
        help="MIDI channel of what goes thru; without it, as you played it.",
    ),
    click.option(
        "--thru-transpose",
        default=0,
        type=click.IntRange(-48, 48),
        metavar="SEMITONES",
        help="Transpose what goes thru.",
    ),
)

keyboard_options = gathered("keyboard", Keyboard, "Keyboard", OPTIONS)
