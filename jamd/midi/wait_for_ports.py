"""Waiting until a MIDI system and its ports are there, for a service that starts before them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from jamd.errors import BackendError
from jamd.midi.portname import meant
from jamd.midi.ports import Kind, Wait, find

PERIOD_SECONDS = 1.0

log = logging.getLogger(__name__)


class Ports(Protocol):
    """What is asked of a backend."""

    def inputs(self) -> list[str]: ...

    def outputs(self) -> list[str]: ...


P = TypeVar("P", bound=Ports)


def arrived(
    open_backend: Callable[[], P], inputs: Iterable[str | None], outputs: Iterable[str | None], wait: Wait
) -> P:
    """The backend, as soon as it opens and has a port for each name; None is no name. What is waited for is
    said whenever it is another. Raises PortError for a name that means several ports."""
    wanted_inputs, wanted_outputs = [*inputs], [*outputs]
    midi, said = None, ""
    while True:
        try:
            midi = midi or open_backend()
            missing = _missing(wanted_inputs, midi.inputs(), "input")
            missing += _missing(wanted_outputs, midi.outputs(), "output")
        except BackendError as error:
            midi, missing = None, [str(error)]
        if midi is not None and not missing:
            return midi
        if (waiting := "; ".join(missing)) != said:
            said = waiting
            log.warning("waiting: %s", waiting)
        wait(PERIOD_SECONDS)


def _missing(wanted: Sequence[str | None], names: Sequence[str], kind: Kind) -> list[str]:
    missing = []
    for name in wanted:
        if name is None:
            continue
        if not meant(name, names):
            missing.append(f"no {kind} matches {name!r}")
        else:
            find(name, names, kind)  # a name that means several is no better tomorrow
    return missing
