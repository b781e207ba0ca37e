"""Live bytes for `fuzz.py`: a case is an instrument that is set up somehow, and what comes by its cable."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import mido

from jamd.controls.bindings import Bindings
from jamd.controls.controls import Control
from jamd.engine.desk import Desk
from jamd.engine.events import Clocked, Received
from jamd.engine.rig import Rig
from jamd.engine.turns import Form, Mode
from jamd.engine.zones import Thru, Zones
from jamd.errors import JamdError
from jamd.midi.ports import messages_in
from jamd.mind.settings import Settings
from jamd.models.features import Place
from jamd.music.note import Frame, Onset
from jamd.music.transport import Metre, Transport
from jamd.smf import midifile
from jamd.smf.write import TrackWriter, file_of
from jamd.sync.clockin import MESSAGES as CLOCK_MESSAGES
from jamd.sync.clockin import ClockIn
from jamd.sync.clockout import ClockOut
from jamd.sync.follow import Follow
from jamd.sync.metronome import Click
from jamd.sync.source import Counted, Internal, Sync, Tapped
from tests.kit.fakes import Notebook, Parrot, RecordingPort, jam


class Octave(Parrot):
    """Answers with what it heard, an octave up where there is one, and plays along with it."""

    def turn(self, settings: Settings) -> None: ...

    def answer(self, places: Sequence[Place], due: object = None, about: object = None) -> Iterator[Frame]:
        for frame in super().answer(places, due):
            onsets = {
                min(o.pitch, 127): Onset(min(o.pitch, 127), o.velocity, o.offset_steps) for o in frame.onsets
            }
            yield Frame(tuple(onsets.values()), frozenset(min(p, 127) for p in frame.held) - set(onsets))

    def plan(self, own: Sequence[Frame], places: Sequence[Place], duet: bool) -> Iterator[Frame]:
        return self.answer(places[len(own) :])


class Synth(RecordingPort):
    """Knows what sounds, by channel and pitch, and that every message can be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sounding: set[tuple[int, int]] = set()

    def send(self, message: mido.Message) -> None:
        assert all(0 <= byte < 256 for byte in message.bytes())
        if message.type == "note_on" and message.velocity:
            self.sounding.add((message.channel, message.note))
        elif message.type in ("note_on", "note_off"):
            self.sounding.discard((message.channel, message.note))


MOST_MESSAGES = 50
SYNCS: tuple[Callable[[Transport], Sync], ...] = (Internal, Internal, ClockIn, Follow, Tapped, Counted)
METRES = ("4/4", "2/4", "7/8", "12/8", "1/4")
BOUND = {
    "temperature": (Control("cc", 21),),
    "turn": (Control("cc", 64, 2),),
    "mode": (Control("program"),),
    "tempo": (Control("bend"),),
    "panic": (Control("note", 36, 10),),
    "loop": (Control("note", 37),),
    "tap": (Control("note", 38),),
    "vary": (Control("note", 39),),
}


@dataclass(frozen=True, slots=True)
class Setting:
    """How a case has the instrument set up, by its first ten bytes."""

    sync: int
    mode: int
    bars: int
    tempo: int
    metre: int
    zones: int
    click: int
    bound: int
    tail: int
    interrupt: int

    def rig(self, send: Callable[[mido.Message], object], sync: Sync) -> Rig:
        channel = None if self.zones & 8 else self.zones >> 4
        thru = tuple(Thru)[self.zones % 3]
        zones = Zones(
            60 if self.zones & 4 else None, False, channel if self.zones & 2 else None, thru, None, 5
        )
        desk = Desk(
            Settings(),
            Bindings(BOUND if self.bound & 1 else {}),
            mido.Message.bytes if self.bound & 2 else None,
        )
        return Rig(
            zones,
            early_seconds=(0.0, 0.008, 0.1, 0.25)[self.click >> 2 & 3],
            count_in_steps=4 if isinstance(sync, Counted) else 0,
            clock_out=ClockOut(send) if self.click & 2 and not isinstance(sync, ClockIn) else None,
            click=Click() if self.click & 1 else None,
            desk=desk,
        )


def events_of(case: bytes) -> list[tuple[float, bytes]]:
    """The events of a case, each with the second in which it comes."""
    events, offset, seconds = [], 10, 0.0
    while offset + 2 <= len(case):
        rest, length = case[offset], case[offset + 1]
        payload = case[offset + 2 : offset + 2 + (length & 0x3F)]
        seconds += rest * 0.004
        long = rest % 8 == 0 and length >= 0xC0 and payload.startswith(b"\xf0")
        events.append((seconds, payload * (500 if long else 1)))
        offset += 2 + (length & 0x3F)
    return events


def live(case: bytes) -> bool:
    """Bytes from a cable become messages. Every third case is played to an engine: nothing fails, nothing
    sounds after the end, and what was recorded is a file that can be read."""
    setting = Setting(*case[:10].ljust(10, b"\0"))
    script: list[Received | Clocked] = []
    for seconds, payload in events_of(case):
        messages = messages_in(list(payload))
        assert len(messages) <= len(payload)
        for message in messages:
            assert message.type == "sysex" or mido.Message.from_bytes(message.bytes()) == message
            kind = Clocked if message.type in CLOCK_MESSAGES else Received
            script.append(kind(seconds, message))
    if zlib.crc32(case) % 3 == 0:
        play(setting, script[:MOST_MESSAGES])
    return bool(script)


def play(setting: Setting, script: list[Received | Clocked]) -> None:
    """A session on the virtual clock."""
    transport = Transport(
        (240.0, 400.0, 97.3, 20.0)[setting.tempo % 4], Metre.parse(METRES[setting.metre % 5])
    )
    sync = SYNCS[setting.sync % len(SYNCS)](transport)
    bars = 1 + setting.bars % 2
    rest_beats = 1.0 if setting.interrupt & 2 else None
    call_bars = None if setting.interrupt & 4 else bars
    form = Form(call_bars, bars, bool(setting.interrupt & 1), rest_beats, tuple(Mode)[setting.mode % 3])
    synth = Synth()
    end_seconds = (script[-1].seconds if script else 0.0) + 0.2 * (setting.tail & 3)
    played = jam(
        [script],
        end_seconds,
        improviser=Octave(),
        form=form,
        port=synth,
        sync=sync,
        rig=setting.rig(synth.send, sync),
    )
    assert not synth.sounding, f"left sounding: {sorted(synth.sounding)}"
    assert not played.output.sounding
    assert not played.engine.account.faults, played.engine.account.last_fault
    check_record(played.notebook)


def check_record(notebook: Notebook) -> None:
    """What the recorder was told can be written, and read again."""
    tracks = {name: TrackWriter.named(name) for name in ("player", "jamd")}
    for part, at, message in notebook.events:
        tracks[part].add(at, message)
    for track in tracks.values():
        track.release(track.ticks)
        track.end(track.ticks)
    try:
        piece = midifile.parsed(file_of([[track.content] for track in tracks.values()]), "record")
    except JamdError as error:
        if "has no notes" not in str(error):
            raise
        return
    assert all(note.start_beats < note.end_beats for note in piece.notes)
