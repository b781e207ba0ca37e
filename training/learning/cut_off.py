"""After a training was cut off: what it had given is written, and one line says how to go on."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from jamd.errors import JamdError
from jamd.models import bundle
from jamd.training.learning.place import UNJUDGED, Place
from jamd.training.runs import processes, runs
from jamd.training.runs.signals import Standing


def left(standing: Standing, place: Place, told: Sequence[str]) -> str:
    """Write what there is, where that takes no other model's place, and say in one line what was done and
    which command goes on. `told` are the words of the command that was cut off."""
    run, doing = standing.run, f"interrupted while {standing.doing}"
    again = f"`{command(told, run)}` goes on"
    if standing.decided:
        outcome = "is written and judged" if standing.written else "is not written"
        return f"{doing}: {place.path} {outcome}" + (f"; {again}" if run else "")
    try:
        given = standing.given()
        if given is None:
            return f"{doing}: {again}" if run else f"{doing}, before anything was learned: {again}"
        if not place.is_free(run.name if run else None):
            return f"{doing}: {place.path} is as it was; {again}"
        header = {**given.header, UNJUDGED: run.name if run else place.path.stem}
        bundle.write(place.path, given.weights, header, given.phrases)
    except JamdError as error:
        return f"{doing}: {error}; {again}"
    return f"{doing}: {place.path} is written, {UNJUDGED}; {again}"


def command(told: Sequence[str], run: runs.Run | None) -> str:
    """The command that goes on with a run, or begins again where there is none."""
    resumes = any(word.partition("=")[0] == "--resume" for word in told)
    launcher = ["torchrun", "...", "-m"] if processes.size() > 1 else []
    return shlex.join([*launcher, "jamd", *told, *(["--resume", run.name] if run and not resumes else [])])
