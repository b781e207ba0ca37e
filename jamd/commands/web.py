"""`jamd web`: the instrument on a page, with nothing plugged in."""

from __future__ import annotations

import click

from jamd.options.reload import Reloader, Remembering, asked_by_hangup
from jamd.options.session import Asked, check, session_options
from jamd.options.web import Paging, paging_options

EXAMPLES = (
    ("jamd web", "open the page in your browser, and press A D G K"),
    ("jamd web --preset blues --tempo 100", "trade two bars of blues"),
    ("jamd web --in Keystation --no-open", "play on a MIDI keyboard, hear it on the page"),
)


@click.command(cls=Remembering, examples=EXAMPLES)
@session_options
@paging_options
def command(asked: Asked, paging: Paging) -> None:
    """Play in your browser, with nothing plugged in.

    Serves a page on this machine alone and opens it. Play on the computer's keyboard, on the screen or on a
    MIDI keyboard; jamd answers on the bar line, and the page sounds it. No MIDI system is opened unless
    --in or --out names a port. Ctrl-C ends the session.
    """
    context = click.get_current_context()
    check(context)
    reloader = Reloader(context, check)
    context.with_resource(asked_by_hangup(reloader))

    from jamd.evening import play

    play(asked, paging, reloader, alone=True)
