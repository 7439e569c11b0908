"""One network that repairs photographs: noise, JPEG blocks, blur, darkness, small size, scratches.

A U-shaped stack of blocks without activation functions: the product of two halves takes their place. Two things scale
and shift each block's norms: the task, a vector whose zeros stand for "find out yourself", and what a small network
sees in a thumbnail of the whole picture. Everything else looks at a pixel's neighbourhood only, so a picture may be
repaired in tiles: all of them know how bright the whole is, and none differs from its neighbour.

Source: Chen et al. 2022, arXiv:2204.04676 (NAFNet; its channel attention, a mean over whatever is seen at once, gave
way to the thumbnail); the condition: Perez et al. 2017, arXiv:1709.07871.
Knows: tensors in, tensors out. Does not know: how pictures are damaged, files, devices.
Shapes: B batch, C channels, H height, W width, T tasks, G width of what the thumbnail says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from aigc.models.layers import Conv2d

TASKS = ("denoise", "jpeg", "deblur", "lowlight", "upscale", "scratches")
"""What it can be told to repair, in the order of the task vector."""

GLANCE = 32
"""Side of the thumbnail."""
_SEEN = 32
"""Width of what is seen in it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RestorerConfig:
    """Sizes."""

    width: int = 32
    """Channels at the top; each level down doubles them."""
    patch: int = 1
    """Pixels a side that become one at the top. With 2, a step costs a quarter, and enlarged pictures lose nothing."""
    encoder: tuple[int, ...] = (1, 1, 2, 4)
    """Blocks at each level on the way down."""
    middle: int = 4
    """Blocks at the bottom."""
    decoder: tuple[int, ...] = (1, 1, 1, 1)
    """Blocks at each level on the way up, as many levels as down."""

    def __post_init__(self) -> None:
        if len(self.encoder) != len(self.decoder) or self.width < 4 or self.width % 2 or self.patch not in (1, 2):
            raise ValueError(
                f"encoder and decoder need as many levels, width must be even and at least 4, patch 1 or 2, got {self}"
            )

    @property
    def factor(self) -> int:
        """Sides are padded to multiples of this inside."""
        return self.patch << len(self.encoder)


class ChannelNorm(nn.Module):
    """Layer norm over the channels of each pixel, so that a picture's size changes nothing."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        if not torch.jit.is_tracing():  # type: ignore[attr-defined,no-untyped-call]
            # One kernel instead of six. An exporter gets the long form: OpenVINO makes one operation of that, and runs
            # it twice as fast as a norm between two transpositions.
            weight, bias = self.weight.flatten(), self.bias.flatten()
            return functional.layer_norm(x.movedim(1, -1), weight.shape, weight, bias, 1e-6).movedim(-1, 1)
        mean = x.mean(1, keepdim=True)
        centred = x - mean
        return centred * torch.rsqrt(centred.square().mean(1, keepdim=True) + 1e-6) * self.weight + self.bias


class Block(nn.Module):
    """Two residual parts: a convolution, then a pixel-wise mix."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.film = nn.Linear(len(TASKS) + _SEEN, 4 * channels)
        self.norm1 = ChannelNorm(channels)
        self.expand = Conv2d(channels, 2 * channels, 1)
        self.depthwise = Conv2d(2 * channels, 2 * channels, 3, padding=1, groups=2 * channels)
        self.project = Conv2d(channels, channels, 1)
        self.norm2 = ChannelNorm(channels)
        self.feed = Conv2d(channels, 2 * channels, 1)
        self.back = Conv2d(channels, channels, 1)
        self.scale1 = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.scale2 = nn.Parameter(torch.zeros(1, channels, 1, 1))
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """(B, C, H, W) and (B, T + G) to (B, C, H, W)."""
        gain1, shift1, gain2, shift2 = self.film(told)[:, :, None, None].chunk(4, dim=1)
        left, right = self.depthwise(self.expand(self.norm1(x) * (1 + gain1) + shift1)).chunk(2, dim=1)
        x = x + self.project(left * right) * self.scale1
        left, right = self.feed(self.norm2(x) * (1 + gain2) + shift2).chunk(2, dim=1)
        out: Tensor = x + self.back(left * right) * self.scale2
        return out


class Level(nn.Module):
    """Blocks of one size."""

    def __init__(self, channels: int, count: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(channels) for _ in range(count))

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """(B, C, H, W) and (B, T + G) to (B, C, H, W)."""
        for block in self.blocks:
            x = block(x, told)
        return x


class Restorer(nn.Module):
    """The network. It begins as the identity: what it learns is the difference."""

    def __init__(self, config: RestorerConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.width
        patch = config.patch
        self.glance = nn.Sequential(
            nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.SiLU(), nn.Conv2d(16, _SEEN, 3, stride=2, padding=1), nn.SiLU()
        )
        self.stem = Conv2d(4, channels, 3 * patch, stride=patch, padding=patch)
        self.down_levels, self.down = nn.ModuleList(), nn.ModuleList()
        for count in config.encoder:
            self.down_levels.append(Level(channels, count))
            self.down.append(Conv2d(channels, 2 * channels, 2, stride=2))
            channels *= 2
        self.middle = Level(channels, config.middle)
        self.up, self.up_levels = nn.ModuleList(), nn.ModuleList()
        for count in config.decoder:
            self.up.append(nn.Sequential(Conv2d(channels, 2 * channels, 1, bias=False), nn.PixelShuffle(2)))
            channels //= 2
            self.up_levels.append(Level(channels, count))
        self.out = Conv2d(channels, 3 * patch**2, 3, padding=1)
        self.grow = nn.PixelShuffle(patch) if patch > 1 else nn.Identity()
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(cast("Tensor", self.out.bias))

    def forward(self, picture: Tensor, mask: Tensor, task: Tensor, glance: Tensor) -> Tensor:
        """The repaired picture.

        Args:
            picture: (B, 3, H, W), 0 to 1; for ``upscale`` it was enlarged before. Any sides.
            mask: (B, 1, H, W), 1 where a pixel is lost (scratches), else 0.
            task: (B, T), 1 at the task's place in `TASKS`; all zeros: unknown.
            glance: (B, 3, GLANCE, GLANCE), the whole picture made small, see `thumbnail`.

        Returns: (B, 3, H, W), about 0 to 1; not cut off.
        """
        height, width = int(picture.shape[-2]), int(picture.shape[-1])
        down, right = -height % self.config.factor, -width % self.config.factor
        x = torch.cat([picture, mask], dim=1)
        if down or right:
            x = functional.pad(x, (0, right, 0, down), mode="replicate")
        return picture + self.change(x, task, glance)[..., :height, :width]

    def change(self, x: Tensor, task: Tensor, glance: Tensor) -> Tensor:
        """What `forward` adds, for (B, 4, H, W) of picture and mask with sides that suit; this part is exported."""
        told = torch.cat([task, self.glance(glance).mean((2, 3))], dim=1)
        # Channels beside each other: twice as fast on a CPU in bfloat16, and what the norm wants.
        h = self.stem(x.contiguous(memory_format=torch.channels_last))
        skips = []
        for level, shrink in zip(self.down_levels, self.down, strict=True):
            h = level(h, told)
            skips.append(h)
            h = shrink(h)
        h = self.middle(h, told)
        for grow, level in zip(self.up, self.up_levels, strict=True):
            h = level(grow(h) + skips.pop(), told)
        out: Tensor = self.grow(self.out(h))
        return out


def thumbnail(pictures: Tensor) -> Tensor:
    """(B, 3, H, W) to (B, 3, GLANCE, GLANCE): means over equal parts."""
    return functional.adaptive_avg_pool2d(pictures, GLANCE)
