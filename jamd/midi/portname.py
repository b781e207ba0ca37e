"""The port that a name means, among those that there are.

A name need not be whole, nor of today: systems put numbers to names that are others after the next start or
when a cable is plugged in again. ALSA ends a name in its client and port (`20:0`), which a bridge to JACK has
in brackets (`[20]`), and WinMM in its place in the list; FluidSynth has its process id in it (`(4321:0)`).
Where the name as it is means no port, these do not count, nor do capitals and the width of spaces.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

ALSA_NUMBERS = re.compile(r"(?:^|\s)(\d+):(\d+)\s*$")
BRIDGED_NUMBER = re.compile(r"\s*\[\d+\]")
PROCESS_ID = re.compile(r"\s*\(\d{2,}(:\d+)?\)")
LIST_NUMBER = re.compile(r"\s+\d+\s*$")


def meant(name: str, names: Sequence[str | None]) -> list[str]:
    """The ports that a name may mean: one, unless there is none such or it does not tell several apart.

    The port of that very name goes first, then those with it inside, in any case, and then those that are it
    under other numbers.
    """
    known = [each for each in names if each is not None]
    if name in known:
        return [name]
    folded = _folded(name)
    inside = _those(known, lambda each: name.casefold() in each.casefold())
    inside = inside or _those(known, lambda each: folded in _folded(each))
    return _those(inside, lambda each: _folded(each) == folded) or inside or renumbered(name, known)


def renumbered(name: str, names: Sequence[str | None]) -> list[str]:
    """The ports that may be the one of this name, or with it inside, under today's numbers."""
    known = [each for each in names if each is not None]
    if name in known:
        return [name]
    by_place = _numbered_by_place(known)
    wanted = _bare(name, by_place)
    if not wanted:  # numbers alone say nothing of another day
        return []
    found = _those(known, lambda each: _bare(each, by_place) == wanted)
    if not found and wanted != _folded(name):
        found = _those(known, lambda each: wanted in _bare(each, by_place))
    port = _port_of(name)
    return _those(found, lambda each: port is not None and _port_of(each) == port) or found


def shortest(name: str, names: Sequence[str]) -> str:
    """As little of a port's name as will do to mean it among these, today and under other numbers."""
    bare = ALSA_NUMBERS.sub("", name)
    if _numbered_by_place(names):
        bare = LIST_NUMBER.sub("", bare)
    for each in (bare.split(":")[0], bare):
        if each and meant(each, names) == [name]:
            return each
    return name


def _bare(name: str, by_place: bool) -> str:
    """A name without the system's numbers; `by_place` where a list ends each in its place."""
    numbers = LIST_NUMBER if by_place else ALSA_NUMBERS
    bare = numbers.sub("", name)
    for written in (BRIDGED_NUMBER, PROCESS_ID):
        bare = written.sub("", bare)
    return _folded(bare)


def _those(names: Sequence[str], such: Callable[[str], bool]) -> list[str]:
    return sorted({name for name in names if such(name)})


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def _port_of(name: str) -> str | None:
    """The number of ALSA's port in its client, which is the device's own."""
    found = ALSA_NUMBERS.search(name)
    return found and found[2]


def _numbered_by_place(names: Sequence[str]) -> bool:
    """Whether this is a list of WinMM's, in which each name ends in its place."""
    return bool(names) and all(name.endswith(f" {place}") for place, name in enumerate(names))
