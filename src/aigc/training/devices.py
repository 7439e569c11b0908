"""The device that computes: which one, in which precision, how fast it is at best.

Knows: torch's devices. Does not know: networks, data.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import distributed
from torch.nn.attention import SDPBackend, sdpa_kernel

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
    """The type in which products are computed; weights and sums stay float32.

    A CPU that multiplies bfloat16 in hardware does so several times as fast (docs/lab/LOG.md).
    """
    if config.precision == "auto":
        fast = device.type == "cuda" or any(map(torch.cpu.get_capabilities().get, ("avx512_bf16", "amx_bf16")))
        return torch.bfloat16 if fast else torch.float32
    return torch.bfloat16 if config.precision == "bfloat16" else torch.float32


@contextmanager
def autocast(device: torch.device, dtype: torch.dtype) -> Iterator[None]:
    """Mixed precision inside the block; on a CPU also attention as plain products.

    The CPU's fused attention takes ten times as long backwards in bfloat16 as plain products do for short sequences
    (docs/lab/LOG.md).
    """
    plain = sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()
    with plain, torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        yield


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
