"""The `jamd` program: its commands, each loaded when it is asked for, and one way to fail."""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn

import click

from jamd import __version__
from jamd.errors import JamdError
from jamd.options.commands import COMMANDS, TOLD, load
from jamd.printable import printable
from jamd.system import streams
from jamd.system.signals import Ended

INTERRUPTED = 130
"""The exit status of a program ended by Ctrl-C: 128 and the signal's number."""


class Commands(click.Group):
    """A group that imports `jamd.commands.NAME` when NAME is called, and says in one line what went wrong."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return load(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        told = list(args)
        context = super().make_context(info_name, args, parent, **extra)
        context.meta[TOLD] = told
        return context

    def main(self, args: Sequence[str] | None = None, *rest: Any, **named: Any) -> NoReturn:
        named["standalone_mode"] = False
        _without_home()
        streams.stand_in()
        status: Any
        try:
            status = super().main(args, *rest, **named)
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)
            status = error.exit_code
        except click.UsageError as error:
            status = _say(f"{error.format_message()}{_where_to_read(error)}", error.exit_code)
        except click.ClickException as error:
            status = _say(error.format_message(), error.exit_code)
        except JamdError as error:
            status = _say(str(error), error.exit_status)
        except ImportError as error:
            status = _lacking(error, sys.argv[1:] if args is None else args)
        except (click.Abort, KeyboardInterrupt):
            status = INTERRUPTED
        except Ended as ended:
            status = ended.die()
        except OSError as error:
            if not streams.is_of_streams(error):
                raise
            status = _unsaid(error)
        except Exception as error:
            if not _is_of_ctrl_c(error):
                raise
            status = INTERRUPTED
        if (
            fault := streams.fault_of(sys.stdout) or next(iter(streams.missed), None)
        ) is not None:  # it is met here and not as Python ends
            status = _unsaid(fault) or status
        if streams.fault_of(sys.stderr) is not None:
            streams.let_go(sys.stderr)
        sys.exit(status if isinstance(status, int) else 0)


def _without_home() -> None:
    """What libraries do where the user's folders cannot be written is no news to the player."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it makes do with a temporary folder
    if os.path.expanduser("~") == "~":
        os.environ["HOME"] = os.devnull  # nobody has told it, and whoever asks for a folder in it would fail


def _is_of_ctrl_c(error: BaseException) -> bool:
    """Whether this is what Ctrl-C became on its way: while a class is being made, Python makes it another."""
    cause = error.__cause__
    return cause is not None and (isinstance(cause, KeyboardInterrupt) or _is_of_ctrl_c(cause))


def _say(message: str, status: int) -> int:
    """One line on stderr, however click or a library broke it."""
    with suppress(OSError):  # who asked does not want to know
        click.echo(f"jamd: {printable(' '.join(message.split()))}", err=True)
    return status


def _lacking(error: ImportError, told: Sequence[str]) -> int:
    """A package that this install may be without, and how to add it. Any other is a fault of ours."""
    from jamd.system import extras

    fault = extras.missing(error, next((word for word in told if word in COMMANDS), ""))
    if fault is None:
        raise error
    return _say(str(fault), fault.exit_status)


def _unsaid(fault: OSError) -> int:
    """What was to be said cannot be. Of a reader who has gone nobody need be told."""
    streams.let_go(sys.stdout)
    if fault.errno == errno.EPIPE:
        return 1
    return _say(f"cannot write to the standard output: {fault.strerror}", 1)


def _where_to_read(error: click.UsageError) -> str:
    return f" (see {error.ctx.command_path} --help)" if error.ctx else ""


@click.group(
    cls=Commands,
    context_settings={
        "show_default": True,
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
    },
    epilog="Every option can be set in the environment too: listen's --tempo by JAMD_LISTEN_TEMPO. Those of "
    "listen can also stand in a config file: see jamd config --help.\n\n"
    "Exit status: 0 when all went well, and after a session that you or a signal ended; 1 after a fault (a "
    "file, a model, no MIDI system, another jamd on these ports); 2 when what was asked for cannot be (an "
    "option, a name, the config file); 130 after Ctrl-C in any other work; 128 and a signal's number, as "
    "shells say it, when that signal cut it off.",
)
@click.version_option(__version__, message="jamd %(version)s")
def main() -> None:
    """A co-improviser that lives on a MIDI cable: it listens, and answers in time."""
