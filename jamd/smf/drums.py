"""Which channels of a file play drums, and when.

The tenth does (General MIDI), unless a message makes it an instrument's; and others do that were made drums:
by a bank of drum kits (Yamaha XG, General MIDI 2), or by a system-exclusive message (Roland GS, Yamaha XG).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from jamd.smf.notes import Press
from jamd.smf.read import Reading

DRUM_CHANNEL = 9
BANK = 0
"""The controller that chooses a bank of sounds."""
DRUM_BANKS = (120, 126, 127)
"""General MIDI 2's, and XG's of effects and of drums. On a GS synth these hold the sounds of older ones."""
MELODY_BANK = 121
"""General MIDI 2's."""
SESSION_TRACKS = ["tempo", "player", "jamd"]
"""A session that jamd kept: whatever the player's channel was, it was heard as music."""

Part = tuple[int, int]
"""Port and channel."""
Command = tuple[float, int, Part, int]
"""Beats, what is done, to whom, and its value."""
_RESET, _MODE, _BANK = range(3)


class DrumParts:
    """Who plays drums in a file's tracks."""

    def __init__(self, tracks: Sequence[Reading]) -> None:
        self._is_session = [track.name for track in tracks] == SESSION_TRACKS
        self._changes: dict[Part, list[float]] = {}
        """Where a part turns from what it is at first to the other, and back."""
        if not self._is_session:
            self._follow(sorted(_commands(tracks)))

    def has(self, port: int, channel: int, beats: float) -> bool:
        """Whether a note that begins there and then is a drum."""
        at_first = channel == DRUM_CHANNEL and not self._is_session
        changes = self._changes.get((port, channel))
        return at_first if changes is None else at_first != bisect_right(changes, beats) % 2

    def without(self, port: int, channel: int, notes: list[Press]) -> list[Press]:
        """The notes of a channel that are no drums."""
        if (port, channel) in self._changes:
            return [note for note in notes if not self.has(port, channel, note.start_beats)]
        return [] if self.has(port, channel, 0.0) else notes

    def _follow(self, commands: Iterable[Command]) -> None:
        by_message: set[Part] = set()  # made drums so: the bank of a kit's variant changes nothing
        changed: set[Part] = set()  # now other than at first
        for beats, what, part, value in commands:
            if what == _RESET:
                by_message.clear()
                for each in tuple(changed):
                    self._set(each, beats, each[1] == DRUM_CHANNEL, changed)
            elif what == _MODE:
                (by_message.add if value else by_message.discard)(part)
                self._set(part, beats, value > 0, changed)
            elif value in DRUM_BANKS:
                self._set(part, beats, True, changed)
            elif value == MELODY_BANK or (part[1] != DRUM_CHANNEL and part not in by_message):
                self._set(part, beats, False, changed)

    def _set(self, part: Part, beats: float, drums: bool, changed: set[Part]) -> None:
        if (drums != (part[1] == DRUM_CHANNEL)) != (part in changed):
            self._changes.setdefault(part, []).append(beats)
            changed ^= {part}


def _commands(tracks: Sequence[Reading]) -> Iterator[Command]:
    messages = [
        (beats, track.port, data.removeprefix(b"\xf0").removesuffix(b"\xf7"))
        for track in tracks
        for beats, data in track.exclusive
    ]
    for beats, port, data in messages:
        if _is_reset(data):
            yield beats, _RESET, (port, 0), 0
        elif (mode := _mode(data)) is not None:
            part, value = mode
            yield beats, _MODE, (port + part // 16, part % 16), value
    gs = any(_is_gs_reset(data) for _, _, data in messages)
    if gs and not any(_is_xg(data) for _, _, data in messages):
        return
    for track in tracks:
        for channel, numbers in track.moved.items():
            if BANK in numbers:
                for beats, kind, number, value in track.events[channel]:
                    if kind == 0xB0 and number == BANK:
                        yield beats, _BANK, (track.port, channel), value


def _is_reset(data: bytes) -> bool:
    """Whether a synth is as it was when it was switched on: General MIDI on, 1 or 2; GS reset; XG on."""
    gm = data[:1] == b"\x7e" and data[2:] in (b"\x09\x01", b"\x09\x03")
    return gm or _is_gs_reset(data) or (_is_xg(data) and data[3:] == b"\x00\x00\x7e\x00")


def _is_gs_reset(data: bytes) -> bool:
    return _is_gs(data) and data[4:8] == b"\x40\x00\x7f\x00"


def _is_gs(data: bytes) -> bool:
    return data[:1] == b"\x41" and data[2:4] == b"\x42\x12"


def _is_xg(data: bytes) -> bool:
    return data[:1] == b"\x43" and data[1:2] >= b"\x10" and data[1:2] < b"\x20" and data[2:3] == b"\x4c"


def _mode(data: bytes) -> tuple[int, int] | None:
    """A part, counted on from the first port's, and whether it is for drums: not 0 if so."""
    if _is_gs(data) and len(data) >= 8 and data[4] in (0x40, 0x50) and data[5] >> 4 == 1 and data[6] == 0x15:
        block = data[5] & 15  # 0 is the tenth channel, those before it count from 1
        channel = DRUM_CHANNEL if block == 0 else block - 1 if block < 10 else block
        return channel + 16 * (data[4] == 0x50), data[7]
    if _is_xg(data) and len(data) >= 7 and data[3] == 0x08 and data[5] == 0x07:
        return data[4], data[6]
    return None
