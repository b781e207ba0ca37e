"""Held-out calls, answered by the model that was there before and by the new one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from jamd.engine.voice import Voice
from jamd.mind.improviser import Improviser
from jamd.music.note import STEPS_PER_BEAT
from jamd.rendering import render
from jamd.smf.midifile import notes_of
from jamd.training.judging.cases import BARS, Case
from jamd.training.report.report import Answered, Notes

CALLS = 3
"""So many tell something, and can still be listened to."""

Improvisers = Callable[[], Improviser]


def answered(
    cases: Sequence[Case],
    before: Improvisers,
    after: Improvisers,
    voice: Callable[[], Voice],
    step: Callable[[str], None] = lambda what: None,
) -> tuple[Answered, ...]:
    """The first three cases, each answered by both models.

    `before` and `after` give an improviser that has heard nothing yet: with the same seed and wishes, or
    chance is compared and not the models. `step` is told of each answer before it. Raises JamdError when a
    model fails.
    """

    def answer(case: Case, improvisers: Improvisers) -> Notes:
        step("answers to held-out calls")
        return _answer(case, improvisers, voice())

    return tuple(
        Answered(
            case.name,
            case.call_piece.metres[0][1],
            case.steps / STEPS_PER_BEAT,
            case.call,
            case.answer,
            answer(case, before),
            answer(case, after),
        )
        for case in cases[:CALLS]
    )


def _answer(case: Case, improvisers: Improvisers, voice: Voice) -> Notes:
    """A model's answer, in beats from the bar line after the call; a note may come a little before it."""
    call_beats = case.steps / STEPS_PER_BEAT
    own = render(case.call_piece, BARS, improvisers, voice).own
    return tuple(
        replace(note, start_beats=note.start_beats - call_beats, end_beats=note.end_beats - call_beats)
        for note in notes_of(own, 2 * call_beats)
    )
