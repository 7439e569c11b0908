"""``image/flow``: text to pictures, by rectified flow in the auto-encoder's latents.

A caption is the concepts that it names, in its order (`aigc.scenes.reading`), so that English and Chinese say the same;
some are left out for guidance; of some pictures a part is given, so that inpainting is native; panoramas are turned at
random.

Knows: the flow transformer, its loss, samples. Does not know: how pictures are made, the loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aigc.errors import UserError
from aigc.models.flow import FlowConfig, FlowTransformer
from aigc.models.vae import VAE
from aigc.recipes.base import Recipe, Setup
from aigc.recipes.image.latents import Habits, Latents, Part, encode, load_vae
from aigc.scenes.concepts import NUMBERS
from aigc.training.config import TrainConfig
from aigc.training.sampling import draw_times, euler, guided, mix, times
from aigc.training.sheets import sheet, to_pixels
from aigc.training.task import Batch, Player


@dataclass(frozen=True, kw_only=True, slots=True)
class FlowRecipe:
    """Settings of the run."""

    model: FlowConfig = field(default_factory=FlowConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    vae: str = ""
    """Folder of the run of ``image/vae`` whose latents are learned."""
    data: tuple[str, ...] = ("scenes",)
    pictures: int = 20_000
    side: int = 256
    concepts: int = 24
    """Most concepts of a caption."""
    english: float = 0.65
    untold: float = 0.1
    given: float = 0.18
    guidance: float = 3.0
    """Of the samples that are shown while it learns."""
    sample_steps: int = 12


class FlowTask:
    """The network and its loss."""

    def __init__(self, config: FlowRecipe, vae: VAE, held_out: Sequence[Part], parts: Sequence[Part]) -> None:
        self._config, self._vae = config, vae
        torch.manual_seed(config.train.seed)
        self.model = Flow(config.model)
        flat = torch.cat([p.latents[:2048].float().transpose(0, 1).flatten(1) for p in parts], dim=1)
        net = self.model.net
        net.latent_mean.copy_(flat.mean(1).view(1, -1, 1, 1))
        net.latent_std.copy_(flat.std(1).view(1, -1, 1, 1).clamp_min(1e-4))
        self.players: Sequence[Player] = (Player("flow", self.model, self._loss),)
        self._held_out = held_out
        self._probe = Latents(held_out, _habits(config)).batch(0)

    def _loss(self, batch: Batch, done: float) -> tuple[Tensor, dict[str, Tensor]]:
        return self.model(batch), {}

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """The loss on held-out pictures; noise and times are the same at every step of the run."""
        device = next(model.parameters()).device
        return {"held_out_loss": float(model({k: v.to(device) for k, v in self._probe.items()}))}

    def sheet(self, model: nn.Module) -> NDArray[np.uint8]:
        """Held-out pictures above, what their captions give below; an English and a Chinese row."""
        assert isinstance(model, Flow)
        part, device = self._held_out[0], next(model.parameters()).device
        real = part.latents[:8].float().to(device)
        rows = [to_pixels(self._vae.decode(real))]
        for captions in (part.english, part.chinese):
            text = torch.stack([c[0] for c in captions[:8]]).to(device)
            made = model.sample(text, torch.randn_like(real), self._config.sample_steps, self._config.guidance)
            rows.append(to_pixels(self._vae.decode(made)))
        return sheet(rows)


class Flow(nn.Module):
    """The transformer with its loss as ``forward``, so that both are compiled as one."""

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.net = FlowTransformer(config)

    def forward(self, batch: Batch) -> Tensor:
        """Mean squared error of the velocity."""
        net = self.net
        x_0 = (batch["latents"] - net.latent_mean) / net.latent_std
        t = draw_times(len(x_0), x_0.device)
        x_t, velocity = mix(x_0, torch.randn_like(x_0), t)
        text, seen = net.read(batch["text"].clamp_min(0).int(), batch["text"] >= 0)
        known = torch.cat([x_0 * batch["given"], batch["given"]], dim=1)
        error: Tensor = net(x_t, t, text, seen, known).float() - velocity
        return error.square().mean()

    def sample(self, text: Tensor, noise: Tensor, steps: int, guidance: float) -> Tensor:
        """Latents for captions.

        Args:
            text: (B, T) numbers, -1 for nothing.
            noise: (B, Z, H, W), normal.
            steps: of Euler's method.
            guidance: 1: none.

        Returns: (B, Z, H, W), as the auto-encoder gives them.
        """
        net = self.net
        both = torch.cat([text, torch.full_like(text, -1)])
        tokens, seen = net.read(both.clamp_min(0).int(), both >= 0)
        known = torch.zeros(2 * len(noise), noise.shape[1] + 1, *noise.shape[2:], device=noise.device)

        def velocity(x: Tensor, t: Tensor) -> Tensor:
            told, untold = net(torch.cat([x, x]), torch.cat([t, t]), tokens, seen, known).float().chunk(2)
            return guided(told, untold, guidance)

        return euler(velocity, noise, times(steps)) * net.latent_std + net.latent_mean


def _habits(config: FlowRecipe) -> Habits:
    return Habits(config.train.batch, config.train.seed, config.english, config.untold, config.given)


def make(setup: Setup) -> tuple[FlowTask, Latents]:
    """The task and its batches."""
    config: FlowRecipe = setup.config
    if config.model.vocabulary <= (last := max(NUMBERS.values())):
        raise UserError(f"model.vocabulary is {config.model.vocabulary}; accepted: more than {last}, the last concept")
    vae = load_vae(config.vae, setup.device)
    keep = setup.folder / "latents"
    parts, held = [], []
    for pool in setup.pools:
        parts += encode(pool, config.pictures, vae, setup.device, keep, config.concepts)
        held += encode(pool, 1, vae, setup.device, keep, config.concepts, held_out=True)
    return FlowTask(config, vae, held, parts), Latents(parts, _habits(config))


RECIPE = Recipe(
    name="image/flow",
    presets={
        "full": FlowRecipe(
            model=FlowConfig(levels=(128,)),
            train=TrainConfig(
                steps=40_000, batch=256, learning_rate=8e-4, warmup=500, optimiser="muon", average=0.9995
            ),
        ),
        # For a CPU: a quarter of the patches costs a quarter of the time, and learns layout and light first.
        "small": FlowRecipe(
            model=FlowConfig(patch=4, levels=(64, 128), width=256, layers=6, heads=4, text=128, text_layers=1),
            train=TrainConfig(steps=6_000, batch=32, learning_rate=1e-3, optimiser="muon"),
            pictures=8192,
        ),
        "toy": FlowRecipe(
            model=FlowConfig(latent=4, levels=(16,), width=32, layers=1, heads=2, text=16, text_layers=1),
            train=TrainConfig(
                steps=12,
                batch=8,
                learning_rate=4e-3,
                warmup=2,
                optimiser="muon",
                log_every=4,
                sample_every=12,
                checkpoint_every=6,
            ),
            data=("shapes",),
            pictures=64,
            side=32,
            sample_steps=2,
        ),
    },
    make=make,
)
