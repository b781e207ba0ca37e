"""`jamd learn`: bind a knob to the control that is moved."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import click
import mido

from jamd.clock import Queue
from jamd.controls.bindings import FINE, PRESSED, meanings
from jamd.controls.controls import Control
from jamd.controls.knobs import KNOBS, Knob, knob_of
from jamd.errors import JamdError
from jamd.midi.backends import BACKENDS, open_backend
from jamd.music.controllers import PEDAL
from jamd.options import unnamed
from jamd.options.config import BIND, Config, find, parse, user_path
from jamd.options.config_options import file_option
from jamd.options.group import Number
from jamd.printable import printable
from jamd.system.permissions import make_folder

MOVED = 4
"""How far a CC (of 127) or a bend must go to count: one that nobody touches may tremble."""


@click.command()
@click.argument("knob_name", metavar="[KNOB]", required=False)
@click.option(
    "--in",
    "in_name",
    metavar="NAME",
    envvar=["JAMD_LEARN_IN", "JAMD_LISTEN_IN"],
    help="MIDI input: part of its name; without it, listen's, or the only one there is.",
)
@click.option(
    "--backend",
    envvar=["JAMD_LEARN_BACKEND", "JAMD_LISTEN_BACKEND"],
    type=click.Choice(["auto", *BACKENDS]),
    help="MIDI system; without it, listen's.",
)
@file_option
@click.option(
    "--seconds",
    metavar="NUMBER",
    default=10.0,
    show_default=True,
    type=Number(0.1, 3600),
    help="How long to wait.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(
    knob_name: str | None,
    in_name: str | None,
    backend: str | None,
    path: Path | None,
    seconds: float,
    as_json: bool,
) -> None:
    """Bind a knob of jamd to the control that you move.

    Turn it, or press it: what is seen first is written into the config file's table [bind], and the rest of
    the file stays as it is. Without KNOB, lists the knobs and what they are bound to.
    """
    config = Config(path) if path is not None and not path.exists() else find(path)
    if knob_name is None:
        _list(config, as_json)
        return
    knob = knob_of(knob_name)
    path = prepared(config.path or user_path())

    listen = config.tables.get("listen", {})
    heard: Queue[mido.Message] = Queue()
    with open_backend(backend or listen.get("backend", "auto")) as midi:
        if (name := in_name or listen.get("in")) is None:
            name = unnamed.an_input(midi, lambda words: click.echo(printable(words), err=as_json))
        port = midi.open_input(name, heard.put)
        gesture = "press" if knob.kind == "action" else "move"
        waiting = f"{gesture} what {knob.name} is to follow, on {port.name}; {seconds:g} s"
        click.echo(waiting, err=as_json)
        control = first_moved(knob, until(heard, time.monotonic() + seconds))
    if control is None:
        raise JamdError(f"nothing on {port.name} was moved in {seconds:g} s; nothing was written")
    text, freed = bound_to(config.text, knob.name, control)
    parse(text, path)  # never write what cannot be read again
    from jamd.system.files import write_whole

    write_whole(path, text.encode())
    if as_json:
        import json

        document = {"knob": knob.name, "control": str(control), "config": str(path), "instead_of": freed}
        click.echo(json.dumps(document, indent=2))
        return
    instead = "".join(f"; {name} had {', '.join(controls)}" for name, controls in freed.items())
    click.echo(f"{knob.name} follows {control}, says {printable(path)}{instead}")


def prepared(path: Path) -> Path:
    """Where to write, known to be writable before anyone is asked to move anything."""
    from jamd.system.files import check_writable

    path = path.resolve()  # the file that a link leads to, and not the link
    if path == user_path().resolve():
        try:
            make_folder(path.parent)
        except OSError as error:
            said = f"cannot write {path}: {error.strerror}; --config FILE names another file"
            raise JamdError(said) from error
    check_writable(path)
    return path


def until(heard: Queue[mido.Message], deadline_seconds: float) -> Iterator[mido.Message]:
    """What is heard until this instant of the monotonic clock."""
    while (left_seconds := deadline_seconds - time.monotonic()) > 0:
        try:
            yield heard.get(timeout=left_seconds)
        except Empty:
            return


def first_moved(knob: Knob, messages: Iterable[mido.Message]) -> Control | None:
    """The first control in these messages that was moved or pressed in a way that this knob can follow."""
    lows: dict[Control, int] = {}
    highs: dict[Control, int] = {}
    for message in messages:
        control = next(meanings(message), None)
        if control is None:
            continue
        if control.kind in ("note", "program"):
            ends = message.type == "note_off" or (message.type == "note_on" and message.velocity == 0)
            if knob.kind == "continuous" or ends:
                continue
            if knob.kind == "choice" and control.kind == "program":
                return Control("program", None, control.channel)  # the number then chooses
            return control
        value = message.value if control.kind == "cc" else (message.pitch - mido.MIN_PITCHWHEEL) // 128
        if control.kind == "bend" and knob.kind == "action":
            continue
        lows[control] = min(value, lows.get(control, value))
        highs[control] = max(value, highs.get(control, value))
        if highs[control] - lows[control] >= MOVED:
            coarser = Control("cc", (control.number or 0) - FINE, control.channel)
            return coarser if coarser in lows and FINE <= (control.number or 0) < 2 * FINE else control
        if knob.kind == "action" and control.number == PEDAL and value >= PRESSED:
            return control
    return None


def bound_to(text: str, name: str, control: Control) -> tuple[str, dict[str, list[str]]]:
    """The config file with this knob bound to this control alone, all else as it was; and what gave way.

    That is the knob's own controls until now, and the same control wherever it moved another knob.
    """
    import tomlkit

    document = tomlkit.parse(text)
    if BIND not in document:
        document[BIND] = tomlkit.table()
    bind: Any = document[BIND]
    freed: dict[str, list[str]] = {}
    for other, entry in list(bind.items()):
        controls = [str(one) for one in (entry if isinstance(entry, list) else [entry])]
        kept = [one for one in controls if other != name and not control.overlaps(Control.parse(one))]
        if kept == controls:
            continue
        freed[other] = [one for one in controls if one not in kept]
        if kept:
            bind[other] = kept if len(kept) > 1 else kept[0]
        elif other != name:
            del bind[other]
    new = name not in bind
    bind[name] = str(control)
    if new and isinstance(bind, tomlkit.items.Table):
        # After the last key: what remarks come later are on the table that follows.
        body = bind.value.body
        added = body.pop()
        body.insert(1 + max((at for at, (key, _) in enumerate(body) if key), default=-1), added)
    return tomlkit.dumps(document), freed


def _list(config: Config, as_json: bool) -> None:
    bound = config.bindings().bound
    if as_json:
        import json

        listing = [
            {
                "knob": knob.name,
                "what": knob.what,
                "kind": knob.kind,
                "range": knob.range,
                "controls": [*map(str, bound.get(knob.name, ()))],
            }
            for knob in KNOBS.values()
        ]
        click.echo(json.dumps(listing, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("knob", "what it is", "range", "follows")
    for knob in KNOBS.values():
        table.add_row(knob.name, knob.what, knob.range, ", ".join(map(str, bound.get(knob.name, ()))))
    Console().print(table)
    if not bound:
        click.echo("Nothing is bound yet: `jamd learn temperature`, then turn a knob.")
