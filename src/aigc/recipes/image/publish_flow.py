"""A trained flow and its auto-encoder as what serving needs: networks as ONNX, numbers about them, the weights.

Knows: run folders of ``image/flow`` and ``image/vae``, which method becomes which graph. Does not know: model folders,
the store, OpenVINO beyond the proof that it computes the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from aigc.errors import EngineError
from aigc.models.flow import FlowTransformer, positions
from aigc.models.vae import VAE
from aigc.recipes.beginning import past
from aigc.recipes.image.export import Published, difference, rounded, to_onnx
from aigc.recipes.image.flow import FlowRecipe, load_flow
from aigc.recipes.image.latents import load_vae
from aigc.recipes.image.publish_restorer import enlarger_of
from aigc.recipes.image.taught import taught
from aigc.scenes.vocabulary import STYLES

_MEMORY_BYTES = 640 * 2**20
"""Measured with the shipped model at 1024x1024, the largest that it makes."""
_TOLERANCE = 2e-3
"""Largest difference between torch and OpenVINO in 32 bits; outputs are of the order of 1."""


class Ends(nn.Module):
    """The auto-encoder between pictures of 0..1 and latents that are about normal."""

    mean: Tensor
    std: Tensor

    def __init__(self, vae: VAE, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.vae = vae
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def encode(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W), 0 to 1, to (B, Z, H/f, W/f)."""
        mean = self.vae.encoder(2 * pixels - 1).chunk(2, dim=1)[0]
        made: Tensor = (mean - self.mean) / self.std
        return made

    def decode(self, latents: Tensor) -> Tensor:
        """(B, Z, H/f, W/f) to (B, 3, H, W), about 0 to 1."""
        return (self.vae.decode(latents * self.std + self.mean) + 1) / 2


def publish_flow(folder: Path, enlarger: Path | None = None) -> Published:
    """Everything that serving a run of ``image/flow`` needs.

    Args:
        folder: of the run; the run of its auto-encoder is where its settings say.
        enlarger: of a run of ``image/restorer``, which then doubles the sides of the pictures.

    Raises:
        UserError: no such run, or no checkpoint in it.
        EngineError: OpenVINO computes something else than torch.
    """
    config, net, found = load_flow(folder)
    vae = load_vae(config.vae, torch.device("cpu"))
    ends = Ends(vae, net.latent_mean, net.latent_std)
    rounded(net)
    rounded(ends)
    files = {f"{name}.onnx": graph for name, graph in _graphs(net, ends, config).items()}
    weights = {f"flow.{k}": v for k, v in net.state_dict().items()} | {
        f"vae.{k}": v for k, v in vae.state_dict().items()
    }
    # Training goes on from a teacher, never from its pupil.
    if not config.teacher:
        files["weights.safetensors"] = save({k: v.half().contiguous() for k, v in weights.items()})
    settings = {
        "latent": config.model.latent,
        "factor": vae.config.factor,
        "patch": config.model.patch,
        "head": config.model.width // config.model.heads,
        "concepts": config.concepts,
        "known": taught(folder),
        "side": config.side,
        "steps": config.sample_steps,
        "guidance": 1.0 if config.teacher else config.guidance,
        "fixed": bool(config.teacher),
        "styles": list(STYLES),
    }
    if enlarger is not None:
        more, settings["enlarger"] = enlarger_of(enlarger)
        files |= more
    return Published(
        engine="image",
        capabilities=("image", "image_edit", "panorama"),
        languages=("en", "zh"),
        files=files,
        settings=settings,
        training={}
        if config.teacher
        else {"image/flow": past(folder, "image/flow"), "image/vae": past(Path(config.vae), "image/vae")},
        memory_bytes=_MEMORY_BYTES,
        step=found.step,
        samples=found.step * config.train.batch * config.train.micro_batches,
        seconds=float(found.state["seconds"]),
    )


def _graphs(net: FlowTransformer, ends: Ends, config: FlowRecipe) -> dict[str, bytes]:
    """Graphs by name, each proven at another size than it was made with."""
    batch, places = {0: "B"}, {0: "B", 2: "H", 3: "W"}
    graphs = {}

    def add(
        name: str,
        module: nn.Module,
        method: Callable[..., Any],
        make: Callable[[int, int], Mapping[str, Tensor]],
        outputs: Mapping[str, Mapping[int, str]],
        inputs: Mapping[str, Mapping[int, str]],
    ) -> None:
        torch.manual_seed(1)
        graph = to_onnx(module, method, make(2, 8), list(outputs), dynamic={**inputs, **outputs})
        for count, side in ((2, 8), (1, 16)):
            worst = max(difference(graph, method, make(count, side)))
            if not worst <= _TOLERANCE:
                raise EngineError(f"{name}: OpenVINO and torch differ by {worst:.2g}; accepted: {_TOLERANCE}")
        graphs[name] = graph

    factor, z = ends.vae.config.factor, config.model.latent
    pixels = lambda n, s: {"pixels": torch.rand(n, 3, s * factor, s * factor)}  # noqa: E731
    latents = lambda n, s: {"latents": torch.randn(n, z, s, s)}  # noqa: E731
    add("encoder", ends, ends.encode, pixels, {"latents": places}, {"pixels": places})
    add("decoder", ends, ends.decode, latents, {"pixels": places}, {"latents": places})
    text = lambda n, s: _text(n, config)  # noqa: E731
    add("read", net, net.read, text, {"tokens": batch, "seen": batch}, {"numbers": batch, "present": batch})

    def looks(count: int, side: int) -> dict[str, Tensor]:
        tokens, seen = net.read(*_text(count, config).values())
        patches = side // config.model.patch
        cosine, sine = positions(
            patches, patches, config.model.width // config.model.heads, tokens.shape[1], False, torch.device("cpu")
        )
        x, known = torch.randn(count, z, side, side), torch.zeros(count, z + 1, side, side)
        named = {"x": x, "t": torch.rand(count), "tokens": tokens, "seen": seen, "known": known}
        named |= {"cosine": cosine, "sine": sine}
        # Only convolutions ask whether the ends touch; both answers are tried.
        return named | ({"around": torch.tensor([float(count > 1)])} if config.model.levels else {})

    def velocity(x: Tensor, t: Tensor, tokens: Tensor, seen: Tensor, known: Tensor, *places: Tensor) -> Tensor:
        made: Tensor = net(x, t, tokens, seen, known, (places[0], places[1]), *places[2:])
        return made

    free = {"x": places, "t": batch, "tokens": batch, "seen": batch, "known": places}
    add("flow", net, velocity, looks, {"velocity": places}, {**free, "cosine": {0: "L"}, "sine": {0: "L"}})
    return graphs


def _text(count: int, config: FlowRecipe) -> dict[str, Tensor]:
    present = torch.arange(config.concepts)[None] < torch.arange(1, count + 1)[:, None]
    return {"numbers": torch.ones(count, config.concepts, dtype=torch.int64) * 3, "present": present}
