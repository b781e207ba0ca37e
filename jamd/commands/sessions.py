"""`jamd sessions`: what was played and kept."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(as_json: bool) -> None:
    """List the sessions that were kept, the latest last."""
    from jamd import sessions

    kept = sessions.kept()
    if as_json:
        import json

        listing = [
            {
                "name": session.path.name,
                "path": str(session.path),
                "when": session.when.isoformat(),
                "bars": session.bars,
                "seconds": round(session.seconds, 3),
                "player_notes": session.player_notes,
                "jamd_notes": session.jamd_notes,
                "fault": session.fault or None,
            }
            for session in kept
        ]
        click.echo(json.dumps(listing, indent=2))
        return
    if not kept:
        click.echo("No session has been kept yet: play with `jamd listen`, and it will be listed here.")
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(str(sessions.folder())), title_justify="left")
    table.add_column("session", no_wrap=True)
    for heading in ("length", "bars", "your notes", "jamd's notes"):
        table.add_column(heading, justify="right")
    for session in kept:
        if not session.fault:
            minutes, seconds = divmod(round(session.seconds), 60)
            counts = (session.bars, session.player_notes, session.jamd_notes)
            table.add_row(escape(_shown(session.path)), f"{minutes}:{seconds:02}", *map(str, counts))
    if table.row_count:
        Console().print(table)
    for session in kept:
        if session.fault:
            click.echo(f"{_shown(session.path)} {session.fault}")


def _shown(path: Path) -> str:
    """A file name that any terminal can print."""
    return path.name.encode(errors="replace").decode()
