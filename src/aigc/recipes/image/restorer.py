"""``image/restorer``: one network for six kinds of damage, told which, or left to find out.

Knows: the restorer, its loss, what it is measured by. Does not know: how damage is made, the loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from aigc.models.restorer import TASKS, Restorer, RestorerConfig, thumbnail
from aigc.recipes.base import Recipe, Setup
from aigc.recipes.image.degrade import Damaged, damage, fill
from aigc.recipes.image.vae import held_out
from aigc.training.config import TrainConfig
from aigc.training.figures import psnr
from aigc.training.pool import Pictures
from aigc.training.sheets import sheet, to_pixels
from aigc.training.task import Batch, Player


@dataclass(frozen=True, kw_only=True, slots=True)
class RestorerRecipe:
    """Settings of the run."""

    model: RestorerConfig = field(default_factory=RestorerConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    data: tuple[str, ...] = ("scenes",)
    pictures: int = 4096
    side: int = 256
    """Of the squares that it is trained with."""
    cut_from: int = 256
    """Side of the pictures that they are cut from."""
    shares: tuple[int, ...] = (1,) * len(TASKS)
    """Parts of the samples that each task gets, in the order of `TASKS`: what lags behind may get more."""
    unmasked: float = 0.5
    """Share of the scratched samples without a mask, so that scratches can be found as well."""
    untold: float = 0.2
    """Share of the samples whose task the network isn't told, so that it can be asked to find out."""

    def __post_init__(self) -> None:
        if len(self.shares) != len(TASKS) or min(self.shares) < 0 or not sum(self.shares):
            raise ValueError(f"shares has one whole number for each of {', '.join(TASKS)}, got {self.shares}")


ROUNDS = 3
"""So often, at most, a repaired picture is repaired again."""


class RestorerTask:
    """The network and its loss: decibels, for each picture on its own.

    So a picture that is nearly right counts as much as a dark one that is far off; with a mean over all pixels,
    darkness alone would decide. Source: Chen et al. 2021, arXiv:2105.06086, section 4 (the loss).
    """

    def __init__(self, config: RestorerRecipe, device: torch.device, clean: Tensor) -> None:
        self._config, self._device = config, device
        torch.manual_seed(config.train.seed)
        self.model = Restorer(config.model)
        self.players: Sequence[Player] = (Player("restorer", self.model, self._loss),)
        self._clean = clean.to(device).float() / 255

    def _loss(self, batch: Batch, done: float) -> tuple[Tensor, dict[str, Tensor]]:
        with torch.autocast(batch["pixels"].device.type, enabled=False):
            clean = batch["pixels"].float() / 255
            # In turns rather than by chance: tasks differ more from each other than their pictures do.
            turns = torch.arange(len(TASKS)).repeat_interleave(torch.tensor(self._config.shares))
            tasks = turns[(torch.arange(len(clean)) + int(torch.randint(len(turns), ()))) % len(turns)]
            damaged = damage(clean, tasks.to(clean.device))
            masks = damaged.masks * (torch.rand(len(clean), 1, 1, 1, device=clean.device) >= self._config.unmasked)
            shown = fill(damaged.pictures, masks)
        told = torch.rand(len(clean), 1, device=clean.device) >= self._config.untold
        made = self.model(shown, masks, one_hot(damaged.tasks) * told, thumbnail(damaged.pictures)).float()
        # A floor at 45 dB: pictures that were hardly damaged would otherwise pull hardest.
        loss = torch.log10((made - clean).square().mean((1, 2, 3)) + 10**-4.5).mean()
        return loss, {"psnr": psnr(made, clean), "psnr_before": psnr(damaged.pictures, clean)}

    def _each(self, model: nn.Module) -> list[tuple[Damaged, list[Tensor]]]:
        """For every task: the held-out pictures damaged, and what the network makes of them in each round."""
        found = []
        for index in range(len(TASKS)):
            tasks = torch.full((len(self._clean),), index, device=self._device)
            with torch.autocast(self._device.type, enabled=False):
                damaged = damage(self._clean, tasks)
                shown = fill(damaged.pictures, damaged.masks)
            rounds = []
            for _ in range(ROUNDS):
                parts = (x.split(self._config.train.batch) for x in (shown, damaged.masks, tasks, damaged.pictures))
                made = [model(p, m, one_hot(t), thumbnail(d)).float() for p, m, t, d in zip(*parts, strict=True)]
                shown = torch.cat(made).clamp(0, 1)
                rounds.append(shown)
            found.append((damaged, rounds))
        return found

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """PSNR of every task after one round and more, and before, on held-out pictures."""
        figures: dict[str, float] = {}
        for name, (damaged, rounds) in zip(TASKS, self._each(model), strict=True):
            figures |= {f"{name}_psnr{after(n)}": float(psnr(x, self._clean)) for n, x in enumerate(rounds, 1)}
            figures[f"{name}_psnr_before"] = float(psnr(damaged.pictures, self._clean))
        return figures

    def sheet(self, model: nn.Module) -> NDArray[np.uint8]:
        """Clean pictures above; for every task a row of damaged and one of repaired."""
        rows = [to_pixels(self._clean[:6], 0, 1)]
        for damaged, rounds in self._each(model):
            rows += [to_pixels(damaged.pictures[:6], 0, 1), to_pixels(rounds[0][:6], 0, 1)]
        return sheet(rows)


def after(rounds: int) -> str:
    """How the name of a figure ends that was measured after so many rounds."""
    return "" if rounds == 1 else f"_round_{rounds}"


def one_hot(tasks: Tensor) -> Tensor:
    """(B,) places to (B, T) vectors."""
    return functional.one_hot(tasks, len(TASKS)).float()


def make(setup: Setup) -> tuple[RestorerTask, Pictures]:
    """The task and its batches."""
    config: RestorerRecipe = setup.config
    data = Pictures(setup.pools, config.pictures, config.train.batch, config.train.seed, config.side)
    return RestorerTask(config, setup.device, held_out(setup)), data


RECIPE = Recipe(
    name="image/restorer",
    presets={
        "full": RestorerRecipe(train=TrainConfig(steps=20_000, batch=32, learning_rate=8e-4, warmup=200)),
        "small": RestorerRecipe(
            model=RestorerConfig(patch=2, encoder=(1, 1, 2), middle=4, decoder=(1, 1, 1)),
            train=TrainConfig(steps=12_000, batch=12, learning_rate=1e-3),
            side=96,
        ),
        "toy": RestorerRecipe(
            model=RestorerConfig(width=8, encoder=(1,), middle=1, decoder=(1,)),
            train=TrainConfig(
                steps=12, batch=18, learning_rate=5e-3, warmup=2, log_every=4, sample_every=12, checkpoint_every=6
            ),
            data=("shapes",),
            pictures=64,
            side=32,
            cut_from=32,
        ),
    },
    make=make,
    network=lambda config: Restorer(config.model),
    side=lambda config: int(config.cut_from),
)
