"""What was asked of a training, whatever it begins with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a training's outcome goes, and how it works. `command` and `created` are for the card; `steps`
    are those of a sequence; `resume` names a run to go on with."""

    output: Path
    command: str
    created: str
    steps: int
    device: torch.device
    runs: Path
    resume: str | None
    checkpoint_epochs: int | None
    sample_epochs: int
