"""`jamd runs`: trainings, their losses, their reports, and which was better."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from jamd.counted import counted
from jamd.printable import cell, printable

if TYPE_CHECKING:
    from rich.console import Console

    from jamd.training.runs.runs import Damaged, Run

Function = TypeVar("Function", bound=Callable[..., Any])


def common_options(function: Function) -> Function:
    """--runs and --json, before or after the name of the sub-command."""
    function = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(function)
    where = click.option(
        "--runs", "parent", metavar="FOLDER", type=click.Path(path_type=Path), help="Folder of runs."
    )
    return where(function)


@click.group(invoke_without_command=True)
@common_options
@click.pass_context
def command(context: click.Context, parent: Path | None, as_json: bool) -> None:
    """List training runs, show one, compare several.

    Without a sub-command, lists them, the latest last. A run may be named by the beginning of its name, or by
    its folder.
    """
    context.obj = (parent, as_json)
    if context.invoked_subcommand is not None:
        return
    from jamd.training.runs import runs

    folder = parent or runs.default_folder()
    summaries = [_summary(run) for run in runs.listed(folder)]
    if as_json:
        _print_json(summaries)
        return
    if not summaries:
        click.echo(f"There is no run in {printable(folder)}: `jamd train` leaves one there.")
        return
    from rich.table import Table

    table = Table(title=cell(folder), title_justify="left")
    for heading in ("run", "architecture", "state", "epochs", "best nats a step", "time", "data", "begun"):
        table.add_column(heading, overflow="fold")
    for summary in summaries:
        table.add_row(
            _plain(summary["name"]),
            _plain(summary["arch"] or ""),
            _plain(summary["fault"] or summary["state"]),
            _epochs(summary),
            _nats(summary["best_nats_per_step"]),
            _time(summary["seconds"]),
            "" if summary["data"] is None else _plain(_music(summary["data"])),
            (summary["created"] or "")[:16].replace("T", " "),
        )
    _print(table)
    reports = sum(summary["report"] is not None for summary in summaries)
    if reports:
        click.echo(f"{reports} with a report: see `jamd runs report RUN`")


@command.command()
@click.argument("name")
@common_options
@click.pass_obj
def show(above: tuple[Path | None, bool], name: str, parent: Path | None, as_json: bool) -> None:
    """Show one run in full."""
    from jamd.training.runs import runs

    run = runs.find(name, parent or above[0] or runs.default_folder())
    rows = run.losses()
    summary = _summary(run)
    if as_json or above[1]:
        _print_json({**run.about, **summary, "losses": [_finite(row) for row in rows]})
        return
    from rich.table import Table

    about = Table(title=cell(run.folder), title_justify="left", show_header=False)
    best = f"{_nats(summary['best_nats_per_step'])} nats a step at epoch {summary['best_epoch'] or 0:.3g}"
    lines = {
        "state": ": ".join(filter(None, [summary["state"], str(run.about.get("reason", ""))])),
        "epochs": _epochs(summary),
        "best": best if rows else "",
        "time": _time(summary["seconds"]),
        **({"report": summary["report"]} if summary["report"] else {}),
        **{name: _told(value) for name, value in run.about.items() if name not in ("state", "reason")},
        "files": ", ".join(sorted(path.name for path in run.folder.iterdir())),
    }
    for heading, text in lines.items():
        about.add_row(heading, _plain(text))
    _print(about)
    if rows:
        losses = Table(*(heading.replace("_", " ") for heading in rows[0]))
        for row in rows:
            losses.add_row(*("" if value != value else f"{value:.6g}" for value in row.values()))
        _print(losses)


@command.command()
@click.argument("name")
@common_options
@click.pass_obj
def report(above: tuple[Path | None, bool], name: str, parent: Path | None, as_json: bool) -> None:
    """Print a run's report again: what it read, and what became better or worse."""
    from jamd.training.report import files
    from jamd.training.runs import runs

    run = runs.find(name, parent or above[0] or runs.default_folder())
    kept = files.read(run.folder)
    if as_json or above[1]:
        from jamd.training.report.json import to_json

        _print_json(to_json(kept))
        return
    from jamd.training.report import terminal

    terminal.show(kept, _console(), run.folder / files.PAGE)


@command.command()
@click.argument("names", nargs=-1, required=True)
@click.option(
    "--plot", metavar="FILE", type=click.Path(path_type=Path), help="Also draw the losses together, as a PNG."
)
@common_options
@click.pass_obj
def compare(
    above: tuple[Path | None, bool],
    names: tuple[str, ...],
    plot: Path | None,
    parent: Path | None,
    as_json: bool,
) -> None:
    """Compare runs: the best score of each, when it came, and how long it took."""
    from jamd.system.files import check_writable
    from jamd.training.runs import runs
    from jamd.view.plot import check_suffix

    if plot is not None:
        check_suffix(plot)
        check_writable(plot)
    folder = parent or above[0] or runs.default_folder()
    compared = [runs.find(name, folder) for name in dict.fromkeys(names)]
    summaries = [_summary(run) for run in compared]
    warning = _warning(compared)
    if as_json or above[1]:
        losses = [[_finite(row) for row in run.losses()] for run in compared]
        listing = [{**summary, "losses": rows} for summary, rows in zip(summaries, losses, strict=True)]
        _print_json({"runs": listing, "warning": warning})
    else:
        from rich.table import Table

        table = Table("run", "architecture", "state", "epochs")
        for heading in ("best nats a step", "at epoch", "after", "time"):
            table.add_column(heading, justify="right")
        for summary in summaries:
            epoch = summary["best_epoch"]
            table.add_row(
                _plain(summary["name"]),
                summary["arch"],
                summary["state"],
                _epochs(summary),
                _nats(summary["best_nats_per_step"]),
                "" if epoch is None else f"{epoch:.3g}",
                _time(summary["best_seconds"]),
                _time(summary["seconds"]),
            )
        _print(table)
    if warning:
        click.echo(f"warning: {warning}", err=True)
    if plot is not None:
        from jamd.training.runs import curves

        curves.draw(plot, compared, "Losses in nats a step")


FACTS = (
    "arch",
    "state",
    "epochs_done",
    "epochs",
    "best_nats_per_step",
    "best_epoch",
    "best_seconds",
    "seconds",
    "data",
    "created",
    "report",
)
"""What a run is listed with, beside its name, its path, and its fault if it has one."""


def _summary(run: Run | Damaged) -> dict[str, Any]:
    """What the list says of a run; None where there is nothing to say yet."""
    from jamd.errors import JamdError
    from jamd.training.report import files
    from jamd.training.runs import runs

    if isinstance(run, runs.Damaged):
        named = {"name": run.folder.name, "path": str(run.folder), "fault": run.fault}
        return {**dict.fromkeys(FACTS), **named}
    fault = None
    try:
        rows = run.losses()
    except JamdError as error:
        rows, fault = [], str(error)
    numbers = [row for row in rows if row["nats_per_step"] < float("inf")]  # and not nan
    best = min(numbers, key=lambda row: row["nats_per_step"], default=None)
    return {
        "name": run.name,
        "path": str(run.folder),
        "arch": run.about["arch"],
        "state": run.state,
        "epochs_done": rows[-1]["epoch"] if rows else None,
        "epochs": run.about["recipe"].get("epochs"),
        "best_nats_per_step": best and best["nats_per_step"],
        "best_epoch": best and best["epoch"],
        "best_seconds": best and best["seconds"],
        "seconds": rows[-1]["seconds"] if rows else None,
        "data": run.about["data"],
        "created": run.about["created"],
        "fault": fault,
        "report": str(run.folder / files.PAGE) if files.is_there(run.folder) else None,
    }


def _warning(compared: Sequence[Run]) -> str | None:
    """Why the scores of these runs say less than they seem to."""

    def differ(*facts: Callable[[Run], object]) -> bool:
        return any(fact(run) != fact(compared[0]) for fact in facts for run in compared)

    def of(part: str) -> Callable[[Run], object]:
        return lambda run: run.about["data"].get(part)

    if differ(of("held_out"), of("sha256"), lambda run: run.about["recipe"].get("steps")):
        return "these runs were scored on different held-out music: their losses cannot be compared"
    if differ(of("learned_from"), of("emphasis")):
        return "these runs learned from different music (and were scored on the same)"
    return None


def _finite(row: dict[str, float]) -> dict[str, float | None]:
    """A row of losses without what JSON cannot say."""
    return {name: value if abs(value) < float("inf") else None for name, value in row.items()}


def _epochs(summary: dict[str, Any]) -> str:
    done, of = summary["epochs_done"], summary["epochs"]
    return f"{'?' if done is None else f'{min(done, of or done):.3g}'} of {of or '?'}"


def _nats(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _time(seconds: float | None) -> str:
    """Hours, minutes and seconds."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def _music(data: dict[str, Any]) -> str:
    """The music in few words: how much, and the first digits of its hash, by which equals are known."""
    learned = data.get("learned_from", {})
    digest = str(data.get("sha256") or learned.get("sha256", ""))[:8]
    pieces = learned.get("pieces")
    amount = "? pieces" if pieces is None else counted(pieces, "piece")
    return f"{data.get('benchmark') or amount}, {digest}"


def _told(value: object) -> str:
    if not isinstance(value, dict):
        return str(value)
    return "\n".join(f"{name}: {_told(one).replace(chr(10), ', ')}" for name, one in value.items())


def _plain(text: str) -> str:
    """Text that any terminal can print and rich leaves as it is."""
    return "\n".join(cell(line) for line in text.split("\n"))


def _print(table: Any) -> None:
    _console().print(table)


def _console() -> Console:
    from rich.console import Console

    console = Console()
    if not console.is_terminal:  # in a file or a pipe, nothing need be broken
        console.width = max(console.width, 160)
    return console


def _print_json(document: object) -> None:
    import json

    click.echo(json.dumps(document, indent=2, allow_nan=False))
