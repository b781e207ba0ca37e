"""`jamd train` on a player's recordings: a model learns on, is judged, and is written if it is better."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from jamd.errors import BundleError, JamdError
from jamd.models import bundle
from jamd.models.bundle import Bundle
from jamd.training.batches.split import Split, hashes_of, split
from jamd.training.fitting import fit
from jamd.training.fitting.showing import Showing
from jamd.training.learning import from_scratch, judging, personal
from jamd.training.learning.learning import Learning
from jamd.training.learning.personal import Outcome, Personal
from jamd.training.learning.plan import Plan
from jamd.training.reading.corpus import Corpus
from jamd.training.runs import runs, signals
from jamd.training.runs.run_lock import waiting_for
from jamd.training.runs.runs import Run

CHECKPOINTS = 8
"""Over a training: an epoch may be a matter of seconds."""


def train(
    plan: Plan, corpus: Corpus, start: Bundle, given: Mapping[str, Any], names: bool, showing: Showing
) -> None:
    """Learn on from `start`, judge, report, and write the model if it is better, with the `names` of the
    pieces in it or without. Raises JamdError, and that too when it is not."""
    began, standing = time.monotonic(), plan.standing
    divided = _divided(corpus, start, plan)
    recipe = personal.recipe_for(divided, plan.steps, given)
    showing.say(personal.summary(divided))
    standing.begin(signals.REHEARSING)
    showing.say(f"{start.name} plays with itself, to keep what it knows")
    with showing.tracking() as track:
        made = personal.prepared(start, divided, plan.steps, recipe["seed"], plan.device, names, track)
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
        standing,
    )
    standing.given = lambda: _given(standing.run, start)
    standing.begin(signals.LEARNING)
    with ExitStack() as bar:
        show = bar.enter_context(showing.learning())

        def judge(run: Run) -> None:
            bar.close()
            _judge(plan, corpus, made, run, began, showing)

        learning.run(plan.resume, show, showing.say, judge)


def _judge(plan: Plan, corpus: Corpus, made: Personal, run: Run, began: float, showing: Showing) -> None:
    """What a run has learned is judged, written and told of. Raises JamdError where it is not written."""
    standing = plan.standing
    standing.begin(signals.JUDGING)
    best = bundle.read(run.folder / runs.MODEL)
    with showing.steps("judging", personal.STEPS) as step:
        outcome = personal.outcome(made, best, plan.device, step)
    new = _bundle(run.folder / runs.MODEL, made, best, outcome)
    with waiting_for(plan.output.parent):
        fault = judging.why_not(plan.place, run, made, outcome, plan.device)
        standing.begin(signals.WRITING)
        with standing.asked.held():
            bundle.write(new.path, new.weights, new.header, made.start.phrases)
            if fault is None:
                bundle.write(plan.output, new.weights, new.header, made.start.phrases)
            elif plan.place.holds_unjudged(run.name):
                plan.output.unlink()  # nobody but this run has put it there, before it was judged
            standing.decided, standing.written = True, fault is None
    standing.begin(signals.TELLING)
    with showing.steps("the report", judging.STEPS) as step:
        told = judging.told(
            plan, run, corpus, made, outcome, new, time.monotonic() - began, fault is None, step
        )
    judging.show(told, run)
    if fault is not None:
        raise JamdError(fault)
    from_scratch.fail_if_failed(run, plan.output)


def _given(run: Run | None, start: Bundle) -> Bundle | None:
    """The best weights of a run so far as a model that plays as `start` does."""
    best = run and run.best()
    if not best:
        return None
    memory = {name: start.header[name] for name in ("memory",) if name in start.header}
    return Bundle(best.path, {**best.header, **memory}, best.weights, start.phrases)


def _divided(corpus: Corpus, start: Bundle, plan: Plan) -> Split:
    """The pieces in three. What was learned from before, by the start or by the model that may be in the new
    one's place, does not judge. Raises JamdError when there is too little music."""
    known, output = personal.known(start.header), plan.output
    if output.is_file() and not plan.place.holds_unjudged(plan.resume and plan.resume.name):
        with suppress(BundleError):  # what is no model has learned from nothing
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
