"""`jamd train --from scratch`: a model that begins with nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from jamd.errors import JamdError
from jamd.models import bundle
from jamd.training import fit, group, networks, runs
from jamd.training.learning import Learning, count, fit_memory
from jamd.training.music import Music
from jamd.training.plan import Plan
from jamd.training.showing import Showing


def train(
    plan: Plan, music: Music, arch: str, settings: dict[str, int], recipe: dict[str, Any], showing: Showing
) -> None:
    """Train, and write the bundle. Raises JamdError."""
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
    if not neural:
        weights, settings, scores = count(music, showing.say)
        header = {**card, "settings": settings, "scores": scores}
        bundle.write(plan.output, weights, fit_memory(weights, header, music, showing.say), music.phrases())
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
    )
    with showing.learning() as show:
        run = learning.run(plan.resume, show, showing.say)
    if group.rank() != 0:
        return
    best = bundle.read(run.folder / runs.MODEL)
    header = fit_memory(best.weights, best.header, music, showing.say)
    phrases = music.phrases()
    for path in (plan.output, run.folder / runs.MODEL):
        bundle.write(path, best.weights, header, phrases)
    nats_per_step = header["scores"]["nats_per_step"]
    click.echo(f"{plan.output}: {nats_per_step:.4f} nats a step on held-out pieces; run {run.name}")
    fail_if_failed(run, plan.output)


def fail_if_failed(run: runs.Run, output: Path) -> None:
    """Raise JamdError where the loss was no number in the end."""
    if run.about["state"] == runs.FAILED:
        raise JamdError(f"{run.about['reason']}; {output} holds the best weights before that")


def settings_of(arch: str, hidden: int | None, layers: int | None) -> dict[str, int]:
    """The size of a network; nothing for what is counted."""
    return networks.settings_of(arch, hidden, layers) if arch != "markov" else {}
