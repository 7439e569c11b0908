"""Sees what a picture shows, and which caption it belongs to: one trunk for both.

Things are points, after CenterNet (Zhou et al. 2019, arXiv:1904.07850): a map of centres, at each centre kind and
colour, on a pyramid of features (Lin et al. 2016, arXiv:1612.03144). Pictures and captions become vectors that are
near where they belong together (Radford et al. 2021, arXiv:2103.00020).
Knows: tensors in, tensors out. Does not know: the words behind the numbers, losses, files.
Shapes: B batch, T concepts of a caption, D width of the vectors, C cells along a side of the maps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from aigc.models.flow import Attention
from aigc.models.layers import Conv2d, ResidualBlock, upsample

_SCALES = (1, 2, 4)
"""Sides of squares of pixels between which differences are looked at."""
_PATCH = 3
"""Side of the squares of pixels that the first level sees as one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExaminerConfig:
    """Sizes."""

    heads: Mapping[str, int] = field(default_factory=dict)
    """What is said of a picture as a whole: name to the number of words to choose from."""
    kinds: int = 1
    colours: int = 1
    side: int = 144
    """Of pictures, in pixels: a multiple of 48."""
    widths: tuple[int, int, int, int] = (32, 64, 128, 192)
    """Channels of the levels, from the finest; multiples of 16."""
    vector: int = 128
    vocabulary: int = 256
    """Numbers that a concept can be; 0 stands for none."""
    words: int = 24
    """Concepts of a caption, at most."""

    def __post_init__(self) -> None:
        if self.side % (_PATCH * 16) or any(w % 16 for w in self.widths) or self.vector % 32:
            raise ValueError(f"side must be a multiple of 48, widths of 16, vector of 32, got {self}")


class Examiner(nn.Module):
    """Both towers and the factor between the product of two vectors and how sure it is."""

    feature_mean: Tensor
    """(1, F): of the features of training pictures; with `feature_std`, what makes them unit variance."""
    feature_std: Tensor

    def __init__(self, config: ExaminerConfig) -> None:
        super().__init__()
        self.config = config
        a, b, c, d = config.widths
        self.stem = nn.Sequential(Conv2d(3, a, _PATCH, stride=_PATCH), nn.SiLU(), Conv2d(a, a, 3, 2, 1))
        self.strokes = Conv2d(a, a, 3, padding=1)
        self.fine = ResidualBlock(a, a)
        self.middle = nn.Sequential(Conv2d(a, b, 3, 2, 1), ResidualBlock(b, b), ResidualBlock(b, b))
        self.deep = nn.Sequential(Conv2d(b, c, 3, 2, 1), ResidualBlock(c, c), ResidualBlock(c, c))
        self.deepest = nn.Sequential(Conv2d(c, d, 3, 2, 1), ResidualBlock(d, d), nn.GroupNorm(16, d), nn.SiLU())
        self.down = nn.ModuleList([Conv2d(d, c, 1), Conv2d(c, b, 1), Conv2d(b, b, 1)])
        self.across = Conv2d(a, b, 1)
        self.joined = nn.Sequential(ResidualBlock(b, b), nn.GroupNorm(16, b), nn.SiLU())
        self.maps = nn.Sequential(Conv2d(b, b, 3, 1, 1), nn.SiLU(), Conv2d(b, 1 + config.kinds + config.colours, 1))
        # A centre is rare; without this the first steps teach nothing else (Lin et al. 2017, arXiv:1708.02002).
        nn.init.constant_(self.maps[-1].bias[:1], -4.0)  # type: ignore[index,arg-type]
        self.features = d + 2 * b + 2 * a
        self.heads = nn.ModuleDict(
            {name: nn.Linear(self.features, size) for name, size in config.heads.items() if name != "style"}
        )
        self.style = Style(config)
        self.regions = Conv2d(d + b, 48, 1)
        regions = (config.side // (_PATCH * 16)) ** 2
        self.picture = nn.Sequential(
            nn.Linear(48 * regions, 2 * config.vector), nn.SiLU(), nn.Linear(2 * config.vector, config.vector)
        )
        self.captions = Captions(config)
        self.scale = nn.Parameter(torch.tensor(2.5))
        self.register_buffer("feature_mean", torch.zeros(1, self.features))
        self.register_buffer("feature_std", torch.ones(1, self.features))

    def see(self, pictures: Tensor) -> dict[str, Tensor]:
        """What is there.

        Args:
            pictures: (B, 3, side, side), 0 to 1.

        Returns: for each head (B, words) logits; maps (B, n, C, C) of logits ``centre``, ``kind``, ``colour``;
            ``features`` (B, F) with mean 0 and variance 1 over training pictures; ``vector`` (B, D) of length 1.
        """
        near = self.stem[:2](pictures * 2 - 1)
        strokes = functional.silu(self.strokes(near)).float()
        mean = strokes.mean((2, 3))
        spread = ((strokes - mean[:, :, None, None]).square().mean((2, 3)) + 1e-5).sqrt()
        a = self.fine(self.stem[2:](near))
        b = self.middle(a)
        c = self.deep(b)
        d = self.deepest(c)
        up = upsample(self.down[0](d)) + c
        up = self.joined(upsample(self.down[1](up)) + b)
        maps = self.maps(upsample(self.down[2](up)) + self.across(a))
        pooled = torch.cat([d.mean((2, 3)), up.mean((2, 3)), up.amax((2, 3)), mean, spread], dim=1)
        found = {name: head(pooled) for name, head in self.heads.items()}
        found["style"] = self.style(pictures)
        centre, kind, colour = maps.split([1, self.config.kinds, self.config.colours], dim=1)
        coarse = torch.cat([d, functional.max_pool2d(up, 4)], dim=1)
        vector = functional.normalize(self.picture(self.regions(coarse).flatten(1)).float(), dim=-1)
        features = (pooled.float() - self.feature_mean) / self.feature_std
        return found | {"centre": centre, "kind": kind, "colour": colour, "features": features, "vector": vector}

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """See `see`."""
        return self.see(pictures)


class Style(nn.Module):
    """How a picture is painted: how strong its differences between neighbours are, at three sizes, above and below.

    Norms over a picture would take away just that, so the trunk can't tell. Energies of fixed filters: Laws 1980,
    "Rapid texture identification".
    """

    mean: Tensor
    """(1, T): of the energies over training pictures; with `std`, what makes them unit variance."""
    std: Tensor

    def __init__(self, config: ExaminerConfig) -> None:
        super().__init__()
        size, words = len(_SCALES) * 2 * 3 * 3 * 3, config.heads.get("style", 1)
        self.register_buffer("mean", torch.zeros(1, size))
        self.register_buffer("std", torch.ones(1, size))
        self.body = nn.Sequential(
            nn.Linear(size, 128), nn.SiLU(), nn.Dropout(0.2), nn.Linear(128, 64), nn.SiLU(), nn.Dropout(0.2)
        )
        self.out = nn.Linear(64, words)

    def energies(self, pictures: Tensor) -> Tensor:
        """(B, T): of every scale, direction, third of the height and colour the mean, the spread, the share at rest."""
        found = []
        for scale in _SCALES:
            x = functional.avg_pool2d(pictures, scale)
            for difference in (x[:, :, :, 1:] - x[:, :, :, :-1], x[:, :, 1:] - x[:, :, :-1]):
                energy = torch.log(difference.square() + 1e-4)
                rest = torch.sigmoid(-2 * (energy + 7.8))
                rows = energy.shape[2] // 3
                for first in (0, rows, 2 * rows):
                    part = energy[:, :, first : first + rows]
                    mean = part.mean((2, 3))
                    spread = (part - mean[:, :, None, None]).square().mean((2, 3)).clamp(min=1e-4).sqrt()
                    found += [mean, spread, rest[:, :, first : first + rows].mean((2, 3))]
        return torch.cat(found, dim=1)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 3, side, side), 0 to 1, to logits (B, words)."""
        seen = (self.energies(pictures.float()) - self.mean) / self.std
        return self.out(self.body(seen))  # type: ignore[no-any-return]


class Captions(nn.Module):
    """Concepts in their order to a vector."""

    def __init__(self, config: ExaminerConfig) -> None:
        super().__init__()
        width = config.vector
        self.embed = nn.Embedding(config.vocabulary, width)
        self.place = nn.Parameter(0.02 * torch.randn(1, config.words, width))
        self.layers = nn.ModuleList(_Layer(width) for _ in range(2))
        self.out = nn.Linear(width, width)
        nn.init.normal_(self.embed.weight, std=0.1)

    def forward(self, words: Tensor) -> Tensor:
        """(B, T) numbers, 0 behind the last, to (B, D) of length 1."""
        there = (words > 0).float()
        x = self.embed(words) + self.place[:, : words.shape[1]]
        for layer in self.layers:
            x = layer(x, there)
        # The mean over what is there; a caption that says nothing is the mean of nothing, 0.
        mean = (x * there[..., None]).sum(1) / there.sum(1, keepdim=True).clamp_min(1)
        return functional.normalize(self.out(mean).float(), dim=-1)


class _Layer(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, width // 32)
        self.feed = nn.Sequential(nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        # Added to the scores rather than masked: a caption without words would have nothing to look at.
        x = x + self.attention(self.norm1(x), (there[:, None, None] - 1) * 1e4, None)
        out: Tensor = x + self.feed(self.norm2(x))
        return out
