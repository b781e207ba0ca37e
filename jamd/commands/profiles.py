"""`jamd profiles`: what was learned of whom."""

from __future__ import annotations

import click

from jamd.printable import cell, printable


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List what jamd has learned of each player; rename, delete.

    A profile is what both of you played in the evenings with `jamd listen --learn --profile NAME`.
    """
    if context.invoked_subcommand is not None:
        return
    from jamd.sessions import profiles

    found, aside = profiles.listed(), profiles.put_aside()
    if as_json:
        import json

        listing = [
            {
                "name": profile.name,
                "path": str(profile.path),
                "evenings": profile.evenings,
                "steps": profile.steps,
                "size_bytes": profile.size_bytes,
                "last_used": profile.last_used.isoformat(timespec="seconds"),
                "fault": profile.fault or None,
            }
            for profile in found
        ]
        click.echo(json.dumps(listing, indent=2))
        return
    if not found:
        click.echo("No profile has been kept yet: play with `jamd listen --learn`.")
    whole = [profile for profile in found if not profile.fault]
    if whole:
        from rich.console import Console
        from rich.table import Table

        table = Table(title=cell(profiles.folder()), title_justify="left")
        table.add_column("profile", no_wrap=True)
        for heading in ("evenings", "steps", "KiB", "last used"):
            table.add_column(heading, justify="right")
        for profile in whole:
            used = f"{profile.last_used:%Y-%m-%d %H:%M}"
            counts = (profile.evenings, profile.steps, -(-profile.size_bytes // 1024))
            table.add_row(cell(profile.name), *map(str, counts), used)
        Console().print(table)
    for profile in found:
        if profile.fault:
            click.echo(printable(f"{profile.name} {profile.fault}"))
    for path in aside:
        click.echo(
            f"{printable(path.name)} was damaged and is kept aside; `jamd profiles delete` removes it, too"
        )


@command.command()
@click.argument("name")
@click.argument("new_name")
def rename(name: str, new_name: str) -> None:
    """Give a profile another name."""
    from jamd.sessions import profiles

    profiles.rename(name, new_name)
    click.echo(printable(f"{name} is now {new_name}"))


@command.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(names: tuple[str, ...], yes: bool) -> None:
    """Delete profiles for good, when you have said yes."""
    from jamd.sessions import profiles

    names = tuple(dict.fromkeys(names))
    for name in names:
        profiles.there(name)
    if not yes:
        click.confirm(f"delete {', '.join(names)} for good?", abort=True)
    for name in names:
        profiles.delete(name)
        click.echo(printable(f"deleted {name}"))
