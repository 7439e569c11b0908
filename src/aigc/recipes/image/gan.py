"""``image/gan``: small pictures from a caption in one pass, for instant previews.

A caption is the concepts that it names (`aigc.scenes.reading`), so that English and Chinese say the same, and what each
of them belongs to. At first the generator learns to repeat true pictures from their caption and a few numbers of an
encoder; then half of a batch is drawn freely, and a critic pulls at all of it.

Sources: Bao et al. 2017, arXiv:1703.10155 (encoder, generator, critic); Mescheder et al. 2018, arXiv:1801.04406 (R1);
Reed et al. 2016, arXiv:1605.05396 (true pictures with a wrong caption); Esser et al. 2020, arXiv:2012.09841, section
3.1 (how strong the critic's pull is).
Knows: the networks' losses. Does not know: how pictures are made, the loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from aigc.errors import UserError
from aigc.models.gan import Critic, Encoder, GANConfig, Generator
from aigc.models.vae import kl_divergence
from aigc.recipes.base import Recipe, Setup
from aigc.recipes.image.captioned import Captioned
from aigc.scenes.concepts import NUMBERS
from aigc.training.config import TrainConfig
from aigc.training.sheets import sheet, to_pixels
from aigc.training.task import Batch, Player

_SHOWN = 12
_FINER = 2
"""Pictures come at so many times the side and are averaged: edges without steps."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GANRecipe:
    """Settings of the run."""

    model: GANConfig = field(default_factory=GANConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    data: tuple[str, ...] = ("scenes:sticker",)
    pictures: int = 20_000
    concepts: int = 24
    """Most concepts of a caption."""
    english: float = 0.65
    kl: float = 2e-3
    """What a nat costs that the encoder tells, beside the error (a mean over pixels)."""
    critic_share: float = 0.5
    """Length of the critic's gradient over that of the error; 0: no critic, and nothing is drawn freely."""
    critic_from: float = 0.5
    """Share of the run after which the critic takes part."""
    penalty: float = 1.0
    """Weight of R1, the squared gradient of the critic at real pictures; half of it is added."""


class Teller(nn.Module):
    """The generator, the encoder that only training needs, and which concepts were in captions."""

    known: Tensor
    """(vocabulary,): whether a number was, also in runs that this one began from."""

    def __init__(self, config: GANConfig) -> None:
        super().__init__()
        self.generator, self.encoder = Generator(config), Encoder(config)
        self.register_buffer("known", torch.zeros(config.vocabulary, dtype=torch.bool))


class GANTask:
    """The networks and their losses."""

    def __init__(self, config: GANRecipe, held_out: Batch) -> None:
        self._config, self._held_out = config, held_out
        torch.manual_seed(config.train.seed)
        self.teller = Teller(config.model)
        players = [Player("generator", self.teller, self._generator_loss)]
        if config.critic_share:
            self.critic = Critic(config.model)
            # It begins a little before it is listened to, so that its first advice is worth something.
            begin = max(0.0, config.critic_from - 0.03)
            players.append(Player("critic", self.critic, self._critic_loss, starts_at=begin, compiles=False))
        self.players: Sequence[Player] = players

    def _free(self, count: int, done: float) -> int:
        """How many pictures of a batch are drawn freely, rather than repeated."""
        return count // 2 if self._config.critic_share and done >= self._config.critic_from else 0

    def _generator_loss(self, batch: Batch, done: float) -> tuple[Tensor, dict[str, Tensor]]:
        real, said = self._real(batch), words(batch)
        self.teller.known[said[0]] = True
        self.teller.known[0] = False  # nothing
        told = len(real) - self._free(len(real), done)
        mean, logvar = self.teller.encoder(real[:told], *(x[:told] for x in said))
        code = mean + (logvar / 2).exp() * torch.randn_like(mean)
        noise = torch.cat([code, torch.randn(len(real) - told, code.shape[1], device=code.device)])
        made = self.teller.generator(noise, *said).float()
        error = functional.l1_loss(made[:told], real[:told])
        nats = kl_divergence(mean, logvar) * mean.shape[1]
        loss, numbers = error + self._config.kl * nats, {"error": error, "nats": nats}
        if told < len(real):
            pull = functional.softplus(-self.critic(made, *said).float()).mean()
            (of_error,) = torch.autograd.grad(error, made, retain_graph=True)
            (of_pull,) = torch.autograd.grad(pull, made, retain_graph=True)
            weight = self._config.critic_share * of_error.norm() / (of_pull.norm() + 1e-12)
            loss = loss + weight * pull
            numbers["pull"] = pull
        return loss, numbers

    def _critic_loss(self, batch: Batch, done: float) -> tuple[Tensor, dict[str, Tensor]]:
        real, said = self._real(batch), words(batch)
        half = (len(real) + 1) // 2
        with torch.no_grad():
            noise = torch.randn(half, self._config.model.noise, device=real.device)
            made = self.teller.generator(noise, *(x[:half] for x in said)).float()
        # A true picture with somebody else's caption is false as well: otherwise captions could be ignored.
        pictures = torch.cat([real, made, real[half:]])
        captions = [torch.cat([x, x[:half], x.roll(1, 0)[half:]]) for x in said]
        score, false, wrong = self.critic(pictures, *captions).float().split([len(real), half, len(real) - half])
        loss = functional.softplus(-score).mean()
        loss = loss + 0.5 * (functional.softplus(false).mean() + functional.softplus(wrong).mean())
        penalty = self._steepness(real, said)
        return loss + 0.5 * self._config.penalty * penalty, {
            "penalty": penalty,
            "told_apart": score.mean() - false.mean(),
        }

    def _steepness(self, real: Tensor, said: Sequence[Tensor]) -> Tensor:
        """R1 on a quarter of the batch: a gradient of a gradient costs more than all the rest."""
        count = max(1, len(real) // 4)
        # It differentiates the score by the pixels: that needs full precision.
        with torch.autocast(real.device.type, enabled=False):
            # A view, not a leaf: the counter of operations can't watch leaves inside `autograd.grad`.
            real = real[:count].detach().requires_grad_().view(-1, *real.shape[1:])
            score = self.critic(real, *(x[:count] for x in said))
            (slope,) = torch.autograd.grad(score.sum(), real, create_graph=True)
            return slope.square().sum((1, 2, 3)).mean()

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Mean errors in -1..1: of pictures repeated, and of the mean colours of pictures drawn freely."""
        assert isinstance(model, Teller)
        real, said = self._probe(model)
        again = model.generator(model.encoder(real, *said)[0], *said).float()
        drawn = model.generator(torch.randn(len(real), self._config.model.noise, device=real.device), *said).float()
        return {
            "held_out_error": float((again - real).abs().mean()),
            "held_out_colour_error": float((drawn.mean((2, 3)) - real.mean((2, 3))).abs().mean()),
        }

    def sheet(self, model: nn.Module) -> NDArray[np.uint8]:
        """Held-out pictures, how they are repeated, then three draws for their captions."""
        assert isinstance(model, Teller)
        real, said = self._probe(model)
        real, said = real[:_SHOWN], [x[:_SHOWN] for x in said]
        rows = [real, model.generator(model.encoder(real, *said)[0], *said)]
        noise = torch.randn(3, len(real), self._config.model.noise, device=real.device)
        rows += [model.generator(one, *said) for one in noise]
        return sheet([to_pixels(row) for row in rows])

    def _probe(self, model: nn.Module) -> tuple[Tensor, list[Tensor]]:
        batch = {name: x.to(next(model.parameters()).device) for name, x in self._held_out.items()}
        return self._real(batch), words(batch)

    def _real(self, batch: Batch) -> Tensor:
        """(B, 3, side, side) in -1..1."""
        return functional.avg_pool2d(batch["pixels"].float() / 127.5 - 1, _FINER)


def words(batch: Batch) -> list[Tensor]:
    """What `aigc.models.gan.Caption` takes: (B, T) numbers and (B, T) places."""
    return [batch["numbers"].int(), batch["places"].int()]


def make(setup: Setup) -> tuple[GANTask, Captioned]:
    """The task and its batches."""
    config: GANRecipe = setup.config
    if config.model.vocabulary <= (last := max(NUMBERS.values())):
        raise UserError(f"model.vocabulary is {config.model.vocabulary}; accepted: more than {last}, the last concept")
    if config.train.batch < 2:
        raise UserError(f"train.batch is {config.train.batch}; accepted: 2 or more, for captions that don't fit")
    data = Captioned(
        setup.pools, config.pictures, config.train.batch, config.train.seed, config.english, config.concepts
    )
    return GANTask(config, data.held_out()), data


RECIPE = Recipe(
    name="image/gan",
    presets={
        "full": GANRecipe(
            model=GANConfig(widths=(512, 384, 256, 128), seen=(384, 256, 192, 128)),
            train=TrainConfig(steps=40_000, batch=64, learning_rate=5e-4, warmup=100, beta2=0.99),
            pictures=65_536,
        ),
        # For a CPU: half the side, and 8x8 places of 4x4 pixels.
        "small": GANRecipe(
            model=GANConfig(side=32, patch=4, widths=(256, 192), seen=(160, 96)),
            train=TrainConfig(
                steps=4_200, batch=32, learning_rate=1.2e-3, warmup=50, decay=0.4, beta2=0.99, average=0.997
            ),
            pictures=12_288,
            critic_from=0.7,
        ),
        "toy": GANRecipe(
            model=GANConfig(side=16, noise=8, text=16, widths=(32, 16), seen=(16, 16)),
            train=TrainConfig(
                steps=12, batch=8, learning_rate=2e-3, warmup=2, log_every=4, sample_every=12, checkpoint_every=6
            ),
            data=("shapes",),
            pictures=64,
        ),
    },
    make=make,
    network=lambda config: Teller(config.model),
    side=lambda config: int(config.model.side) * _FINER,
)
