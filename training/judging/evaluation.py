"""Models evaluated on the calls of a folder or on a benchmark file: from music to rows of figures."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress

from jamd.counted import counted
from jamd.engine.voice import Voice
from jamd.errors import JamdError
from jamd.mind.improviser import Improviser
from jamd.models.bundle import Bundle
from jamd.models.likelihood import Nats, nats
from jamd.models.mind import Mind
from jamd.models.opening import open_mind
from jamd.music import copying
from jamd.music.measures import Passage
from jamd.printable import printable
from jamd.training.batches.floor import player_alone
from jamd.training.cache import cache
from jamd.training.judging import benchmarks, judge
from jamd.training.judging.cases import (
    Case,
    answered,
    cases_of,
    duet,
    foils,
    trading,
    whole,
    without_call,
)
from jamd.training.judging.judge import Figure, Row, Tally
from jamd.training.reading import reading
from jamd.training.recordings import beats, sources
from jamd.training.recordings.pieces import QuantisedPiece
from jamd.training.recordings.sources import Skipped

Say = Callable[[str], None]
"""Tells the user of something, in one line."""


@dataclass(frozen=True, slots=True)
class Model:
    """What is judged: a mind by the name it was asked for, without and with the session memory."""

    name: str
    kind: str
    network: Mind
    remembering: Mind | None = None
    memory: Any = None
    """The fitted weights of the session memory, as its bundle has them."""


def read(
    paths: Sequence[Path], beats_in: Sequence[Path], progress: Progress, say: Say
) -> list[QuantisedPiece]:
    """The pieces in files and folders: those of a folder named `valid` alone, where there is one.

    Beat tracks are looked for in `beats_in`. What cannot be used is said and left out; raises JamdError when
    nothing is left.
    """
    files = sources.find_files(paths)
    held_out = [file for file in files if not reading.HELD_OUT_FOLDERS.isdisjoint(file.folders)]
    return _read(held_out or files, paths, beats_in, progress, say)


def read_index(
    paths: Sequence[Path], beats_in: Sequence[Path], progress: Progress, say: Say
) -> copying.Index:
    """An index of the pieces in files and folders; those in folders named `valid` are left out."""
    files = [file for file in sources.find_files(paths) if reading.HELD_OUT_FOLDERS.isdisjoint(file.folders)]
    known = map(player_alone, _read(files, paths, beats_in, progress, say))
    return copying.index_of(map(whole, known))


def _read(
    files: Sequence[Path], paths: Sequence[Path], beats_in: Sequence[Path], progress: Progress, say: Say
) -> list[QuantisedPiece]:
    where = ", ".join(map(str, paths))
    known: list[QuantisedPiece] = []
    skipped: list[Skipped] = []
    found = reading.read_all(files, os.cpu_count() or 1, beats.find(beats_in), cache.default_folder())
    for piece in progress.track(found, total=len(files), description=f"reading {printable(where)}"):
        if isinstance(piece, Skipped):
            skipped.append(piece)
            say(f"skipped: {piece.reason}")
        else:
            known.append(piece)
    if len(skipped) > 1:
        say(sources.tally(skipped))
    if not known:
        raise JamdError(f"no MIDI file with notes in {where}")
    return known


def cases_in(known: Sequence[QuantisedPiece], most: int) -> list[Case]:
    """The cases of pieces. Raises JamdError when there are none."""
    cases = cases_of(known, most)
    if not cases:
        raise JamdError(
            f"there is no call to judge by in {counted(len(known), 'piece')}: it takes eight"
            " bars of one length with six notes in each half"
        )
    return cases


def rows_of(
    models: Sequence[Model],
    improvisers: Callable[[str], Callable[[], Improviser]],
    cases: Sequence[Case],
    index: copying.Index | None,
    voice: Callable[[], Voice],
    progress: Progress,
) -> list[Row]:
    """A row for each model, then for orientation the call again, another piece's answer, and the real one.

    `improvisers` gives a model's maker of improvisers by the model's name.
    """
    rows = []
    for model in models:
        make = improvisers(model.name)
        tasks = progress.track(cases, description=f"{printable(model.name)}: answers")
        answers = [answered(case, make, voice) for case in tasks]
        figures = judge.judged([answer for answer, _ in answers], cases, index)
        figures |= likelihoods(model, cases, progress)
        figures["milliseconds_per_step"] = Figure(float(np.median([ms for _, ms in answers])))
        rows.append(Row(model.name, model.kind, figures))

    def reference(name: str, passages: Sequence[Passage], those: Sequence[Case]) -> Row:
        return Row(name, "reference", judge.judged(passages, those, index))

    rows.append(reference(judge.COPY, [case.called for case in cases], cases))
    pairs = [(case, cases[j]) for case, j in zip(cases, foils(cases), strict=True) if j is not None]
    if pairs:
        rows.append(reference(judge.FOIL, [foil.truth for _, foil in pairs], [case for case, _ in pairs]))
    rows.append(reference(judge.REAL, [case.truth for case in cases], cases))
    return rows


def likelihoods(model: Model, cases: Sequence[Case], progress: Progress) -> dict[str, Figure]:
    """What the real answers and the real duets cost, how often an answer costs less than its foil, and how
    often the call makes more of a difference to it: a foil that is plainer music is likely anywhere."""
    figures: dict[str, Figure] = {}
    duets = [duet(case) for case in cases if case.lead]
    for mind, suffix in ((model.network, ""), (model.remembering, "_memory")):
        if mind is None:
            continue
        doing = f"{printable(model.name)}: nats" + (", memory" if suffix else "")
        real = [
            nats(mind, trading(case, case.answer))
            for case in progress.track(cases, description=f"{doing}, answers")
        ]
        figures |= _costs(f"nats_answer{suffix}", real)
        if duets:
            both = [nats(mind, played) for played in progress.track(duets, description=f"{doing}, duets")]
            figures |= _costs(f"nats_duet{suffix}", both)
    mind = model.remembering or model.network
    likelier, told = [], []
    for case, own, foil in zip(
        cases, real, progress.track(foils(cases), description=f"{printable(model.name)}: foils"), strict=True
    ):
        if foil is None:
            continue
        true, false = (trading(case, answer) for answer in (case.answer, cases[foil].answer))
        costs = own, nats(mind, false)
        alone = [nats(mind, without_call(talk)) for talk in (true, false)]
        likelier.append(costs[0].keys / costs[0].attacks < costs[1].keys / costs[1].attacks)
        told.append(alone[0].keys - costs[0].keys > alone[1].keys - costs[1].keys)
    return figures | {
        "true_over_foil": judge.figure(Tally.mean([float(each) for each in likelier])),
        "told_by_call": judge.figure(Tally.mean([float(each) for each in told])),
    }


def _costs(name: str, costs: Sequence[Nats]) -> dict[str, Figure]:
    """Nats of keys a step, and of velocity and offset an attack."""

    def per(what: str, unit: str) -> Figure:
        parts, wholes = (np.array([getattr(cost, n) for cost in costs], np.float64) for n in (what, unit))
        return judge.figure(Tally(parts, wholes))

    return {
        name: per("keys", "steps"),
        f"{name}_velocity_per_attack": per("velocity", "attacks"),
        f"{name}_offset_per_attack": per("offset", "attacks"),
    }


def benchmark_floors(path: Path, split: str, models: Sequence[Model], say: Say) -> list[Model]:
    """What a network should be better than on a benchmark: a Markov chain that learned the `train` split, or,
    where that cannot be had or is what is scored, a mind that knows nothing but what it remembers.

    The memory's weights are those of the first model that has some; the baselines have none fitted for them.
    """
    memory = next((model.memory for model in models if model.memory), None)
    fair = split != "train" and "train" in benchmarks.splits(path)
    if not fair and memory is None:
        say(f"no row for the baseline: nothing to learn from in {path}, and no model with a session memory")
        return []
    tables = benchmarks.markov_of(benchmarks.read_split(path, "train") if fair else [])
    alone = Bundle(path, {"arch": "markov", "settings": {}}, tables)
    network, remembering = open_mind(alone), None
    if memory is not None:
        remembering = open_mind(Bundle(path, {**alone.header, "memory": memory}, tables))
    name = "markov, from the train split" if fair else "memory alone, nothing learned"
    return [Model(name, "floor", network, remembering)]


def benchmark_rows(
    models: Sequence[Model], rolls: Sequence[benchmarks.Roll], progress: Progress
) -> list[Row]:
    """A row of nats per frame for each model, without the memory and with it."""
    rows = []
    for model in models:
        figures = {}
        for mind, suffix in ((model.network, ""), (model.remembering, "_memory")):
            if mind is None:
                continue
            task = progress.add_task(
                f"{printable(model.name)}{', memory' * bool(suffix)}", total=sum(map(len, rolls))
            )
            scored = benchmarks.score(mind, rolls, partial(progress.advance, task))
            figures[f"nats_per_frame{suffix}"] = Figure(scored.all_frames)
            figures[f"nats_per_frame_first_out{suffix}"] = Figure(scored.first_left_out)
        rows.append(Row(model.name, model.kind, figures))
    return rows
