"""What a player may turn while playing: the settings of the answers, all in one place."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from jamd.models.sampling import Knobs
from jamd.music.scales import PitchClasses

CANDIDATES = 16


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the player wants of the answers, beside the mind's `knobs`.

    `register` is where to play relative to the call, in semitones, None for wherever it likes; `scale` holds
    the pitch classes to keep to, None for all; `follow_scale` keeps to the scale that is heard instead.
    """

    register: float | None = None
    scale: PitchClasses | None = None
    follow_scale: bool = False
    candidates: int = CANDIDATES


NO_WISHES = Wishes()


@dataclass(frozen=True, slots=True)
class Settings:
    """How answers are written. `echo`, 0 to 2, is how much of the session comes back in them."""

    knobs: Knobs = field(default_factory=Knobs)
    wishes: Wishes = NO_WISHES
    echo: float = 1.0


def turned(settings: Settings, knob: str, value: float) -> Settings:
    """The settings with one of KNOBS turned to a value. Raises KeyError."""
    match knob:
        case "temperature" | "density":
            return replace(settings, knobs=replace(settings.knobs, **{knob: value}))
        case "register":
            return replace(settings, wishes=replace(settings.wishes, register=value))
        case "echo":
            return replace(settings, echo=value)
    raise KeyError(knob)


KNOBS = frozenset({"temperature", "density", "register", "echo"})
