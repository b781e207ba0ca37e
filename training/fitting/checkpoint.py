"""A training on disk, whole: it goes on from there as if it had never stopped. Like a bundle it is
safetensors with a JSON header, so nothing in it can run."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from jamd.errors import BundleError
from jamd.system.fallback import write_again
from jamd.training.fitting.fit import State

MODEL, AVERAGED, FIRST, SECOND, STEP = "model", "averaged", "exp_avg", "exp_avg_sq", "step"


def write(path: Path, state: State, about: dict[str, Any]) -> None:
    """Write a checkpoint, whole or not at all. `about` is what must be the same for going on from it."""
    tensors = {f"{MODEL}.{name}": tensor for name, tensor in state.model.state_dict().items()}
    tensors |= {f"{AVERAGED}.{name}": tensor for name, tensor in state.averaged.items()}
    for number, moments in state.optimiser.state_dict()["state"].items():
        tensors |= {f"{kind}.{number}": moments[kind] for kind in (FIRST, SECOND, STEP)}
    header = {
        "about": about,
        "sequences": state.sequences,
        "updates": state.updates,
        "mean_nats": state.mean_nats,
        "best_nats": state.best_nats if math.isfinite(state.best_nats) else None,
        "scorings_since_best": state.scorings_since_best,
    }
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_again(path, save(whole, metadata={"jamd_checkpoint": json.dumps(header)}))


def about(path: Path) -> dict[str, Any]:
    """What a checkpoint was written with. Raises BundleError when it is no whole checkpoint."""
    return dict(_header(path)["about"])


def _header(path: Path) -> dict[str, Any]:
    try:
        if not path.is_file():  # a pipe would be waited for
            raise ValueError("it is not a file")
        with safe_open(path, framework="pt") as file:
            return dict(json.loads((file.metadata() or {})["jamd_checkpoint"]))
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BundleError(f"{path} is not a whole checkpoint of `jamd train` ({error})") from error


def read_into(path: Path, state: State) -> None:
    """Put a training where the checkpoint left it. Raises BundleError when it is not of this network."""
    header = _header(path)
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        state.model.load_state_dict(_under(tensors, MODEL))
        for name, tensor in _under(tensors, AVERAGED).items():
            state.averaged[name].copy_(tensor)
        optimiser = state.optimiser.state_dict()
        moments = {kind: _under(tensors, kind) for kind in (FIRST, SECOND, STEP)}
        optimiser["state"] = {
            int(number): {kind: moments[kind][number] for kind in moments} for number in moments[STEP]
        }
        state.optimiser.load_state_dict(optimiser)
    except (SafetensorError, RuntimeError, KeyError, ValueError) as error:
        raise BundleError(f"{path} is a checkpoint of another network ({error})") from error
    state.sequences, state.updates = header["sequences"], header["updates"]
    state.mean_nats, state.scorings_since_best = header["mean_nats"], header["scorings_since_best"]
    state.best_nats = math.inf if header["best_nats"] is None else header["best_nats"]


def _under(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    start = f"{prefix}."
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
