"""jamd train: recordings in, a model bundle out."""

from __future__ import annotations

import shlex
import sys
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jamd.errors import JamdError, UsageError
from jamd.recipe import recipe_options

if TYPE_CHECKING:
    from jamd.training.music import Music


class Emphasis(click.ParamType):  # type: ignore[type-arg]
    name = "folder=factor"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        folder, _, factor = str(value).rpartition("=")
        try:
            number = float(factor)
        except ValueError:
            number = 0.0
        if not folder or not 0 < number < 1000:
            self.fail(f"{value!r} should be a folder's name and a factor, like jazz=2", param, ctx)
        return folder, number


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The bundle to write.")
@click.option(
    "--arch",
    default="seq2seq",
    show_default=True,
    type=click.Choice(["seq2seq", "wavenet", "markov"]),
    help="The kind of mind.",
)
@click.option("--hidden", type=click.IntRange(8, 4096), help="LSTM width, or convolution channels.")
@click.option("--layers", type=click.IntRange(1, 12), help="LSTM layers of the encoder, or convolutions.")
@click.option("--steps", default=192, show_default=True, type=click.IntRange(32, 4096), help="Of a sequence.")
@recipe_options
@click.option(
    "--emphasis", multiple=True, type=Emphasis(), help="Draw music in folders of this name more often."
)
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1), help="CPU threads.")
@click.option("--device", default="auto", show_default=True, type=click.Choice(["auto", "cpu", "cuda"]))
@click.option("--runs", "parent", type=click.Path(path_type=Path), help="Where run folders go.")
@click.option("--resume", metavar="RUN", help="Go on with a run that was cut off; give the same options.")
@click.option("--checkpoint-epochs", default=1, show_default=True, type=click.IntRange(1))
@click.option("--sample-epochs", default=1, show_default=True, type=click.IntRange(0), help="0: none.")
@click.option("--cache/--no-cache", default=True, show_default=True, help="Keep music that was read.")
def command(
    paths: tuple[Path, ...],
    output: Path,
    arch: str,
    hidden: int | None,
    layers: int | None,
    steps: int,
    recipe: dict[str, Any],
    emphasis: tuple[tuple[str, float], ...],
    threads: int,
    device: str,
    parent: Path | None,
    resume: str | None,
    checkpoint_epochs: int,
    sample_epochs: int,
    cache: bool,
) -> None:
    """Learn from recordings: MIDI files or folders of them.

    A benchmark file (.npz) will do too. Pieces in a folder named `valid` are held out and score the model;
    without such a folder, one piece in ten is. Each training leaves a run folder (`jamd runs`), with the best
    weights so far, and can be gone on with.
    """
    from jamd.files import check_writable
    from jamd.models import bundle

    if output.suffix != bundle.SUFFIX:
        raise UsageError(f"{output} should end in {bundle.SUFFIX}")
    check_writable(output)

    import torch
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from jamd.training import fit, group, music, networks, runs
    from jamd.training.learning import Learning, count, fit_memory

    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("no CUDA device is to be had here; use --device cpu")
    where = group.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")
    torch.set_num_threads(threads)
    first = group.rank() == 0
    console = Console(stderr=True, quiet=not first)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())

    def say(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True, highlight=False)

    read: Music
    if any(path.suffix == music.BENCHMARK_SUFFIX for path in paths):
        if len(paths) > 1:
            raise UsageError("a benchmark file is learned from alone; name nothing beside it")
        read = music.benchmark(paths[0], steps, recipe["seed"])
    else:
        with Progress(*columns, console=console) as progress:
            read = music.recordings(paths, steps, recipe["seed"], dict(emphasis), cache, progress.track, say)
    say(read.summary)

    card: dict[str, Any] = {
        "arch": arch,
        "settings": networks.settings_of(arch, hidden, layers) if arch != "markov" else {},
        "key": read.key,
        "recipe": {**recipe, "steps": steps} if arch != "markov" else {"seed": recipe["seed"]},
        "command": shlex.join(["jamd", *sys.argv[1:]]),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": read.account,
    }
    if arch == "markov":
        weights, settings, scores = count(read, say)
        header = {**card, "settings": settings, "scores": scores}
        bundle.write(output, weights, fit_memory(weights, header, read, say), read.phrases())
        click.echo(f"{output}: {scores['nats_per_step']:.4f} nats a step on held-out pieces")
        return

    learning = Learning(
        read,
        fit.Recipe(**recipe, touch=read.touch),
        card,
        where,
        parent or runs.default_folder(),
        output.stem,
        checkpoint_epochs,
        sample_epochs,
    )
    showing = (
        Progress(*columns, TextColumn("{task.fields[nats]}"), console=console) if first else nullcontext()
    )
    with group.together(where), showing:
        if first:
            task = showing.add_task("learning", total=None, nats="")  # type: ignore[union-attr]

        def show(now: fit.Progress) -> None:
            nats = f"{now.nats_per_step:.3f} nats/step"
            showing.update(task, completed=now.sequences, total=now.of_sequences, nats=nats)  # type: ignore[union-attr]
            if now.scores:
                say(
                    f"update {now.updates}: {now.scores.nats_per_step:.4f} nats/step held out"
                    f" ({now.scores.key_nats_per_step:.4f} keys){', kept' if now.best else ''}"
                )

        run = learning.run(resume, show, say)
    if not first:
        return
    best = bundle.read(run.folder / runs.MODEL)
    header = fit_memory(best.weights, best.header, read, say)
    phrases = read.phrases()
    for path in (output, run.folder / runs.MODEL):
        bundle.write(path, best.weights, header, phrases)
    nats_per_step = header["scores"]["nats_per_step"]
    click.echo(f"{output}: {nats_per_step:.4f} nats a step on held-out pieces; run {run.name}")
    if run.about["state"] == runs.FAILED:
        raise JamdError(f"{run.about['reason']}; {output} holds the best weights before that")
