"""``image/vae``: the auto-encoder through which the flow model sees pictures.

Mean absolute error and a weak prior from the start; in the last third a critic of patches joins, whose pull is
held at a fixed share of the error's, so that sharpness never outweighs truth.

Source: Esser et al. 2020, arXiv:2012.09841, section 3.1 (the balance of the two gradients, here taken at the picture).
Knows: VAE, critic, their losses. Does not know: where pictures come from, the loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from aigc.models.gan import PatchCritic
from aigc.models.vae import VAE, VAEConfig, kl_divergence
from aigc.recipes.base import Recipe, Setup
from aigc.training.config import TrainConfig
from aigc.training.figures import psnr
from aigc.training.pool import Pictures
from aigc.training.sheets import sheet, to_pixels
from aigc.training.task import Batch, Player


@dataclass(frozen=True, kw_only=True, slots=True)
class VAERecipe:
    """Settings of the run."""

    model: VAEConfig = field(default_factory=VAEConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    data: tuple[str, ...] = ("scenes",)
    pictures: int = 4096
    side: int = 256
    crop: int = 0
    """Side of the squares that are cut out of them; 0: the whole side."""
    kl: float = 1e-4
    """Weight of the prior (a mean over latents) beside the error (a mean over pixels)."""
    critic_share: float = 0.15
    """Length of the critic's gradient over that of the error; 0: no critic."""
    critic_from: float = 0.667
    """Share of the run after which the critic takes part."""
    critic_width: int = 64


class VAETask:
    """The networks and their losses."""

    def __init__(self, config: VAERecipe, device: torch.device, held_out: Tensor) -> None:
        self._config, self._device, self._held_out = config, device, held_out
        torch.manual_seed(config.train.seed)
        self.vae = VAE(config.model)
        players = [Player("vae", self.vae, self._vae_loss)]
        if config.critic_share:
            self.critic = PatchCritic(config.critic_width)
            # It begins a little before it is listened to, so that its first advice is worth something.
            begin = max(0.0, config.critic_from - 0.03)
            players.append(Player("critic", self.critic, self._critic_loss, starts_at=begin, compiles=False))
        self.players: Sequence[Player] = players

    def _vae_loss(self, batch: Batch, done: float) -> tuple[Tensor, dict[str, Tensor]]:
        x = picture(batch["pixels"])
        made, mean, logvar = self.vae(x)
        made = made.float()
        error = functional.l1_loss(made, x)
        prior = kl_divergence(mean, logvar)
        loss = error + self._config.kl * prior
        numbers = {"error": error, "prior": prior, "psnr": psnr((made + 1) / 2, (x + 1) / 2)}
        if self._config.critic_share and done >= self._config.critic_from:
            pull = -self.critic(made).float().mean()
            (of_error,) = torch.autograd.grad(error, made, retain_graph=True)
            (of_pull,) = torch.autograd.grad(pull, made, retain_graph=True)
            weight = self._config.critic_share * of_error.norm() / (of_pull.norm() + 1e-12)
            loss = loss + weight * pull
            numbers["fooled"] = -pull
        return loss, numbers

    def _critic_loss(self, batch: Batch, done: float) -> tuple[Tensor, dict[str, Tensor]]:
        """Hinge loss: real patches above 1, made ones below -1."""
        x = picture(batch["pixels"])
        with torch.no_grad():
            made, _, _ = self.vae(x)
        real, false = self.critic(x).float(), self.critic(made.float()).float()
        return functional.relu(1 - real).mean() + functional.relu(1 + false).mean(), {}

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """PSNR on held-out pictures, the mean over pictures."""
        values = []
        for part in self._held_out.split(self._config.train.batch):
            x = picture(part.to(self._device))
            made, _, _ = model(x)
            values.append(psnr((made.float() + 1) / 2, (x + 1) / 2, each=True))
        return {"held_out_psnr": float(torch.cat(values).mean())}

    def sheet(self, model: nn.Module) -> NDArray[np.uint8]:
        """Held-out pictures above, what came back below."""
        x = picture(self._held_out[:8].to(self._device))
        made, _, _ = model(x)
        return sheet([to_pixels(x), to_pixels(made)])


def picture(pixels: Tensor) -> Tensor:
    """(B, 3, H, W) bytes to floats in -1..1."""
    return pixels.float() / 127.5 - 1


def held_out(setup: Setup, count: int = 32) -> Tensor:
    """(N, 3, side, side) bytes that training never sees, from the middle of the pictures, some of each pool."""
    rows = []
    side = setup.config.side
    for pool in setup.pools:
        for kind in pool.source.kinds:
            found = pool.rows(kind.name, range(max(1, count // len(setup.pools) // len(pool.source.kinds))), True)
            top, left = (kind.height - side) // 2, (kind.width - side) // 2
            rows.append(found[:, top : top + side, left : left + side])
    return torch.from_numpy(np.concatenate(rows)).permute(0, 3, 1, 2).contiguous()


def make(setup: Setup) -> tuple[VAETask, Pictures]:
    """The task and its batches."""
    config: VAERecipe = setup.config
    side = config.crop or config.side
    data = Pictures(setup.pools, config.pictures, config.train.batch, config.train.seed, side)
    return VAETask(config, setup.device, held_out(setup)), data


RECIPE = Recipe(
    name="image/vae",
    presets={
        "full": VAERecipe(train=TrainConfig(steps=20_000, batch=32, learning_rate=4e-4, warmup=200)),
        # For a CPU: no critic, which would double the work; half the pixels of a side are folded into channels.
        "small": VAERecipe(
            model=VAEConfig(patch=2, widths=(48, 96, 128)),
            train=TrainConfig(steps=6_000, batch=8, learning_rate=6e-4, average=0.998),
            pictures=1024,
            crop=128,
            critic_share=0.0,
        ),
        "toy": VAERecipe(
            model=VAEConfig(latent=4, widths=(16, 16), blocks=1),
            train=TrainConfig(
                steps=12, batch=4, learning_rate=2e-3, warmup=2, log_every=4, sample_every=12, checkpoint_every=6
            ),
            data=("shapes",),
            pictures=64,
            side=32,
            critic_width=16,
        ),
    },
    make=make,
    network=lambda config: VAE(config.model),
)
