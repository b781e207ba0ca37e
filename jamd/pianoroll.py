"""What a player does, step by step: messages become frames."""

from __future__ import annotations

from dataclasses import dataclass

import mido

from jamd.controllers import ALL_NOTES_OFF, ALL_SOUND_OFF, PEDAL
from jamd.note import Frame, Onset, quantise


@dataclass(slots=True)
class _Sounding:
    pitch: int
    start_step: int
    end_step: int | None = None


class PianoRoll:
    """The roll being played: takes messages at positions on the grid, closes one step after another.

    The same notes give the same frames as `note.frames_of` does from a file. The sustain pedal lengthens
    notes; a new strike of a pitch ends the old. Channels are heard as one player.
    """

    def __init__(self) -> None:
        self._onsets: dict[int, dict[int, Onset]] = {}  # of steps not closed yet
        self._sounding: list[_Sounding] = []
        self._keys: dict[int, _Sounding] = {}  # held down
        self._sustained: dict[int, _Sounding] = {}  # let go under the pedal
        self._pedal = False
        self._open_step: int | None = None  # the first step not closed yet

    def holds(self, pitch: int) -> bool:
        """Whether this key is down."""
        return pitch in self._keys

    def receive(self, message: mido.Message, position_steps: float) -> None:
        """Take in one message; other kinds than notes, pedal and all-notes-off change nothing."""
        if message.type == "note_on" and message.velocity > 0:
            self._note_on(message.note, message.velocity, position_steps)
        elif message.type in ("note_on", "note_off"):
            self._note_off(message.note, position_steps)
        elif message.type == "control_change":
            if message.control == PEDAL:
                self._pedal = message.value >= 64
                if not self._pedal:
                    self._end(self._sustained, position_steps)
            elif message.control in (ALL_SOUND_OFF, ALL_NOTES_OFF):
                self._end(self._keys, position_steps)
                self._end(self._sustained, position_steps)

    def _note_on(self, pitch: int, velocity: int, position_steps: float) -> None:
        nearest, offset = quantise(position_steps)
        step = int(nearest)
        if self._open_step is not None and step < self._open_step:  # its step is closed: late in the next one
            step, offset = self._open_step, -0.5
        for held in (self._keys, self._sustained):
            if pitch in held:
                earlier = held.pop(pitch)
                earlier.end_step = step
                if earlier.start_step == step:  # struck twice in one step: the grid holds one
                    self._sounding.remove(earlier)
        note = _Sounding(pitch, step)
        self._sounding.append(note)
        self._keys[pitch] = note
        self._onsets.setdefault(step, {})[pitch] = Onset(pitch, velocity, offset)

    def _note_off(self, pitch: int, position_steps: float) -> None:
        note = self._keys.pop(pitch, None)
        if note is None:
            return
        if self._pedal:
            self._sustained[pitch] = note
        else:
            note.end_step = _end_step(note, position_steps)

    def _end(self, notes: dict[int, _Sounding], position_steps: float) -> None:
        for note in notes.values():
            note.end_step = _end_step(note, position_steps)
        notes.clear()

    def close(self, step: int) -> Frame:
        """The frame of a step that is over. Steps are closed in order."""
        self._open_step = step + 1
        onsets = self._onsets.pop(step, {})
        held = frozenset(
            note.pitch
            for note in self._sounding
            if note.start_step < step and (note.end_step is None or note.end_step > step)
        )
        self._sounding = [n for n in self._sounding if n.end_step is None or n.end_step > step + 1]
        ordered = sorted(onsets.values(), key=lambda onset: -onset.pitch)
        return Frame(tuple(ordered), held.difference(onsets))


def _end_step(note: _Sounding, position_steps: float) -> int:
    return max(note.start_step + 1, int(quantise(position_steps)[0]))
