"""Rectified flow: how noise and picture are mixed in training, and how the way back is walked.

``x_t = (1 - t) * x_0 + t * noise``; its velocity ``dx/dt = noise - x_0`` is what a network learns.

Sources: Liu et al. 2022, arXiv:2209.03003; Esser et al. 2024, arXiv:2403.03206 (logit-normal times);
Ho & Salimans 2022, arXiv:2207.12598 (guidance).
Knows: tensors and any callable velocity. Does not know: networks, text, pictures.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Velocity = Callable[[Tensor, Tensor], Tensor]
"""(x, t) to dx/dt, of x's shape; t is (B,)."""


def draw_times(count: int, device: torch.device, shift: float = 1.0) -> Tensor:
    """(count,) times in 0..1, most of them in the middle; ``shift`` above 1 moves them towards noise."""
    t = torch.sigmoid(torch.randn(count, device=device))
    return shift * t / (1 + (shift - 1) * t)


def mix(x_0: Tensor, noise: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """(x_t, velocity) for pictures, noise of their shape, and times (B,)."""
    s = t.view(-1, *[1] * (x_0.ndim - 1))
    return (1 - s) * x_0 + s * noise, noise - x_0


def times(steps: int, start: float = 1.0, shift: float = 1.0) -> Tensor:
    """Falling times from ``start`` to 0, one more than steps. Raises: ValueError for values out of range."""
    if steps < 1 or not 0 < start <= 1:
        raise ValueError(f"steps must be 1 or more and start above 0 and at most 1, got {steps} and {start}")
    t = torch.linspace(start, 0, steps + 1)
    return shift * t / (1 + (shift - 1) * t)


def euler(velocity: Velocity, x: Tensor, steps: Tensor) -> Tensor:
    """Walk from the first time to the last.

    Args:
        velocity: see `Velocity`.
        x: the sample at ``steps[0]``.
        steps: strictly falling times, (N + 1,).

    Raises: ValueError if they don't fall.
    """
    if bool((steps[1:] >= steps[:-1]).any()):
        raise ValueError(f"times must fall strictly, got {steps.tolist()}")
    for now, after in zip(steps[:-1].tolist(), steps[1:].tolist(), strict=True):
        x = x + (after - now) * velocity(x, torch.full((len(x),), now, device=x.device))
    return x


def guided(told: Tensor, untold: Tensor, guidance: float) -> Tensor:
    """A velocity beyond the one for the caption, away from the one for none; 1: the one for the caption."""
    return untold + guidance * (told - untold)
