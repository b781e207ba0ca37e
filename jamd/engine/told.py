"""What the model is told of the player: each step once, though some are told before they are over."""

from __future__ import annotations

from dataclasses import replace

from jamd.music.note import Frame, Onset

QUIET_STEPS = 32
"""After this much silence of both, the model is spared more of it: it never learned from long rests."""


class Told:
    """Keeps what was told too early, and what the player struck after that."""

    def __init__(self) -> None:
        self._early: dict[int, Frame] = {}  # steps that are not closed yet, as they were told
        self._missed: tuple[Onset, ...] = ()  # what was struck in one of these after that
        self._quiet_steps = 0

    def sounded(self, sounds: bool) -> None:
        """A step is over, in which one of both sounded or not."""
        self._quiet_steps = 0 if sounds else self._quiet_steps + 1

    def early(self, step: int, frame: Frame) -> None:
        """This step was told before it was over, as far as it was known."""
        self._early[step] = frame

    def once(self, step: int, player: Frame, waits: bool) -> Frame | None:
        """What to tell of a step, None if nothing: it was told, or all has been quiet for long while jamd
        `waits`. What it was told too early it hears late in the next one."""
        if (told := self._early.pop(step, None)) is not None:
            known = {onset.pitch for onset in told.onsets}
            self._missed += tuple(onset for onset in player.onsets if onset.pitch not in known)
            return None
        struck = {onset.pitch for onset in player.onsets}
        missed = [replace(onset, offset_steps=-0.5) for onset in self._missed if onset.pitch not in struck]
        self._missed = ()
        if missed:
            onsets = sorted((*player.onsets, *missed), key=lambda onset: -onset.pitch)
            player = Frame(tuple(onsets), player.held.difference(onset.pitch for onset in onsets))
        return player if player.sounding or self._quiet_steps < QUIET_STEPS or not waits else None
