"""`jamd train` on a player's recordings: a model learns on, is judged, and is written if it is better."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jamd.errors import JamdError
from jamd.models import bundle
from jamd.models.bundle import Bundle
from jamd.training import anew, fit, group, judging, personal, runs
from jamd.training.corpus import Corpus
from jamd.training.learning import Learning
from jamd.training.lock import waiting_for
from jamd.training.personal import Outcome, Personal
from jamd.training.plan import Plan
from jamd.training.showing import Showing
from jamd.training.split import Split, hashes_of, split

CHECKPOINTS = 8
"""Over a training: an epoch may be a matter of seconds."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked of the outcome: `replace` a better model, `names` of the pieces in the bundle."""

    replace: bool = False
    names: bool = False


def train(
    plan: Plan, corpus: Corpus, start: Bundle, given: Mapping[str, Any], wishes: Wishes, showing: Showing
) -> None:
    """Learn on from `start`, judge, report, and write the model if it is better. Raises JamdError, and that
    too when it is not."""
    began = time.monotonic()
    divided = _divided(corpus, start, plan.output)
    recipe = personal.recipe_for(divided, plan.steps, given)
    showing.say(personal.summary(divided))
    showing.say(f"{start.name} plays with itself, to keep what it knows")
    made = personal.prepared(start, divided, plan.steps, recipe["seed"], plan.device, wishes.names)
    card = {
        "arch": start.header["arch"],
        "settings": start.settings,
        "key": "C",
        "recipe": {**recipe, "steps": plan.steps},
        "command": plan.command,
        "created": plan.created,
        "data": made.music.account,
    }
    learning = Learning(
        made.music,
        fit.Recipe(**recipe),
        card,
        plan.device,
        plan.runs,
        plan.output.stem,
        plan.checkpoint_epochs or max(1, recipe["epochs"] // CHECKPOINTS),
        0,
        start.weights,
    )
    with showing.learning() as show:
        run = learning.run(plan.resume, show, showing.say)
    if group.rank() != 0:
        return
    showing.say("judging")
    best = bundle.read(run.folder / runs.MODEL)
    outcome = personal.outcome(made, best.weights, plan.device)
    new = _bundle(run.folder / runs.MODEL, made, best, outcome)
    bundle.write(new.path, new.weights, new.header, start.phrases)
    with waiting_for(plan.output.parent):
        fault = None if wishes.replace else judging.why_not(plan.output, made, outcome, plan.device)
        if fault is None:
            bundle.write(plan.output, new.weights, new.header, start.phrases)
    judging.report(plan, run, corpus, made, outcome, new, time.monotonic() - began, fault is None)
    if fault is not None:
        raise JamdError(fault)
    anew.fail_if_failed(run, plan.output)


def _divided(corpus: Corpus, start: Bundle, output: Path) -> Split:
    """The pieces in three. What was learned from before, by the start or by the model that may be in the new
    one's place, does not judge. Raises JamdError when there is too little music."""
    known = personal.known(start.header)
    if output.is_file():
        known |= personal.known(bundle.read_header(output))
    named = frozenset(hashes_of(corpus.held_out)) if corpus.named and corpus.spare else frozenset()
    try:
        return split(corpus.all, known, named)
    except ValueError as error:
        raise JamdError(f"there is too little music: {error}") from error


def _bundle(path: Path, made: Personal, best: Bundle, outcome: Outcome) -> Bundle:
    """The new model. The session memory's weights are the start's: they were fitted on far more music."""
    scores = {
        "nats_per_step": outcome.own.after.value,
        "nats_per_step_before": outcome.own.before.value,
        "general_nats_per_step": outcome.general.after.value,
        "general_nats_per_step_before": outcome.general.before.value,
    }
    header = {**best.header, "scores": scores, "way": outcome.way}
    if "memory" in made.start.header:
        header["memory"] = made.start.header["memory"]
    return Bundle(path, header, outcome.weights)
