"""Adversarial networks: a generator of small pictures from concepts in one pass, what teaches it, a critic of patches.

Two things teach the generator: a critic (a picture that looks false is wrong), and an encoder that tells it in a few
numbers what a true picture shows beside its caption (a picture that isn't that one is wrong). The second alone blurs,
the first alone needs millions of pictures.

Sources: Goodfellow et al. 2014, arXiv:1406.2661; the critic's projection: Miyato & Koyama 2018, arXiv:1802.05637;
the encoder: Bao et al. 2017, arXiv:1703.10155; patches: Isola et al. 2016, arXiv:1611.07004.
Knows: tensors in, tensors out. Does not know: files, devices, words (a caption is numbers here).
Shapes: B batch, T concepts, H height, W width, D width of the caption's vector, N width of the noise.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from aigc.models.layers import Conv2d, ResidualBlock, upsample

PLACES = 4
"""What a concept can belong to: the first thing, the second, a later one, the picture."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GANConfig:
    """Sizes of the networks."""

    side: int = 64
    """Side of the pictures: 4 times a power of two times ``patch``."""
    patch: int = 2
    """Side of the squares of pixels that are one place of the widest layers."""
    noise: int = 32
    """Width of the noise: what a caption leaves open."""
    text: int = 256
    """Width of a caption's vector."""
    vocabulary: int = 256
    """Concepts, as many as there may ever be, and number 0 for nothing."""
    widths: tuple[int, ...] = (256, 192, 96, 48)
    """Channels of the generator from 4x4 on, one for each doubling and one for the start; multiples of 16."""
    seen: tuple[int, ...] = (192, 128, 64, 32)
    """The same of critic and encoder."""

    def __post_init__(self) -> None:
        sides = {4 * self.patch << (len(widths) - 1) for widths in (self.widths, self.seen)}
        if sides != {self.side} or any(w % 16 for w in (*self.widths, *self.seen)):
            raise ValueError(
                "side must be 4 * patch * 2 ** (len(widths) - 1), with as many in seen, and all multiples of 16, "
                f"got {self}"
            )


class Caption(nn.Module):
    """Concepts and what each belongs to as one vector.

    A concept's vector is scaled, number by number, by one of the place that it belongs to: so a sum of them still says
    which thing is red, and what red is was learned for all places together.
    """

    def __init__(self, config: GANConfig) -> None:
        super().__init__()
        self.embed_concept = nn.Embedding(config.vocabulary, config.text)
        self.embed_place = nn.Embedding(PLACES, config.text)
        self.norm = nn.LayerNorm(config.text)
        # Small, so that steps change it soon; places begin half alike, so that what one learns helps the others.
        nn.init.normal_(self.embed_concept.weight, std=0.1)
        nn.init.normal_(self.embed_place.weight, mean=0.7, std=0.7)

    def forward(self, numbers: Tensor, places: Tensor) -> Tensor:
        """(B, T) numbers of concepts, 0 for nothing, and (B, T) places to (B, D)."""
        each = self.embed_concept(numbers) * self.embed_place(places)
        out: Tensor = self.norm((each * (numbers > 0).to(each.dtype)[..., None]).sum(1))
        return out


class Generator(nn.Module):
    """Noise and caption to a picture."""

    def __init__(self, config: GANConfig) -> None:
        super().__init__()
        self.config = config
        first, style = config.widths[0], config.text
        self.caption = Caption(config)
        self.mix = nn.Sequential(nn.Linear(config.noise + config.text, style), nn.SiLU(), nn.Linear(style, style))
        self.start = nn.Linear(style, first * 16)
        previous = (first, *config.widths[:-1])
        self.blocks = nn.ModuleList(
            ResidualBlock(i, o, condition=style) for i, o in zip(previous, config.widths, strict=True)
        )
        self.norm = nn.GroupNorm(16, config.widths[-1])
        self.out = Conv2d(config.widths[-1], 3 * config.patch**2, 3, padding=1)

    def forward(self, noise: Tensor, numbers: Tensor, places: Tensor) -> Tensor:
        """(B, N) standard normal, and what `Caption` takes, to (B, 3, side, side) in -1..1."""
        style = self.mix(torch.cat([noise, self.caption(numbers, places)], dim=1))
        h = self.start(style).unflatten(1, (-1, 4, 4)).contiguous(memory_format=torch.channels_last)
        for index, block in enumerate(self.blocks):
            h = block(upsample(h) if index else h, style)
        return torch.tanh(functional.pixel_shuffle(self.out(functional.silu(self.norm(h))), self.config.patch))


class Encoder(nn.Module):
    """What a picture shows beside what its caption says, as noise that would have made it."""

    def __init__(self, config: GANConfig) -> None:
        super().__init__()
        self.patch = config.patch
        self.caption = Caption(config)
        widths = config.seen[::-1]
        self.stem = Conv2d(3 * config.patch**2, widths[0], 3, padding=1)
        following = (*widths[1:], widths[-1])
        self.blocks = nn.ModuleList(
            ResidualBlock(i, o, condition=config.text) for i, o in zip(widths, following, strict=True)
        )
        self.out = nn.Linear(widths[-1] * 16, 2 * config.noise)

    def forward(self, picture: Tensor, numbers: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, side, side) and its caption to the mean (B, N) and the logarithm of the variance (B, N)."""
        said = self.caption(numbers, places)
        h = self.stem(_folded(picture, self.patch))
        for index, block in enumerate(self.blocks):
            h = block(functional.avg_pool2d(h, 2) if index else h, said)
        mean, logvar = self.out(functional.silu(h).flatten(1)).float().chunk(2, dim=1)
        return mean, logvar.clamp(-12, 6)


class Critic(nn.Module):
    """How real a picture looks, and how well it fits its caption.

    Without norms: they would take away how much there is of fine detail, which is what tells blurred pictures apart.
    """

    def __init__(self, config: GANConfig) -> None:
        super().__init__()
        self.patch = config.patch
        self.caption = Caption(config)
        widths = config.seen[::-1]
        self.stem = Conv2d(3 * config.patch**2, widths[0], 3, padding=1)
        layers: list[nn.Module] = [nn.LeakyReLU(0.2), Conv2d(widths[0], widths[0], 3, padding=1), nn.LeakyReLU(0.2)]
        for narrow, wide in itertools.pairwise(widths):
            layers += [Conv2d(narrow, wide, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, Conv2d(widths[-1], widths[-1], 3, padding=1), nn.LeakyReLU(0.2))
        self.score = nn.Linear(widths[-1], 1)
        self.project = nn.Linear(config.text, widths[-1], bias=False)

    def forward(self, picture: Tensor, numbers: Tensor, places: Tensor) -> Tensor:
        """(B, 3, side, side) and its caption to (B,) logits; positive: real."""
        features = self.layers(self.stem(_folded(picture, self.patch))).mean((2, 3))
        out: Tensor = self.score(features)[:, 0] + (features * self.project(self.caption(numbers, places))).sum(1)
        return out


def _folded(picture: Tensor, patch: int) -> Tensor:
    """(B, 3, side, side) to (B, 3 * patch ** 2, side / patch, side / patch)."""
    return functional.pixel_unshuffle(picture, patch).contiguous(memory_format=torch.channels_last)


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
