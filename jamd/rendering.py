"""The same engine over a file: the call is played into it on the virtual clock."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import mido

from jamd.engine.engine import Engine
from jamd.engine.events import Received
from jamd.engine.output import Output
from jamd.engine.snapshot import Span, Turn
from jamd.engine.turns import Form
from jamd.engine.virtual import ManualClock
from jamd.engine.voice import Voice
from jamd.errors import JamdError
from jamd.mind.improviser import Improviser
from jamd.mind.worker import InlineWorker
from jamd.music import tempomap
from jamd.music.bars import Bars, Scored, answered
from jamd.music.note import STEPS_PER_BEAT
from jamd.music.transport import DEFAULT_TEMPO, Metre
from jamd.smf.midifile import Piece
from jamd.smf.write import TICKS_PER_BEAT, Track, encode, messages_of
from jamd.sync.source import Internal

Events = list[tuple[float, mido.Message]]

# A fault ends the rendering with its one line; the engine's own word on it would be a second.
logging.getLogger("jamd.engine.partner").addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Rendered:
    """A call and its answer, as messages at beats, with their tempos, bars, and whose turn it was."""

    player: Events
    own: Events
    turns: tuple[Span, ...]
    tempos: tuple[tuple[float, float], ...]
    bars: Bars

    @property
    def answer_notes(self) -> int:
        return sum(message.type == "note_on" for _, message in self.own)

    def tracks(self) -> list[Track]:
        return [Track("player", self.player), Track("jamd", self.own)]

    def encode(self, ticks_per_beat: int = TICKS_PER_BEAT) -> bytes:
        """Both parts as a MIDI file."""
        return encode(self.tracks(), self.tempos, self.bars.metres(), ticks_per_beat)


class _Taken:
    """Records what was played, and sends nothing anywhere."""

    def __init__(self) -> None:
        self.parts: dict[str, Events] = {"player": [], "jamd": []}

    def record(self, part: str, beats: float, message: mido.Message) -> None:
        self.parts[part].append((beats, message))

    def tempo(self, beats: float, tempo: float) -> None: ...

    def metre(self, beats: float, metre: Metre) -> None: ...

    def turn(self, beats: float, turn: Turn) -> None: ...

    def send(self, message: mido.Message) -> None: ...


def render(
    call: Piece,
    answer_bars: int | None,
    improvisers: Callable[[], Improviser],
    voice: Voice,
    tempo: float | None = None,
) -> Rendered:
    """Play a call to the engine and take down the answer on the bar line after it.

    `answer_bars` None answers with as many bars as the call has; an upbeat is none. The tempo of the virtual
    clock is the default one whatever the file's: all music is in beats. What is written has the call's tempo
    map, and for the answer `tempo` or that in which the call ends.
    """
    notes = call.heard
    first_step, last_step, bars = answered(notes, call.metres)
    transport = Scored(DEFAULT_TEMPO, bars.at(first_step).metre, bars=bars)
    first_bar, answer_bar = transport.bar_of(first_step), transport.bar_of(last_step) + 1
    call_bars = answer_bar - first_bar
    form = Form(call_bars, answer_bars or call_bars)
    end_step = transport.bar_line(answer_bar + (answer_bars or call_bars))

    taken = _Taken()
    script = [
        Received(transport.seconds_at(beats * STEPS_PER_BEAT), message)
        for beats, message in messages_of(notes)
    ]
    clock = ManualClock(script, transport.seconds_at(end_step + 1))
    output = Output(taken, clock)
    engine = Engine(
        clock,
        Internal(transport, running=True),
        form,
        voice,
        output,
        taken,
        lambda post: InlineWorker(improvisers(), post),
    )
    engine.run()
    if engine.account.faults:
        raise JamdError(f"the model failed: {engine.account.last_fault}")
    tempos = tempomap.followed(call.tempos, transport.bar_line(answer_bar) / STEPS_PER_BEAT, tempo)
    return Rendered(
        taken.parts["player"], taken.parts["jamd"], tuple(engine.account.spans), tuple(tempos), bars
    )
