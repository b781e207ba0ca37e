"""jamd train: recordings in, a model bundle out."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
from click.core import ParameterSource

from jamd.errors import JamdError, UsageError
from jamd.options.commands import TOLD
from jamd.options.model import models_folder
from jamd.options.sections import Sectioned, section
from jamd.options.training import recipe_options
from jamd.system.permissions import make_folder
from jamd.system.priority import cores

if TYPE_CHECKING:
    from jamd.training.learning.place import Place
    from jamd.training.runs.signals import Standing

START, SCRATCH = "default", "scratch"
EXAMPLES = (
    ("jamd train my-songs", "a model named my-songs learns on from a folder of MIDI files"),
    ("jamd train --sessions --name mine", "from what you played in jamd's sessions"),
    ("jamd train lakh.tar.gz --from scratch --arch wavenet --name big", "a new model, from an archive"),
)


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


@click.command(cls=Sectioned, examples=EXAMPLES)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@section(
    "Recordings",
    click.option("--sessions", is_flag=True, help="Learn from your own part in jamd's sessions, too."),
    click.option(
        "--favourites", is_flag=True, help="The same, of the sessions that you picked as favourites alone."
    ),
    click.option(
        "--assume-grid", is_flag=True, help="Take the files' ticks for beats; look for none in the playing."
    ),
    click.option(
        "--cache/--no-cache", default=True, show_default=True, help="Keep what was read for next time."
    ),
)
@section(
    "The model",
    click.option(
        "--name",
        metavar="NAME",
        help="Its name, for `jamd listen --model`; without it, that of the first recordings.",
    ),
    click.option(
        "-o",
        "--output",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Write it to this file (.safetensors) and not to your folder of models.",
    ),
    click.option(
        "--from",
        "begin_with",
        metavar="MODEL|scratch",
        help="Model to learn on from; scratch: a new one.",
        show_default=START,
    ),
    click.option("--replace", is_flag=True, help="Write it even if the one of that name was judged better."),
    click.option(
        "--name-sources", is_flag=True, help="Name the recordings that it learned from in its card."
    ),
)
@section(
    "From scratch",
    click.option(
        "--arch",
        type=click.Choice(["seq2seq", "wavenet", "markov"]),
        metavar="ARCH",
        show_default="seq2seq",
        help="Architecture: seq2seq, wavenet or markov.",
    ),
    click.option(
        "--hidden",
        metavar="NUMBER",
        type=click.IntRange(8, 4096),
        help="Width: LSTM units, or channels of a convolution.",
    ),
    click.option(
        "--layers",
        metavar="NUMBER",
        type=click.IntRange(1, 12),
        help="Depth: LSTM layers of the encoder, or convolutions.",
    ),
    click.option(
        "--emphasis",
        multiple=True,
        type=Emphasis(),
        help="Draw music in folders of this name so many times as often: jazz=2.",
    ),
    click.option(
        "--sample-epochs",
        metavar="EPOCHS",
        default=1,
        show_default=True,
        type=click.IntRange(0),
        help="Write a sample answer after so many epochs; 0: none.",
    ),
)
@section(
    "How it learns",
    click.option(
        "--steps",
        metavar="STEPS",
        default=192,
        show_default=True,
        type=click.IntRange(32, 4096),
        help="Length of a sequence, in sixteenth notes.",
    ),
    recipe_options,
)
@section(
    "The run",
    click.option(
        "--threads",
        metavar="NUMBER",
        type=click.IntRange(1),
        show_default="all cores; 1 from scratch",
        help="CPU threads.",
    ),
    click.option(
        "--device",
        default="auto",
        show_default=True,
        type=click.Choice(["auto", "cpu", "cuda"]),
        help="Where it learns; auto: on a GPU (CUDA) if there is one.",
    ),
    click.option(
        "--runs",
        "parent",
        metavar="FOLDER",
        type=click.Path(path_type=Path),
        help="Folder of runs, for this one's logs, curves and checkpoints.",
    ),
    click.option(
        "--resume",
        metavar="RUN",
        help="Go on with a run that was cut off, by its name in `jamd runs`; give the same options.",
    ),
    click.option(
        "--checkpoint-epochs",
        metavar="EPOCHS",
        type=click.IntRange(1),
        help="From one checkpoint to the next.",
    ),
)
@click.pass_context
def command(
    context: click.Context,
    paths: tuple[Path, ...],
    name: str | None,
    output: Path | None,
    begin_with: str | None,
    sessions: bool,
    favourites: bool,
    assume_grid: bool,
    replace: bool,
    name_sources: bool,
    arch: str | None,
    hidden: int | None,
    layers: int | None,
    steps: int,
    recipe: dict[str, Any],
    emphasis: tuple[tuple[str, float], ...],
    threads: int | None,
    device: str,
    parent: Path | None,
    resume: str | None,
    checkpoint_epochs: int | None,
    sample_epochs: int,
    cache: bool,
) -> None:
    """Learn from recordings: MIDI files, folders, archives.

    The model that ships with jamd learns on from yours, and keeps what it knows. A fifth of the pieces is
    held out and judges the outcome, which `jamd listen --model NAME` plays if it is better; a report says so
    (`jamd runs report`). Pieces in a folder named `valid` are held out in their place. With `--from scratch`,
    or an --arch of your own, a new model is made; a benchmark file (.npz) is always learned from so.
    """
    benchmark = next((path for path in paths if path.suffix == ".npz"), None)
    made = arch or hidden or layers or benchmark
    if made and begin_with not in (None, SCRATCH):
        raise UsageError(f"--arch, --hidden and --layers are for --from scratch: {begin_with} has its own")
    scratch = bool(made) or begin_with == SCRATCH
    if not paths and not (sessions or favourites):
        raise UsageError("name recordings: MIDI files, folders or archives of them; or --sessions")
    if benchmark is not None and (len(paths) > 1 or sessions or favourites):
        raise UsageError("a benchmark file is learned from alone; name nothing beside it")
    if emphasis and not scratch:
        raise UsageError("--emphasis is for --from scratch")
    target = _target(output, name, paths)

    from jamd.training.learning.place import place_of
    from jamd.training.runs.run_lock import check_free, only_one
    from jamd.training.runs.signals import READING, Standing, asked_by_signals

    with ExitStack() as stack:
        standing = Standing(stack.enter_context(asked_by_signals()))
        try:
            with standing.asked.held():  # a library that is cut off half-way fails in ways of its own
                import torch

                from jamd.models import bundle
                from jamd.training.fitting.showing import Showing
                from jamd.training.learning import from_player, from_scratch, music, personal
                from jamd.training.learning.plan import Plan
                from jamd.training.recordings import jamd_sessions as own_sessions
                from jamd.training.runs import processes, runs

            if device == "cuda" and not torch.cuda.is_available():
                raise UsageError("no CUDA device is to be had here; use --device cpu")
            runs_folder = parent or runs.default_folder()
            going_on = runs.find(resume, runs_folder).folder if resume is not None else None
            if processes.rank() == 0:
                stack.enter_context(only_one(target))
                if going_on is not None:
                    check_free(going_on)
            start = None if scratch else bundle.read(bundle.find(begin_with or START, models_folder()))
            if start is not None:
                personal.check(start)
            plan = Plan(
                place_of(target, replace),
                _told(context),
                datetime.now(UTC).isoformat(timespec="seconds"),
                steps,
                processes.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"),
                runs_folder,
                going_on,
                checkpoint_epochs,
                sample_epochs,
                standing,
            )
            torch.set_num_threads(threads or (1 if scratch else len(cores()) or 1))
            showing = Showing(quiet=processes.rank() != 0)
            with processes.together(plan.device):
                standing.begin(READING)
                if benchmark is not None:
                    what = music.benchmark(benchmark, steps, recipe.get("seed", 0))
                else:
                    played = (
                        own_sessions.recordings(favourites, showing.say) if sessions or favourites else []
                    )
                    with showing.tracking() as track:
                        corpus = music.read(paths, played, cache, assume_grid, track, showing.say)
                    if start is not None:
                        from_player.train(plan, corpus, start, recipe, name_sources, showing)
                        return
                    what = music.anew(corpus, steps, recipe.get("seed", 0), dict(emphasis), showing.say)
                arch = arch or "seq2seq"
                from_scratch.train(
                    plan, what, arch, from_scratch.settings_of(arch, hidden, layers), recipe, showing
                )
        except KeyboardInterrupt:
            with standing.asked.held(forget=True):
                _leave(context, standing, place_of(target, replace))


def _leave(context: click.Context, standing: Standing, place: Place) -> NoReturn:
    """End what was asked to end: say what is left of it, and which command goes on."""
    from jamd.training.learning import cut_off
    from jamd.training.runs import processes

    if processes.rank() == 0:
        line = cut_off.left(standing, place, context.meta.get(TOLD, []))
        click.echo(f"jamd: {JamdError(line)}", err=True)
    context.exit(128 + (standing.asked.number or signal.SIGINT))


def _target(output: Path | None, name: str | None, paths: tuple[Path, ...]) -> Path:
    """The bundle to write: where it was told, or by its name in the user's folder of models."""
    from jamd.models.bundle import SUFFIX
    from jamd.system.files import check_writable

    if output is not None and name is not None:
        raise UsageError("--name names a model in your folder of models, --output a file: give one of them")
    if output is not None:
        if output.suffix != SUFFIX:
            raise UsageError(f"{output} should end in {SUFFIX}")
        check_writable(output)
        return output
    if name is None:
        first = paths[0].resolve() if paths else Path("sessions")
        name = first.name if first.is_dir() else first.stem
    if not name or name.startswith(".") or any(sign in name for sign in "/\\\0"):
        raise UsageError(f"{name!r} is no name for a model; give another with --name")
    if name == START:
        raise UsageError(f"{name} is the model that ships with jamd; give another name with --name")
    folder = models_folder()
    try:
        make_folder(folder)
    except OSError as error:
        said = f"cannot keep models in {folder}: {error.strerror}; -o FILE writes the model elsewhere"
        raise JamdError(said) from error
    target = folder / f"{name}{SUFFIX}"
    check_writable(target)
    return target


def _told(context: click.Context) -> str:
    """The command for the model's card: what was chosen, but no file, no folder and no name of yours."""
    told = ["jamd train"]
    for option in context.command.params:
        value = context.params.get(option.name or "")
        source = context.get_parameter_source(option.name or "")
        if source is not ParameterSource.COMMANDLINE or isinstance(option.type, click.Path):
            continue
        if option.name in ("name", "resume", "begin_with"):
            continue
        for each in value if isinstance(value, tuple) else (value,):
            said = "=".join(map(str, each)) if isinstance(each, tuple) else each
            told.append(option.opts[0] if each is True else f"{option.opts[0]} {said}")
    return " ".join(told)
