"""The device that computes: which one, in which precision, how fast it is at best.

Knows: torch's devices. Does not know: networks, data.
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager

import torch
from torch import distributed

from aigc.errors import UserError
from aigc.training.config import TrainConfig


def find(name: str) -> torch.device:
    """The device of that name: ``auto`` (a GPU if there is one), ``cpu``, ``cuda`` or ``cuda:1``.

    Raises:
        UserError: there is no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UserError(f"no device is called {name!r}; accepted: auto, cpu, cuda, cuda:0 ...") from None
    if device.type not in ("cpu", "cuda"):
        raise UserError(f"device {name!r} is not supported; accepted: auto, cpu, cuda")
    if device.type == "cuda":
        count = torch.cuda.device_count()
        # Processes of one machine take a GPU each.
        index = device.index if device.index is not None else distributed.get_node_local_rank(fallback_rank=0)
        if index >= count:
            raise UserError(
                f"device {name!r} is not there: torch sees {count} GPUs", hint="--device cpu works anywhere"
            )
        device = torch.device("cuda", index)
        torch.cuda.set_device(device)
        torch.set_float32_matmul_precision("high")
    return device


def precision(config: TrainConfig, device: torch.device) -> torch.dtype:
    """The type in which products are computed; weights and sums stay float32."""
    if config.precision == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    return torch.bfloat16 if config.precision == "bfloat16" else torch.float32


def autocast(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[None]:
    """Mixed precision inside the block."""
    block: AbstractContextManager[None] = torch.autocast(device.type, dtype, enabled=dtype != torch.float32)
    return block


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was given; times mean something only then."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_flops(device: torch.device, dtype: torch.dtype) -> float:
    """Operations a second that a large matrix product reaches here, measured: the ceiling for any network."""
    side, repeats = (8192, 10) if device.type == "cuda" else (1024, 4)
    a = torch.rand(side, side, device=device).to(dtype)
    b = torch.rand(side, side, device=device).to(dtype)
    a @ b
    synchronise(device)
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        for _ in range(repeats):
            a @ b
        synchronise(device)
        best = min(best, (time.perf_counter() - start) / repeats)
    return float(2 * side**3 / best)
