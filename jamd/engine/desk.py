"""The player's orders: what a bound control does, how every knob stands, and the lights that show it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import mido

from jamd.controls.bindings import Bindings
from jamd.controls.knobs import KNOBS, Turned, Value
from jamd.engine.output import Output
from jamd.engine.partner import Partner
from jamd.engine.preset import Picked, Preset, Reloaded, merged
from jamd.engine.turns import Form, Mode
from jamd.mind.minds import Loaded, Minds
from jamd.mind.settings import Settings, turned
from jamd.sync.source import Sync

MODEL = "model"
"""What is turned to a model's name, by those who know the names: no control does."""
SETTINGS = ("temperature", "density", "register", "echo")

log = logging.getLogger(__name__)


class Rack(Protocol):
    """The models to choose from."""

    @property
    def name(self) -> str:
        """The model that plays, or will when it is loaded."""

    def ask(self, by: int, minds: Minds) -> None:
        """Load the model so many places further on; it comes back as Loaded."""

    def choose(self, name: str, minds: Minds) -> None:
        """Load the model of that name, if there is such; it comes back as Loaded."""

    def stand_in(self, minds: Minds) -> bool:
        """Load a model for one that fails; it comes back as Loaded. False if there is none."""

    def loaded(self, event: Loaded, minds: Minds) -> bool:
        """Let a model that has come take over, if it is still wanted."""

    def close(self) -> None:
        """Load nothing more."""


class Desk:
    """Turns the knobs of a session. For the engine's thread."""

    def __init__(
        self,
        settings: Settings,
        bindings: Bindings | None = None,
        lights: Callable[[mido.Message], object] | None = None,
        save: Callable[[float], object] | None = None,
        preset: str = "",
        pick: Callable[[str], object] | None = None,
        sound: Callable[[int], object] | None = None,
    ) -> None:
        """`lights` sends to the controller, `sound` a program, from 1, to the synth; `save` keeps what was
        played from a beat on, and `pick` has a preset come back as Picked, each in its own time; `preset` is
        the one to begin with."""
        self.settings, self.save, self._pick, self._sound = settings, save, pick, sound
        self.rack: Rack | None = None
        self._bindings, self._lights = bindings or Bindings(), lights
        self.values: dict[str, Value] = {"preset": preset} if preset else {}
        """How the knobs stand, for the player to see."""

    def begin(self, partner: Partner, sync: Sync) -> None:
        """Take down how all stands, and light it."""
        settings, form = self.settings, partner.turns.form
        self.values |= {
            "temperature": settings.knobs.temperature,
            "echo": settings.echo,
            "density": settings.knobs.density,
            "register": settings.wishes.register or 0.0,
            "feel": partner.part.voice.feel,
            "mode": form.mode.value,
            "bars": form.call_bars or 0,
        }
        self.light_all(sync)

    def light_all(self, sync: Sync) -> None:
        """Show how all stands."""
        for name, value in self.values.items():
            if name in KNOBS:  # and no model's name
                self._light(name, value)
        self._light("tempo", sync.transport.tempo)

    def choose_from(self, rack: Rack) -> None:
        """From now on there are these models to choose from."""
        self.rack = rack
        self.values["model"] = rack.name

    def stand_in(self, minds: Minds) -> bool:
        """Have a model fetched for one that fails; False if there is none."""
        return self.rack is not None and self.rack.stand_in(minds)

    def loaded(self, event: Loaded, minds: Minds) -> None:
        """A model that was asked for has come, or is not to be had."""
        if event.worker is None:
            log.warning("model %s is not to be had: %s", event.name, event.reason)
        if self.rack is not None and self.rack.loaded(event, minds):
            self.values["model"] = event.name

    def close(self) -> None:
        """The session is over."""
        if self.rack is not None:
            self.rack.close()

    def is_bound(self, message: mido.Message) -> bool:
        """Whether this is a control's and no music."""
        return self._bindings.is_bound(message)

    def match(self, message: mido.Message) -> Turned | None:
        """What a message that is bound turns, if anything."""
        return self._bindings.match(message)

    def turn(
        self, order: Turned | Reloaded | Picked, partner: Partner, sync: Sync, output: Output, seconds: float
    ) -> None:
        """Do what the player's hand asks for, or the config file, or a preset."""
        if isinstance(order, Reloaded):
            self._set(merged(self._now(partner), order.before, order.after), partner, sync, seconds)
            return
        if isinstance(order, Picked):
            self._set(order.preset, partner, sync, seconds)
            return
        if order.knob == MODEL and self.rack is not None:
            self.rack.choose(str(order.value), partner.minds)
            return
        if order.knob not in KNOBS:
            log.warning("there is no knob %r", order.knob)
            return
        knob = self._bindings.knob(order.knob)
        if knob.kind == "action":
            self._act(knob.name, partner, sync, output, seconds)
            return
        form, before = partner.turns.form, self.values.get(knob.name, sync.transport.tempo)
        if order.by is not None:
            value: Value | None = knob.moved(before, order.by)
        elif order.value is None and knob.choices:
            value = knob.after(self.values.get(knob.name, ""))
        else:
            value = knob.held_to(order.value)
        if value is None:
            log.warning("%s cannot be %r: it is %s", knob.name, order.value, knob.range)
            return
        if knob.name == "preset":
            if self._pick is not None:
                self._pick(str(value))
            return
        match knob.name:
            case "mode":
                self._change_form(replace(form, mode=Mode(str(value))), partner)
            case "bars":
                partner.change_form(replace(form, call_bars=int(value), answer_bars=int(value)))
            case "feel":
                partner.part.voice.feel = float(value)
            case "tempo":
                sync.set_tempo(float(value), seconds)
                value = sync.transport.tempo  # a master's is the master's
            case name:
                self.settings = turned(self.settings, name, float(value))
                partner.minds.turn(self.settings)
        if knob.name != "tempo":  # which has a place of its own in the view
            self.values[knob.name] = value
        if value != before:  # to a controller that sends back what it is told, there would be no end of it
            self._light(knob.name, value)

    def _now(self, partner: Partner) -> Preset:
        """How all is set, but for the tempo and the sound."""
        form, feel, bindings = partner.turns.form, partner.part.voice.feel, self._bindings
        name = str(self.values.get("preset", ""))
        return Preset(self.settings, form, feel, None, bindings.bound, bindings.presets, name)

    def _set(self, preset: Preset, partner: Partner, sync: Sync, seconds: float) -> None:
        """Set all anew."""
        self.settings = preset.settings
        partner.minds.turn(self.settings)
        self._change_form(preset.form, partner)
        partner.part.voice.feel = preset.feel
        if preset.tempo is not None:
            sync.set_tempo(preset.tempo, seconds)
        if preset.program is not None and self._sound is not None:
            self._sound(preset.program)
        if (preset.bound, preset.names) != (self._bindings.bound, self._bindings.presets):
            self._bindings = Bindings(preset.bound, preset.names)
        if preset.name:
            self.values["preset"] = preset.name
        else:
            self.values.pop("preset", None)
        self.begin(partner, sync)

    def _change_form(self, form: Form, partner: Partner) -> None:
        looped = partner.looping
        partner.change_form(form)
        if looped and not partner.looping:
            self._light("loop", None)

    def _act(self, name: str, partner: Partner, sync: Sync, output: Output, seconds: float) -> None:
        lit: Value | None = None
        match name:
            case "turn":
                partner.turns.give()
            case "tap":
                sync.tap(seconds)
            case "panic":
                if partner.looping:
                    self._light("loop", None)
                partner.panic()
                output.panic()
            case "loop":
                partner.loop()
                lit = 1.0 if partner.looping else None
            case "vary":
                partner.vary()
            case "save" if self.save is not None:
                self.save(partner.account.take_beats)
            case "next-model" | "previous-model" if self.rack is not None:
                self.rack.ask(1 if name == "next-model" else -1, partner.minds)
        self._light(name, lit)

    def _light(self, name: str, value: Value | None) -> None:
        if self._lights is not None:
            for message in self._bindings.lights(name, value):
                self._lights(message)
