"""Measures of pictures against a reference.

Knows: tensors in 0..1. Does not know: where they come from.
"""

from __future__ import annotations

import torch
from torch import Tensor


def psnr(made: Tensor, reference: Tensor, *, each: bool = False) -> Tensor:
    """Peak signal-to-noise ratio in dB; both are cut to 0..1 first, as a file would.

    Args:
        made: (B, C, H, W).
        reference: the same shape.
        each: one value for each picture, (B,), instead of their mean.

    Returns: at most 100, which stands for equality.
    """
    error = (made.detach().clamp(0, 1) - reference.detach().clamp(0, 1)).float().square().mean((1, 2, 3))
    values = -10 * torch.log10(error.clamp_min(1e-10))
    return values if each else values.mean()
