"""`jamd service`: jamd in the background, from login on."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from jamd.errors import JamdError, UsageError
from jamd.printable import printable
from jamd.system.job import Job, checked_name, known_as, log_path

if TYPE_CHECKING:
    from jamd.system.service import Manager

name_option = click.option(
    "--name",
    metavar="NAME",
    default="jamd",
    show_default=True,
    help="One of several services: a name of your choice.",
)
options_argument = click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="-- [LISTEN OPTIONS]")


@click.group()
def command() -> None:
    """Run jamd in the background, from login on.

    A service of your own systemd (on macOS: launchd), which needs no root. It waits for its ports, is started
    again when it fails, and silences its output first. `systemctl --user reload jamd` has it read its config
    file again.

    \b
    jamd service install -- --in Keyboard --out Synth --tempo 96
    jamd service status
    jamd service logs
    """


@command.command()
@name_option
@click.option("--no-start", is_flag=True, help="Only write the file that describes it.")
@options_argument
def install(name: str, no_start: bool, options: tuple[str, ...]) -> None:
    """Make a service of `jamd listen` with these options, or make it anew, and start it."""
    from jamd.system import service

    params = _listen(options).params
    job = Job(checked_name(name), options, log_path(name), network=params["sync"] == "link")
    manager = _manager()
    path = service.write(manager, job)
    click.echo(f"wrote {printable(path)}")
    if no_start:
        return
    try:
        manager.load(name)
    except JamdError as error:
        raise JamdError(f"{path} is written, but the service does not run: {error}") from error
    click.echo(f"{known_as(name)} runs now and from your next login on; `jamd service status` tells how")


@command.command()
@name_option
def uninstall(name: str) -> None:
    """End the service and remove it."""
    from jamd.system import service

    manager = _manager()
    path = service.there(manager, name)
    if not service.is_ours(path):
        raise UsageError(f"{path} is not jamd's own; remove it by hand")
    fault = ""
    try:
        manager.unload(name)
    except JamdError as error:  # such as that it never ran
        fault = f"; {error}"
    try:
        path.unlink()
    except OSError as error:
        raise JamdError(f"cannot delete {path}: {error.strerror}") from error
    click.echo(f"removed {printable(path)}{fault}")


def _order(order: str, help_text: str) -> None:
    @command.command(order, help=help_text)
    @name_option
    def act(name: str) -> None:
        from jamd.system import service

        manager = _manager()
        service.there(manager, name)
        act: Callable[[str], None] = getattr(manager, order)
        act(name)


_order("start", "Start the service.")
_order("stop", "Stop the service, until the next login.")
_order("restart", "Stop the service and start it.")


@command.command()
@name_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def status(name: str, as_json: bool) -> None:
    """Show whether the service runs. Exit status 1 when it does not."""
    from jamd.system import service

    manager = _manager()
    path = service.there(manager, name)
    state = manager.state(name)
    if as_json:
        import json

        document = {
            "name": name,
            "path": str(path),
            "running": state.running,
            "process": state.process,
            "state": state.words,
            "log": str(log_path(name)),
        }
        click.echo(json.dumps(document, indent=2))
    else:
        click.echo(f"{known_as(name)}: {state.words}; log: {printable(log_path(name))}")
    if not state.running:
        click.get_current_context().exit(1)


@command.command()
@name_option
@click.option(
    "-n",
    "--lines",
    default=50,
    show_default=True,
    type=click.IntRange(1),
    metavar="NUMBER",
    help="Lines to show, at most.",
)
def logs(name: str, lines: int) -> None:
    """Show the last of what the service has logged, and of what it printed where the system keeps that."""
    from jamd.system import service

    manager = _manager()
    service.there(manager, name)
    path = log_path(name)
    if printed := manager.journal(name, lines).rstrip():
        click.echo(f"{printed}\n")
    found = service.last_lines(path, lines)
    click.echo("\n".join([f"{printable(path)}:", *found]) if found else f"{printable(path)}: nothing yet")


@command.command("silence", hidden=True)
@options_argument
def silence_output(options: tuple[str, ...]) -> None:
    """Silence the output that listen would have with these options, unless it ended in order."""
    if os.environ.get("SERVICE_RESULT") == "success":  # so systemd says after the end; listen saw to it
        return
    params = _listen(options).params
    if params["out_name"] is None:
        return  # the virtual port has gone, and with it all who were connected
    from jamd.midi.backends import open_backend
    from jamd.midi.silence import silence

    with open_backend(params["backend"]) as midi:
        silence(midi.open_output(params["out_name"]))


@command.command("run", hidden=True)
@options_argument
def run(options: tuple[str, ...]) -> None:
    """Listen, for launchd, which starts again whatever has failed: so a mistake in what was asked for ends
    as if all had gone well."""
    try:
        with _listen(options) as listen:
            listen.command.invoke(listen)
    except (UsageError, click.UsageError) as error:
        click.echo(
            f"jamd: {error.format_message() if isinstance(error, click.UsageError) else error}", err=True
        )


def _listen(options: Sequence[str]) -> click.Context:
    """What `jamd listen` makes of these options, its environment and its config file. Raises UsageError."""
    from jamd.options.commands import load
    from jamd.options.session import check

    listen = load("listen")
    assert listen is not None
    context = listen.make_context("listen", list(options))
    check(context)
    return context


def _manager() -> Manager:
    """The system's own, or with a fake in the place of programs, or of the system too: see the tests."""
    from jamd.system.service import manager_of, run_program

    platform, run = click.get_current_context().obj or (sys.platform, run_program)
    return manager_of(platform, run)
