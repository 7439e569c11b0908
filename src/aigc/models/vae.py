"""Variational auto-encoder: pictures to an eighth of their side and back.

Source: Kingma & Welling 2013, arXiv:1312.6114; as a first stage: Rombach et al. 2021, arXiv:2112.10752, section 3.1.
Knows: tensors in, tensors out. Does not know: files, devices, losses beyond its own prior, text.
Shapes: B batch, H height, W width, Z latent channels; f = patch * 2 ** (levels - 1), the factor between sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from aigc.models.layers import Conv2d, ResidualBlock, upsample

_LOGVAR = 12.0
"""Log-variances are kept within plus and minus this, so that their exponential is finite in every precision."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VAEConfig:
    """Sizes."""

    latent: int = 8
    """Channels of the latent picture."""
    patch: int = 1
    """Side of the squares of pixels that the first level sees as one: 2 spares the convolutions at full size, which
    cost most and see least."""
    widths: tuple[int, ...] = (48, 96, 128, 192)
    """Channels at each level, from the largest to the smallest; each a multiple of 16. Four levels, or three and a
    patch of 2: a factor of 8."""
    blocks: int = 2
    """Residual blocks at each level of the decoder; the encoder has one less, at least one."""

    def __post_init__(self) -> None:
        counts = (self.latent, self.patch, self.blocks, len(self.widths))
        if min(counts) < 1 or any(w < 16 or w % 16 for w in self.widths):
            raise ValueError(f"latent, patch and blocks must be positive and widths multiples of 16, got {self}")

    @property
    def factor(self) -> int:
        """Side of a picture over side of its latent."""
        return self.patch << (len(self.widths) - 1)


class Encoder(nn.Module):
    """(B, 3, H, W) in -1..1 to (B, 2Z, H/f, W/f): mean and log-variance."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        first = config.widths[0]
        self.patch = config.patch
        self.stem = Conv2d(3 * config.patch**2, first, 3, padding=1)
        layers: list[nn.Module] = []
        channels = first
        for level, width in enumerate(config.widths):
            if level:
                layers.append(Conv2d(channels, width, 3, stride=2, padding=1))
                channels = width
            layers += [ResidualBlock(channels, width) for _ in range(max(1, config.blocks - 1))]
        self.levels = nn.Sequential(*layers, ResidualBlock(channels, channels))
        self.norm = nn.GroupNorm(16, channels)
        self.out = Conv2d(channels, 2 * config.latent, 3, padding=1)
        # Little noise at first: the decoder learns from what it is told before it learns to doubt it.
        with torch.no_grad():
            cast("Tensor", self.out.bias)[config.latent :] = -5.0

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        x = functional.pixel_unshuffle(x, self.patch)
        out: Tensor = self.out(functional.silu(self.norm(self.levels(self.stem(x)))))
        return out


class Upsample(nn.Module):
    """(B, C, H, W) to (B, C', 2H, 2W)."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = Conv2d(channels, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        out: Tensor = self.conv(upsample(x))
        return out


class Decoder(nn.Module):
    """(B, Z, H/f, W/f) to (B, 3, H, W), about -1..1; not cut off, so that training feels what lies outside."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        widths = config.widths[::-1]
        self.stem = Conv2d(config.latent, widths[0], 3, padding=1)
        layers: list[nn.Module] = []
        channels = widths[0]
        for level, width in enumerate(widths):
            if level:
                layers.append(Upsample(channels, width))
                channels = width
            layers += [ResidualBlock(channels, channels) for _ in range(config.blocks)]
        self.levels = nn.Sequential(*layers)
        self.norm = nn.GroupNorm(16, channels)
        self.patch = config.patch
        self.out = Conv2d(channels, 3 * config.patch**2, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """See the class."""
        out: Tensor = self.out(functional.silu(self.norm(self.levels(self.stem(z)))))
        return functional.pixel_shuffle(out, self.patch)


class VAE(nn.Module):
    """Encoder and decoder with a normal distribution between them."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The distribution of latents.

        Args:
            x: (B, 3, H, W), -1 to 1; H and W multiples of ``config.factor``.

        Returns: mean and log-variance, each (B, Z, H/f, W/f).
        Raises: ValueError if a side is no multiple.
        """
        factor = self.config.factor
        if x.shape[-1] % factor or x.shape[-2] % factor:
            raise ValueError(f"sides must be multiples of {factor}, got {tuple(x.shape[-2:])}")
        mean, logvar = self.encoder(x).chunk(2, dim=1)
        return mean, logvar.clamp(-_LOGVAR, _LOGVAR)

    def decode(self, z: Tensor) -> Tensor:
        """(B, Z, H/f, W/f) to (B, 3, H, W); cut it to -1..1 before it becomes pixels."""
        out: Tensor = self.decoder(z)
        return out

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Encode, draw, decode: (picture, mean, log-variance). While not training, the mean is what is decoded."""
        mean, logvar = self.encode(x)
        z = mean + torch.exp(0.5 * logvar) * torch.randn_like(mean) if self.training else mean
        return self.decode(z), mean, logvar


def kl_divergence(mean: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mean, exp(logvar)) || N(0, 1)), the mean over all elements; 0 where mean and logvar are 0.

    Source: Kingma & Welling 2013, appendix B.
    """
    mean, logvar = mean.float(), logvar.float()
    return 0.5 * (mean.square() + logvar.exp() - 1.0 - logvar).mean()
