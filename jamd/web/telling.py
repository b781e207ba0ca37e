"""What the page is told, as words: notes with their instants, the state where it changed, what is planned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import mido

from jamd.engine.snapshot import Snapshot, Turn
from jamd.music.note import Frame
from jamd.sync.metronome import DRUM_CHANNEL

Word = Mapping[str, Any]
SPELT = frozenset({"note_on", "note_off", "control_change"})
DIGITS = 6
"""Of seconds and beats: microseconds."""


def note(message: mido.Message, seconds: float) -> list[Word]:
    """To be heard at this instant; nothing of a message that is no sound."""
    if message.type not in SPELT:
        return []
    part = "click" if message.channel == DRUM_CHANNEL else "jamd"
    return [{"type": "note", "part": part, "seconds": round(seconds, DIGITS), "bytes": message.bytes()}]


def heard(part: str, beats: float, message: mido.Message) -> list[Word]:
    """What went into the session's file: notes alone, for the roll."""
    if message.type not in ("note_on", "note_off"):
        return []
    return [{"type": "heard", "part": part, "beats": round(beats, DIGITS), "bytes": message.bytes()}]


def span(beats: float, turn: Turn) -> list[Word]:
    """Whose turn it is from this beat on."""
    return [{"type": "span", "start": round(beats, DIGITS), "end": None, "turn": turn.value}]


class Told:
    """What was told last, so that only what changed is told again."""

    def __init__(self) -> None:
        self._state: Word | None = None
        self._plan: Sequence[Sequence[int]] = ()

    def changes(self, snapshot: Snapshot) -> list[Word]:
        words: list[Word] = []
        state = state_of(snapshot)
        if state != self._state:
            self._state = state
            words.append(state)
        plan = notes_of(snapshot.planned)
        if plan != self._plan:
            self._plan = plan
            words.append({"type": "plan", "notes": plan})
        return words


def state_of(snapshot: Snapshot) -> Word:
    """How all stands, as the page shows it."""
    anchor_seconds, anchor_step = snapshot.anchor
    knobs = dict(snapshot.knobs)
    step = 0 if snapshot.position_steps is None else int(snapshot.position_steps)
    return {
        "type": "state",
        "turn": snapshot.turn.value,
        "turns": snapshot.turns,
        "tempo": round(snapshot.tempo, DIGITS),
        "metre": [snapshot.metre.beats, snapshot.metre.unit],
        "anchor": [round(anchor_seconds, DIGITS), round(anchor_step, DIGITS)],
        "downbeat_step": snapshot.downbeat_step,
        "step": step,
        "end_step": snapshot.end_step,
        "running": snapshot.running,
        "source": snapshot.source,
        "knobs": knobs | {"tempo": round(snapshot.tempo, DIGITS)},
        "preset": knobs.get("preset"),
        "model": knobs.get("model"),
        "held": list(snapshot.held),
        "looping": snapshot.looping,
    }


def notes_of(planned: Sequence[tuple[int, Frame]]) -> list[list[int]]:
    """Planned frames as notes: step, steps, pitch, velocity. A note lasts while its key is held."""
    return sorted([step, steps, pitch, velocity] for step, steps, pitch, velocity in _notes(planned))


def _notes(planned: Sequence[tuple[int, Frame]]) -> Iterator[tuple[int, int, int, int]]:
    open_: dict[int, tuple[int, int]] = {}  # by pitch: since which step, how loud
    last = 0
    for step, frame in planned:
        struck = {onset.pitch: onset.velocity for onset in frame.onsets}
        for pitch in [pitch for pitch in open_ if pitch in struck or pitch not in frame.held]:
            since, velocity = open_.pop(pitch)
            yield since, step - since, pitch, velocity
        open_ |= {pitch: (step, velocity) for pitch, velocity in struck.items()}
        last = step + 1
    for pitch, (since, velocity) in open_.items():
        yield since, last - since, pitch, velocity
