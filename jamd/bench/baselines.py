"""What other programs do, to hold jamd's timing against: the same notes at the same instants beside the same
work of the model, sent by a thread that waits for each instant on a condition, or that polls."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import nullcontext

import mido

from jamd.bench.lateness import Sent, answers, strikes
from jamd.bench.rehearsal import (
    ANSWER_BARS,
    CALL_BARS,
    CALL_PITCHES,
    CHORD,
    QUIET,
    REST_STEPS,
    Piece,
    Rehearsed,
    chord,
)
from jamd.engine.events import Event
from jamd.engine.output import Port
from jamd.mind.improviser import Improviser
from jamd.mind.process import worker_of
from jamd.models.features import Place
from jamd.music.lead import LEAD_SECONDS
from jamd.music.note import REST, Frame, Onset
from jamd.system.priority import on_time

POLL_SECONDS = 0.005
SOON_SECONDS = 0.1

Task = Callable[[], None]
Wait = Callable[[float], None]


def wait_for(deadline_seconds: float) -> None:
    """Wait for an instant on a condition, as the best of them do."""
    condition = threading.Condition()
    with condition:
        while (left := deadline_seconds - time.monotonic()) > 0:
            condition.wait(left)


def poll_for(deadline_seconds: float) -> None:
    """Look every 5 ms whether the instant has come."""
    while time.monotonic() < deadline_seconds:
        time.sleep(POLL_SECONDS)


def alone(piece: Piece, port: Port, real_time: bool) -> Rehearsed:
    """Send so many notes at such instants with nothing else to do: what the machine gives."""
    bar_lines: list[float] = []
    with on_time() if real_time else nullcontext():
        begin = time.monotonic() + SOON_SECONDS
        sent: list[Sent] = []
        for turn in range(piece.turns):
            answer = begin + (turn * (CALL_BARS + ANSWER_BARS) + CALL_BARS) * piece.bar_seconds
            bar_lines.append(answer)
            for step in range(piece.metre.steps_per_bar):
                for pitch, offset in CHORD:
                    wait_for(instant := answer + (step + offset) * piece.step_seconds)
                    sent.append(Sent(instant, time.monotonic(), True, pitch))
                    port.send(mido.Message("note_on", note=pitch, velocity=QUIET))
                wait_for(instant := answer + (step + 1) * piece.step_seconds)
                for pitch, _ in CHORD:
                    sent.append(Sent(instant, time.monotonic(), False, pitch))
                    port.send(mido.Message("note_off", note=pitch))
    return _rehearsed(sent, bar_lines, piece)


def play(improvisers: Callable[[], Improviser], piece: Piece, port: Port, wait: Wait) -> Rehearsed:
    """Send the notes of a rehearsal's answers. The model works as jamd's does, on any core."""
    worker = worker_of(improvisers, _ignore)
    begin = time.monotonic() + SOON_SECONDS
    sent: list[Sent] = []
    bar_lines: list[float] = []

    def send(message: mido.Message, intended: float) -> None:
        sent.append(Sent(intended, time.monotonic(), message.type == "note_on", message.note))
        port.send(message)

    bar_steps = piece.metre.steps_per_bar
    places = [Place(step, bar_steps) for step in range(bar_steps)]
    try:
        for turn in range(piece.turns):
            call = begin + turn * (CALL_BARS + ANSWER_BARS) * piece.bar_seconds
            answer = call + piece.bar_seconds
            bar_lines.append(answer)
            for step, place in enumerate(places):
                wait(call + (step + 1) * piece.step_seconds - LEAD_SECONDS)
                rests = step >= bar_steps - REST_STEPS
                pitch = CALL_PITCHES[step % len(CALL_PITCHES)]
                worker.hear(REST if rests else Frame((Onset(pitch, 64),)), REST, place)

            def due(step: int, answer: float = answer) -> float:
                return answer + step * piece.step_seconds - time.monotonic()

            worker.answer(turn + 1, (2 * turn + 1) * bar_steps, places, due)
            for step, place in enumerate(places):
                at = answer + step * piece.step_seconds
                for pitch, offset in CHORD:
                    on = mido.Message("note_on", note=pitch + step, velocity=QUIET)
                    wait(instant := at + offset * piece.step_seconds)
                    send(on, instant)
                wait(instant := at + piece.step_seconds)
                for pitch, _ in CHORD:
                    send(mido.Message("note_off", note=pitch + step), instant)
                worker.hear(REST, chord(step), place)
    finally:
        worker.close()
    return _rehearsed(sent, bar_lines, piece)


def _rehearsed(sent: list[Sent], bar_lines: list[float], piece: Piece) -> Rehearsed:
    late = answers(strikes(sent), bar_lines, piece.bar_seconds)
    return Rehearsed(tuple(sent), tuple(late), tuple(bar_lines), turns=piece.turns)


def _ignore(event: Event) -> None: ...
