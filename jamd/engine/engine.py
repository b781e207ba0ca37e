"""The engine: one loop on one thread that owns all the music, from what is heard to what is played.

Everything reaches it through the inbox: what was received, what was predicted, what was commanded. It waits
for the next of these or for the next instant that matters, whichever comes first, and never polls.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack

import mido

from jamd.controls.knobs import Turned
from jamd.engine.account import Account, Recorder
from jamd.engine.echo import Returns
from jamd.engine.events import (
    Clocked,
    EngineClock,
    Event,
    Hush,
    Panic,
    Received,
    Replugged,
    Stop,
    Unheeded,
)
from jamd.engine.intake import Intake
from jamd.engine.marks import Marks
from jamd.engine.output import Output
from jamd.engine.part import Part
from jamd.engine.partner import Partner
from jamd.engine.preset import Picked, Reloaded
from jamd.engine.rig import Rig
from jamd.engine.snapshot import Snapshot
from jamd.engine.stuck import Forgotten
from jamd.engine.turns import Form
from jamd.engine.voice import Voice
from jamd.mind.minds import Loaded, MakeWorker, Minds
from jamd.mind.posts import Failed, Predicted
from jamd.music.lead import close_lead_seconds, look_lead_seconds
from jamd.music.note import STEPS_PER_BEAT, Frame
from jamd.music.pianoroll import PianoRoll
from jamd.sync.metronome import Metronome
from jamd.sync.source import Sync

BREATH_SECONDS = 0.1
"""So long after the grid stood still the turn may yet go on: at the end of its loop, a DAW says stop and
continue in one breath."""
SHOWN_STEPS = 128
WAITING = 1024
"""Messages kept until the grid begins."""

log = logging.getLogger(__name__)


class Engine:
    """Owns the grid, the player's roll and jamd's part; is handed clock, sync, output, recorder, worker."""

    def __init__(
        self,
        clock: EngineClock,
        sync: Sync,
        form: Form,
        voice: Voice,
        output: Output,
        recorder: Recorder,
        make_worker: MakeWorker,
        rig: Rig | None = None,
    ) -> None:
        self.intake = Intake(clock)
        self.inbox = self.intake.inbox
        self._clock, self._sync, self._output, self._recorder = clock, sync, output, recorder
        self._rig = rig = rig or Rig()
        self._transport, self._running = sync.transport, False
        self._returns, self._roll, self._forgotten = Returns(), PianoRoll(), Forgotten()
        part = Part(clock, voice, output, recorder, self._returns.own, rig.ahead, rig.early_seconds)
        minds = Minds(make_worker, self.inbox.put, rig.keep, rig.desk.stand_in)
        self._partner = Partner(clock, self._transport, form, part, minds, recorder)
        self._metronome: Metronome | None = None
        if rig.click is not None:
            self._metronome = Metronome(rig.click, self._click, rig.early_seconds, rig.click_until_step)
        self._waiting: deque[tuple[mido.Message, float]] = deque(maxlen=WAITING)  # for the grid to begin
        self._marks = Marks(recorder, self._transport)
        self._told_jump = False
        self._replanned = False  # since it was shown
        self._rest_seconds: float | None = None  # when the turn is over, if the grid does not go on before
        self._shown: deque[tuple[Frame, Frame]] = deque(maxlen=SHOWN_STEPS)
        rig.desk.begin(self._partner, sync)
        self._show()

    @property
    def account(self) -> Account:
        """What happened so far."""
        return self._partner.account

    def stop(self) -> None:
        """End the session; from any thread or a signal handler."""
        self.inbox.put(Stop())

    def hush(self, then: Callable[[], None]) -> None:
        """Silence, do this, and go on, late notes left out; from any thread or a signal handler."""
        self.inbox.put(Hush(then))

    def run(self) -> None:
        """Play until Stop. Whatever happens, every note that was started is stopped."""
        with ExitStack() as at_the_end:  # the last first, and each whatever becomes of the others
            partner = self._partner
            ends = (self._output.close, partner.end, partner.rest, self._stand, self._sync.close)
            for end in (*ends, self._rig.desk.close):
                at_the_end.callback(end)
            self._follow()
            while not isinstance(event := self._clock.wait(self.inbox, self._deadline()), Stop):
                if event is not None:
                    self._handle(event)
                self._advance()

    def _deadline(self) -> float | None:
        """The next instant that matters, in seconds; None before the grid has begun."""
        rig, transport = self._rig, self._transport
        instants = [self._sync.due_seconds, self._partner.due_seconds, self._rest_seconds]
        if self._running:
            instants += [self._look_seconds(), self._close_seconds()]
        if rig.clock_out is not None:
            instants.append(rig.clock_out.due_seconds(transport))
        if self._metronome is not None:
            instants.append(self._metronome.due_seconds(transport))
        return min((instant for instant in instants if instant is not None), default=None)

    def _handle(self, event: Event) -> None:
        match event:
            case Received(seconds, message):
                self._received(message, seconds)
            case Clocked(seconds, message):
                self._sync.clocked(message, seconds)
                self._follow()
            case Unheeded():
                log.warning("MIDI clock comes in and is not followed: the time is %s", self._sync.name)
            case Predicted():
                self._partner.predicted(event)
                self._replanned = True
            case Failed():
                self._partner.failed(event)
            case Turned() | Reloaded() | Picked():
                self._turn(event, self._clock.now())
            case Loaded():
                self._rig.desk.loaded(event, self._partner.minds)
            case Replugged(clock, lights):
                if clock and self._rig.clock_out is not None:
                    self._rig.clock_out.resume(self._transport, self._clock.now())
                if lights:
                    self._rig.desk.light_all(self._sync)
            case Panic():
                self._partner.panic()
                self._output.panic()
            case Hush(then):
                self._hush(then)

    def _advance(self) -> None:
        """Do what is due: look at the time, send, close steps, lose patience."""
        now, rig = self._clock.now(), self._rig
        if (due := self._sync.due_seconds) is not None and due <= now:
            self._sync.advance(now)
            self._follow()
        if self._rest_seconds is not None and self._rest_seconds <= now:
            self._rest()
        self._partner.advance()
        if rig.clock_out is not None:
            rig.clock_out.advance(self._transport, self._clock.now())
        if self._metronome is not None:
            self._metronome.advance(self._transport, self._clock.now())
        while self._running and min(self._look_seconds(), self._close_seconds()) <= self._clock.now():
            if self._look_seconds() < self._close_seconds():
                self._partner.look(self._roll.frame)
            else:
                self._close_step()

        if self._replanned and self._rig.shown is not None and self.inbox.empty():
            self._show()

    def _hush(self, then: Callable[[], None]) -> None:
        """Silence, do this, and go on where the grid is by then. What was passed through is ended where it
        was sent, as whatever else is when a program stands still: see `jamd.system.signals`."""
        clock_out = self._rig.clock_out
        self._partner.part.hush(self._transport)
        if clock_out is not None:
            clock_out.stop(self._clock.now())
        then()
        if clock_out is not None and self._running:
            clock_out.begin(self._transport, self._clock.now())

    # The player

    def _received(self, message: mido.Message, seconds: float) -> None:
        is_on = message.type == "note_on" and message.velocity > 0
        is_off = message.type == "note_off" or (message.type == "note_on" and not is_on)
        desk, zones = self._rig.desk, self._rig.zones
        passed = zones.passed(message)
        held = is_off and (
            self._roll.holds(message.channel, message.note)
            or (passed is not None and self._output.passes(passed))
        )
        if self._returns.are(message, seconds, held):
            return
        if desk.is_bound(message):
            order = desk.match(message)
            if order is not None:
                self._turn(order, seconds)
            return
        if passed is not None:
            self._pass_on(passed, message.channel)
        if not zones.is_call(message):
            return
        self._sync.played(message, seconds)
        if self._running:
            self._follow()
            self._hear(message, seconds)
        elif self._waiting or (message.type == "note_on" and message.velocity > 0):
            self._waiting.append((message, seconds))
            self._follow()
        else:  # what is let go while all stands is let go
            self._take_in(message, float(self._partner.step))

    def _pass_on(self, message: mido.Message, played_on: int | None = None) -> None:
        """Send what is not jamd's part."""
        for sent in self._output.pass_on(message, played_on):
            self._returns.passed.sent(sent, self._clock.now())

    def _click(self, message: mido.Message, due_seconds: float | None) -> None:
        for sent in self._output.pass_on(message, intended_seconds=due_seconds):
            self._returns.passed.sent(sent, self._clock.now())

    def _hear(self, message: mido.Message, seconds: float) -> None:
        """Take in what is played while the grid runs."""
        position = self._transport.position_at(seconds)
        self._take_in(message, position)
        if message.type == "note_on" and message.velocity > 0:
            self.account.notes_heard += 1
            step = max(self._partner.step, self._transport.step_at(seconds))
            if step >= self._rig.count_in_steps:
                self._partner.played(position, step)

    def _take_in(self, message: mido.Message, position: float) -> None:
        self._forgotten.take(message, position)
        self._roll.receive(message, position)
        self._recorder.record("player", position / STEPS_PER_BEAT, message)

    def _turn(self, order: Turned | Reloaded | Picked, seconds: float) -> None:
        """A knob was turned, or an action asked for, or the config was read again, or a preset picked."""
        self._rig.desk.turn(order, self._partner, self._sync, self._output, seconds)
        self._follow()
        self._show()

    # The grid

    def _follow(self) -> None:
        """Take over where the sync has the grid."""
        sync, before = self._sync, self._transport
        self._transport = self._partner.transport = sync.transport
        jumped = sync.transport.downbeat_step - before.downbeat_step
        if sync.running != self._running:
            self._running = sync.running
            if not self._running:
                self._stand()
            elif self._rest_seconds is not None and sync.transport is before:
                self._go_on()
            else:
                self._begin()
        elif self._running and jumped % before.metre.steps_per_bar:
            self._move()
        elif self._running and jumped and self._rig.clock_out is not None:
            self._rig.clock_out.resume(self._transport, self._clock.now())  # another place in the same song

    def _begin(self) -> None:
        """The grid runs. What was played on it before that was known is heard now."""
        self._rest()
        self._begin_song()
        self._hear_waiting()
        partner, in_time = self._partner, self._clock.now() + self._rig.early_seconds
        partner.looked = partner.step
        partner.turns.extend(self._transport.step_at(in_time) + 1, self._transport)

    def _hear_waiting(self) -> None:
        open_step, waiting = self._partner.step, list(self._waiting)
        self._waiting.clear()
        for message, seconds in waiting:
            is_on = message.type == "note_on" and message.velocity > 0
            if not is_on or self._transport.position_at(seconds) >= open_step - 0.5:
                self._hear(message, max(seconds, self._transport.seconds_at(open_step - 0.5)))

    def _move(self) -> None:
        """The bar lines are elsewhere, at once."""
        if not self._told_jump:
            self._told_jump = True
            log.warning("%s jumps: its bars begin elsewhere, and turns begin with them", self._sync.name)
        self._partner.move()
        self._begin_song()

    def _begin_song(self) -> None:
        """Bars are counted from somewhere."""
        rig, now, transport = self._rig, self._clock.now(), self._transport
        position = transport.position_at(now + rig.early_seconds)
        if rig.clock_out is not None:
            rig.clock_out.stop(now)
            rig.clock_out.begin(transport, now)
        if self._metronome is not None:
            self._metronome.begin(max(self._partner.step, round(position)), transport)

    def _stand(self) -> None:
        """The grid stands still, and nothing sounds."""
        self._waiting.clear()
        self._partner.pause()
        self._rest_seconds = self._clock.now() + BREATH_SECONDS
        if self._rig.clock_out is not None:
            self._rig.clock_out.stop(self._clock.now())
        if self._metronome is not None:
            self._metronome.stop()
        self._show()

    def _go_on(self) -> None:
        """It only took breath: the turn goes on where it was."""
        self._rest_seconds = None
        self._partner.go_on()
        self._begin_song()
        self._hear_waiting()

    def _rest(self) -> None:
        """Nobody's turn."""
        self._rest_seconds = None
        self._partner.rest()
        self._show()

    def _close_seconds(self) -> float:
        """The instant at which the open step is closed."""
        transport = self._transport
        lead_seconds = close_lead_seconds(transport, self._rig.early_seconds)
        return transport.seconds_at(self._partner.step + 1) - lead_seconds

    def _look_seconds(self) -> float:
        """The instant at which jamd must know whether it begins with the next step."""
        transport = self._transport
        lead_seconds = look_lead_seconds(transport, self._rig.early_seconds)
        return transport.seconds_at(self._partner.looked + 1) - lead_seconds

    def _close_step(self) -> None:
        step = self._partner.step
        self._marks.write(step, self._transport)
        for end in self._forgotten.lost(step, self._transport, self._partner.turns.waits):
            self._roll.receive(end, step)
            self._recorder.record("player", step / STEPS_PER_BEAT, end)
        player = self._roll.close(step)
        self._shown.append((player, self._partner.close(player)))
        self._show()

    def _show(self) -> None:
        partner, transport = self._partner, self._transport
        begun = self._running or partner.step > 0
        step, metre = partner.step, transport.metre_at(partner.step)
        line_step = step - transport.step_in_bar(step)
        # where bars would have begun to be counted if this had always been the metre
        downbeat_step = line_step - transport.bar_of(step) * metre.steps_per_bar
        self.snapshot = Snapshot(
            turn=partner.turns.turn,
            turns=partner.account.turns,
            tempo=transport.tempo,
            metre=metre,
            downbeat_step=downbeat_step,
            position_steps=float(partner.step) if begun else None,
            first_step=partner.step - len(self._shown),
            player=tuple(player for player, _ in self._shown),
            own=tuple(own for _, own in self._shown),
            source=self._sync.name,
            knobs=tuple(self._rig.desk.values.items()),
            anchor=(transport.anchor_seconds, transport.anchor_step),
            running=self._running,
            end_step=partner.turns.end_step,
            looping=partner.looping,
            held=self._roll.sounding,
            planned=partner.part.planned(partner.step) if self._rig.shown is not None else (),
        )
        self._replanned = False
        if self._rig.shown is not None:
            self._rig.shown(self.snapshot)
