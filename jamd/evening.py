"""A session in real time, put together from what was asked for: on ports, on a page, or on both."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import mido

from jamd.counted import counted
from jamd.engine.desk import Desk
from jamd.engine.engine import Engine
from jamd.engine.events import Replugged
from jamd.engine.output import Port
from jamd.engine.rig import Rig
from jamd.errors import JamdError
from jamd.live import Session, live_engine, run, say_summary, watch
from jamd.midi.hotplug import Hotplug
from jamd.midi.ports import Port as AnyPort
from jamd.options.ports import Cables
from jamd.options.reload import Reloader
from jamd.options.session import Asked
from jamd.options.web import EARLY_SECONDS, Paging, hello
from jamd.sessions.profile_writer import Tonight
from jamd.sessions.recorder import Recorder
from jamd.sessions.trace import Trace
from jamd.sync.clockout import ClockOut
from jamd.sync.metronome import Click
from jamd.system import signals
from jamd.system.files import check_writable
from jamd.system.logs import say
from jamd.system.priority import model_cores
from jamd.system.stderr import stderr_apart

if TYPE_CHECKING:
    from jamd.web.link import Link


@dataclass(frozen=True, slots=True)
class Place:
    """Where a session plays: cables, a page, or both."""

    cables: Cables | None
    page: Link | None

    @property
    def out(self) -> Port:
        if self.cables is None:
            assert self.page is not None
            return self.page
        if self.page is None:
            return self.cables.out
        from jamd.web.port import Both

        return Both(self.cables.out, self.page)

    @property
    def lights(self) -> Callable[[mido.Message], object] | None:
        return None if self.cables is None or self.cables.lights is None else self.cables.lights.send

    def clock_out(self, early_seconds: float) -> ClockOut | None:
        if self.cables is None or self.cables.clock is None:
            return None
        return ClockOut(self.cables.clock.send, early_seconds)


class Sound:
    """The program of the answers: sent at the start, when it is chosen, and to a synth that comes back."""

    def __init__(self, send: Callable[[mido.Message], object], channel: int, number: int | None) -> None:
        """`channel` counts from 0, the program's number from 1."""
        self._send, self._channel, self.number = send, channel, number

    def choose(self, number: int | None) -> None:
        self.number = number
        self.tell()

    def tell(self) -> None:
        if self.number is not None:
            program = mido.Message("program_change", channel=self._channel, program=self.number - 1)
            self._send(program)


def play(asked: Asked, paging: Paging | None, reloader: Reloader, alone: bool = False) -> None:
    """Play until the end, on a page too if there is `paging`; `alone`: on no ports but those that are named.
    Raises JamdError."""
    keeping, timing, playing = asked.keeping, asked.timing, asked.playing
    known = keeping.known()
    improvisers = playing.improvisers(evenings=known)
    if asked.trace is not None:
        check_writable(asked.trace)
    record = keeping.place()
    with ExitStack() as stack:
        stack.enter_context(signals.in_order())
        stack.enter_context(stderr_apart())
        trace = None if asked.trace is None else stack.enter_context(Trace(asked.trace))
        place = _place(stack, asked, paging, record, alone)
        if (tonight := keeping.tonight(known)) is not None:
            stack.enter_context(tonight)
        sound = Sound(place.out.send, playing.out_channel - 1, asked.program)
        sound.tell()
        sync = timing.open_sync()
        recorder = None if record is None else Recorder(record, sync.transport.tempo, sync.transport.metre)
        session = Session(
            sync,
            asked.floor.form(),
            playing.voice(asked.transpose),
            improvisers,
            recorder,
            trace,
            _rig(asked, place, reloader, sound, tonight, alone),
            (playing.model_names(), playing.model, lambda name: playing.improvisers(name, known)),
            playing.stand_ins(known),
            place.page,
        )
        engine, output = stack.enter_context(live_engine(session, place.out))
        stack.enter_context(signals.playing(engine.stop, engine.hush))
        stack.enter_context(reloader.serving(engine.inbox.put))
        title = _listen(stack, asked, place, engine, sound, reloader)
        say(f"listening on {title}; {timing.words}, {timing.metre}; Ctrl-C ends the session")
        stack.enter_context(watch(engine, title, asked.quiet))
        run(engine)
    say_summary(engine, output)
    if place.cables is not None and (lost := place.cables.out.unheard):
        say(f"{counted(lost, 'note')} went nowhere while {place.cables.out.name} was gone")
    if recorder is not None and recorder.is_kept:
        say(f"kept in {recorder.path}")
    keeping.say_kept(tonight)
    account = engine.account
    if account.faults and account.faults >= account.turns:
        raise JamdError(f"the model failed whenever it was asked; last: {account.last_fault}")


def _place(stack: ExitStack, asked: Asked, paging: Paging | None, record: Path | None, alone: bool) -> Place:
    """The ports, open, and the page, served."""
    cables, timing, playing = None, asked.timing, asked.playing
    if not alone or asked.cabling.names_ports or timing.clock_in or timing.send_clock:
        cables = stack.enter_context(asked.cabling.plugged(timing.clock_in, timing.send_clock))
    page = None
    if paging is not None:
        page = stack.enter_context(paging.served(record, playing.model))
    return Place(cables, page)


def _rig(
    asked: Asked, place: Place, reloader: Reloader, sound: Sound, tonight: Tonight | None, alone: bool
) -> Rig:
    timing = asked.timing
    early_seconds = max(timing.early_seconds, EARLY_SECONDS) if alone else timing.early_seconds
    return Rig(
        zones=asked.keyboard.zones(),
        ahead=asked.floor.ahead(),
        early_seconds=early_seconds,
        count_in_steps=timing.count_in_steps,
        clock_out=place.clock_out(early_seconds),
        click=timing.click or (Click() if timing.count_in else None),
        click_until_step=None if timing.click else timing.count_in_steps,
        keep=None if tonight is None else tonight.hear,
        shown=None if place.page is None else place.page.show,
        desk=Desk(
            asked.playing.settings(),
            asked.config.bindings(),
            place.lights,
            preset=asked.preset or "",
            pick=reloader.pick,
            sound=sound.choose,
        ),
    )


def _listen(
    stack: ExitStack, asked: Asked, place: Place, engine: Engine, sound: Sound, reloader: Reloader
) -> str:
    """Open what is listened to; where it is, in words."""
    if place.page is not None:
        from jamd.web.orders import Orders

        presets, models = tuple(asked.config.presets), tuple(asked.playing.model_names())
        place.page.heeds = Orders(engine.intake, engine.inbox.put, reloader.pick, presets, models)
        place.page.greet(hello(models, presets, place.cables is None))
    if place.cables is None:
        return f"the page ({asked.playing.model})"
    cables, timing, intake = place.cables, asked.timing, engine.intake
    both = timing.sync == "midi" and timing.clock_in is None
    in_port = cables.midi.open_input(cables.in_name, intake.receive_both if both else intake.receive)
    if timing.clock_in is not None:
        cables.midi.open_input(timing.clock_in, intake.receive_clock)

    def returned(port: AnyPort) -> None:
        if port is cables.out:
            sound.tell()
        engine.inbox.put(Replugged(port is cables.clock, port is cables.lights))

    stack.enter_context(Hotplug(cables.midi, returned, model_cores()))
    return f"{in_port.name} -> jamd -> {cables.out.name} ({cables.midi.name}, {asked.playing.model})"
