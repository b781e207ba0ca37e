"""The computer's keys, while a session is shown in a terminal: what each turns or does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from jamd.controls.knobs import Turned

QUIT, HELP = "q", "?"
TEMPO_STEP = 1.0
"""BPM; a key that is held down repeats."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key, what else it may be on another keyboard, what it does in a word, and the order for the desk;
    without one it is for the program. One without a word is told of with another."""

    name: str
    what: str
    typed: str
    turned: Turned | None = None


KEYS = (
    Key("space", "panic", " ", Turned("panic")),
    Key(QUIT, "quit", "qQ"),
    Key("+ -", "tempo", "+=", Turned("tempo", by=TEMPO_STEP)),
    Key("-", "", "-_", Turned("tempo", by=-TEMPO_STEP)),
    Key("m", "mode", "mM", Turned("mode")),
    Key("l", "loop", "lL", Turned("loop")),
    Key("v", "vary", "vV", Turned("vary")),
    Key("s", "save", "sS", Turned("save")),
    Key(HELP, "help", "?h"),
)
"""Those of a session that a player is in."""
WATCHED = tuple(key for key in KEYS if key.name in ("space", QUIT, HELP))
"""Those where only the built-in player plays, whose file has the tempo and the turns."""


def meant(typed: str, keys: Iterable[Key] = KEYS) -> Key | None:
    """The key that was pressed, if it does anything."""
    return next((key for key in keys if typed in key.typed), None)


def in_words(keys: Iterable[Key] = KEYS) -> str:
    """What all of them do, in a line."""
    return "  ".join(f"{key.name} {key.what}" for key in keys if key.what)
