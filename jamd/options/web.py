"""Options about the page, and the page itself: served, opened in a browser, and linked to the engine."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jamd.options.group import gathered

if TYPE_CHECKING:
    from jamd.web.link import Link

HOST, PORT = "127.0.0.1", 8765
TRIES = 10
"""Ports that are tried, from PORT on, where none was asked for."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
EARLY_SECONDS = 0.03
"""What a page is sent so much before it sounds is placed on its audio clock in time. More is of no use: at
240 BPM the model would not be asked early enough."""
TOKEN_BYTES = 16


@dataclass(frozen=True, slots=True)
class Paging:
    """Where the page is served, and whether it is opened."""

    host: str
    port: int | None
    open_page: bool

    @contextmanager
    def served(self, session: Path | None, model: str) -> Iterator[Link]:
        """The page's link, its server running: it lets pages in, which wait for `greet`. Raises JamdError
        when it cannot be served."""
        from jamd.clock import SystemClock
        from jamd.system.logs import say
        from jamd.system.priority import model_cores
        from jamd.web.link import Link

        token = None if self.host in LOOPBACK else secrets.token_urlsafe(TOKEN_BYTES)
        settings: dict[str, Any] = {
            "host": self.host,
            "port": PORT if self.port is None else self.port,
            "tries": TRIES if self.port is None else 1,
            "token": token,
            "session": None if session is None else str(session),
            "model": model,
        }
        link = Link(settings, SystemClock(), model_cores())
        try:
            address = address_of(self.host, link.port_number, token)
            say(f"the page is at {address}")
            if self.open_page and not shown(address):
                say("no browser to open it in was found; open that address in one")
            yield link
        finally:
            link.close()


def address_of(host: str, port: int, token: str | None) -> str:
    """What to open in a browser."""
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}/" + (f"?token={token}" if token else "")


def hello(models: Sequence[str], presets: Sequence[str], alone: bool) -> dict[str, Any]:
    """What every page is told first: what can be turned, pressed and chosen."""
    from jamd import __version__
    from jamd.controls.knobs import KNOBS

    knobs = [
        {
            "name": knob.name,
            "what": knob.what,
            "kind": knob.kind,
            "low": knob.low,
            "high": knob.high,
            "logarithmic": knob.logarithmic,
            "whole": knob.whole,
            "choices": list(knob.choices),
        }
        for knob in KNOBS.values()
        if knob.kind != "action" and not knob.named
    ]
    actions = [{"name": knob.name, "what": knob.what} for knob in KNOBS.values() if knob.kind == "action"]
    return {
        "type": "hello",
        "version": __version__,
        "knobs": knobs,
        "actions": actions,
        "presets": list(presets),
        "models": list(models),
        "early": EARLY_SECONDS,
        "can_play": alone,
    }


def shown(address: str) -> bool:
    """Open an address in the user's browser; False where there is none with windows."""
    import webbrowser

    if sys.platform.startswith("linux") and not any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY"))):
        return False  # one in the terminal would draw over everything
    try:
        return webbrowser.open(address)
    except webbrowser.Error:
        return False


web_option = click.option(
    "--web", is_flag=True, help="Serve a page beside the ports: a view and a remote control."
)

OPTIONS = (
    click.option(
        "--host",
        default=HOST,
        metavar="ADDRESS",
        help="Address to serve the page on; other than loopback only with the token that is printed.",
    ),
    click.option(
        "--port",
        type=click.IntRange(0, 65535),
        metavar="NUMBER",
        help=f"Port to serve it on; 0: any that is free.  [default: {PORT}, or one of the next]",
    ),
    click.option("--open/--no-open", "open_page", default=True, help="Open the page in your browser."),
)

paging_options = gathered("paging", Paging, "Page", OPTIONS)
"""Give a command the options above; it receives them as one `paging`."""
