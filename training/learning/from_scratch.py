"""`jamd train --from scratch`: a model that begins with nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from jamd.errors import JamdError
from jamd.models import bundle
from jamd.models.bundle import Bundle, Weights
from jamd.models.phrases import Phrases
from jamd.options.training import ANEW
from jamd.training.fitting import fit, networks
from jamd.training.fitting.showing import Showing
from jamd.training.learning.learning import Learning, count, fit_memory
from jamd.training.learning.music import Music
from jamd.training.learning.plan import Plan
from jamd.training.runs import runs, signals
from jamd.training.runs.run_lock import waiting_for


def train(
    plan: Plan, music: Music, arch: str, settings: dict[str, int], given: Mapping[str, Any], showing: Showing
) -> None:
    """Train, and write the bundle; of the recipe what is `given`. Raises JamdError."""
    recipe = {**ANEW, **given}
    if "check_updates" not in given:
        sequences = recipe["epochs"] * music.epoch_sequences
        recipe["check_updates"] = fit.check_updates(sequences, recipe["batch"])
    showing.say(music.summary)
    neural = arch != "markov"
    card: dict[str, Any] = {
        "arch": arch,
        "settings": settings if neural else {},
        "key": music.key,
        "recipe": {**recipe, "steps": plan.steps} if neural else {"seed": recipe["seed"]},
        "command": plan.command,
        "created": plan.created,
        "data": music.account,
    }
    standing = plan.standing
    if not neural:
        standing.begin(signals.COUNTING)
        with showing.tracking() as track:
            weights, settings, scores = count(music, showing.say, track)
        header = {**card, "settings": settings, "scores": scores}
        standing.given = lambda: Bundle(plan.output, header, weights)
        standing.begin(signals.REMEMBERING)
        with showing.tracking() as track:
            whole = fit_memory(weights, header, music, showing.say, track)
        _write(plan, [plan.output], weights, whole, music.phrases(), "")
        click.echo(f"{plan.output}: {scores['nats_per_step']:.4f} nats a step on held-out pieces")
        return
    learning = Learning(
        music,
        fit.Recipe(**recipe, touch=music.touch),
        card,
        plan.device,
        plan.runs,
        plan.output.stem,
        plan.checkpoint_epochs or 1,
        plan.sample_epochs,
        standing=standing,
    )
    standing.given = lambda: standing.run and standing.run.best()
    standing.begin(signals.LEARNING)
    with ExitStack() as bar:
        show = bar.enter_context(showing.learning())

        def make(run: runs.Run) -> None:
            bar.close()
            _make(plan, music, run, showing)

        learning.run(plan.resume, show, showing.say, make)


def _make(plan: Plan, music: Music, run: runs.Run, showing: Showing) -> None:
    """The model of a run: its best weights, with a session memory that suits them."""
    plan.standing.begin(signals.REMEMBERING)
    path = run.folder / runs.MODEL
    best = bundle.read(path)
    with showing.tracking() as track:
        header = fit_memory(best.weights, best.header, music, showing.say, track)
    kept = f"; the new model is {path}"
    _write(plan, [path, plan.output], best.weights, header, music.phrases(), kept)
    nats_per_step = header["scores"]["nats_per_step"]
    click.echo(f"{plan.output}: {nats_per_step:.4f} nats a step on held-out pieces; run {run.name}")
    fail_if_failed(run, plan.output)


def _write(
    plan: Plan,
    paths: Sequence[Path],
    weights: Weights,
    header: Mapping[str, Any],
    phrases: Phrases | None,
    kept: str,
) -> None:
    """Write a model, last of all in its place; raises JamdError, with where it is `kept` else, where that was
    taken meanwhile."""
    standing = plan.standing
    standing.begin(signals.WRITING)
    with standing.asked.held(), waiting_for(plan.output.parent):
        fault = plan.place.why_not()
        for path in paths:
            if path != plan.output or fault is None:
                bundle.write(path, weights, header, phrases)
        standing.decided, standing.written = True, fault is None
    if fault is not None:
        raise JamdError(f"{fault}{kept}; --replace overwrites what is there")


def fail_if_failed(run: runs.Run, output: Path) -> None:
    """Raise JamdError where the loss was no number in the end."""
    if run.about["state"] == runs.FAILED:
        raise JamdError(f"{run.about['reason']}; {output} holds the best weights before that")


def settings_of(arch: str, hidden: int | None, layers: int | None) -> dict[str, int]:
    """The size of a network; nothing for what is counted."""
    return networks.settings_of(arch, hidden, layers) if arch != "markov" else {}
