"""Several processes that train one network together, started by ``torchrun`` on one machine.

Each hears streams of its own; what they learn is averaged at every step, so that their networks
stay equal. The first alone writes. Started without ``torchrun``, a process is alone.

Neither ``DistributedDataParallel`` nor Lightning Fabric, which wraps it, fits a network of which
other heads are silent at every step, and whose losses have parameters of their own; without that,
choosing a device and joining a group is all that would be left for them.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed, nn

from realtime_mer.errors import InputError

_PATIENCE = timedelta(days=2)
"""How long processes wait for one another: the first may compute features of a whole corpus. One
that died need not be waited for, since ``torchrun`` then ends the others."""


@dataclass(frozen=True, kw_only=True)
class World:
    """The processes that train together, as one of them sees it.

    Attributes:
        rank: its number, from 0.
        size: how many there are.
        device: where it computes.
    """

    rank: int = 0
    size: int = 1
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def wait(self) -> None:
        """Go on when all processes have come here."""
        if self.size > 1:
            distributed.barrier()

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """Let the first process through before the others, who then find done what it did.

        An error of the first does not hold the others up: they come to meet it too.
        """
        if not self.first:
            self.wait()
        try:
            yield
        finally:
            if self.first:
                self.wait()

    def average(self, module: nn.Module) -> None:
        """Replace gradients and running statistics by their means over all processes.

        A parameter without a gradient in any process keeps none; in some only, it counts as zero
        in the others.
        """
        if self.size == 1:
            return
        parameters = list(module.parameters())
        statistics = [each for each in module.buffers() if each.is_floating_point()]
        gradients = [
            torch.zeros_like(each) if each.grad is None else each.grad for each in parameters
        ]
        used = torch.tensor(
            [float(each.grad is not None) for each in parameters], device=self.device
        )
        pieces = [*gradients, *statistics, used]
        flat = torch.cat([piece.reshape(-1) for piece in pieces])
        distributed.all_reduce(flat)
        means = torch.split(flat / self.size, [piece.numel() for piece in pieces])
        for own, mean in zip((*gradients, *statistics), means[:-1], strict=True):
            own.copy_(mean.view(own.shape))
        for each, gradient, share in zip(parameters, gradients, means[-1].tolist(), strict=True):
            each.grad = gradient if share > 0 else None


ALONE = World(device=torch.device("cpu"))
"""A single process, on the processor."""


@contextmanager
def joined(device: str) -> Iterator[World]:
    """Join the processes that ``torchrun`` started beside this one, if it did.

    Args:
        device: ``cpu``, ``cuda``, or ``auto``: CUDA where there is one. Each process takes a GPU
            of its own.

    Raises:
        InputError: the device is not there.
    """
    if not distributed.is_torchelastic_launched():
        yield World(device=_picked(device, 0))
        return
    picked = _picked(device, int(os.environ["LOCAL_RANK"]))
    if picked.type == "cuda":
        torch.cuda.set_device(picked)
    distributed.init_process_group("nccl" if picked.type == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        yield World(rank=distributed.get_rank(), size=distributed.get_world_size(), device=picked)
    finally:
        distributed.destroy_process_group()


def _picked(device: str, number: int) -> torch.device:
    if device not in ("auto", "cpu", "cuda"):
        raise InputError(f"unknown device {device!r}; use cpu, cuda or auto")
    there = torch.cuda.device_count()
    if device == "cpu" or (device == "auto" and not there):
        return torch.device("cpu")
    if number >= there:
        raise InputError(
            f"process {number + 1} of this machine finds no GPU for itself: PyTorch sees {there}; "
            "start fewer processes, or use --device cpu"
        )
    return torch.device("cuda", number)
