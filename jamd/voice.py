"""jamd's own voice: frames become note-ons and note-offs at positions on the grid."""

from __future__ import annotations

import mido

from jamd.note import Frame

Placed = list[tuple[float, mido.Message]]
"""Messages at positions, in steps."""


class Voice:
    """Turns one answer's frames, in order, into messages. Every note that it begins, it ends.

    `feel` scales the offsets: 0 is exactly on the grid, 1 as the model means them.
    """

    def __init__(self, channel: int, feel: float) -> None:
        self.channel, self.feel = channel, feel
        self._on: set[int] = set()

    def play(self, step: int, frame: Frame, earliest_step: float) -> Placed:
        """The messages of one step. No onset comes before `earliest_step`: an answer never starts early."""
        placed: Placed = []
        starts = {
            onset.pitch: (max(earliest_step, step + onset.offset_steps * self.feel), onset.velocity)
            for onset in frame.onsets
        }
        for pitch in sorted(self._on - frame.held):
            placed.append((starts[pitch][0] if pitch in starts else float(step), self._off(pitch)))
        for pitch, (position, velocity) in starts.items():
            on = mido.Message("note_on", channel=self.channel, note=pitch, velocity=velocity)
            placed.append((position, on))
        self._on = (self._on & frame.held) | set(starts)
        return placed

    def end(self, step: int) -> Placed:
        """Note-offs for all that sounds, at the end of the answer."""
        placed: Placed = [(float(step), self._off(pitch)) for pitch in sorted(self._on)]
        self._on.clear()
        return placed

    def _off(self, pitch: int) -> mido.Message:
        return mido.Message("note_off", channel=self.channel, note=pitch)
