"""What a player does, step by step: messages become frames."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import mido

from jamd.music.keys import Key, Keys
from jamd.music.note import Frame, Onset, quantise


@dataclass(slots=True)
class _Sounding:
    pitch: int
    start_step: int
    end_step: int | None = None


class PianoRoll:
    """The roll being played: takes messages at positions on the grid, closes one step after another.

    The same notes give the same frames as `note.frames_of` does from a file. The pedals of a channel lengthen
    its notes; a new strike of a key ends the old. What all channels play is heard as one player's.
    """

    def __init__(self) -> None:
        self._onsets: dict[int, dict[int, Onset]] = {}  # of steps not closed yet
        self._sounding: list[_Sounding] = []
        self._keys = Keys()
        self._notes: dict[Key, _Sounding] = {}  # without an end so far
        self._open_step: int | None = None  # the first step not closed yet

    def holds(self, channel: int, pitch: int) -> bool:
        """Whether this key is down."""
        return self._keys.is_down((channel, pitch))

    @property
    def sounding(self) -> tuple[int, ...]:
        """The pitches of notes that have no end so far: their keys are down, or a pedal holds them."""
        return tuple(sorted({pitch for _, pitch in self._notes}))

    def receive(self, message: mido.Message, position_steps: float) -> None:
        """Take in one message; other kinds than notes, pedals and channel modes change nothing."""
        if message.type == "note_on" and message.velocity > 0:
            self._note_on(message, position_steps)
        elif message.type in ("note_on", "note_off"):
            self._end(self._keys.release(message.channel, message.note), position_steps)
        elif message.type == "control_change":
            self._end(self._keys.control(message.channel, message.control, message.value), position_steps)

    def _note_on(self, message: mido.Message, position_steps: float) -> None:
        nearest, offset = quantise(position_steps)
        step = int(nearest)
        if self._open_step is not None and step < self._open_step:  # its step is closed: late in the next one
            step, offset = self._open_step, -0.5
        key = message.channel, message.note
        ended = self._keys.strike(*key)
        earlier = self._notes.pop(key, None)
        if earlier is not None:
            earlier.end_step = step
            if earlier.start_step == step:  # struck twice in one step: the grid holds one
                self._sounding.remove(earlier)
        self._end((other for other in ended if other != key), position_steps)
        note = self._notes[key] = _Sounding(message.note, step)
        self._sounding.append(note)
        self._onsets.setdefault(step, {})[message.note] = Onset(message.note, message.velocity, offset)

    def _end(self, keys: Iterable[Key], position_steps: float) -> None:
        for key in keys:
            note = self._notes.pop(key)
            note.end_step = max(note.start_step + 1, int(quantise(position_steps)[0]))

    def frame(self, step: int) -> Frame:
        """A step that is not closed yet, as far as it is known: what is held is held on."""
        onsets = self._onsets.get(step, {})
        held = frozenset(
            note.pitch
            for note in self._sounding
            if note.start_step < step and (note.end_step is None or note.end_step > step)
        )
        ordered = sorted(onsets.values(), key=lambda onset: -onset.pitch)
        return Frame(tuple(ordered), held.difference(onsets))

    def close(self, step: int) -> Frame:
        """The frame of a step that is over. Steps are closed in order."""
        frame = self.frame(step)
        self._open_step = step + 1
        self._onsets.pop(step, None)
        self._sounding = [n for n in self._sounding if n.end_step is None or n.end_step > step + 1]
        return frame
