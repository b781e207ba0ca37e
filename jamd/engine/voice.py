"""jamd's own voice: frames become note-ons and note-offs at positions on the grid."""

from __future__ import annotations

import mido

from jamd.music.note import Frame

Placed = list[tuple[float, mido.Message]]
"""Messages at positions, in steps."""

SHORTEST_STEPS = 0.125


class Voice:
    """Turns one answer's frames, in order, into messages. Every note that it begins, it ends.

    `feel` scales the offsets: 0 is exactly on the grid, 1 as the model means them. All sounds `transpose`
    semitones higher than the model means it, as far as there are keys.
    """

    def __init__(self, channel: int, feel: float, transpose: int = 0) -> None:
        self.channel, self.feel, self.transpose = channel, feel, transpose
        self._on: dict[int, float] = {}  # where each begins
        self._over: dict[int, float] = {}  # where each pitch ended last

    @property
    def sounding(self) -> frozenset[int]:
        """The pitches that were begun and not ended."""
        return frozenset(self._on)

    def play(self, step: int, frame: Frame, earliest_step: float, swung_step: float | None = None) -> Placed:
        """The messages of one step. No onset comes before `earliest_step`. Where the player swings, the step
        lies at `swung_step`, and what the model means by its offsets does not count."""
        placed: Placed = []
        begins = step if swung_step is None else step + self.feel * (swung_step - step)
        starts = {}
        for onset in frame.onsets:
            meant = begins + (onset.offset_steps * self.feel if swung_step is None else 0.0)
            # Not before the last note of this pitch is over, which may be later than it was meant to be.
            start = max(earliest_step, meant, self._over.get(onset.pitch, earliest_step))
            starts[onset.pitch] = (start, onset.velocity)
        for pitch in sorted(self._on.keys() - frame.held):
            ends = starts[pitch][0] if pitch in starts else float(begins)
            # Never before it begins, which may have been moved: by swing, or because it came late.
            ends = max(ends, self._on[pitch] + SHORTEST_STEPS)
            if pitch in starts:
                starts[pitch] = (ends, starts[pitch][1])
            self._over[pitch] = ends
            placed.append((ends, self._off(pitch)))
        for pitch, (position, velocity) in starts.items():
            on = mido.Message("note_on", channel=self.channel, note=self._key(pitch), velocity=velocity)
            placed.append((position, on))
        self._on = {pitch: at for pitch, at in self._on.items() if pitch in frame.held}
        self._on |= {pitch: at for pitch, (at, _) in starts.items()}
        return placed

    def end(self, step: int) -> Placed:
        """Note-offs for all that sounds, at the end of the answer."""
        self._over |= {pitch: max(float(step), at + SHORTEST_STEPS) for pitch, at in self._on.items()}
        placed = [(self._over[pitch], self._off(pitch)) for pitch in sorted(self._on)]
        self._on.clear()
        return placed

    def forget(self) -> None:
        """Nothing sounds any more, and nothing of what was placed will."""
        self._on.clear()
        self._over.clear()

    def _off(self, pitch: int) -> mido.Message:
        return mido.Message("note_off", channel=self.channel, note=self._key(pitch))

    def _key(self, pitch: int) -> int:
        """Where a pitch is played: beyond the last keys, in the octave before."""
        key = pitch + self.transpose
        while key > 127:
            key -= 12
        while key < 0:
            key += 12
        return key
