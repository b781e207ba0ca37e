"""What a model is judged on: four-bar calls from real music, each with the four bars that really followed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from jamd.engine.voice import Voice
from jamd.mind.improviser import Improviser
from jamd.models.features import Cue, Place
from jamd.models.likelihood import Talk
from jamd.models.tokens import LOWEST_PITCH, PIANO, key_of
from jamd.music.measures import Passage, passage_of
from jamd.music.note import (
    REST,
    STEPS_PER_BEAT,
    Frame,
    Note,
    frames_of,
)
from jamd.music.transport import DEFAULT_TEMPO, LONGEST_BAR_STEPS, Metre
from jamd.rendering import render
from jamd.smf.midifile import Part, Piece, notes_of
from jamd.training.batches.floor import player_alone
from jamd.training.recordings.pieces import QuantisedPiece

BARS = 4
"""The length of a call, and of its answer."""
FEWEST_NOTES = 6
"""In the call, and in the real answer."""
SHORTEST_BAR_STEPS = 8

Notes = tuple[Note, ...]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Case:
    """A call and the real answer to it. The beats of `call` count from its first bar line, those of `answer`
    from the bar line between the two. `lead` and `rest` are the same eight bars by track, for duets: empty
    when the piece has one track or one of the two has too few notes there."""

    name: str
    sha256: str
    steps_per_bar: int
    call: Notes
    answer: Notes
    lead: Notes
    rest: Notes

    @property
    def steps(self) -> int:
        """The length of the call, and of the answer."""
        return BARS * self.steps_per_bar

    @property
    def call_piece(self) -> Piece:
        """The call as `jamd render` reads it from a file."""
        beats, uneven = divmod(self.steps_per_bar, STEPS_PER_BEAT)
        metre = Metre(self.steps_per_bar, 16) if uneven else Metre(beats, 4)
        return Piece((Part("player", self.call),), ((0.0, DEFAULT_TEMPO),), ((0.0, metre),))

    @property
    def called(self) -> Passage:
        return passage_of(self.call, self.steps)

    @property
    def truth(self) -> Passage:
        return passage_of(self.answer, self.steps)


def cases_of(pieces: Iterable[QuantisedPiece], most: int) -> list[Case]:
    """At most `most` cases: one of each piece, then a second one of each, and so on, pieces in order of their
    hashes. The same music gives the same cases."""
    alone = sorted(map(player_alone, pieces), key=lambda piece: piece.sha256)
    cuts = {piece.sha256: (piece, cut_bars(piece)) for piece in alone}
    cases: list[Case] = []
    for turn in range(most):
        here = [(piece, bars[turn]) for piece, bars in cuts.values() if turn < len(bars)]
        if not here or len(cases) == most:
            break
        cases += [case_of(piece, bar) for piece, bar in here[: most - len(cases)]]
    return cases


def cut_bars(piece: QuantisedPiece) -> list[int]:
    """The bars of a piece that begin a real answer, in an order drawn by the piece's hash; no two overlap."""
    rng = np.random.default_rng(int(piece.sha256[:16], 16))
    chosen: list[int] = []
    for bar in rng.permutation(np.arange(BARS, max(BARS, len(piece.bar_lines) - BARS))):
        if all(abs(bar - other) >= 2 * BARS for other in chosen) and _fits(piece, int(bar)):
            chosen.append(int(bar))
    return chosen


def _fits(piece: QuantisedPiece, bar: int) -> bool:
    """Whether the eight bars round a bar line are of one length, and both sides hold enough music."""
    lines = piece.bar_lines[bar - BARS : bar + BARS + 1]
    lengths = np.diff(lines)
    if not SHORTEST_BAR_STEPS <= lengths[0] <= LONGEST_BAR_STEPS or (lengths != lengths[0]).any():
        return False
    call, answer = (((low <= piece.step) & (piece.step < high)) for low, high in pairwise(lines[::BARS]))
    if call.sum() < FEWEST_NOTES or answer.sum() < FEWEST_NOTES:
        return False
    keys = piece.key[(lines[0] <= piece.step) & (piece.step < lines[-1])]
    if keys.min() < key_of(PIANO.start) or keys.max() > key_of(PIANO.stop - 1):
        return False  # jamd answers with the keys of a piano alone: what lies beyond has no likelihood
    # a call that begins or ends with a bar of rest is a shorter call to whoever hears it
    return bool(piece.step[call].min() < lines[1] and piece.end[call].max() > lines[BARS - 1])


def case_of(piece: QuantisedPiece, bar: int) -> Case:
    """The case whose real answer begins with a bar of a piece. Notes that sound on into it end there."""
    first, middle, last = (int(step) for step in piece.bar_lines[bar - BARS : bar + BARS + 1 : BARS])
    part = int(piece.part[piece.step < last].min())
    lead = _notes(piece, first, last, piece.part == part)
    rest = _notes(piece, first, last, piece.part != part)
    if min(len(lead), len(rest)) < FEWEST_NOTES:
        lead = rest = ()
    anyone = np.ones(len(piece.step), bool)
    return Case(
        f"{piece.name} bar {bar + 1}",
        piece.sha256,
        (middle - first) // BARS,
        _notes(piece, first, middle, anyone),
        _notes(piece, middle, last, anyone),
        lead,
        rest,
    )


def _notes(piece: QuantisedPiece, first_step: int, end_step: int, whose: Bools) -> Notes:
    """The notes that begin from `first_step` on, cut at `end_step`, in beats from `first_step`."""
    return tuple(
        Note(
            int(piece.key[i]) + LOWEST_PITCH,
            int(piece.velocity[i]),
            max(0.0, float(piece.step[i] - first_step + piece.offset[i])) / STEPS_PER_BEAT,
            (min(int(piece.end[i]), end_step) - first_step) / STEPS_PER_BEAT,
        )
        for i in np.flatnonzero((piece.step >= first_step) & (piece.step < end_step) & whose)
    )


def trading(case: Case, answer: Notes) -> Talk:
    """The player's call and an answer of jamd's."""
    rest = [REST] * case.steps
    cues = [Cue(_place(case, step)) for step in range(case.steps)]
    cues += [Cue(_place(case, step), left_steps=case.steps - step) for step in range(case.steps)]
    call, own = _frames(case.call, case.steps), _frames(answer, case.steps)
    return Talk(call + rest, rest + own, cues, [(case.steps, 2 * case.steps)])


def without_call(talk: Talk) -> Talk:
    """The same, with a player who rests."""
    return replace(talk, player=[REST] * len(talk.player))


def duet(case: Case) -> Talk:
    """The player's lead track and jamd's rest, at once."""
    steps = 2 * case.steps
    cues = [Cue(_place(case, step), duet=True) for step in range(steps)]
    return Talk(_frames(case.lead, steps), _frames(case.rest, steps), cues, [(0, steps)])


def _place(case: Case, step: int) -> Place:
    return Place(step % case.steps_per_bar, case.steps_per_bar)


def _frames(notes: Notes, steps: int) -> list[Frame]:
    return [*frames_of(notes), *[REST] * steps][:steps]


def answered(
    case: Case, improvisers: Callable[[], Improviser], voice: Callable[[], Voice]
) -> tuple[Passage, float]:
    """The answer to a case as `jamd render --answer-bars 4` gives it, and the milliseconds that a step of the
    rendering took, call and answer together."""
    started = time.perf_counter()
    rendered = render(case.call_piece, BARS, improvisers, voice())
    milliseconds = 1000 * (time.perf_counter() - started) / (2 * case.steps)
    notes = notes_of(rendered.own, 2 * case.steps / STEPS_PER_BEAT)
    return passage_of(notes, case.steps, first_step=case.steps), milliseconds


def foils(cases: Sequence[Case]) -> list[int | None]:
    """For each case the next one of another piece with bars of the same length, or None: its real answer is
    the foil."""
    return [next(_others(cases, i), None) for i in range(len(cases))]


def _others(cases: Sequence[Case], i: int) -> Iterator[int]:
    for ahead in range(1, len(cases)):
        j = (i + ahead) % len(cases)
        if cases[j].sha256 != cases[i].sha256 and cases[j].steps_per_bar == cases[i].steps_per_bar:
            yield j


def whole(piece: QuantisedPiece) -> Passage:
    """A whole piece as a passage, to be indexed."""
    step, end, key = (np.asarray(x, np.int64) for x in (piece.step, piece.end, piece.key))
    return Passage(step, end, key + LOWEST_PITCH, int(max(piece.steps, end.max(initial=0))))
