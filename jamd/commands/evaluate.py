"""`jamd evaluate`: scores side by side, with a baseline and the real music beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jamd.counted import counted
from jamd.options.model import Playing, models_folder, playing_options
from jamd.options.sections import Sectioned, section

if TYPE_CHECKING:
    from jamd.mind.improviser import Improviser
    from jamd.training.judging.evaluation import Model

FLOOR = "markov"
EXAMPLES = (
    ("jamd evaluate --data songs", "how well the bundled model answers these songs"),
    ("jamd evaluate default mine --data songs --plot scores.png", "two models side by side, as a picture"),
    ("jamd evaluate mine --data songs --training songs/train", "does it copy what it learned from?"),
)


@click.command(cls=Sectioned, examples=EXAMPLES)
@click.argument("models", metavar="[MODEL]...", nargs=-1)
@section(
    "Music",
    click.option(
        "--data",
        "paths",
        metavar="PATH",
        required=True,
        multiple=True,
        type=click.Path(path_type=Path),
        help="A folder of MIDI files, or a benchmark file (.npz); folders may be several.",
    ),
    click.option(
        "--cases",
        "most",
        metavar="NUMBER",
        default=150,
        type=click.IntRange(1, 100_000),
        help="Calls to answer, at most.",
    ),
    click.option(
        "--training",
        metavar="PATH",
        multiple=True,
        type=click.Path(path_type=Path),
        help="A folder of what the models learned from: answers are searched for copies of it.",
    ),
    click.option(
        "--split",
        metavar="NAME",
        default="valid",
        help="The split of a benchmark file: train, valid or test.",
    ),
)
@section(
    "Scores",
    click.option("--json", "as_json", is_flag=True, help="Print one JSON document."),
    click.option(
        "--plot",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Also draw the main scores, as a PNG.",
    ),
)
@playing_options
def command(
    models: tuple[str, ...],
    paths: tuple[Path, ...],
    most: int,
    training: tuple[Path, ...],
    split: str,
    as_json: bool,
    plot: Path | None,
    playing: Playing,
) -> None:
    """Score models side by side, with a baseline beside them.

    Each MODEL (without any, --model) answers four-bar calls from the music in --data, of which the real
    answers are known; with a benchmark file, it is scored in nats per frame. Of a folder that holds a folder
    `valid`, the pieces in that alone are used. The same seed gives the same scores.
    """
    import json

    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from jamd.errors import BundleError, UsageError
    from jamd.printable import printable
    from jamd.system.files import check_writable
    from jamd.training.judging import benchmarks, charts, evaluation
    from jamd.training.judging.tables import tables
    from jamd.view.plot import check_suffix

    if plot is not None:
        check_suffix(plot)
        check_writable(plot)
    benchmark = next((path for path in paths if path.suffix == ".npz"), None)
    if benchmark is not None and len(paths) > 1:
        raise UsageError(f"{benchmark} is a benchmark file: give it alone")
    playing = replace(playing, seed=playing.seed or 0)
    stderr = Console(stderr=True)

    def say(line: str) -> None:
        stderr.print(printable(line), style="yellow", markup=False, highlight=False, soft_wrap=True)

    def improvisers(name: str) -> Callable[[], Improviser]:
        return replace(playing, model=name).improvisers()

    asked = [_model(name, playing) for name in dict.fromkeys(models or (playing.model,))]
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=stderr) as progress:
        if benchmark is not None:
            rolls = benchmarks.read_split(benchmark, split)
            floors = evaluation.benchmark_floors(benchmark, split, asked, say)
            rows = evaluation.benchmark_rows([*asked, *floors], rolls, progress)
            of: dict[str, object] = {"split": split, "pieces": len(rolls), "frames": sum(map(len, rolls))}
            title = f"{benchmark.name}, {split}: {counted(len(rolls), 'piece')}"
        else:
            try:
                floors = [] if FLOOR in (model.name for model in asked) else [_model(FLOOR, playing, "floor")]
            except BundleError as error:
                floors = []
                say(f"no row for the baseline: {error}")
            places = [*paths, *training]
            cases = evaluation.cases_in(evaluation.read(paths, places, progress, say), most)
            index = evaluation.read_index(training, places, progress, say) if training else None
            rows = evaluation.rows_of([*asked, *floors], improvisers, cases, index, playing.voice, progress)
            of = {"cases": len(cases), "seed": playing.seed}
            title = f"{', '.join(map(str, paths))}: {counted(len(cases), 'call')}"
    if as_json:
        account = {"data": [str(path) for path in paths], **of, "rows": [row.as_dict() for row in rows]}
        click.echo(json.dumps(account, indent=2, allow_nan=False))
    else:
        console = Console()
        if not console.is_terminal:  # in a file or a pipe, nothing need be broken
            console.width = max(console.width, 140)
        for table in tables(rows):
            console.print(table)
    if plot is not None:
        charts.draw(plot, rows, title)


def _model(name: str, playing: Playing, kind: str = "model") -> Model:
    """A model to be judged. Raises BundleError."""
    from jamd.models import bundle
    from jamd.models.opening import open_mind
    from jamd.training.judging.evaluation import Model

    read = bundle.read(bundle.find(name, models_folder()))
    remembering = open_mind(read, playing.device) if "memory" in read.header else None
    return Model(
        name,
        kind,
        open_mind(read, playing.device, echo=0.0),
        remembering,
        read.header.get("memory"),
    )
