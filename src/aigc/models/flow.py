"""Flow transformer: text to latent pictures. Text and picture are one sequence.

Sources: Liu et al. 2022, arXiv:2209.03003 and Lipman et al. 2022, arXiv:2210.02747 (rectified flow); Peebles & Xie
2022, arXiv:2212.09748 (the transformer and its modulation); Chen et al. 2023, arXiv:2310.00426 (one modulation for all
layers); Hoogeboom et al. 2023, arXiv:2301.11093 (convolutions around the transformer);
Su et al. 2021, arXiv:2104.09864 (rotary positions); Henry et al. 2020, arXiv:2010.04245 (normed queries and
keys).
Knows: tensors in, tensors out. Does not know: text beyond numbers, the auto-encoder, losses, sampling.
Shapes: B batch, Z latent channels, H height, W width of the latent, T text tokens, D width, S width of text states.
"""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from aigc.models.flow_levels import Inward, Outward
from aigc.models.layers import RMSNorm, time_features, wrap_around


@dataclass(frozen=True, kw_only=True, slots=True)
class FlowConfig:
    """Sizes."""

    latent: int = 8
    """Channels of the latent picture."""
    patch: int = 2
    """Side of a patch in the latent."""
    levels: tuple[int, ...] = ()
    """Channels of convolutions around the transformer, each level at half the side of the one before; then ``patch``
    is what that comes to, 2 ** levels. Empty: patches go in as they are. Levels see neighbours, so that few samples
    give pictures without blocks."""
    width: int = 512
    layers: int = 12
    heads: int = 8
    text: int = 384
    """Width of a text state, or of the table if text comes as numbers."""
    vocabulary: int = 256
    """Numbers that a text token can be; 0: text comes as states of a text encoder."""
    text_layers: int = 2
    """Layers of its own that the text goes through first."""

    def __post_init__(self) -> None:
        if self.width % self.heads or self.width // self.heads % 4:
            raise ValueError(f"width must be heads times a multiple of 4, got {self}")
        if self.levels and (self.patch != 1 << len(self.levels) or any(c % 16 for c in self.levels)):
            raise ValueError(f"patch must be 2 ** levels and their channels multiples of 16, got {self}")


class Attention(nn.Module):
    """Self-attention with normed queries and keys."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.norm_q, self.norm_k = RMSNorm(width // heads), RMSNorm(width // heads)
        self.mix = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, seen: Tensor, turns: tuple[Tensor, Tensor] | None) -> Tensor:
        """(B, L, D), (B, 1, 1, L) true where a token may be looked at, cosines and sines (L, D/heads/2): (B, L, D)."""
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=-1))
        q, k = self.norm_q(q), self.norm_k(k)
        if turns is not None:
            q, k = rotate(q, *turns), rotate(k, *turns)
        mixed = functional.scaled_dot_product_attention(q, k, v.to(q.dtype), attn_mask=seen)
        out: Tensor = self.mix(mixed.transpose(1, 2).flatten(2))
        return out


class Block(nn.Module):
    """Attention and a gated feed-forward part, both modulated by the time."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, elementwise_affine=False)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, elementwise_affine=False)
        inner = width * 8 // 3 // 32 * 32
        self.feed = nn.Linear(width, 2 * inner, bias=False)
        self.back = nn.Linear(inner, width, bias=False)
        self.table = nn.Parameter(torch.zeros(6, width))

    def forward(self, x: Tensor, time: Tensor, seen: Tensor, turns: tuple[Tensor, Tensor] | None) -> Tensor:
        """(B, L, D) and the modulation (B, 6, D) to (B, L, D)."""
        gain1, shift1, gate1, gain2, shift2, gate2 = (time + self.table).unsqueeze(2).unbind(1)
        x = x + gate1 * self.attention(self.norm1(x) * (1 + gain1) + shift1, seen, turns)
        left, right = self.feed(self.norm2(x) * (1 + gain2) + shift2).chunk(2, dim=-1)
        out: Tensor = x + gate2 * self.back(functional.silu(left) * right)
        return out


class FlowTransformer(nn.Module):
    """The velocity with which noise and picture part: noise minus picture."""

    latent_mean: Tensor
    """(1, Z, 1, 1): of the auto-encoder's latents; with `latent_std`, what makes them normal."""
    latent_std: Tensor

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.config = config
        width, cells = config.width, config.patch**2
        self.register_buffer("latent_mean", torch.zeros(1, config.latent, 1, 1))
        self.register_buffer("latent_std", torch.ones(1, config.latent, 1, 1))
        self.embed_text = nn.Embedding(config.vocabulary, config.text) if config.vocabulary else nn.Identity()
        self.stem_text = nn.Linear(config.text, width)
        # Always there, so that a sequence without a caption is not empty, and learned: it stands for "anything".
        self.anything = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.place = nn.Parameter(0.02 * torch.randn(1, 512, width))
        self.text_blocks = nn.ModuleList(Block(width, config.heads) for _ in range(config.text_layers))
        given = 2 * config.latent + 1
        self.inward = Inward(given, config.levels, width) if config.levels else None
        self.stem = nn.Linear(config.levels[-1] if config.levels else given * cells, width)
        self.time = nn.Sequential(nn.Linear(256, width), nn.SiLU(), nn.Linear(width, width))
        self.modulation = nn.Linear(width, 6 * width)
        self.blocks = nn.ModuleList(Block(width, config.heads) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, config.levels[-1] if config.levels else config.latent * cells)
        self.outward = Outward(config.levels, config.latent, width) if config.levels else None
        if self.outward is None:
            nn.init.zeros_(self.out.weight)
            nn.init.zeros_(self.out.bias)

    def read(self, text: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Text once for all steps of a sampling.

        Args:
            text: (B, T) numbers, or (B, T, S) states; T at most 511.
            present: (B, T), true where there is a token; all false: no caption.

        Returns: tokens (B, 1 + T, D) and which of them may be looked at (B, 1 + T).
        """
        x = self.stem_text(self.embed_text(text))
        x = torch.cat([self.anything.expand(x.shape[0], -1, -1).to(x.dtype), x], dim=1)
        seen = torch.cat([torch.ones_like(present[:, :1]), present], dim=1).bool()
        x = x + self.place[:, : x.shape[1]]
        still = self.modulation(torch.zeros(1, self.config.width, device=x.device)).view(1, 6, -1)
        for block in self.text_blocks:
            x = block(x, still, seen[:, None, None], None)
        return x, seen

    def forward(
        self,
        x: Tensor,
        t: Tensor,
        text: Tensor,
        seen: Tensor,
        known: Tensor,
        turns: tuple[Tensor, Tensor] | None = None,
        around: Tensor | None = None,
    ) -> Tensor:
        """One look at a noisy latent.

        Args:
            x: (B, Z, H, W), (1 - t) * picture + t * noise, of normed latents. Twice as wide as high: a panorama, whose
                ends touch.
            t: (B,), 0 (picture) to 1 (noise).
            text: (B, 1 + T, D) from `read`.
            seen: (B, 1 + T) from `read`.
            known: (B, Z + 1, H, W): what is given of the picture, zeros elsewhere; then 1 where it is given.
            turns: what `positions` gives for this size; None: computed here. An exported network is given them, so that
                it knows no size.
            around: (1,), 1 for a panorama, else 0; None: found out here.

        Returns: (B, Z, H, W), noise minus picture.
        """
        p = self.config.patch
        _, _, height, width = x.shape
        wraps = width == 2 * height
        time = functional.silu(self.time(time_features(t, 256)))
        modulation = self.modulation(time).view(-1, 6, self.config.width)
        if turns is None:
            each = self.config.width // self.config.heads
            turns = positions(height // p, width // p, each, text.shape[1], wraps, x.device)
        whole, skips = torch.cat([x, known], dim=1), []
        touching = wraps if around is None else around
        with nullcontext() if touching is False else wrap_around(self, touching):
            if self.inward is None:
                small = functional.pixel_unshuffle(whole, p)
            else:
                small, skips = self.inward(whole, time)
            tokens = self.stem(small.flatten(2).transpose(1, 2))
            made = self._mixed(tokens, text, seen, modulation, turns)
            made = made.transpose(1, 2).unflatten(2, (height // p, width // p))
            picture: Tensor = (
                functional.pixel_shuffle(made, p) if self.outward is None else self.outward(made, skips, time)
            )
        return picture

    def _mixed(
        self, tokens: Tensor, text: Tensor, seen: Tensor, modulation: Tensor, turns: tuple[Tensor, Tensor]
    ) -> Tensor:
        """(B, L, D) of the picture through all layers, beside the text."""
        mask = torch.cat([seen, torch.ones_like(tokens[..., 0], dtype=torch.bool)], dim=1)[:, None, None]
        h = torch.cat([text.to(tokens.dtype), tokens], dim=1)
        for block in self.blocks:
            h = block(h, modulation, mask, turns)
        made: Tensor = self.out(self.norm(h[:, text.shape[1] :]))
        return made


def positions(
    rows: int, columns: int, width: int, text: int, wraps: bool, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Angles for rotary positions: half of a head turns with the row, half with the column; text doesn't turn.

    Args:
        rows: of patches.
        columns: of patches.
        width: of a head, a multiple of 4.
        text: tokens before the patches.
        wraps: every frequency is rounded to whole turns around the picture, so that its ends are neighbours.
        device: of the result.

    Returns: cosines and sines, each (text + rows * columns, width / 2).
    """
    quarter = width // 4
    frequencies = torch.exp(-math.log(100.0) * torch.arange(quarter, device=device) / quarter)
    across = frequencies
    if wraps:
        across = torch.round(frequencies * columns / (2 * math.pi)) * (2 * math.pi / columns)
    down = torch.arange(rows, device=device)[:, None] * frequencies
    side = torch.arange(columns, device=device)[:, None] * across
    grid = torch.cat([down[:, None].expand(-1, columns, -1), side[None].expand(rows, -1, -1)], dim=-1).flatten(0, 1)
    angles = functional.pad(grid, (0, 0, text, 0))
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn pairs of features: (B, heads, L, D), with (L, D / 2) each."""
    left, right = x.chunk(2, dim=-1)
    cosine, sine = cosine.to(x.dtype), sine.to(x.dtype)
    return torch.cat([left * cosine - right * sine, right * cosine + left * sine], dim=-1)
