"""`jamd bench`: what this machine can do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from jamd.counted import counted
from jamd.errors import UsageError
from jamd.midi.backends import BACKENDS
from jamd.music.transport import FASTEST_TEMPO, SLOWEST_TEMPO
from jamd.options.group import Number
from jamd.options.model import models_folder
from jamd.options.sections import Sectioned, section

if TYPE_CHECKING:
    from jamd.bench.machine import Machine

ALONE_ANSWERS = 3
CANDIDATES = "16"
TIMING_EXAMPLES = (
    ("jamd bench timing --quick --turns 10", "half a minute: how late notes leave"),
    (
        "jamd bench timing --in Interface --out Interface",
        "heard through a cable from its output to its input",
    ),
    ("jamd bench timing --long 60 --load busy", "an hour beside a busy machine"),
)

ports_options: Sequence[Callable[[Any], Any]] = (
    click.option("--in", "in_name", metavar="NAME", help="MIDI input to hear by: part of its name."),
    click.option("--out", "out_name", metavar="NAME", help="MIDI output to play to: part of its name."),
    click.option(
        "--backend", default="auto", type=click.Choice(["auto", *BACKENDS]), help="MIDI system to use."
    ),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON document."),
)


def with_ports(function: Any) -> Any:
    """Give a command the options above."""
    for option in reversed(ports_options):
        function = option(function)
    return function


@click.group(invoke_without_command=True)
@with_ports
@click.pass_context
def command(
    ctx: click.Context, in_name: str | None, out_name: str | None, backend: str, as_json: bool
) -> None:
    """Measure what this machine can do.

    Alone: timing and model, in about three minutes, and whether the machine is fit for the stage. Close what
    you would not run on a stage: jamd keeps the cores busy by itself, for one half of the time.
    """
    if ctx.invoked_subcommand is not None:
        given = [
            name
            for name in ("in_name", "out_name", "backend", "as_json")
            if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
        ]
        if given:
            raise UsageError(f"options go behind the word {ctx.invoked_subcommand}: see its --help")
        return
    from jamd.bench import model_times
    from jamd.bench import timing as bench_timing
    from jamd.bench.machine import look
    from jamd.bench.timing import Ports, Wishes, improvisers_of
    from jamd.models import bundle

    ports, machine = Ports(backend, in_name, out_name), look()
    found = bundle.read(bundle.find("default", models_folder()))
    click.echo("about three minutes; jamd plays to itself", err=True)
    account = bench_timing.measure(improvisers_of(found, "auto"), ports, Wishes(), machine)
    account["model"] = model_times.measure(found, "auto", ALONE_ANSWERS)
    step_ms = account["model"]["steps"][CANDIDATES]["step"]["median_ms"]
    tempo = account["piece"]["tempo"]
    share = round(step_ms / 1000 / (60 / tempo / 4), 4)
    account["model_step"] = {"candidates": int(CANDIDATES), "median_ms": step_ms, "share": share}
    _say(account, machine, as_json)


@command.command(cls=Sectioned, examples=TIMING_EXAMPLES)
@section("Ports", *ports_options[:-1])
@section(
    "What plays",
    click.option(
        "--model",
        default="default",
        show_default=True,
        metavar="MODEL",
        help="Model that works beside the clock: its name (`jamd models`) or its file.",
    ),
    click.option(
        "--device",
        default="auto",
        show_default=True,
        type=click.Choice(["auto", "cpu", "cuda"]),
        help="Where the model runs; auto: on a GPU (CUDA) if there is one.",
    ),
    click.option(
        "--tempo",
        metavar="BPM",
        default=240.0,
        show_default=True,
        type=Number(SLOWEST_TEMPO, FASTEST_TEMPO),
        help="Tempo, in quarter notes a minute.",
    ),
)
@section(
    "What is measured",
    click.option(
        "--turns",
        metavar="NUMBER",
        default=50,
        show_default=True,
        type=click.IntRange(1, 10_000),
        help="Answers, of each kind.",
    ),
    click.option(
        "--long",
        "minutes",
        type=Number(0.1, 600),
        metavar="MINUTES",
        help="Turns for so long, and the drift of the clock.",
    ),
    click.option("--user", is_flag=True, help="Do without real-time priority."),
    click.option(
        "--compare",
        is_flag=True,
        help="In turn with it: an ordinary user, a plain wait, a poll every 5 ms, and a bare thread.",
    ),
    click.option(
        "--load",
        type=click.Choice(["idle", "busy", "both"]),
        help="Alone, beside a busy loop on every core, or both in turn (as a rule; with --long, alone).",
    ),
    click.option("--quick", is_flag=True, help="Only notes and answers; with --turns 10, in half a minute."),
    ports_options[-1],
)
def timing(
    in_name: str | None,
    out_name: str | None,
    backend: str,
    as_json: bool,
    model: str,
    device: str,
    tempo: float,
    turns: int,
    minutes: float | None,
    user: bool,
    compare: bool,
    load: str | None,
    quick: bool,
) -> None:
    """Measure how late notes and answers leave, and how late another program hears them.

    The real engine trades bars of 2/4 with a scripted player, and the model works beside it. In place of the
    model's notes four quiet ones go out in each sixteenth. Late is a note that leaves after its instant, at
    the engine's send call; as heard, one that comes in at another program after it. That listens to jamd's
    own output, or to --in, if a cable leads there from --out. Half of the turns are beside busy loops on
    every core. Then: the processor at 120 BPM, the ports' round trip, the start, the memory.
    """
    from jamd.bench import timing as bench_timing
    from jamd.bench.machine import look
    from jamd.bench.timing import TURN_BEATS, Ports, Wishes, improvisers_of
    from jamd.models import bundle

    ports, machine = Ports(backend, in_name, out_name), look()
    found = bundle.read(bundle.find(model, models_folder()))
    if minutes is not None:
        turns = max(1, round(minutes * tempo / TURN_BEATS))
    load = load or ("both" if minutes is None else "idle")
    wishes = Wishes(turns, tempo, user, compare, quick, load)
    seconds = bench_timing.about_seconds(wishes, machine.real_time)
    click.echo(f"about {max(1, round(seconds / 60)):g} min; jamd plays to itself", err=True)
    account = bench_timing.measure(improvisers_of(found, device), ports, wishes, machine)
    _say(account, machine, as_json)


def _say(account: dict[str, Any], machine: Machine, as_json: bool) -> None:
    """The account with the verdict on it."""
    from jamd.bench.verdict import judged, verdict

    figures = judged(account)
    said = verdict(figures, machine, account["ports"]["backend"])
    if as_json:
        import json

        judgement = {"fit": said.fit, "words": said.words, "advice": said.advice}
        click.echo(json.dumps(account | {"verdict": judgement}, indent=2))
        return
    from jamd.bench.tables import print_timing

    print_timing(account, figures, machine)
    click.echo(said.words)
    for each in said.advice:
        click.echo(f"- {each}")


@command.command()
@click.argument("model", default="default")
@click.option(
    "--device",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "cpu", "cuda"]),
    help="Where the model runs; auto: on a GPU (CUDA) if there is one.",
)
@click.option(
    "--answers",
    metavar="NUMBER",
    default=10,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="Answers to time, of each kind.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def model(model: str, device: str, answers: int, as_json: bool) -> None:
    """Measure how long a model takes for a step and for an answer.

    Everything is warm and on one core of the CPU, or on the GPU. A step takes in what was played and chooses
    the next frame, with velocities, offsets and session memory; several courses are candidates side by side.
    """
    import json

    from jamd.bench import model_times
    from jamd.bench.tables import print_model
    from jamd.models import bundle

    found = bundle.read(bundle.find(model, models_folder()))
    account = model_times.measure(found, device, answers)
    if as_json:
        click.echo(json.dumps(account, indent=2))
    else:
        print_model(account)


@command.command()
@with_ports
@click.option(
    "--n", "count", metavar="NUMBER", default=200, type=click.IntRange(1, 100_000), help="Notes to send."
)
def loopback(in_name: str | None, out_name: str | None, backend: str, as_json: bool, count: int) -> None:
    """Measure how long MIDI takes out and back in again.

    Sends quiet high notes to --out and waits for them on --in: lay a cable from the one to the other, or let
    a synth or a DAW pass on what it hears. Without names jamd connects two ports of its own.
    """
    from jamd.bench.loopback import open_loop

    with open_loop(backend, in_name, out_name) as loop:
        found = loop.measure(count).summary()
        ports = {"backend": loop.backend, "out": loop.out_port.name, "in": loop.in_port.name}
    if as_json:
        import json

        click.echo(json.dumps(ports | found, indent=2))
        return
    way = f"{ports['out']} -> {ports['in']}" if out_name else "nothing plugged in: jamd's own two ports"
    click.echo(f"{way}, by {loop.backend}")
    click.echo(
        f"{counted(round(found['sent']), 'note')} sent, {found['came_back']} came back; round trip: ",
        nl=False,
    )
    click.echo(", ".join(f"{key} {found[f'{key}_ms']:.2f} ms" for key in ("median", "p99", "max")))
    click.echo(
        f"half of it is a fair guess for one way: --out-latency {found['out_latency_ms']:g}; what a synth "
        "takes from the note to its sound MIDI cannot tell: add that by ear"
    )
