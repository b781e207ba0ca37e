"""The words between a page, the server and the engine, each checked at the door, in both directions. Pure.

A word is a line of strict JSON: one object with a "type". Seconds are those of `jamd.clock.seconds_now`,
beats are quarter notes from the session's beginning, steps are sixteenths. MIDI messages are three bytes:
keys (0x80 to 0x9f) and controllers (0xb0 to 0xbf).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from jamd.controls.knobs import KNOBS, Turned, Value
from jamd.web.checks import (
    Check,
    Refused,
    any_number,
    either,
    every,
    flag,
    maybe,
    named,
    number,
    of,
    one_of,
    row,
    strict,
    text,
    whole,
)

MOST_PAGE_BYTES = 512
MOST_LINE_BYTES = 1 << 20
"""Of what the engine says: 32 bars of it are the most."""
MOST_EVENTS = 20_000
PARTS = ("player", "jamd")
TURNS = ("wait", "call", "answer", "duet", "solo")
STATUSES = frozenset((*range(0x80, 0xA0), *range(0xB0, 0xC0)))

Message = tuple[int, int, int]
"""A MIDI message."""


# What a page says


@dataclass(frozen=True, slots=True)
class Ping:
    """What is the time? `page` is the page's own."""

    page: float


@dataclass(frozen=True, slots=True)
class Played:
    """What a hand did, and when."""

    seconds: float
    message: Message


@dataclass(frozen=True, slots=True)
class Chosen:
    """A preset or a model was chosen."""

    kind: Literal["preset", "model"]
    name: str


FromPage = Ping | Played | Turned | Chosen


def midi(value: Any) -> Message:
    """A message of keys or a controller."""
    if not isinstance(value, list) or len(value) != 3:
        raise Refused("bytes are not three")
    if any(type(byte) is not int for byte in value) or value[0] not in STATUSES:
        raise Refused("bytes are no message of a key or a controller")
    if not (0 <= value[1] <= 127 and 0 <= value[2] <= 127):
        raise Refused("bytes are out of range: 0 to 127 behind the first")
    return value[0], value[1], value[2]


def strikes(message: Message) -> bool:
    """Whether a note begins with it."""
    return message[0] & 0xF0 == 0x90 and message[2] > 0


NAME, LINE, PATH = text(200), text(2000), text(4096)
BEATS = SECONDS = STEPS = number()
PITCH, VELOCITY = whole(0, 127), whole(1, 127)
TURNED = one_of(*(knob.name for knob in KNOBS.values() if knob.kind != "action" and not knob.named))
ACTION = one_of(*(knob.name for knob in KNOBS.values() if knob.kind == "action"))
PAGE_WORDS = {
    "ping": of({"page": SECONDS}),
    "midi": of({"seconds": SECONDS, "bytes": midi}),
    "turn": of({"knob": TURNED, "value": lambda value: value}),
    "press": of({"action": ACTION}),
    "preset": of({"name": NAME}),
    "model": of({"name": NAME}),
}


def from_page(content: str | bytes, presets: Collection[str] = (), models: Collection[str] = ()) -> FromPage:
    """A page's word. Raises Refused with what is wrong, in one line."""
    return _page_word(*_typed(strict(content, MOST_PAGE_BYTES), PAGE_WORDS), presets, models)


def _typed(found: dict[str, Any], words: Mapping[str, Check]) -> tuple[str, dict[str, Any]]:
    kind = one_of(*words)(found.pop("type", None))
    try:
        return kind, words[kind](found)
    except Refused as error:
        raise Refused(f"{kind}: {error}") from None


def _page_word(
    kind: str, word: dict[str, Any], presets: Collection[str], models: Collection[str]
) -> FromPage:
    match kind:
        case "ping":
            return Ping(word["page"])
        case "midi":
            return Played(word["seconds"], word["bytes"])
        case "turn":
            return Turned(word["knob"], value_of(word["knob"], word["value"]))
        case "press":
            return Turned(word["action"])
        case "preset":
            return Chosen("preset", str(one_of(*presets)(word["name"])))
        case _:
            return Chosen("model", str(one_of(*models)(word["name"])))


def value_of(name: str, value: Any) -> Value:
    """What a knob is turned to: one of its choices, or a number held to its range. Raises Refused."""
    knob = KNOBS[name]
    if knob.choices:
        choice: Value = one_of(*knob.choices)(value)
        return choice
    held = float(min(max(any_number(value), knob.low), knob.high))
    return float(round(held)) if knob.whole else held


def spelt(word: FromPage) -> str:
    """A page's word as a line, for the engine's process, where `from_child` takes it."""
    match word:
        case Ping(page):
            return line({"type": "ping", "page": page})
        case Played(seconds, message):
            return line({"type": "midi", "seconds": seconds, "bytes": message})
        case Turned(knob, None):
            return line({"type": "press", "action": knob})
        case Turned(knob, value):
            return line({"type": "turn", "knob": knob, "value": value})
        case Chosen(kind, name):
            return line({"type": kind, "name": name})


def line(word: Mapping[str, Any]) -> str:
    """A word as a line of strict JSON, without its end. Raises Refused."""
    try:
        return json.dumps(word, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise Refused(f"{word.get('type')} is no word: {error}") from None


# What the engine says

KNOB = of(
    {
        "name": NAME,
        "what": LINE,
        "kind": one_of("continuous", "choice"),
        "low": number(),
        "high": number(),
        "logarithmic": flag,
        "whole": flag,
        "choices": every(either(NAME, number()), 1000),
    }
)
STATE = of(
    {
        "turn": one_of(*TURNS),
        "turns": whole(0),
        "tempo": number(1, 1000),
        "metre": row(whole(1, 256), whole(1, 256)),
        "anchor": maybe(row(SECONDS, STEPS)),
        "downbeat_step": whole(),
        "step": maybe(STEPS),
        "end_step": maybe(STEPS),
        "running": flag,
        "source": LINE,
        "knobs": named(NAME, either(NAME, number()), 100),
        "held": every(PITCH, 16 * 128),
        "looping": flag,
    },
    {"preset": maybe(NAME), "model": maybe(NAME)},
)
ENGINE_WORDS = {
    "hello": of(
        {
            "version": NAME,
            "knobs": every(KNOB, 100),
            "actions": every(of({"name": NAME, "what": LINE}), 100),
            "presets": every(NAME, 1000),
            "models": every(NAME, 1000),
            "early": number(0, 10),
            "can_play": flag,
        },
        {"watch": flag},
    ),
    "state": STATE,
    "note": of({"part": one_of("jamd", "click", "thru"), "seconds": SECONDS, "bytes": midi}),
    "heard": of({"part": one_of(*PARTS), "beats": BEATS, "bytes": midi}),
    "plan": of({"notes": every(row(STEPS, number(0), PITCH, VELOCITY), MOST_EVENTS)}),
    "history": of(
        {
            "heard": every(lambda event: row(one_of(*PARTS), BEATS, midi)(_with_message(event)), MOST_EVENTS),
            "spans": every(row(BEATS, maybe(BEATS), one_of(*TURNS)), MOST_EVENTS),
        }
    ),
    "span": of({"start": BEATS, "end": maybe(BEATS), "turn": one_of(*TURNS)}),
    "said": of({"text": LINE}),
    "session": of({"path": maybe(PATH)}),
    "ended": of({}),
}


def _with_message(event: Any) -> Any:
    """An event of the history, whose bytes stand in it one by one."""
    return [*event[:2], event[2:]] if isinstance(event, list) else event


def from_engine(content: str | bytes) -> tuple[str, dict[str, Any]]:
    """A word of the engine: its type, and the rest of it. Raises Refused."""
    return _typed(strict(content, MOST_LINE_BYTES), ENGINE_WORDS)


# What the server's process says to the engine's, beside what pages say


@dataclass(frozen=True, slots=True)
class Serving:
    """Pages are served on this port."""

    port: int


@dataclass(frozen=True, slots=True)
class Fault:
    """There will be no pages."""

    why: str


@dataclass(frozen=True, slots=True)
class Pages:
    """So many pages are open."""

    count: int


CHILD_WORDS = {
    **PAGE_WORDS,
    "serving": of({"port": whole(1, 65535)}),
    "fault": of({"why": LINE}),
    "pages": of({"count": whole(0)}),
}


def from_child(
    content: str | bytes, presets: Collection[str] = (), models: Collection[str] = ()
) -> FromPage | Serving | Fault | Pages:
    """A word of the server's process. Raises Refused."""
    kind, word = _typed(strict(content, MOST_LINE_BYTES), CHILD_WORDS)
    match kind:
        case "serving":
            return Serving(word["port"])
        case "fault":
            return Fault(word["why"])
        case "pages":
            return Pages(word["count"])
        case _:
            return _page_word(kind, word, presets, models)


# How the server is set up


@dataclass(frozen=True, slots=True)
class Settings:
    """Where pages are served, to whom, and what they may have."""

    host: str
    port: int
    tries: int = 10
    """Ports, from that one on, until one is free."""
    token: str | None = None
    page: Path | None = None
    """The folder of the page's files, if it is not jamd's own."""
    session: Path | None = None
    """The session's file, if it is kept."""
    model: str = "default"


def _token(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_-]{16,200}", value):
        raise Refused("give at least 16 letters and digits")
    return value


SETTINGS = {
    "settings": of(
        {"host": text(255), "port": whole(0, 65535)},
        {
            "tries": whole(1, 100),
            "token": maybe(_token),
            "page": maybe(PATH),
            "session": maybe(PATH),
            "model": PATH,
        },
    )
}


def settings_in(content: str | bytes) -> Settings:
    """The first line that the server is told. Raises Refused."""
    _, word = _typed(strict(content, MOST_LINE_BYTES), SETTINGS)
    paths = {name: Path(word[name]) for name in ("page", "session") if word.get(name) is not None}
    return Settings(**{**word, **paths})
