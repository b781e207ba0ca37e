"""What pages say, for `fuzz.py`: a case is lines, each a digit for the page that says it and its word."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import mido

from jamd.controls.knobs import KNOBS, Turned
from jamd.engine.desk import Desk
from jamd.engine.engine import Engine
from jamd.engine.events import Event, Inbox, Received
from jamd.engine.output import Output
from jamd.engine.rig import Rig
from jamd.engine.turns import Form
from jamd.engine.virtual import ManualClock
from jamd.engine.voice import Voice
from jamd.mind.settings import Settings
from jamd.mind.worker import InlineWorker
from jamd.music.transport import DEFAULT_METRE, Transport
from jamd.sync.source import Internal
from jamd.web import words
from jamd.web.checks import Refused
from jamd.web.held import Held
from jamd.web.words import Chosen, FromPage, Ping, Played
from tests.fuzz.live import Octave, Synth, check_record
from tests.kit.fakes import Notebook

PRESETS, MODELS = ("ballad",), ("default", "mine")
WORD_SECONDS = 0.125
LATEST_SECONDS = 0.25
MOST_EVENTS = 60
LONGEST_LINE = 400


@dataclass(frozen=True, slots=True)
class Due:
    """Something that happens to the engine at an instant."""

    seconds: float
    event: Event


class Hours(ManualClock):
    """The virtual clock, with anything in its script."""

    def wait(self, inbox: Inbox, until_seconds: float | None) -> Event | None:
        event = super().wait(inbox, until_seconds)
        return event.event if isinstance(event, Due) else event


def page(case: bytes) -> bool:
    """Each word is taken rightly or refused in a line; of what is taken every note ends, and every now and
    then an engine plays it."""
    held, down = Held(), set[tuple[int, int]]()
    happens: list[Due] = []
    refused = 0
    for number, spoken in enumerate(case.split(b"\n")):
        who, seconds = spoken[:1], number * WORD_SECONDS
        try:
            word = words.from_page(spoken[2:], PRESETS, MODELS)
        except Refused as error:
            line = str(error)
            assert line.isprintable(), line
            assert 0 < len(line) < LONGEST_LINE, line
            refused += 1
            continue
        check(word)
        match word:
            case Played(at_seconds, message):
                at = min(max(at_seconds, seconds - LATEST_SECONDS), seconds)
                messages = held.play(zlib.crc32(who) % 3, message)
                hear(messages, down)
                happens += [Due(at, Received(at, mido.Message.from_bytes(each))) for each in messages]
            case Turned():
                happens.append(Due(seconds, word))
    hear(held.release_all(), down)
    assert not down, f"left down: {sorted(down)}"
    if happens and zlib.crc32(case) % 16 == 0:
        play(sorted(happens, key=lambda due: due.seconds)[:MOST_EVENTS])
    return not refused


def check(word: FromPage) -> None:
    """It is what it says, and the same in the engine's process."""
    assert words.from_child(words.spelt(word), PRESETS, MODELS) == word
    match word:
        case Turned(name, None):
            assert KNOBS[name].kind == "action"
        case Turned(name, value):
            knob = KNOBS[name]
            if knob.choices:
                assert any(value is choice for choice in knob.choices)
            else:
                assert isinstance(value, float)
                assert knob.low <= value <= knob.high
                assert not knob.whole or value.is_integer()
        case Ping(seconds) | Played(seconds, _):
            assert abs(seconds) <= 2**53
        case Chosen(kind, name):
            assert name in (PRESETS if kind == "preset" else MODELS)


def hear(messages: Sequence[words.Message], down: set[tuple[int, int]]) -> None:
    """No note begins twice, and none ends that has not begun."""
    for status, number, value in messages:
        assert 0 <= number <= 127
        assert 0 <= value <= 127
        key = status & 0x0F, number
        if status & 0xF0 == 0x90:
            assert value
            assert key not in down
            down.add(key)
        elif status & 0xF0 == 0x80:
            down.remove(key)


def play(happens: Sequence[Due]) -> None:
    """The engine plays on, whatever was said, and is silent at the end."""
    clock = Hours(happens, (happens[-1].seconds if happens else 0.0) + 0.5)  # type: ignore[arg-type]
    synth, notebook = Synth(), Notebook()
    engine = Engine(
        clock,
        Internal(Transport(240.0, DEFAULT_METRE)),
        Form(1, 1),
        Voice(0, 1.0),
        Output(synth, clock),
        notebook,
        lambda post: InlineWorker(Octave(), post),  # type: ignore[arg-type]
        Rig(desk=Desk(Settings())),
    )
    synth.engine, synth.clock = engine, clock
    engine.run()
    assert not synth.sounding, f"left sounding: {sorted(synth.sounding)}"
    assert not engine.account.faults, engine.account.last_fault
    check_record(notebook)
