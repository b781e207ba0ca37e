"""An Ableton Link session, as it is seen and spoken to: the thin edge to Link itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from jamd.clock import seconds_now

if TYPE_CHECKING:
    from link import SessionState

READINGS = 5
TIGHT_SECONDS = 0.0001
"""Two clocks that were read within this were read together."""


@dataclass(frozen=True, slots=True)
class State:
    """A session at an instant."""

    tempo: float
    """Quarter notes a minute."""
    bar_beats: float
    """How much of the bar is over, in quarter notes."""
    peers: int = 0
    """How many others there are."""
    playing: bool | None = None
    """Whether it plays; None if nobody ever started or stopped it."""
    playing_seconds: float = 0.0
    """The instant since when, or from when on, it does or does not."""


class Session(Protocol):
    """A Link session. Instants are seconds of our clock, bars are of a length in quarter notes."""

    def look(self, seconds: float, bar_length_beats: float) -> State:
        """The session, as far as is known by now, at this instant."""

    def set_tempo(self, tempo: float, seconds: float) -> None:
        """Everybody's tempo from this instant on, in quarter notes a minute."""

    def set_playing(self, playing: bool, seconds: float) -> None:
        """Everybody who shares start and stop starts, on the next bar line, or stops."""

    def begin_bar(self, seconds: float, bar_length_beats: float) -> None:
        """A bar begins at this instant, if nobody else is there to mind."""

    def close(self) -> None:
        """Leave. The session is not to be used any more."""


def join(tempo: float, now: Callable[[], float] = seconds_now) -> Session:
    """The session on the network; `tempo`, in quarter notes a minute, is its tempo if nobody else is there.
    `now` is our clock, in seconds. Raises ModuleNotFoundError without the extra `link`."""
    return Network(tempo, now)


class Network:
    """The real session. It lives on threads of Link's own; this only reads and writes what they share.

    Others are found some tenths of a second after joining, and the session that was founded first is the one
    that all go on in. So who joins changes nothing, unless both were founded within half a second.
    """

    def __init__(self, tempo: float, now: Callable[[], float]) -> None:
        from link import Link as Peer

        self._now = now
        self._peer = Peer(tempo)
        self._clock = self._peer.clock()
        self._ahead_seconds = 0.0  # of our clock, Link's
        self._gap_seconds = math.inf
        self._compare()
        self._untold_micros = self._peer.captureAppSessionState().timeForIsPlaying()
        self._peer.startStopSyncEnabled = True
        self._peer.enabled = True

    def look(self, seconds: float, bar_length_beats: float) -> State:
        self._compare()
        peers, state = self._peer.numPeers(), self._peer.captureAppSessionState()
        playing, micros = state.isPlaying(), state.timeForIsPlaying()
        return State(
            tempo=state.tempo(),
            bar_beats=state.phaseAtTime(self._micros(seconds), bar_length_beats),
            peers=peers,
            playing=playing if playing or micros != self._untold_micros else None,
            playing_seconds=micros / 1e6 - self._ahead_seconds,
        )

    def set_tempo(self, tempo: float, seconds: float) -> None:
        with self._change() as state:
            state.setTempo(tempo, self._micros(seconds))

    def set_playing(self, playing: bool, seconds: float) -> None:
        with self._change() as state:
            state.setIsPlaying(playing, self._micros(seconds))

    def begin_bar(self, seconds: float, bar_length_beats: float) -> None:
        with self._change() as state:
            state.requestBeatAtTime(0.0, self._micros(seconds), bar_length_beats)

    def close(self) -> None:
        self._peer.enabled = False

    @contextmanager
    def _change(self) -> Iterator[SessionState]:
        state = self._peer.captureAppSessionState()
        yield state
        self._peer.commitAppSessionState(state)

    def _micros(self, seconds: float) -> int:
        """The instant on Link's clock."""
        return round((seconds + self._ahead_seconds) * 1e6)

    def _compare(self) -> None:
        """Read both clocks together: on Linux ours is slewed and Link's is not, so they part slowly. The
        tightest of a few readings counts, as any may be interrupted."""
        readings = []
        for _ in range(READINGS):
            before, micros, after = self._now(), self._clock.micros(), self._now()
            readings.append((after - before, micros / 1e6 - (before + after) / 2))
        gap_seconds, ahead_seconds = min(readings)
        if gap_seconds <= max(TIGHT_SECONDS, self._gap_seconds):
            self._gap_seconds, self._ahead_seconds = gap_seconds, ahead_seconds
