"""Lead time: how long before a step what concerns it must be ready."""

from __future__ import annotations

import math

from jamd.music.transport import Transport

LEAD_SECONDS = 0.03
"""How long before its bar line an answer is begun, so that its first notes are there in time. Never more than
half a step."""


def close_lead_seconds(transport: Transport, early_seconds: float) -> float:
    """How long before a step the one before it is closed. Never more than half a step: until then a note
    still belongs to the step that is being closed."""
    return min(LEAD_SECONDS + early_seconds, transport.seconds_per_step / 2)


def look_lead_seconds(transport: Transport, early_seconds: float) -> float:
    """How long before a step it must be known that jamd begins with it. For a synth that is late, that may be
    some steps before the one before it is closed."""
    return min(LEAD_SECONDS, transport.seconds_per_step / 2) + early_seconds


def early_steps(transport: Transport, early_seconds: float) -> int:
    """How many steps further ahead than usual notes must be settled as a step is closed."""
    between = look_lead_seconds(transport, early_seconds) - close_lead_seconds(transport, early_seconds)
    return math.ceil(between / transport.seconds_per_step)
