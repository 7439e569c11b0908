"""Convolutions around the flow's transformer: into few tokens and back, with short cuts between equal sides.

Source: Ronneberger et al. 2015, arXiv:1505.04597 (the U); Hoogeboom et al. 2023, arXiv:2301.11093 (a transformer at its
bottom).
Knows: tensors. Does not know: text, the transformer.
Shapes: B batch, H height, W width of the latent, D width of the time's vector.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from aigc.models.layers import Conv2d, ResidualBlock, upsample


class Inward(nn.Module):
    """(B, C, H, W) to (B, channels[-1], H/f, W/f), f = 2 ** levels, and what each level saw."""

    def __init__(self, given: int, channels: Sequence[int], condition: int) -> None:
        super().__init__()
        self.stem = Conv2d(given, channels[0], 3, padding=1)
        self.blocks = nn.ModuleList(ResidualBlock(c, c, condition=condition) for c in channels)
        following = [*channels[1:], channels[-1]]
        self.shrink = nn.ModuleList(
            Conv2d(c, after, 3, stride=2, padding=1) for c, after in zip(channels, following, strict=True)
        )

    def forward(self, x: Tensor, time: Tensor) -> tuple[Tensor, list[Tensor]]:
        """See the class; ``time`` is (B, D)."""
        h, seen = self.stem(x), []
        for block, shrink in zip(self.blocks, self.shrink, strict=True):
            h = block(h, time)
            seen.append(h)
            h = shrink(h)
        return h, seen


class Outward(nn.Module):
    """The way back; it begins as zero, so that a network that knows nothing says nothing."""

    def __init__(self, channels: Sequence[int], out: int, condition: int) -> None:
        super().__init__()
        back = list(channels)[::-1]
        before = [back[0], *back[:-1]]
        self.grow = nn.ModuleList(Conv2d(a, c, 3, padding=1) for a, c in zip(before, back, strict=True))
        self.join = nn.ModuleList(ResidualBlock(2 * c, c, condition=condition) for c in back)
        self.blocks = nn.ModuleList(ResidualBlock(c, c, condition=condition) for c in back)
        self.norm = nn.GroupNorm(16, back[-1])
        self.out = Conv2d(back[-1], out, 3, padding=1)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor, seen: Sequence[Tensor], time: Tensor) -> Tensor:
        """(B, channels[-1], H/f, W/f), what the levels saw, and (B, D): (B, out, H, W)."""
        for grow, join, block, old in zip(self.grow, self.join, self.blocks, reversed(seen), strict=True):
            x = block(join(torch.cat([grow(upsample(x)), old], dim=1), time), time)
        made: Tensor = self.out(functional.silu(self.norm(x)))
        return made
