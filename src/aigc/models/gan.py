"""Adversarial networks: a generator of small pictures from a caption in one pass, its critic, and a critic of patches.

Source: Goodfellow et al. 2014, arXiv:1406.2661; the critic's projection: Miyato & Koyama 2018, arXiv:1802.05637;
the gradient penalty R1: Mescheder et al. 2018, arXiv:1801.04406; patches: Isola et al. 2016, arXiv:1611.07004.
Knows: tensors in, tensors out. Does not know: files, devices, text (a caption is a vector here).
Shapes: B batch, H height, W width, D width of the caption's vector, N width of the noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from aigc.models.layers import Conv2d, ResidualBlock, upsample


@dataclass(frozen=True, kw_only=True, slots=True)
class GANConfig:
    """Sizes of generator and critic."""

    side: int = 64
    """Side of the pictures, 4 times a power of two."""
    noise: int = 128
    """Width of the noise."""
    caption: int = 384
    """Width of a caption's vector."""
    widths: tuple[int, ...] = (256, 256, 128, 96, 64)
    """Channels from 4x4 to the full size, one for each doubling and one for the start; multiples of 16."""

    def __post_init__(self) -> None:
        if 4 << (len(self.widths) - 1) != self.side or any(w % 16 for w in self.widths):
            raise ValueError(f"side must be 4 * 2 ** (len(widths) - 1) and widths multiples of 16, got {self}")


class Generator(nn.Module):
    """Noise and caption to a picture."""

    def __init__(self, config: GANConfig) -> None:
        super().__init__()
        self.config = config
        first = config.widths[0]
        self.mix = nn.Sequential(nn.Linear(config.noise + config.caption, 256), nn.SiLU(), nn.Linear(256, 256))
        self.start = nn.Linear(256, first * 16)
        previous = (first, *config.widths[:-1])
        self.blocks = nn.ModuleList(
            ResidualBlock(i, o, condition=256) for i, o in zip(previous, config.widths, strict=True)
        )
        self.norm = nn.GroupNorm(16, config.widths[-1])
        self.out = Conv2d(config.widths[-1], 3, 3, padding=1)

    def forward(self, noise: Tensor, caption: Tensor) -> Tensor:
        """(B, N) standard normal and (B, D) unit vectors to (B, 3, side, side) in -1..1."""
        style = self.mix(torch.cat([noise, caption], dim=1))
        h = self.start(style).view(len(noise), -1, 4, 4)
        for index, block in enumerate(self.blocks):
            h = block(upsample(h) if index else h, style)
        return torch.tanh(self.out(functional.silu(self.norm(h))))


class Critic(nn.Module):
    """How real a picture looks, and how well it fits its caption."""

    def __init__(self, config: GANConfig) -> None:
        super().__init__()
        widths = config.widths[::-1]
        self.stem = Conv2d(3, widths[0], 3, padding=1)
        following = (*widths[1:], widths[-1])
        self.blocks = nn.ModuleList(ResidualBlock(i, o) for i, o in zip(widths, following, strict=True))
        self.score = nn.Linear(widths[-1], 1)
        self.project = nn.Linear(config.caption, widths[-1], bias=False)

    def forward(self, picture: Tensor, caption: Tensor) -> Tensor:
        """(B, 3, side, side) and (B, D) to (B,) logits; positive: real."""
        h = self.stem(picture)
        for index, block in enumerate(self.blocks):
            h = block(functional.avg_pool2d(h, 2) if index else h)
        features = functional.silu(h).mean((2, 3))
        out: Tensor = self.score(features)[:, 0] + (features * self.project(caption)).sum(1)
        return out


class PatchCritic(nn.Module):
    """A score for every patch of about 70 pixels: it sees texture, not content. The VAE learns sharpness from it."""

    def __init__(self, width: int = 64, layers: int = 3) -> None:
        super().__init__()
        parts: list[nn.Module] = [Conv2d(3, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        channels = width
        for index in range(layers):
            wider = min(width * 8, channels * 2)
            stride = 2 if index + 1 < layers else 1
            parts += [
                Conv2d(channels, wider, 4, stride=stride, padding=1, bias=False),
                # Group norm, not batch norm: no statistics that differ between processes.
                nn.GroupNorm(16, wider),
                nn.LeakyReLU(0.2),
            ]
            channels = wider
        self.layers = nn.Sequential(*parts, Conv2d(channels, 1, 4, padding=1))

    def forward(self, picture: Tensor) -> Tensor:
        """(B, 3, H, W) in -1..1 to (B, 1, H/8 - 2, W/8 - 2) logits."""
        out: Tensor = self.layers(picture)
        return out
