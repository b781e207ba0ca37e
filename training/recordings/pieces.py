"""From notes in beats to a quantised piece."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from jamd.beats import ticks
from jamd.beats.beatmap import align
from jamd.errors import JamdError, MidiFileError
from jamd.models.tokens import key_of
from jamd.music.bars import Bars
from jamd.music.note import STEPS_PER_BEAT, length_steps, quantise
from jamd.music.tempomap import seconds_at
from jamd.smf import midifile
from jamd.training.recordings import beats, hands, jamd_sessions

MOST_NOTES = 200_000
LONGEST_SECONDS = 3 * 3600
LONGEST_PIECE_STEPS = 200_000
"""Of a piece so slow or so fast that its seconds say little."""
MEAN_TEMPOS = (15.0, 500.0)
"""Beats a minute, over a whole piece. Among one in six of 4,030 the slowest has 27, the fastest 252: beyond,
ticks are not beats. A moment may be slower: a fermata is often written as 8 BPM."""
Int32s = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class QuantisedPiece:
    """One piece on the grid. Note arrays are (notes,), in order of `step`; one note per key and step."""

    name: str
    sha256: str
    step: Int32s
    end: Int32s
    key: npt.NDArray[np.int16]
    velocity: npt.NDArray[np.int16]
    offset: npt.NDArray[np.float32]
    part: npt.NDArray[np.int16]
    bar_lines: Int32s
    """The steps on which bars begin, the piece's end included."""
    phrase_steps: Int32s = field(default_factory=lambda: np.zeros(0, np.int32))
    """Where phrases of the first part begin, (phrases,), rising; none where unknown."""
    on_grid: bool = True
    """Whether its beats are those of the music. Where not, offsets are noise."""
    found: bool = False
    """Whether its beats were looked for in what is played, as the file's ticks say nothing of them."""
    sure: float = 1.0
    """How likely those beats are right, 0 to 1."""
    context_part: int = -1
    """The part that is heard and never learned: jamd's own, in a session; -1 where there is none."""

    @property
    def steps(self) -> int:
        return int(self.bar_lines[-1])

    @property
    def learned(self) -> npt.NDArray[np.bool_]:
        """Which notes (notes,) are there to learn from: all, but in a session not jamd's own."""
        return self.part != self.context_part


def quantised(
    piece: midifile.Piece,
    name: str,
    sha256: str,
    phrase_beats: npt.NDArray[np.float64] | None = None,
    on_grid: bool = True,
) -> QuantisedPiece:
    """A piece with notes on the grid, its phrases' beginnings (phrases,) given in beats."""
    rows = [
        (note.start_beats, note.end_beats, key_of(note.pitch), note.velocity, part)
        for part, voice in enumerate(piece.parts)
        for note in voice.notes
    ]
    table = np.array(rows, np.float64).reshape(-1, 5)
    step, offset = quantise(table[:, 0] * STEPS_PER_BEAT)
    end = step + length_steps(step, table[:, 1] * STEPS_PER_BEAT)
    key = table[:, 2].astype(np.int16)
    # One key sounds once at a time, as on a keyboard: the longest of one step stays, the next strike cuts it.
    order = np.lexsort((-end, step, key))
    same_key = np.r_[key[order][1:] == key[order][:-1], False]
    double = np.r_[False, same_key[:-1] & (step[order][1:] == step[order][:-1])]
    order, same_key = order[~double], None
    following = np.r_[np.where(key[order][1:] == key[order][:-1], step[order][1:], np.inf), np.inf]
    end[order] = np.minimum(end[order], following)
    order = order[np.lexsort((key[order], step[order]))]
    end_step = int(end.max())
    phrases = np.unique(quantise((np.zeros(0) if phrase_beats is None else phrase_beats) * STEPS_PER_BEAT)[0])
    return QuantisedPiece(
        name,
        sha256,
        step[order].astype(np.int32),
        end[order].astype(np.int32),
        key[order],
        table[order, 3].astype(np.int16),
        offset[order].astype(np.float32),
        table[order, 4].astype(np.int16),
        _bar_lines(piece, end_step),
        phrases[(phrases >= 0) & (phrases < end_step)].astype(np.int32),
        on_grid,
    )


def _bar_lines(piece: midifile.Piece, end_step: int) -> Int32s:
    lines = Bars.of(piece.metres).lines(1, end_step)  # the first begins with the piece, if it is an upbeat
    return np.array([0, *lines, end_step], np.int32)


def _check(piece: midifile.Piece, where: str) -> None:
    """Raise MidiFileError for what is no piece of music, before it fills the memory or misleads the beat."""
    notes = sum(len(part.notes) for part in piece.parts)
    if not notes:
        raise MidiFileError(f"{where} has no notes on its beats")
    if notes > MOST_NOTES:
        raise MidiFileError(f"{where} holds too many notes for one piece: {notes}, more than {MOST_NOTES}")
    end_beats = max(note.end_beats for part in piece.parts for note in part.notes)
    seconds = float(seconds_at(piece.tempos, np.array([end_beats]))[0])
    tempo = 60 * end_beats / seconds
    slowest, fastest = MEAN_TEMPOS
    if not slowest <= tempo <= fastest:
        raise MidiFileError(
            f"{where} has an absurd tempo: {tempo:.4g} beats a minute, not {slowest:g} to {fastest:g}"
        )
    if seconds > LONGEST_SECONDS or end_beats * STEPS_PER_BEAT > LONGEST_PIECE_STEPS:
        raise MidiFileError(
            f"{where} lasts too long for one piece: {seconds / 3600:.1f} hours, {end_beats:.0f} beats"
        )


@contextmanager
def blaming_the_beats(where: str) -> Iterator[None]:
    """Name the file whose beat track is at fault. Raises MidiFileError."""
    try:
        yield
    except JamdError as error:
        raise MidiFileError(f"{where} has an unusable beat track: {error}") from error


def read(
    content: bytes,
    where: str,
    name: str,
    sha256: str,
    annotation: beats.Annotation | None = None,
    assume_grid: bool = False,
) -> QuantisedPiece:
    """The piece in a file's bytes, which lay `where`: on the beats of its track if it has one, else on the
    file's own or, where these are not the music's and are not to be assumed so, on beats that are found in
    what is played. A piano in one part has a part for each hand. Raises MidiFileError."""
    piece = midifile.parsed(content, where)
    _check(piece, where)
    session = jamd_sessions.session_of(piece, where)
    if session is not None:  # jamd's clock was the time
        played = replace(quantised(session, name, sha256), context_part=jamd_sessions.JAMD)
        if not played.learned.any():  # each note of theirs was doubled by a longer one of jamd's
            raise MidiFileError(f"{where} holds nothing but what jamd played")
        return played
    if annotation is None:
        return _unannotated(piece, where, name, sha256, assume_grid)
    with blaming_the_beats(where):
        track = beats.read_beats(annotation.beats)
        phrases = beats.read_phrases(annotation.phrases) if annotation.phrases else np.zeros(0)
        piece = align(piece, track)
    _check(piece, where)
    return quantised(hands.apart(piece), name, sha256, track.beats_at(phrases))


def _unannotated(
    piece: midifile.Piece, where: str, name: str, sha256: str, assume_grid: bool
) -> QuantisedPiece:
    """A piece on its ticks where these are beats, else on those that are found in what is played."""
    timed, found = (True, None) if assume_grid else ticks.judged(piece)
    if found is None:
        return quantised(hands.apart(piece), name, sha256, on_grid=timed)
    laid = align(piece, found.track)
    _check(laid, where)
    on_grid = found.sure >= ticks.SURE
    return replace(quantised(hands.apart(laid), name, sha256, on_grid=on_grid), found=True, sure=found.sure)
