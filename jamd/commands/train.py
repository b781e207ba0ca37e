"""jamd train: recordings in, a model bundle out."""

from __future__ import annotations

import os
import shlex
import sys
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jamd.errors import JamdError, UsageError

if TYPE_CHECKING:
    from jamd.training.pieces import QuantisedPiece


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The bundle to write.")
@click.option("--epochs", default=5, show_default=True, type=click.IntRange(1), help="Passes over the music.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Fixes every choice.")
@click.option("--hidden", default=384, show_default=True, type=click.IntRange(8, 4096), help="LSTM width.")
@click.option("--learning-rate", default=4e-3, show_default=True, type=click.FloatRange(0, 1, min_open=True))
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1), help="CPU threads.")
@click.option("--device", default="auto", show_default=True, type=click.Choice(["auto", "cpu", "cuda"]))
def command(
    paths: tuple[Path, ...],
    output: Path,
    epochs: int,
    seed: int,
    hidden: int,
    learning_rate: float,
    threads: int,
    device: str,
) -> None:
    """Learn from recordings: MIDI files or folders of them.

    Pieces in a folder named `valid` are held out and score the model; without such a folder, one piece in ten
    is. The bundle always holds the best weights so far, so Ctrl-C loses nothing.
    """
    from jamd.files import check_writable
    from jamd.models import bundle

    if output.suffix != bundle.SUFFIX:
        raise UsageError(f"{output} should end in {bundle.SUFFIX}")
    check_writable(output)

    import torch
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from jamd.models.seq2seq import Settings
    from jamd.training import fit, pieces

    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("no CUDA device is to be had here; use --device cpu")
    where = torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")
    torch.set_num_threads(threads)
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())

    files = pieces.find_files(paths)
    teach: list[QuantisedPiece] = []
    held_out: list[QuantisedPiece] = []
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("reading", total=len(files))
        any_folder = any(not pieces.HELD_OUT_FOLDERS.isdisjoint(file.parts) for file in files)
        for file, piece in zip(files, pieces.read_all(files, os.cpu_count() or 1), strict=True):
            progress.advance(task)
            if isinstance(piece, pieces.Skipped):
                console.print(f"skipped: {piece.reason}", style="yellow", markup=False, soft_wrap=True)
            elif pieces.is_held_out(file, piece.sha256, any_folder):
                held_out.append(piece)
            else:
                teach.append(piece)
    if not teach and not held_out:
        raise JamdError(f"no MIDI file with notes in {', '.join(map(str, paths))}")
    if not teach or not held_out:  # a handful of pieces: nothing to spare, so the score is only of the fit
        teach = held_out = [*teach, *held_out]
        console.print("too few pieces to hold any out: the scores tell of the pieces learned from")
    console.print(
        f"{len(teach)} pieces, {sum(len(p.step) for p in teach)} notes, to learn from; "
        f"{len(held_out)} held out"
    )

    recipe = fit.Recipe(epochs, seed, learning_rate, settings=Settings(hidden=hidden))
    card: dict[str, Any] = {
        "arch": "seq2seq",
        "settings": recipe.settings.as_dict(),
        "recipe": {"epochs": epochs, "seed": seed, "learning_rate": learning_rate},
        "command": shlex.join(["jamd", *sys.argv[1:]]),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": {"learned_from": _account(teach), "held_out": _account(held_out)},
    }
    with Progress(*columns, TextColumn("{task.fields[nats]}"), console=console) as progress:
        task = progress.add_task("learning", total=None, nats="")

        def keep(weights: fit.Weights, scores: fit.Scores, updates: int) -> None:
            bundle.write(output, weights, {**card, "scores": asdict(scores), "updates": updates})

        def report(now: fit.Progress) -> None:
            nats = f"{now.nats_per_step:.3f} nats/step"
            progress.update(task, completed=now.sequences, total=now.of_sequences, nats=nats)
            if now.scores:
                console.print(
                    f"update {now.updates}: {now.scores.nats_per_step:.4f} nats/step held out"
                    f" ({now.scores.key_nats_per_step:.4f} keys){', kept' if now.best else ''}",
                    highlight=False,
                )

        try:
            scores = fit.fit(teach, held_out, recipe, where, report, keep)
        except FloatingPointError as error:
            raise JamdError(f"{error}; {output} holds the best weights before that, if any") from error
    click.echo(f"{output}: {scores.nats_per_step:.4f} nats a step on held-out pieces")


def _account(read: list[QuantisedPiece]) -> dict[str, object]:
    """What a set of pieces was, without their names: counts, and one hash over the files' hashes."""
    digest = sha256("\n".join(sorted(piece.sha256 for piece in read)).encode()).hexdigest()
    counts = Counter({"pieces": len(read), "notes": sum(len(p.step) for p in read)})
    return {**counts, "steps": sum(p.steps for p in read), "sha256": digest}
