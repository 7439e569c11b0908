"""A trained generator as what serving needs: its network as ONNX, what the engine has to know, the weights.

Knows: run folders of ``image/gan``. Does not know: model folders, the store, OpenVINO beyond the proof that it computes
the same.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from aigc.errors import EngineError
from aigc.models.gan import PLACES, Generator
from aigc.recipes.base import newest
from aigc.recipes.beginning import past
from aigc.recipes.image.export import Published, difference, rounded, to_onnx
from aigc.recipes.image.gan import GANRecipe, Teller
from aigc.recipes.image.publish_restorer import enlarger_of
from aigc.scenes.concepts import CONCEPTS, value
from aigc.training.checkpoint import Checkpoint, fill
from aigc.training.config import from_dict

_MEMORY_BYTES = 220 * 2**20
"""Measured with the small preset and the enlarger at 256x256: 199 MiB."""
_TOLERANCE = 1e-3
"""Largest difference between torch and OpenVINO in 32 bits; a level of a colour is 8e-3 of -1..1."""


def publish_gan(folder: Path, enlarger: Path | None = None) -> Published:
    """Everything that serving a run of ``image/gan`` needs.

    Args:
        folder: of the run.
        enlarger: of a run of ``image/restorer``, which then doubles the sides of the pictures.

    Raises:
        UserError: no such run, or no checkpoint in it.
        EngineError: OpenVINO computes something else than torch.
    """
    config, teller, found = load_gan(folder)
    generator = teller.generator
    rounded(teller)
    known = [int(number) for number in teller.known.nonzero()[:, 0]]
    named = [CONCEPTS[number - 1] for number in known]
    settings = {
        "graph": "generator.onnx",
        "noise": config.model.noise,
        "concepts": config.concepts,
        "known": known,
        "side": config.model.side,
        "styles": [value(concept) for concept in named if concept.startswith("style:")],
    }
    files = {
        "generator.onnx": _graph(generator, config),
        "generator.safetensors": save({k: v.half().contiguous() for k, v in teller.state_dict().items()}),
    }
    if enlarger is not None:
        more, settings["enlarger"] = enlarger_of(enlarger)
        files |= more
    return Published(
        engine="gan",
        capabilities=("image",),
        languages=("en", "zh"),
        files=files,
        settings=settings,
        training={"image/gan": past(folder, "image/gan")},
        memory_bytes=_MEMORY_BYTES,
        step=found.step,
        samples=found.step * config.train.batch * config.train.micro_batches,
        seconds=float(found.state["seconds"]),
    )


def load_gan(folder: Path) -> tuple[GANRecipe, Teller, Checkpoint]:
    """Settings, averaged weights and the newest checkpoint of a run. Raises: UserError: there is none."""
    settings, found = newest(folder, "image/gan")
    config = from_dict(GANRecipe, settings)
    teller = Teller(config.model)
    fill(teller.state_dict(), found.model, str(folder))
    return config, teller.eval().requires_grad_(False), found


def _graph(generator: Generator, config: GANRecipe) -> bytes:
    """The network, proven with another number of pictures than it was exported with."""

    def inputs(count: int) -> dict[str, Tensor]:
        shape = (count, config.concepts)
        return {
            "noise": torch.randn(count, config.model.noise),
            "numbers": torch.randint(0, config.model.vocabulary, shape),
            "places": torch.randint(0, PLACES, shape),
        }

    torch.manual_seed(1)
    batch = {0: "B"}
    free = {"noise": batch, "numbers": batch, "places": batch, "pixels": batch}
    graph = to_onnx(generator, generator.forward, inputs(2), ["pixels"], dynamic=free)
    for count in (2, 1):
        worst = max(difference(graph, generator.forward, inputs(count)))
        if not worst <= _TOLERANCE:
            raise EngineError(f"OpenVINO and torch differ by {worst:.2g}; accepted: {_TOLERANCE}")
    return graph
