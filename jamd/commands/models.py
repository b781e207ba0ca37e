"""`jamd models`: what can be played with."""

from __future__ import annotations

import os
from typing import Any

import click

from jamd.counted import counted
from jamd.printable import cell, printable

MOST_CARD_BYTES = 1 << 22


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(name: str | None, as_json: bool) -> None:
    """List the models that are bundled, and show their cards.

    Without NAME, lists the bundled models and your own; with NAME (or a file), shows its card.
    """
    import json

    from jamd.errors import BundleError
    from jamd.models import bundle
    from jamd.options.model import models_folder
    from jamd.system.files import read_whole

    if name is not None:
        path = bundle.find(name, models_folder())
        header = bundle.read_header(path)
        card = path.with_suffix(".md")
        if as_json:
            click.echo(json.dumps({"name": path.stem, "path": str(path), **header}, indent=2))
        elif os.path.lexists(card):
            click.echo(read_whole(card, MOST_CARD_BYTES).decode(errors="replace"))
        else:
            click.echo(json.dumps(header, indent=2))
        return

    listing: list[dict[str, Any]] = []
    for origin, paths in (("bundled", bundle.bundled()), ("yours", bundle.installed(models_folder()))):
        for path in paths:
            listing.append({"name": path.stem, "path": str(path), "origin": origin})
            try:
                listing[-1] |= bundle.read_header(path)
            except BundleError as error:
                listing[-1]["fault"] = str(error)
    if as_json:
        click.echo(json.dumps(listing, indent=2))
        return
    if not listing:
        click.echo(
            f"There is no model: train one with `jamd train`, or put one in {printable(models_folder())}."
        )
        return

    from rich.console import Console
    from rich.table import Table

    table = Table("model", "of", "architecture", "learned from", "nats a step", "made")
    for entry in listing:
        if "fault" in entry:
            table.add_row(cell(entry["name"]), entry["origin"], cell(entry["fault"]))
            continue
        pieces = entry.get("data", {}).get("learned_from", {}).get("pieces")
        nats = entry.get("scores", {}).get("nats_per_step")
        table.add_row(
            cell(entry["name"] + " (unjudged)" * ("unjudged" in entry)),
            entry["origin"],
            f"{entry['arch']} {_width(entry['settings'])}".strip(),
            counted(pieces, "piece") if pieces is not None else "",
            f"{nats:.3f}" if nats is not None else "",
            str(entry.get("created", ""))[:10],
        )
    Console().print(table)


def _width(settings: dict[str, int]) -> int | str:
    """Of an LSTM's layers or of convolutions; a Markov chain has none."""
    return settings.get("hidden", settings.get("channels", ""))
