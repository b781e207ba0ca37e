"""What is made of a training's outcome: whether it takes the place of what was there, and its report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from rich.console import Console

from jamd.engine.voice import Voice
from jamd.errors import JamdError
from jamd.mind.improviser import Improviser
from jamd.models import bundle
from jamd.models.bundle import Bundle
from jamd.models.opening import open_mind
from jamd.models.sampling import Knobs
from jamd.options.model import models_folder
from jamd.training.batches.conversations import Conversation
from jamd.training.batches.split import hashes_of
from jamd.training.fitting import networks, tuning
from jamd.training.judging.cases import cases_of
from jamd.training.learning import answers, personal
from jamd.training.learning.personal import Outcome, Personal
from jamd.training.learning.place import Place
from jamd.training.learning.plan import Plan
from jamd.training.reading.corpus import Corpus
from jamd.training.report import files, terminal
from jamd.training.report.report import Read, Report, read_of, verdict
from jamd.training.runs.runs import MODEL, Run

STEPS = 2 * answers.CALLS + 1
"""Of a report: so many answers and a page."""
MOST_ROWS = 1000
"""Recordings that a report has a row for."""
WIDE_COLUMNS = 140


def why_not(place: Place, run: Run, made: Personal, outcome: Outcome, device: torch.device) -> str | None:
    """Why the new model should not be written, None if it should: it is no better than what it began with, or
    what is in its place is better, or came there meanwhile."""
    output = place.path
    if place.replace:
        return None
    change = outcome.own.change_percent.value
    if not outcome.is_gain:
        return (
            f"what was learned is no better than {made.start.name} on {personal.OWN} ({change:+.1f} %), so"
            f" {output} is not written; more recordings may help, --replace writes it anyway"
        )
    if fault := place.why_not():
        return f"{fault}; the new model is {run.folder / MODEL}, --replace overwrites what is there"
    if not output.is_file() or place.holds_unjudged(run.name):
        return None
    try:
        there = bundle.read(output)
    except JamdError as error:
        return f"{error}; it is kept, --replace overwrites it"
    if there.header["arch"] not in networks.ARCHITECTURES or there.header.get("key") != "C":
        return f"{output} is a model of another kind that cannot be compared; --replace overwrites it"
    known = personal.known(there.header)
    fair = [
        asked
        for asked, sha256 in zip(made.judging, hashes_of(made.split.judging), strict=True)
        if sha256 not in known
    ]
    if not fair:
        return f"{output} has learned from all that could judge it; --replace overwrites it"
    now = Bundle(output, made.start.header, outcome.weights)
    old, new = (_nats_per_step(each, fair, device) for each in (there, now))
    if old < new:
        return (
            f"{output} is better on {personal.OWN}, {old:.4f} nats a step against {new:.4f}, and is kept;"
            " --replace overwrites it"
        )
    return None


def _nats_per_step(model: Bundle, asked: Sequence[Sequence[Conversation]], device: torch.device) -> float:
    network = networks.build(model.header["arch"], model.settings, 0.0).to(device)
    steps, nats = tuning.costs(personal.put(network, model.weights), asked, device)
    return float(nats.sum() / steps.sum())


def told(
    plan: Plan,
    run: Run,
    corpus: Corpus,
    made: Personal,
    outcome: Outcome,
    new: Bundle,
    seconds: float,
    written: bool,
    step: Callable[[str], None],
) -> Report:
    """How it went, written into the run folder. `step` is told of each step, of STEPS at most. Raises
    JamdError."""
    start, comparisons = made.start, (outcome.own, outcome.general)
    calls = answers.answered(
        cases_of(list(made.split.judging), answers.CALLS),
        _improvisers(start),
        _improvisers(new),
        lambda: Voice(0, 1.0),
        step,
    )
    step("its page")
    report = Report(
        model=plan.output.stem,
        start_model=start.name,
        created=plan.created,
        seconds=seconds,
        device=str(plan.device),
        machine=str(run.about["machine"]),
        command=plan.command,
        recipe=run.about["recipe"],
        read=_rows(corpus, made),
        skipped=corpus.skipped,
        comparisons=comparisons,
        losses=tuple(run.losses()),
        start_nats_per_step=outcome.watched_before,
        answered=calls,
        verdict=verdict(comparisons, start.name, plan.output.stem if written else None),
        play=_name_of(plan.output) if written else "",
    )
    files.write(run.folder, report)
    return report


def _name_of(model: Path) -> str:
    """What `--model` calls it: one that is among the user's own goes by its name alone."""
    return model.stem if model.parent.resolve() == models_folder().resolve() else str(model)


def show(report: Report, run: Run) -> None:
    """A report in the terminal."""
    console = Console()
    if not console.is_terminal:  # in a file or a pipe, nothing need be broken
        console.width = max(console.width, WIDE_COLUMNS)
    terminal.show(report, console, run.folder / files.PAGE)


def _improvisers(model: Bundle) -> Callable[[], Improviser]:
    mind = open_mind(model, "cpu")
    return lambda: Improviser(mind, Knobs(), seed=0)


def _rows(corpus: Corpus, made: Personal) -> tuple[Read, ...]:
    """What was read: of very many recordings the first."""
    judging = frozenset(hashes_of(made.split.judging)) if made.split.whole else frozenset()
    pieces = corpus.all[:MOST_ROWS]
    return tuple(
        read_of(piece, job.recording.name, job.annotation is not None, piece.sha256 in judging)
        for piece, job in zip(pieces, pieces.jobs, strict=True)
    )
