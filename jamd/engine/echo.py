"""Feedback: what jamd sent and hears again on its own input is told apart from the player's notes."""

from __future__ import annotations

from collections import deque

import mido

WINDOW_SECONDS = 0.25
"""A loop through a synth or a DAW comes back within this; one sent message excuses one received."""
PASSED_SECONDS = 0.06
"""The same of what was the player's own and is passed on: no hand plays a key again so soon."""
LONGEST = 4096


class Echo:
    """Remembers what was just sent; one message that comes back is recognised once."""

    def __init__(self, window_seconds: float = WINDOW_SECONDS) -> None:
        self._window_seconds = window_seconds
        self._sent: deque[tuple[float, tuple[int, ...]]] = deque(maxlen=LONGEST)

    def sent(self, message: mido.Message, seconds: float) -> None:
        key = _key(message)
        if key is not None:
            self._sent.append((seconds, key))

    def is_own(self, message: mido.Message, seconds: float) -> bool:
        """Whether this is a message of ours coming back."""
        while self._sent and self._sent[0][0] < seconds - self._window_seconds:
            self._sent.popleft()
        key = _key(message)
        if key is not None:
            for entry in self._sent:
                if entry[1] == key:
                    self._sent.remove(entry)
                    return True
        return False


class Returns:
    """What of all that goes out comes back in: jamd's own part, and what was passed on."""

    def __init__(self) -> None:
        self.own, self.passed = Echo(), Echo(PASSED_SECONDS)
        self._controls: dict[tuple[int, int], int] = {}  # where each controller came in last

    def are(self, message: mido.Message, seconds: float, held: bool) -> bool:
        """Whether this message is one of them. What lets go of a key that is `held`, or moves a controller
        from where it was, is the player's."""
        moves = message.type == "control_change" and self._moves(message)
        ours = self.own.is_own(message, seconds) or self.passed.is_own(message, seconds)
        return ours and not (held or moves)

    def _moves(self, message: mido.Message) -> bool:
        place = (message.channel, message.control)
        before, self._controls[place] = self._controls.get(place), message.value
        return bool(before != message.value)


def _key(message: mido.Message) -> tuple[int, ...] | None:
    """What stays the same when a device passes a message on; a note-on of velocity 0 is a note-off."""
    if message.type in ("note_on", "note_off"):
        velocity = message.velocity if message.type == "note_on" else 0
        return (message.channel, message.note, velocity)
    if message.type == "control_change":
        return (message.channel, message.control, message.value, -1)
    return None
