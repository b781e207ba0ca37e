"""A training's log: what it writes into its run folder as it goes on."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary

from jamd.errors import JamdError
from jamd.models import bundle
from jamd.system.permissions import close_to_others, made_again, opener
from jamd.training.fitting import checkpoint
from jamd.training.fitting.fit import Progress, Scores, State, Weights
from jamd.training.runs import runs
from jamd.training.runs.runs import Run

WRITE_SECONDS = 5.0
"""From one writing of the best weights to the next, at least: with every scoring they may be better."""
NOT_SCORED = Scores(*(math.nan,) * 4)
"""What the row of an epoch says that was over between two scorings."""
EVENTS = "events"
"""What the names of TensorBoard's files begin with."""
Sample = Callable[[Path, int], None]
"""Writes sample answers of the model in a bundle, for an epoch."""


class RunDiary:
    """A `fit.Diary` that keeps the run folder."""

    def __init__(
        self,
        run: Run,
        card: Mapping[str, Any],
        epoch_sequences: int,
        checkpoint_epochs: int,
        sample: Sample | None,
        show: Callable[[Progress], None],
        epochs_before: int = 0,
        seconds_before: float = 0.0,
    ) -> None:
        """`card` is the bundle's header but for the scores; `epochs_before` were done, and `seconds_before`
        spent, before a resume."""
        self._run, self._card, self._show, self._sample = run, card, show, sample
        self._epoch_sequences, self._checkpoint_epochs = epoch_sequences, checkpoint_epochs
        self._began = time.monotonic() - seconds_before
        self._epochs = self._told_epochs = epochs_before
        self._best: tuple[Weights, dict[str, Any]] | None = None
        self._wrote, self._checkpointed = -math.inf, -1
        # Not its SummaryWriter, which writes in a thread of its own: a full disk would end that thread, and
        # the training would wait for ever once the queue to it is full.
        with _writing(run.folder / EVENTS):
            self._events = EventsWriter(str(run.folder / EVENTS))
            for made in run.folder.glob(f"{EVENTS}*"):
                close_to_others(made)

    def report(self, now: Progress) -> None:
        epochs = now.sequences // self._epoch_sequences
        if now.scores is not None or epochs > self._told_epochs:
            self._told_epochs = epochs
            row = {
                "epoch": now.sequences / self._epoch_sequences,
                "updates": now.updates,
                "seconds": time.monotonic() - self._began,
                "learned_nats_per_step": now.nats_per_step,
                **asdict(now.scores or NOT_SCORED),
            }
            path = self._run.folder / runs.LOSSES
            made_again(path.parent)
            with _writing(path):
                new = not path.exists()
                with open(path, "a", newline="", opener=opener) as file:
                    writer = csv.DictWriter(file, runs.COLUMNS)
                    if new:
                        writer.writeheader()
                    writer.writerow({name: f"{value:.6g}" for name, value in row.items()})
            names = ("learned_nats_per_step", *(asdict(now.scores) if now.scores else ()))
            values = [Summary.Value(tag=name, simple_value=row[name]) for name in names]
            event = Event(wall_time=time.time(), step=now.updates, summary=Summary(value=values))
            with _writing(self._run.folder / EVENTS):
                self._events.write_event(event)
                self._events.flush()
        self._show(now)

    def keep(self, weights: Weights, scores: Scores, updates: int) -> None:
        self._best = weights, {**self._card, "scores": asdict(scores), "updates": updates}
        if time.monotonic() - self._wrote > WRITE_SECONDS:
            self._write_best()

    def _write_best(self) -> None:
        if self._best is not None:
            bundle.write(self._run.folder / runs.MODEL, *self._best)
            self._best, self._wrote = None, time.monotonic()

    def epoch(self, number: int, state: State) -> None:
        before, self._epochs = self._epochs, number
        if number // self._checkpoint_epochs > before // self._checkpoint_epochs:
            self._checkpoint(state)
        if self._sample is not None and (self._run.folder / runs.MODEL).exists():
            self._write_best()
            self._sample(self._run.folder, number)

    def end(self, state: State) -> None:
        if self._checkpointed != state.updates:
            self._checkpoint(state)

    def _checkpoint(self, state: State) -> None:
        self._write_best()
        checkpoint.write(self._run.folder / runs.CHECKPOINT, state, dict(self._card))
        self._checkpointed = state.updates

    def close(self) -> None:
        self._write_best()
        with _writing(self._run.folder / EVENTS):
            self._events.close()


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise JamdError(f"cannot write {path}: {error.strerror}") from error
