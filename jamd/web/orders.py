"""What a page asks for, as the engine's: notes and pedals to the intake, knobs and presses as orders."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import mido

from jamd.controls.knobs import KNOBS, Turned
from jamd.engine.desk import MODEL
from jamd.engine.events import Event
from jamd.engine.intake import Intake

TAKEN = frozenset({"note_on", "note_off", "control_change"})

log = logging.getLogger(__name__)

Word = Mapping[str, Any]


class Orders:
    """Takes words, one at a time, on the link's thread. Whatever is none is passed over: the server has
    refused it in words by then, and who came past the server gets none."""

    def __init__(
        self, intake: Intake, put: Callable[[Event], object], preset: Callable[[str], object] | None = None
    ) -> None:
        self._intake, self._put, self._preset = intake, put, preset

    def heed(self, word: Any) -> None:
        """Do as it says."""
        if not isinstance(word, Mapping):
            return
        match word:
            case {"type": "midi", "bytes": data, "seconds": seconds}:
                message = message_of(data)
                if message is not None and is_number(seconds):
                    self._intake.receive_at(message, float(seconds))
            case {"type": "turn", "knob": str(name), "value": value} if name in KNOBS:
                held = KNOBS[name].held_to(value) if KNOBS[name].kind != "action" else None
                if held is not None:
                    self._put(Turned(name, held))
            case {"type": "press", "action": str(name)} if name in KNOBS and KNOBS[name].kind == "action":
                self._put(Turned(name))
            case {"type": "model", "name": str(name)}:
                self._put(Turned(MODEL, name))
            case {"type": "preset", "name": str(name)} if self._preset is not None:
                self._preset(name)


def message_of(data: object) -> mido.Message | None:
    """The note or controller in these bytes; None if they are none."""
    if not isinstance(data, Sequence) or len(data) != 3 or not all(type(byte) is int for byte in data):
        return None
    try:
        message = mido.Message.from_bytes(data)
    except (ValueError, IndexError):
        return None
    return message if message.type in TAKEN else None


def is_number(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)
