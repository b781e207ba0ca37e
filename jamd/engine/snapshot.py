"""The engine's state, to be shown: one frozen picture a step, safe to read from any thread."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from jamd.music.note import Frame
from jamd.music.transport import DEFAULT_METRE, DEFAULT_TEMPO, Metre


class Turn(StrEnum):
    """Whose turn it is."""

    WAIT = "wait"
    CALL = "call"
    ANSWER = "answer"
    DUET = "duet"
    SOLO = "solo"


@dataclass(frozen=True, slots=True)
class Span:
    """Whose turn it was, from one beat to another."""

    start_beats: float
    end_beats: float
    turn: Turn


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The jam at one moment. Before the first note there is no grid and `position_steps` is None."""

    turn: Turn = Turn.WAIT
    turns: int = 0
    """Answers begun so far."""
    tempo: float = DEFAULT_TEMPO
    metre: Metre = DEFAULT_METRE
    downbeat_step: int = 0
    position_steps: float | None = None
    first_step: int = 0
    """The step of the first frame of `player` and `own`, which are of one length, oldest first."""
    player: tuple[Frame, ...] = ()
    own: tuple[Frame, ...] = ()
    source: str = ""
    """Where the tempo comes from."""
    knobs: tuple[tuple[str, float | int | str], ...] = ()
    """How the knobs stand."""
    anchor: tuple[float, float] = (0.0, 0.0)
    """An instant in seconds and the step that it is: with the tempo, where the grid lies in time."""
    running: bool = False
    """Whether the grid moves."""
    end_step: int | None = None
    """Where the turn ends, if that is known."""
    looping: bool = False
    """Whether the last answer is played again and again."""
    held: tuple[int, ...] = ()
    """The pitches of the player's keys that are down."""
    planned: tuple[tuple[int, Frame], ...] = ()
    """What jamd means to play from the open step on, by step."""
