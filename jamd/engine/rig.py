"""What an engine is given beside its ports and its model: zones, clock out, click, desk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from jamd.engine.desk import Desk
from jamd.engine.part import AHEAD, Ahead
from jamd.engine.snapshot import Snapshot
from jamd.engine.zones import Zones
from jamd.mind.minds import Keep
from jamd.mind.settings import Settings
from jamd.sync.clockout import ClockOut
from jamd.sync.metronome import Click


@dataclass(frozen=True, slots=True)
class Rig:
    """What an engine may have. `early_seconds`: how long before its time all is sent. In the first
    `count_in_steps` the player is not heard yet. `keep` is told each step of the session; `shown` gets each
    snapshot on the engine's thread, and never blocks."""

    zones: Zones = field(default_factory=Zones)
    ahead: Ahead = AHEAD
    early_seconds: float = 0.0
    count_in_steps: int = 0
    clock_out: ClockOut | None = None
    click: Click | None = None
    click_until_step: int | None = None  # a click that only counts in
    keep: Keep | None = None
    shown: Callable[[Snapshot], object] | None = None
    desk: Desk = field(default_factory=lambda: Desk(Settings()))
