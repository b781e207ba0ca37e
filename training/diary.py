"""What a training writes into its run folder as it goes on."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tensorboardX import SummaryWriter

from jamd.models import bundle
from jamd.training import checkpoint, runs
from jamd.training.fit import Progress, Scores, State, Weights
from jamd.training.runs import Run

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
        seconds_before: float = 0.0,
    ) -> None:
        """`card` is the bundle's header but for the scores; `seconds_before` were spent before a resume."""
        self._run, self._card, self._show, self._sample = run, card, show, sample
        self._epoch_sequences, self._checkpoint_epochs = epoch_sequences, checkpoint_epochs
        self._began = time.monotonic() - seconds_before
        self._board = SummaryWriter(str(run.folder))

    def report(self, now: Progress) -> None:
        if now.scores is not None:
            row = {
                "epoch": now.sequences / self._epoch_sequences,
                "updates": now.updates,
                "seconds": time.monotonic() - self._began,
                "learned_nats_per_step": now.nats_per_step,
                **asdict(now.scores),
            }
            path = self._run.folder / runs.LOSSES
            new = not path.exists()
            with path.open("a", newline="") as file:
                writer = csv.DictWriter(file, runs.COLUMNS)
                if new:
                    writer.writeheader()
                writer.writerow({name: f"{value:.6g}" for name, value in row.items()})
            for name in ("learned_nats_per_step", *asdict(now.scores)):
                self._board.add_scalar(name, row[name], now.updates)
            self._board.flush()
        self._show(now)

    def keep(self, weights: Weights, scores: Scores, updates: int) -> None:
        header = {**self._card, "scores": asdict(scores), "updates": updates}
        bundle.write(self._run.folder / runs.MODEL, weights, header)

    def epoch(self, number: int, state: State) -> None:
        if number % self._checkpoint_epochs == 0:
            checkpoint.write(self._run.folder / runs.CHECKPOINT, state, dict(self._card))
        if self._sample is not None and (self._run.folder / runs.MODEL).exists():
            self._sample(self._run.folder, number)

    def close(self) -> None:
        self._board.close()
