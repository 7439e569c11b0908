"""``image/gan``: small pictures from a caption in one pass, for instant previews.

A caption is the normed sum of fixed random vectors, one for each of its words or Chinese characters: enough for single
things and their colours, with nothing to train or to carry.

Knows: generator, critic, their losses. Does not know: how pictures are made, the loop.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from aigc.errors import UserError
from aigc.models.gan import Critic, GANConfig, Generator
from aigc.recipes.base import Recipe, Setup
from aigc.training.config import TrainConfig
from aigc.training.pool import SHARD, Pool
from aigc.training.sheets import sheet, to_pixels
from aigc.training.task import Batch, Player


@dataclass(frozen=True, kw_only=True, slots=True)
class GANRecipe:
    """Settings of the run."""

    model: GANConfig = field(default_factory=GANConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    data: tuple[str, ...] = ("scenes",)
    pictures: int = 20_000
    kind: str = "sticker"
    """Pictures of this kind only, where a source has it; else its first kind."""
    penalty: float = 1.0
    """Weight of R1, the squared gradient of the critic at real pictures; half of it is added."""


class GANTask:
    """The two networks; non-saturating losses and R1."""

    def __init__(self, config: GANRecipe, held_out: Batch) -> None:
        self._config, self._held_out = config, held_out
        torch.manual_seed(config.train.seed)
        self.generator, self.critic = Generator(config.model), Critic(config.model)
        self.players: Sequence[Player] = (
            Player("generator", self.generator, self._generator_loss),
            Player("critic", self.critic, self._critic_loss, compiles=False),
        )

    def _made(self, captions: Tensor) -> Tensor:
        noise = torch.randn(len(captions), self._config.model.noise, device=captions.device)
        made: Tensor = self.generator(noise, captions).float()
        return made

    def _generator_loss(self, batch: Batch, done: float) -> tuple[Tensor, dict[str, Tensor]]:
        score = self.critic(self._made(batch["captions"]), batch["captions"]).float()
        return functional.softplus(-score).mean(), {}

    def _critic_loss(self, batch: Batch, done: float) -> tuple[Tensor, dict[str, Tensor]]:
        captions = batch["captions"]
        # R1 differentiates the score by the pixels: that needs full precision.
        with torch.autocast(captions.device.type, enabled=False):
            # A view, not a leaf: the counter of operations can't watch leaves inside `autograd.grad`.
            real = (batch["pixels"].float() / 127.5 - 1).requires_grad_().view_as(batch["pixels"])
            score = self.critic(real, captions)
            (slope,) = torch.autograd.grad(score.sum(), real, create_graph=True)
            penalty = slope.square().sum((1, 2, 3)).mean()
        with torch.no_grad():
            made = self._made(captions)
        # A true picture with somebody else's caption is false as well: otherwise captions could be ignored.
        wrong = self.critic(real.detach(), captions.roll(1, 0)).float()
        false = functional.softplus(self.critic(made, captions).float()).mean()
        loss = functional.softplus(-score).mean() + 0.5 * (false + functional.softplus(wrong).mean())
        return loss + 0.5 * self._config.penalty * penalty, {"penalty": penalty, "told_apart": score.mean()}

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Mean colour error to the held-out pictures of the same captions, 0 to 1: falls as colours are learned."""
        device = next(model.parameters()).device
        captions = self._held_out["captions"].to(device)
        made = model(torch.randn(len(captions), self._config.model.noise, device=device), captions).float()
        real = self._held_out["pixels"].to(device).float() / 127.5 - 1
        return {"colour_error": float((made.mean((2, 3)) - real.mean((2, 3))).abs().mean() / 2)}

    def sheet(self, model: nn.Module) -> NDArray[np.uint8]:
        """Held-out pictures above, three draws for their captions below."""
        device = next(model.parameters()).device
        captions = self._held_out["captions"][:10].to(device)
        rows = [self._held_out["pixels"][:10].permute(0, 2, 3, 1).numpy()]
        for _ in range(3):
            rows.append(to_pixels(model(torch.randn(len(captions), self._config.model.noise, device=device), captions)))
        return sheet(rows)


def caption_vector(text: str, width: int) -> Tensor:
    """(width,) of length 1: the same words give the same vector everywhere; 0 for a text without words."""
    words = re.findall(r"[a-z0-9]+|[\u4e00-\u9fff]", text.lower())
    total = np.zeros(width)
    for word in words:
        total += np.random.default_rng(zlib.crc32(word.encode())).standard_normal(width)
    length = float(np.linalg.norm(total))
    return torch.from_numpy(total / length if length else total).float()


class Captioned:
    """Batches of pixels and caption vectors by number."""

    def __init__(self, pools: Sequence[Pool], config: GANRecipe) -> None:
        self._pools, self._config = pools, config

    def batch(self, number: int, held_out: bool = False) -> Batch:
        """``pixels`` (B, 3, side, side) bytes and ``captions`` (B, D)."""
        config, rng = self._config, np.random.default_rng((self._config.train.seed, number))
        pool = self._pools[int(rng.integers(len(self._pools)))]
        names = [k.name for k in pool.source.kinds]
        kind = config.kind if config.kind in names else names[0]
        count = SHARD if held_out else pool.counts(config.pictures)[kind]
        rows = rng.integers(count, size=config.train.batch).tolist()
        texts = []
        for row in rows:
            said = pool.captions(kind, row // SHARD, held_out)[row % SHARD]
            chosen = [*said["english"], *said["chinese"]]
            if not chosen:
                raise UserError(f"{pool.source.identity} has pictures without captions; image/gan needs them")
            texts.append(caption_vector(chosen[int(rng.integers(len(chosen)))], config.model.caption))
        pixels = torch.from_numpy(pool.rows(kind, rows, held_out)).permute(0, 3, 1, 2).contiguous()
        return {"pixels": pixels, "captions": torch.stack(texts)}

    def stream(self, numbers: Iterable[int]) -> Iterator[Batch]:
        """The batches of these numbers."""
        return map(self.batch, numbers)


def make(setup: Setup) -> tuple[GANTask, Captioned]:
    """The task and its batches."""
    data = Captioned(setup.pools, setup.config)
    return GANTask(setup.config, data.batch(0, held_out=True)), data


RECIPE = Recipe(
    name="image/gan",
    presets={
        "full": GANRecipe(
            train=TrainConfig(steps=20_000, batch=64, learning_rate=2e-4, warmup=100, decay=0.1, beta2=0.99)
        ),
        "small": GANRecipe(
            model=GANConfig(side=32, widths=(128, 96, 64, 48)),
            train=TrainConfig(steps=5_000, batch=16, learning_rate=2e-4),
            pictures=2048,
        ),
        "toy": GANRecipe(
            model=GANConfig(side=16, noise=8, caption=16, widths=(32, 16, 16)),
            train=TrainConfig(
                steps=12, batch=8, learning_rate=2e-3, warmup=2, log_every=4, sample_every=12, checkpoint_every=6
            ),
            data=("shapes",),
            pictures=64,
        ),
    },
    make=make,
    network=lambda config: Generator(config.model),
    side=lambda config: int(config.model.side),
)
