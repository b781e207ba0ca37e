"""A synth on a port and a page that hear the same."""

from __future__ import annotations

import mido

from jamd.engine.output import Port
from jamd.web.link import Link


class Both:
    """Sends to a port and to a page."""

    def __init__(self, port: Port, page: Link) -> None:
        self._port, self._page = port, page

    def send(self, message: mido.Message) -> None:
        self._port.send(message)
        self._page.send(message)

    def send_at(self, message: mido.Message, seconds: float) -> None:
        self._port.send(message)
        self._page.send_at(message, seconds)
