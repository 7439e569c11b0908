"""Several processes that take a step together: who does which part, and the sum of their gradients.

Started by ``torchrun`` (or anything that sets its variables), one process to a device. The sum is made once a step over
all gradients in one piece; for networks of up to a hundred million parameters that is as fast as overlapping it.

Knows: torch.distributed. Does not know: networks, data, losses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, distributed


@dataclass(frozen=True, slots=True)
class Group:
    """This process among all of them."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes files and prints."""
        return self.rank == 0

    def share(self, count: int) -> range:
        """Which of ``count`` parts this process does. Raises: ValueError if they can't be shared evenly."""
        if count % self.size:
            raise ValueError(f"{count} parts can't be shared by {self.size} processes")
        return range(self.rank, count, self.size)

    def sum_(self, tensors: Iterable[Tensor]) -> None:
        """Replace every tensor by its sum over all processes."""
        found = list(tensors)
        if self.size == 1 or not found:
            return
        flat = torch.cat([x.reshape(-1) for x in found])
        distributed.all_reduce(flat)
        for x, part in zip(found, flat.split([x.numel() for x in found]), strict=True):
            x.copy_(part.view_as(x))

    def agree(self, flag: bool) -> bool:
        """Whether any process says yes: all of them then stop at the same step."""
        if self.size == 1:
            return flag
        device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
        votes = torch.tensor([float(flag)], device=device)
        distributed.all_reduce(votes)
        return bool(votes.item() > 0)

    def barrier(self) -> None:
        """Wait for all."""
        if self.size > 1:
            distributed.barrier()


def join(device: torch.device) -> Group:
    """The group that this process was started in; alone if it was started by itself."""
    if not distributed.is_available() or not distributed.is_torchelastic_launched():
        return Group()
    if not distributed.is_initialized():
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return Group(distributed.get_rank(), distributed.get_world_size())


def leave() -> None:
    """End the group, if there is one."""
    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()
