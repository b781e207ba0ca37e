"""jamd's own sessions, to learn from how the player plays: where they are, and how one is known."""

from __future__ import annotations

import re
from collections.abc import Callable

from jamd.errors import JamdError, MidiFileError
from jamd.sessions import sessions
from jamd.smf.midifile import Part, Piece
from jamd.training.recordings.recording import Recording

PLAYER_PART, JAMD_PART = "player", "jamd"
"""The names of the tracks in a session's file. They are its parts 0 and 1, in this order."""
JAMD = 1

_TAKE = re.compile(r"(?P<session>.+) take \d+")


def recordings(
    favourites_only: bool = False, say: Callable[[str], None] = lambda line: None
) -> list[Recording]:
    """The sessions that were kept, or those picked as favourites, in order of their names. What is wrong with
    the list of these is said, for those that it has lost are not learned from.

    A take is left out where the session is there that it was cut from. Raises JamdError when there are none,
    or they cannot be listed.
    """
    folder = sessions.folder()
    try:
        paths = {path.stem: path for path in folder.glob("*.mid") if not path.name.startswith(".")}
    except OSError as error:
        raise JamdError(f"cannot list {folder}: {error.strerror}") from error
    if favourites_only:
        picked = sessions.favourites()
        if picked.fault:
            say(picked.fault)
        paths = {stem: path for stem, path in paths.items() if path.name in picked.names}
    if not paths and favourites_only:
        if picked.fault:
            raise JamdError(f"no favourite is known: {picked.fault}")
        raise JamdError("no session is a favourite yet; `jamd sessions pick last` makes one")
    if not paths:
        raise JamdError(f"there are no sessions in {folder} yet; `jamd listen` keeps them")
    takes = {stem: _TAKE.fullmatch(stem) for stem in paths}
    return [
        Recording(path)
        for stem, path in sorted(paths.items())
        if not ((take := takes[stem]) and take["session"] in paths)
    ]


def session_of(piece: Piece, where: str) -> Piece | None:
    """The piece as a session: the player's part, whatever channels it was played on, then jamd's. None for
    one that is no session, as its parts have other names.

    Raises MidiFileError for a session, which lay `where`, in which only jamd plays.
    """
    order = list(dict.fromkeys(part.name for part in piece.parts))
    if order == [JAMD_PART]:
        raise MidiFileError(f"{where} holds nothing but what jamd played")
    if order != [PLAYER_PART, JAMD_PART]:
        return None
    return Piece(tuple(_merged(piece, name) for name in (PLAYER_PART, JAMD_PART)), piece.tempos, piece.metres)


def _merged(piece: Piece, name: str) -> Part:
    return Part(name, tuple(piece.of(name)))
