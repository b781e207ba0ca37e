"""Training in several processes, one per device, as PyTorch's launcher starts them.

`torchrun --nproc-per-node 2 -m jamd train ...` tells each process its rank by environment variables. Each
reads its share of the music into the cache folder, which all have to see (`XDG_CACHE_HOME`), and learns from
its share of every batch; gradients are averaged by DistributedDataParallel. Alone, everything here does
nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel


def size() -> int:
    return int(os.environ.get("WORLD_SIZE", 1))


def rank() -> int:
    return int(os.environ.get("RANK", 0))


def device(kind: str) -> torch.device:
    """The device of this process: each has a GPU of its own."""
    return (
        torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if kind == "cuda" else torch.device(kind)
    )


@contextmanager
def together(device: torch.device) -> Iterator[None]:
    """Meet the other processes, if there are any, and part from them at the end."""
    if size() == 1:
        yield
        return
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        distributed.destroy_process_group()


def spread(model: nn.Module) -> nn.Module:
    """The model as it is trained by all: its gradients are means over the processes."""
    # static_graph, because some weights never get a gradient: a WaveNet's last layer has none after it.
    return DistributedDataParallel(model, static_graph=True) if size() > 1 else model


def idle(losses: Sequence[torch.Tensor]) -> torch.Tensor | float:
    """Nothing: what to add to a loss for outputs that are not learned: several processes need all used."""
    return 0.0 * sum(losses) if size() > 1 else 0.0


def share(numbers: Sequence[int]) -> Sequence[int]:
    """This process's part of a batch."""
    return numbers[rank() :: size()]


def total(*values: float) -> list[float]:
    """The sums of the values over all processes."""
    if size() == 1:
        return list(values)
    tensor = torch.tensor(values, dtype=torch.float64)
    if distributed.get_backend() == "nccl":
        tensor = tensor.cuda()
    distributed.all_reduce(tensor)
    return [float(value) for value in tensor]
