"""How a session is set, as far as that can change while it plays, and how it is set anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar

from jamd.controls.controls import Control
from jamd.engine.turns import Form
from jamd.mind.settings import Settings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Preset:
    """All that the player can set anew without a new session. `tempo` (BPM) is None where it is not jamd's to
    say, or stays, and `program` (from 1) where the sound stays; `bound` is what [bind] holds, `names` the
    presets to pick, and `name` the one that is."""

    settings: Settings
    form: Form
    feel: float
    tempo: float | None
    bound: Mapping[str, tuple[Control, ...]]
    names: tuple[str, ...] = ()
    name: str = ""
    program: int | None = None


@dataclass(frozen=True, slots=True)
class Reloaded:
    """The config was read again: what differs between these two is as in `after` from now on."""

    before: Preset
    after: Preset


@dataclass(frozen=True, slots=True)
class Picked:
    """A preset was picked: all is as in it from now on, whatever was turned by hand."""

    preset: Preset


def merged(now: T, before: T, after: T) -> T:
    """How it is `now`, but as `after` where that differs from `before`; of dataclasses, field by field. So
    what was turned by hand stays so, unless it is to be otherwise than before."""
    if is_dataclass(now):
        changed: dict[str, Any] = {
            field.name: merged(*(getattr(each, field.name) for each in (now, before, after)))
            for field in fields(now)
        }
        return replace(now, **changed)  # type: ignore[type-var]
    return now if after == before else after
