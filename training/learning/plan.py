"""What was asked of a training, whatever it begins with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from jamd.training.learning.place import Place
from jamd.training.runs.signals import Standing


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a training's outcome goes, and how it works. `command` and `created` are for the card; `steps`
    are those of a sequence; `resume` is the folder of a run to go on with."""

    place: Place
    command: str
    created: str
    steps: int
    device: torch.device
    runs: Path
    resume: Path | None
    checkpoint_epochs: int | None
    sample_epochs: int
    standing: Standing

    @property
    def output(self) -> Path:
        return self.place.path
