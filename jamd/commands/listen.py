"""`jamd listen`: the instrument."""

from __future__ import annotations

import click

from jamd.options.reload import Reloader, Remembering, asked_by_hangup
from jamd.options.sections import section
from jamd.options.session import Asked, check, session_options
from jamd.options.web import Paging, paging_options, web_option

EXAMPLES = (
    ("jamd listen --in Keystation --out FLUID", "trade two bars each, by part of the ports' names"),
    ("jamd listen --mode duet --tempo auto --key auto", "play together, in your tempo and your key"),
    ("jamd listen --preset fours --sync midi", "trade fours, in the time of a DAW"),
)


@click.command(cls=Remembering, examples=EXAMPLES)
@session_options
@section("Page", web_option)
@paging_options
def command(asked: Asked, paging: Paging, web: bool) -> None:
    """Play with you: hear one port, answer on another, in time.

    Your first note is beat 1 of bar 1. Play your bars; jamd answers on the next bar line; play again.
    Ctrl-C ends the session with every note off.
    """
    context = click.get_current_context()
    check(context)
    reloader = Reloader(context, check)
    context.with_resource(asked_by_hangup(reloader))

    from jamd.evening import play

    play(asked, paging if web else None, reloader)
