"""A report's calls with the answers to them, to be listened to: one MIDI file each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from jamd.music.transport import DEFAULT_TEMPO
from jamd.smf.midifile import Track, encode, messages_of
from jamd.training.report.report import Answered

FOLDER = "answers"
"""In the run folder."""
ANSWERS = {"real": "what really came", "before": "jamd before", "after": "jamd after"}
"""What answers a call, by its field in `Answered`, and the name of its track."""
ANSWER_CHANNEL = 1
"""Not the call's, so that a synth can give it another sound."""


def name_of(number: int, answer: str) -> str:
    """The name of the file that holds an answer to a call; calls are counted from 1."""
    return f"{number}-{answer}.mid"


def files_of(calls: Sequence[Answered]) -> dict[str, bytes]:
    """The MIDI files by their names. They play at the default tempo: a call is cut from a grid of beats,
    which has none."""
    files = {}
    for number, call in enumerate(calls, 1):
        for answer, track in ANSWERS.items():
            after_call = [
                replace(
                    note, start_beats=note.start_beats + call.beats, end_beats=note.end_beats + call.beats
                )
                for note in getattr(call, answer)
            ]
            tracks = [
                Track("call", messages_of(call.call)),
                Track(track, messages_of(after_call, ANSWER_CHANNEL)),
            ]
            files[name_of(number, answer)] = encode(tracks, [(0.0, DEFAULT_TEMPO)], [(0.0, call.metre)])
    return files
