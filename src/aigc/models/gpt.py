"""A decoder-only transformer: from the form of 2017 to today's, by its settings alone.

    token -> embedding (+ position) -> layers x (attention, feed-forward) -> norm -> logits of the next token

Each layer adds what it finds to the same stream: ``x = x + attention(norm(x)); x = x + feed_forward(norm(x))``.

Sources: Vaswani et al. 2017, arXiv:1706.03762 (attention, sinusoidal positions); Radford et al. 2019, "Language models
are unsupervised multitask learners" (norm before each part, learned positions, GELU); Zhang & Sennrich 2019,
arXiv:1910.07467 (RMSNorm); Shazeer 2020, arXiv:2002.05202 (SwiGLU); Su et al. 2021, arXiv:2104.09864 (rotary
positions); Ainslie et al. 2023, arXiv:2305.13245 (grouped queries); Jiang et al. 2023, arXiv:2310.06825 (window);
Henry et al. 2020, arXiv:2010.04245 (normed queries and keys); Press & Wolf 2016, arXiv:1608.05859 (tied embedding).
Knows: token numbers in, logits out. Does not know: text, losses, files.
Shapes: B batch, T tokens now, P tokens before (cached), L = P + T, D width, H heads, K heads of keys, E width of a
head, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from aigc.models.layers import RMSNorm


@dataclass(frozen=True, kw_only=True, slots=True)
class GPTConfig:
    """Sizes and forms. GPT-2 is learned + layer + gelu + all biases; Llama rotary + rms + swiglu + none."""

    vocabulary: int = 32_768
    context: int = 1024
    """Longest sequence."""
    width: int = 512
    layers: int = 8
    heads: int = 8
    key_heads: int = 0
    """Heads of keys and values, each shared by ``heads / key_heads`` heads of queries; 0: as many as heads."""
    head_width: int = 0
    """0: width / heads."""
    inner: int = 0
    """Width inside the feed-forward part; 0: 4 widths, or 8/3 where it is gated, which costs the same."""
    positions: Literal["learned", "sinusoidal", "rotary"] = "rotary"
    norm: Literal["layer", "rms"] = "rms"
    feed: Literal["gelu", "gelu_tanh", "swiglu"] = "swiglu"
    biases: Literal["all", "qkv", "none"] = "none"
    norm_qk: bool = False
    """Whether each head's queries and keys are normed."""
    tied: bool = True
    """Whether the embedding is also what gives the logits."""
    window: int = 0
    """A token sees itself and so many before it, less one; 0: all."""
    rotary_base: float = 10_000.0
    rotary_stretch: tuple[float, ...] = ()
    """Llama 3.1's stretching of slow turns: factor, low and high frequency factor, context of the pre-training."""
    epsilon: float = 1e-5
    """Of the norms."""
    dropout: float = 0.0
    """Share of the numbers that are left out in training, after the embedding and after each part."""

    def __post_init__(self) -> None:
        if min(self.vocabulary, self.context, self.width, self.layers, self.heads) < 1:
            raise ValueError(f"sizes must be 1 or more, got {self}")
        if self.heads % self.groups or (not self.head_width and self.width % self.heads):
            raise ValueError(f"heads must be a multiple of key_heads, and width one of heads, got {self}")
        if self.positions == "rotary" and self.each % 2:
            raise ValueError(f"rotary positions turn pairs: the width of a head must be even, got {self.each}")
        if self.rotary_stretch and len(self.rotary_stretch) != 4:
            raise ValueError(f"rotary_stretch has 4 numbers or none, got {self.rotary_stretch}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be 0 up to, but not, 1, got {self.dropout}")

    @property
    def each(self) -> int:
        """Width of a head."""
        return self.head_width or self.width // self.heads

    @property
    def groups(self) -> int:
        """Heads of keys and values."""
        return self.key_heads or self.heads

    @property
    def hidden(self) -> int:
        """Width inside the feed-forward part."""
        gated = self.width * 8 // 3 // 32 * 32 or 32
        return self.inner or (gated if self.feed == "swiglu" else 4 * self.width)


@dataclass(slots=True)
class Cache:
    """Keys and values of the tokens so far, (B, K, P, E) for each layer: a token is computed once."""

    keys: list[Tensor] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)

    @property
    def length(self) -> int:
        """P."""
        return self.keys[0].shape[2] if self.keys else 0

    def extend(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Add (B, K, T, E) of new tokens; returns all, (B, K, L, E)."""
        if layer == len(self.keys):
            self.keys.append(key)
            self.values.append(value)
        else:
            self.keys[layer] = torch.cat([self.keys[layer], key], dim=2)
            self.values[layer] = torch.cat([self.values[layer], value], dim=2)
        return self.keys[layer], self.values[layer]


@dataclass(slots=True)
class Look:
    """What a person may want to see of one pass; given to `GPT.forward`, it is filled."""

    attention: list[Tensor] = field(default_factory=list)
    """(B, H, T, L) for each layer: how much each token takes from which."""
    states: list[Tensor] = field(default_factory=list)
    """(B, T, D): the stream before the first layer and after each."""


@dataclass(frozen=True, slots=True)
class _Scene:
    """What all layers share in one pass."""

    seen: Tensor | None
    """(B or 1, 1, T, L), true where a token may look; None: at itself and all before it."""
    turns: tuple[Tensor, Tensor] | None
    """Cosines and sines (B or 1, 1, T, E / 2) of rotary positions."""
    cache: Cache | None
    look: Look | None


class Attention(nn.Module):
    """Each token asks (query), all answer what they are (key) and what they tell (value).

    ``softmax(q k' / sqrt(E)) v`` for each head, arXiv:1706.03762 equation 1; heads side by side, section 3.2.2.
    """

    def __init__(self, config: GPTConfig, layer: int) -> None:
        super().__init__()
        self.config, self.layer = config, layer
        biased, each = config.biases != "none", config.each
        self.q = nn.Linear(config.width, config.heads * each, bias=biased)
        self.k = nn.Linear(config.width, config.groups * each, bias=biased)
        self.v = nn.Linear(config.width, config.groups * each, bias=biased)
        self.mix = nn.Linear(config.heads * each, config.width, bias=config.biases == "all")
        self.norm_q = RMSNorm(each, config.epsilon) if config.norm_qk else None
        self.norm_k = RMSNorm(each, config.epsilon) if config.norm_qk else None

    def forward(self, x: Tensor, scene: _Scene) -> Tensor:
        """(B, T, D) to the same."""
        each = self.config.each
        q, k, v = (part(x).unflatten(-1, (-1, each)).transpose(1, 2) for part in (self.q, self.k, self.v))
        if self.norm_q is not None and self.norm_k is not None:
            q, k = self.norm_q(q).to(v.dtype), self.norm_k(k).to(v.dtype)
        if scene.turns is not None:
            q, k = rotate(q, *scene.turns), rotate(k, *scene.turns)
        if scene.cache is not None:
            k, v = scene.cache.extend(self.layer, k, v)
        if scene.look is not None:
            mixed = self._slowly(q, k, v, scene.seen, scene.look)
        else:
            mixed = functional.scaled_dot_product_attention(
                q, k, v, attn_mask=scene.seen, is_causal=scene.seen is None, enable_gqa=q.shape[1] != k.shape[1]
            )
        out: Tensor = self.mix(mixed.transpose(1, 2).flatten(2))
        return out

    def _slowly(self, q: Tensor, k: Tensor, v: Tensor, seen: Tensor | None, look: Look) -> Tensor:
        """The same, written out, so that the shares can be kept."""
        many = q.shape[1] // k.shape[1]
        k, v = k.repeat_interleave(many, dim=1), v.repeat_interleave(many, dim=1)
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        if seen is None:
            seen = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).tril()
        shares = scores.float().masked_fill(~seen, -torch.inf).softmax(-1)
        look.attention.append(shares.detach())
        return shares.to(v.dtype) @ v


class FeedForward(nn.Module):
    """Each token by itself: wider, bent, narrow again."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        biased = config.biases == "all"
        self.form = config.feed
        self.gate = nn.Linear(config.width, config.hidden, bias=biased) if config.feed == "swiglu" else None
        self.up = nn.Linear(config.width, config.hidden, bias=biased)
        self.down = nn.Linear(config.hidden, config.width, bias=biased)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) to the same."""
        if self.gate is not None:
            inner = functional.silu(self.gate(x)) * self.up(x)
        else:
            inner = functional.gelu(self.up(x), approximate="tanh" if self.form == "gelu_tanh" else "none")
        out: Tensor = self.down(inner)
        return out


class Block(nn.Module):
    """One layer."""

    def __init__(self, config: GPTConfig, layer: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = _norm(config), _norm(config)
        self.attention, self.feed = Attention(config, layer), FeedForward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, scene: _Scene) -> Tensor:
        """(B, T, D) to the same."""
        x = x + self.dropout(self.attention(self.norm1(x).to(x.dtype), scene))
        out: Tensor = x + self.dropout(self.feed(self.norm2(x).to(x.dtype)))
        return out


class GPT(nn.Module):
    """Logits for the next token, at every place at once."""

    recompute: bool = False
    """Training: each layer is computed again on the way back instead of kept, which saves memory for a third more time.

    Source: Chen et al. 2016, arXiv:1604.06174."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocabulary, config.width)
        self.embed_place = nn.Embedding(config.context, config.width) if config.positions == "learned" else None
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config, layer) for layer in range(config.layers))
        self.norm = _norm(config)
        self.head = None if config.tied else nn.Linear(config.width, config.vocabulary, bias=False)
        self._begin()

    def _begin(self) -> None:
        """First weights as in GPT-2: small, smaller where a layer adds to the stream, by the number of additions."""
        for name, parameter in self.named_parameters():
            if parameter.ndim > 1:
                adds = name.endswith(("mix.weight", "down.weight"))
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * self.config.layers) if adds else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(
        self,
        tokens: Tensor,
        *,
        cache: Cache | None = None,
        segments: Tensor | None = None,
        look: Look | None = None,
    ) -> Tensor:
        """Logits of what follows each token.

        Args:
            tokens: (B, T) numbers.
            cache: keys and values of what came before, which is extended.
            segments: (B, T) numbers of the texts that are packed into a row, rising; a token sees its own text only,
                and its place is counted from that text's beginning. Without a cache.
            look: filled with attention and states, at the price of speed.

        Returns: (B, T, V) logits.

        Raises:
            ValueError: the sequence is longer than the context.
        """
        return self.logits(self.states(tokens, cache=cache, segments=segments, look=look))

    def states(
        self,
        tokens: Tensor,
        *,
        cache: Cache | None = None,
        segments: Tensor | None = None,
        look: Look | None = None,
    ) -> Tensor:
        """What `forward` makes its logits of: (B, T, D), normed. The arguments are its own."""
        before = cache.length if cache is not None else 0
        if before + tokens.shape[1] > self.config.context:
            raise ValueError(f"{before + tokens.shape[1]} tokens; accepted: at most {self.config.context}")
        places = _places(tokens, before, segments)
        x = self.embed(tokens)
        turns = None
        if self.embed_place is not None:
            x = x + self.embed_place(places)
        elif self.config.positions == "sinusoidal":
            x = x + waves(places, self.config.width).to(x.dtype)
        else:
            turns = _turns(places, self.config)
        x = self.dropout(x)
        scene = _Scene(self._seen(tokens, before, segments), turns, cache, look)
        for block in self.blocks:
            if look is not None:
                look.states.append(x.detach())
            again = self.recompute and self.training and cache is None
            x = checkpoint(block, x, scene, use_reentrant=False) if again else block(x, scene)
        if look is not None:
            look.states.append(x.detach())
        out: Tensor = self.norm(x).to(x.dtype)
        return out

    def logits(self, states: Tensor) -> Tensor:
        """(..., D) states, normed, to (..., V). Any part of the states will do: a loss takes a slice at a time."""
        weight = self.embed.weight if self.head is None else self.head.weight
        return functional.linear(states, weight.to(states.dtype))

    def _seen(self, tokens: Tensor, before: int, segments: Tensor | None) -> Tensor | None:
        """Which tokens each may look at; None where the fast causal way says it."""
        count, window = tokens.shape[1], self.config.window
        narrow = 0 < window < before + count
        if not narrow and segments is None and (before == 0 or count == 1):
            # One new token sees everything, many first ones see what is before them.
            return None if before == 0 else torch.ones(1, 1, 1, before + 1, dtype=torch.bool, device=tokens.device)
        now = torch.arange(before, before + count, device=tokens.device)[:, None]
        back = now - torch.arange(before + count, device=tokens.device)[None]
        seen = ((back >= 0) & (back < window) if narrow else back >= 0)[None, None]
        if segments is not None:
            seen = seen & (segments[:, None, :, None] == segments[:, None, None, :])
        return seen

    @torch.no_grad()
    def generate(self, tokens: Tensor, most: int, *, temperature: float = 0.0, end: int | None = None) -> Iterator[int]:
        """Continue one text, a token at a time.

        Args:
            tokens: (T,) numbers, 1 or more.
            most: tokens to make; fewer where the context is full.
            temperature: 0: the likeliest; else what logits are divided by before one is drawn.
            end: token after which it ends; it is given out as well.
        """
        cache, now = Cache(), tokens[None]
        for _ in range(min(most, self.config.context - len(tokens))):
            logits = self.logits(self.states(now, cache=cache)[0, -1]).float()
            if temperature > 0:
                chosen = int(torch.multinomial((logits / temperature).softmax(-1), 1))
            else:
                chosen = int(logits.argmax())
            yield chosen
            if chosen == end:
                return
            now = torch.tensor([[chosen]], device=tokens.device)


def _norm(config: GPTConfig) -> nn.Module:
    if config.norm == "rms":
        return RMSNorm(config.width, config.epsilon)
    return nn.LayerNorm(config.width, eps=config.epsilon)


def _places(tokens: Tensor, before: int, segments: Tensor | None) -> Tensor:
    """(B or 1, T): how many tokens of its text precede each one."""
    steps = torch.arange(before, before + tokens.shape[1], device=tokens.device)[None]
    if segments is None:
        return steps
    begins = functional.pad(segments[:, 1:] != segments[:, :-1], (1, 0), value=True)
    return steps - torch.where(begins, steps, 0).cummax(dim=1).values


def waves(places: Tensor, width: int) -> Tensor:
    """Sinusoidal positions: (B, T) to (B, T, D), float32.

    ``sin(p / 10000^(2i / D))`` at even and the cosine at odd places. Source: arXiv:1706.03762, section 3.5.
    """
    steps = torch.arange(0, width, 2, device=places.device, dtype=torch.float32)
    angles = places[..., None].float() * torch.exp(-math.log(10_000.0) * steps / width)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)[..., :width]


def _turns(places: Tensor, config: GPTConfig) -> tuple[Tensor, Tensor]:
    """Cosines and sines, (B or 1, 1, T, E / 2), float32: pair i of a head turns by ``place / base^(2i / E)``."""
    steps = torch.arange(0, config.each, 2, device=places.device, dtype=torch.float32) / config.each
    speeds = config.rotary_base**-steps
    if config.rotary_stretch:
        speeds = _stretched(speeds, *config.rotary_stretch)
    angles = places[:, None, :, None].float() * speeds
    return angles.cos(), angles.sin()


def _stretched(speeds: Tensor, factor: float, low: float, high: float, trained: float) -> Tensor:
    """Slow turns made slower by a factor, fast ones left, those between mixed.

    Source: Llama team 2024, arXiv:2407.21783, and its reference implementation's frequency factors.
    """
    turns = trained * speeds / (2 * math.pi)
    share = ((turns - low) / (high - low)).clamp(0, 1)
    return speeds * (share + (1 - share) / factor)


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn pairs (i, i + E / 2) of every head: (B, H, T, E) with (B or 1, 1, T, E / 2) each."""
    left, right = x.float().chunk(2, dim=-1)
    return torch.cat([left * cosine - right * sine, right * cosine + left * sine], dim=-1).to(x.dtype)
