"""What several picture networks use identically: convolutions that wrap around, residual blocks, time features.

Knows: tensors. Does not know: what they stand for.
Shapes: B batch, C channels, H height, W width, D condition width.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional


class Conv2d(nn.Conv2d):
    """A convolution whose left and right edges touch while `wrap_around` is in force: 360-degree pictures have no seam.

    Zeros are put above and below in both cases.
    """

    wrap: bool | Tensor = False
    """A tensor of 0 or 1 decides when a graph runs, not when it is exported."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H', W')."""
        side = int(self.padding[1])
        if side == 0 or (isinstance(self.wrap, bool) and not self.wrap):
            return super().forward(x)
        # Concatenation rather than `pad(mode="circular")`: every exporter knows it.
        x = torch.cat([x[..., -side:] * self.wrap, x, x[..., :side] * self.wrap], dim=-1)
        above = (int(self.padding[0]), 0)
        return functional.conv2d(x, self.weight, self.bias, self.stride, above, self.dilation, self.groups)


@contextmanager
def wrap_around(module: nn.Module, wanted: bool | Tensor = True) -> Iterator[None]:
    """Inside the block every `Conv2d` of the module wraps (or doesn't); afterwards all is as before."""
    convolutions = [m for m in module.modules() if isinstance(m, Conv2d)]
    before = [m.wrap for m in convolutions]
    for m in convolutions:
        m.wrap = wanted
    try:
        yield
    finally:
        for m, old in zip(convolutions, before, strict=True):
            m.wrap = old


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions, each behind group norm and SiLU, beside a shortcut.

    Args:
        channels: of the input; a multiple of ``groups``.
        out_channels: of the output; a multiple of ``groups``.
        condition: width D of a vector that scales and shifts the second norm; 0: there is none.
        groups: of the group norms.

    Source: He et al. 2016, arXiv:1603.05027 (order of operations); Perez et al. 2017, arXiv:1709.07871 (condition).
    """

    def __init__(self, channels: int, out_channels: int, *, condition: int = 0, groups: int = 16) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, channels)
        self.conv1 = Conv2d(channels, out_channels, 3, padding=1)
        self.norm2 = nn.GroupNorm(groups, out_channels)
        self.conv2 = Conv2d(out_channels, out_channels, 3, padding=1)
        self.shortcut = Conv2d(channels, out_channels, 1) if channels != out_channels else nn.Identity()
        self.film = nn.Linear(condition, 2 * out_channels) if condition else None
        # A block begins as its shortcut: deep stacks then start to learn at once.
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """(B, C, H, W) and (B, D) to (B, C', H, W)."""
        h = self.norm2(self.conv1(functional.silu(self.norm1(x))))
        if self.film is not None and condition is not None:
            scale, shift = self.film(condition)[:, :, None, None].chunk(2, dim=1)
            h = h * (1 + scale) + shift
        out: Tensor = self.shortcut(x) + self.conv2(functional.silu(h))
        return out


class RMSNorm(nn.Module):
    """Scales the last axis to a root mean square of 1, then by a learned factor; written out, as exporters need it.

    Source: Zhang & Sennrich 2019, arXiv:1910.07467.
    """

    def __init__(self, width: int, epsilon: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) to the same, computed in 32 bits."""
        x = x.float()
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.epsilon) * self.weight


def upsample(x: Tensor) -> Tensor:
    """(B, C, H, W) to (B, C, 2H, 2W) by repeating pixels: the convolution behind it smooths, and no edge blurs."""
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


def time_features(t: Tensor, width: int) -> Tensor:
    """Cosines and sines of a time in 0..1.

    Args:
        t: (B,), 0 to 1; scaled by 1000, so that the highest frequency tells thousandths apart.
        width: of the result, even.

    Returns: (B, width), float32.
    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.5.
    """
    half = width // 2
    frequencies = torch.exp(-math.log(10_000.0) * torch.arange(half, device=t.device, dtype=torch.float32) / half)
    angles = 1000.0 * t.float()[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


def parameter_count(module: nn.Module) -> int:
    """How many numbers the module learns."""
    return sum(p.numel() for p in module.parameters())
