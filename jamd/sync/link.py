"""Ableton Link: one tempo and the same bar lines as everybody on the network who is in the session."""

from __future__ import annotations

import math
from dataclasses import replace

import mido

from jamd.counted import counted
from jamd.music.note import STEPS_PER_BEAT
from jamd.music.transport import FASTEST_TEMPO, SLOWEST_TEMPO, Transport
from jamd.sync.linksession import Session, State
from jamd.sync.tap import Taps

LOOK_SECONDS = 0.02
"""How often the session is looked at."""
SLACK_SECONDS = 0.001
"""What the session may be off before the grid is corrected: no ear hears it, and clocks drift that far."""
START_SLACK_SECONDS = 0.005
"""A start so shortly after a bar line was meant for it: it came through two clocks."""
WAIT_STEPS = 2
"""While the session is behind, we go slower: so much that we would meet in about so many steps. No note is
moved far, and it is soon over."""


class Link:
    """A Sync that follows a session and is followed by it.

    It runs when the session is started, from a bar line on, and stands while the session does. Where nobody
    ever started or stopped the session, or nobody else is there, the player's first note begins. Alone it is
    beat 1 of bar 1; in company it falls wherever it does in the bar that all are in.
    """

    def __init__(self, session: Session, transport: Transport) -> None:
        self.transport = transport
        self.running = False
        self.due_seconds: float | None = 0.0
        self._session = session
        self._bar_length_beats = transport.metre.steps_per_bar / STEPS_PER_BEAT
        self._taps = Taps()
        self._peers = 0
        self._next_step = 0  # on which we begin, while we stand

    @property
    def name(self) -> str:
        if self._peers == 0:
            return "Link, alone"
        return f"Link, {counted(self._peers, 'peer')}"

    def advance(self, seconds: float) -> None:
        """Look at the session. What changed is taken over; while nothing does, `transport` stays as it is."""
        state = self._look(seconds)
        self.due_seconds = seconds + LOOK_SECONDS
        if state.playing is False and state.playing_seconds <= seconds:
            self._stand(seconds)
        elif self.running:
            self._follow(state, seconds)
        elif state.playing:
            line_seconds = self._line_seconds(state, seconds)
            if line_seconds >= state.playing_seconds - START_SLACK_SECONDS:
                self._begin(state, line_seconds)
            else:
                bar_seconds = self._bar_length_beats * 60.0 / state.tempo
                self.due_seconds = min(self.due_seconds, line_seconds + bar_seconds)
        if not self.running and state.tempo != self.transport.tempo:
            self.transport = self.transport.at_tempo(state.tempo, seconds)

    def clocked(self, message: mido.Message, seconds: float) -> None:
        """Nothing: the session alone counts."""

    def played(self, message: mido.Message, seconds: float) -> None:
        """The player's first note begins, where nobody else is asked to."""
        if self.running or message.type != "note_on" or message.velocity == 0:
            return
        state = self._look(seconds)
        if state.peers == 0:
            self._session.begin_bar(seconds, self._bar_length_beats)
            if not state.playing:  # so that whoever joins later, and shares it, starts too
                self._session.set_playing(True, seconds)
            state = self._look(seconds)
        elif state.playing is not None:
            return
        self._begin(state, self._line_seconds(state, seconds))

    def tap(self, seconds: float) -> None:
        """The player taps the beat; the fourth tap is the tempo of all."""
        if (interval := self._taps.add(seconds)) is not None:
            self.set_tempo(60.0 / interval, seconds)

    def set_tempo(self, tempo: float, seconds: float) -> None:
        """The session's tempo is this from now on, in quarter notes a minute."""
        self._session.set_tempo(min(max(tempo, SLOWEST_TEMPO), FASTEST_TEMPO), seconds)
        self.advance(seconds)

    def set_playing(self, playing: bool, seconds: float) -> None:
        """Start the session, on the next bar line, or stop it, and everybody who shares that."""
        self._session.set_playing(playing, seconds)
        self.advance(seconds)

    def close(self) -> None:
        """Leave the session."""
        self._session.close()

    def _look(self, seconds: float) -> State:
        state = self._session.look(seconds, self._bar_length_beats)
        self._peers = state.peers
        return state

    def _line_seconds(self, state: State, seconds: float) -> float:
        """The instant of the last bar line; now, if the next one is all but come."""
        beat_seconds = 60.0 / state.tempo
        slack_beats = SLACK_SECONDS / beat_seconds
        passed_beats = (state.bar_beats + slack_beats) % self._bar_length_beats - slack_beats
        return seconds - max(0.0, passed_beats) * beat_seconds

    def _begin(self, state: State, line_seconds: float) -> None:
        """Run, and let our next step be the bar line at this instant."""
        self.running = True
        self.transport = Transport(
            state.tempo, self.transport.metre, line_seconds, self._next_step, self._next_step
        )

    def _stand(self, seconds: float) -> None:
        if self.running:
            self.running = False
            self._next_step = math.ceil(self.transport.position_at(seconds))

    def _follow(self, state: State, seconds: float) -> None:
        """Be where the session is. It may have got ahead of us, or a little behind, by a change of tempo that
        we hear of late or by better knowledge of clocks; anything else is a jump, and moves the bar lines."""
        transport, per_bar = self.transport, self.transport.metre.steps_per_bar
        position = transport.position_at(seconds)
        slack_steps = SLACK_SECONDS / 60.0 * state.tempo * STEPS_PER_BEAT
        if transport.tempo != state.tempo:  # in the middle of a correction, which is then made well
            slack_steps /= 10
        ahead_steps = state.bar_beats * STEPS_PER_BEAT - (position - transport.downbeat_step)
        ahead_steps = (ahead_steps + 0.5) % per_bar - 0.5
        jump_steps = max(0, math.floor(ahead_steps + slack_steps))
        ahead_steps -= jump_steps
        if abs(ahead_steps) < slack_steps:
            ahead_steps = 0.0
        # Ahead of us: we go there at once. Behind: we never go back, but go slower until it is with us again.
        tempo = state.tempo * (1 + min(0.0, ahead_steps) / WAIT_STEPS)
        if tempo == transport.tempo and ahead_steps <= 0 and jump_steps == 0:
            return
        self.transport = replace(
            transport,
            tempo=tempo,
            anchor_seconds=seconds,
            anchor_step=position + max(0.0, ahead_steps),
            downbeat_step=transport.downbeat_step + -jump_steps % per_bar,
        )
