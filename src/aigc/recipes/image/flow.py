"""``image/flow``: text to pictures, by rectified flow in the auto-encoder's latents.

A caption is the concepts that it names, in its order (`aigc.scenes.reading`), so that English and Chinese say the same;
some are left out for guidance; of some pictures a part is given, so that inpainting is native; panoramas are turned at
random.

Knows: the flow transformer, its loss, samples. Does not know: how pictures are made, the loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aigc.errors import UserError
from aigc.models.flow import FlowConfig, FlowTransformer
from aigc.models.vae import VAE
from aigc.recipes.base import Recipe, Setup, newest
from aigc.recipes.image.flow_net import Flow
from aigc.recipes.image.latents import Habits, Latents, Part, encode, load_vae
from aigc.recipes.image.shorten import Shortened
from aigc.recipes.image.taught import teach
from aigc.scenes.concepts import NUMBERS
from aigc.training.checkpoint import Checkpoint, fill
from aigc.training.config import TrainConfig, from_dict
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
    """Of the samples that are shown, and what serving takes where nobody says otherwise."""
    sample_steps: int = 12
    """Likewise."""
    teacher: str = ""
    """Folder of a run of ``image/flow`` whose way with ``guidance`` is learned in ``sample_steps`` steps."""


class FlowTask:
    """The network and its loss."""

    def __init__(
        self,
        config: FlowRecipe,
        vae: VAE,
        held_out: Sequence[Part],
        parts: Sequence[Part],
        teacher: FlowTransformer | None = None,
    ) -> None:
        self._config, self._vae = config, vae
        torch.manual_seed(config.train.seed)
        if teacher is not None:
            self.model: Flow = Shortened(config.model, teacher, config.sample_steps, config.guidance)
        else:
            self.model = Flow(config.model)
            flat = torch.cat([p.latents[:2048].float().transpose(0, 1).flatten(1) for p in parts], dim=1)
            net = self.model.net
            net.latent_mean.copy_(flat.mean(1).view(1, -1, 1, 1))
            net.latent_std.copy_(flat.std(1).view(1, -1, 1, 1).clamp_min(1e-4))
        # A pupil's guidance is in its weights.
        self._guidance = 1.0 if teacher is not None else config.guidance
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
            made = model.sample(text, torch.randn_like(real), self._config.sample_steps, self._guidance)
            rows.append(to_pixels(self._vae.decode(made)))
        return sheet(rows)


def _habits(config: FlowRecipe) -> Habits:
    return Habits(config.train.batch, config.train.seed, config.english, config.untold, config.given)


def make(setup: Setup) -> tuple[FlowTask, Latents]:
    """The task and its batches."""
    config: FlowRecipe = setup.config
    if config.model.vocabulary <= (last := max(NUMBERS.values())):
        raise UserError(f"model.vocabulary is {config.model.vocabulary}; accepted: more than {last}, the last concept")
    vae = load_vae(config.vae, setup.device)
    teacher = None
    keep = setup.folder / "latents"
    if config.teacher:
        theirs, teacher, _ = load_flow(Path(config.teacher).expanduser())
        if theirs.model != config.model or theirs.side != config.side:
            raise UserError(
                f"teacher is {config.teacher}, whose model or side is another", hint="begin with its settings"
            )
        teacher.to(setup.device)
        keep = Path(config.teacher).expanduser() / "latents"  # the same pictures: encoded once
    parts, held = [], []
    for pool in setup.pools:
        parts += encode(pool, config.pictures, vae, setup.device, keep, config.concepts)
        held += encode(pool, 1, vae, setup.device, keep, config.concepts, held_out=True)
    teach(setup.folder, {int(n) for p in parts for texts in (p.english, p.chinese) for n in torch.cat(texts).unique()})
    return FlowTask(config, vae, held, parts, teacher), Latents(parts, _habits(config))


def load_flow(folder: Path) -> tuple[FlowRecipe, FlowTransformer, Checkpoint]:
    """Settings, averaged weights and the newest checkpoint of a run. Raises: UserError: there is none."""
    settings, found = newest(folder, "image/flow")
    config = from_dict(FlowRecipe, settings)
    flow = Flow(config.model)
    fill(flow.state_dict(), found.model, str(folder))
    return config, flow.net.eval().requires_grad_(False), found


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
    network=lambda config: Flow(config.model),
)
