"""Which keyboard and which synth are plugged in, as far as the names of the ports tell.

Most of what a MIDI system lists is neither: its own ports, virtual cables between programs, other jamds. One
device often has a port in each direction, and controllers have ports for a DAW's remote control beside the
one of their keys.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from jamd.midi.portname import ALSA_NUMBERS, LIST_NUMBER

PLUMBING = (
    r"midi through|^through port|^system:(timer|announce|midi_)|^pipewire-|virtual raw midi|virmidi",
    r"wine midi driver|^rtmidi |\biac\b|^network session|loopmidi|loopbe|midi mapper",
    r"\bjamd (in|out|synth)\b",
    r"^(?P<own>.+?)(-\d\d)?:(?P=own) (in|out)(\s+\d+:\d+)?$",  # a jamd of another name
    r"^a2j:(?P<bridged>.+) \[\d+\] \((capture|playback)\): (?P=bridged) (in|out)$",
)
"""Ports that carry notes from one place to another, and are no instruments. JACK's own list of the sound
card's ports, system:midi_capture_1, does not tell which device is which, nor that the first is a through."""
SECOND_CHOICE = r"^a2j:|^microsoft gs wavetable"
"""A bridge's second listing of what may be there by its own name; a synth that sounds a tenth of a second
late."""
REMOTE = r"\b(daw|mcu|hui|mackie|ctrl)\b|^midi(in|out)\d+ \("
"""The second port of a controller, for a program's remote control."""

_BRIDGE = re.compile(r"^(?:a2j|midi-bridge):(.*?)\s*:?\s*\((?:capture|playback)", re.IGNORECASE)
_DIRECTION = re.compile(r"\s+(?:midi\s+)?(?:in|out|input|output)(?:\s+\d+)?$", re.IGNORECASE)
_SECOND_OF = re.compile(r"^midi(?:in|out)\d+ \((.*)\)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Taken:
    """What to listen to and what to play to; None where nothing of the kind is plugged in."""

    input: str | None
    output: str | None


@dataclass(frozen=True, slots=True)
class Several:
    """What there is to choose from: the player is to say."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def take(inputs: Sequence[str], outputs: Sequence[str], system: str) -> Taken | Several:
    """The keyboard and the synth among these ports of a MIDI system, if there is one way to see it.

    Two devices go before one that is played on both ways, as a stage piano is: a keyboard that also takes
    notes, and a synth that only does, are a pair.
    """
    every_in, every_out = instruments(inputs, system), instruments(outputs, system)
    first_in, first_out = _first_choice(every_in), _first_choice(every_out)
    for ins, outs in ((first_in, first_out), (every_in, every_out)):
        pairs = [(i, o) for i in ins for o in outs if device_of(i, system) != device_of(o, system)]
        if len(pairs) == 1:
            return Taken(*pairs[0])
        if pairs:
            return Several(tuple(ins), tuple(outs))
    if len(first_in) > 1 or len(first_out) > 1:
        return Several(tuple(first_in), tuple(first_out))
    return Taken(next(iter(first_in), None), next(iter(first_out), None))


def only(names: Sequence[str], system: str) -> list[str]:
    """The instruments of one kind, those of second choice only where there are no others: one, none, or what
    there is to choose from."""
    return _first_choice(instruments(names, system))


def synths(inputs: Sequence[str], outputs: Sequence[str], system: str) -> list[str]:
    """The outputs of devices that take notes and give none, as synths in a computer do."""
    keyboards = {device_of(name, system) for name in instruments(inputs, system)}
    found = [name for name in instruments(outputs, system) if device_of(name, system) not in keyboards]
    return _first_choice(found)


def instruments(names: Sequence[str], system: str) -> list[str]:
    """Those of these ports that lead to or from an instrument, one for each of its cables."""
    found = [name for name in dict.fromkeys(names) if not any(_is(name, each) for each in PLUMBING)]
    main = {device_of(name, system) for name in found if not _is(name, REMOTE)}
    return [name for name in found if not (_is(name, REMOTE) and device_of(name, system) in main)]


def device_of(name: str, system: str) -> str:
    """What tells the device of a port from others: the same for its inputs and its outputs."""
    if system == "alsa" and (numbers := ALSA_NUMBERS.search(name)):
        return numbers[1]
    if system == "jack":
        bridged = _BRIDGE.match(name)
        return (bridged[1] if bridged else re.sub(r"-\d\d$", "", name.split(":")[0])).casefold()
    if system == "winmm":
        name = LIST_NUMBER.sub("", name)
        second = _SECOND_OF.match(name)
        return (second[1] if second else name).casefold()
    return _DIRECTION.sub("", re.sub(rf"\s*(?:{REMOTE})", "", name, flags=re.IGNORECASE)).casefold()


def _first_choice(names: Sequence[str]) -> list[str]:
    return [name for name in names if not _is(name, SECOND_CHOICE)] or list(names)


def _is(name: str, pattern: str) -> bool:
    return re.search(pattern, name, re.IGNORECASE) is not None
