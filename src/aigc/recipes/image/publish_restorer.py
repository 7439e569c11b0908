"""A trained restorer as what serving needs: its network as ONNX, what the engine has to know, the weights.

Knows: run folders of ``image/restorer``. Does not know: model folders, the store, OpenVINO beyond the proof that it
computes the same.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from aigc.errors import EngineError
from aigc.models.restorer import GLANCE, TASKS, Restorer
from aigc.recipes.base import newest
from aigc.recipes.beginning import past
from aigc.recipes.image.export import Published, difference, rounded, to_onnx
from aigc.recipes.image.restorer import ROUNDS, RestorerRecipe, after
from aigc.training.checkpoint import Checkpoint, fill
from aigc.training.config import from_dict

_MEMORY_BYTES = 600 * 2**20
_WORTH = 0.1
"""Decibels that another round must bring: it takes as long as the first."""
_TOLERANCE = 1e-4
"""Largest difference between torch and OpenVINO in 32 bits; a grey level is 4e-3."""


def publish_restorer(folder: Path) -> Published:
    """Everything that serving a run of ``image/restorer`` needs.

    Args:
        folder: of the run.

    Raises:
        UserError: no such run, or no checkpoint in it.
        EngineError: OpenVINO computes something else than torch.
    """
    config, model, found = load_restorer(folder)
    rounded(model)
    files = {
        "restorer.onnx": _graph(model),
        "restorer.safetensors": save({k: v.half().contiguous() for k, v in model.state_dict().items()}),
    }
    settings = {
        "graph": "restorer.onnx",
        "tasks": list(TASKS),
        "factor": config.model.factor,
        "glance": GLANCE,
        "rounds": _rounds(folder / "metrics.jsonl"),
    }
    return Published(
        engine="restore",
        capabilities=("restoration",),
        files=files,
        settings=settings,
        training={"image/restorer": past(folder, "image/restorer")},
        memory_bytes=_MEMORY_BYTES,
        step=found.step,
        samples=found.step * config.train.batch * config.train.micro_batches,
        seconds=float(found.state["seconds"]),
    )


def enlarger_of(folder: Path) -> tuple[dict[str, bytes], dict[str, object]]:
    """What a model that paints takes along to double sides: the file, and what its settings say of it.

    Raises: see `publish_restorer`.
    """
    made = publish_restorer(folder)
    # It enlarges, once each time.
    settings = {name: value for name, value in made.settings.items() if name != "rounds"}
    return {"enlarger.onnx": made.files[settings["graph"]]}, {**settings, "graph": "enlarger.onnx"}


def _rounds(diary: Path) -> dict[str, int]:
    """For each task how often repairing what was repaired measured best, by the newest figures; once is left out."""
    figures: dict[str, float] = {}
    for line in diary.read_text("utf-8").splitlines() if diary.exists() else ():
        figures |= json.loads(line)
    found = {}
    for task in TASKS:
        measured = [figures.get(f"{task}_psnr{after(n)}", -math.inf) for n in range(1, ROUNDS + 1)]
        best = max(range(ROUNDS), key=measured.__getitem__)
        if measured[best] > measured[0] + _WORTH:
            found[task] = best + 1
    return found


def load_restorer(folder: Path) -> tuple[RestorerRecipe, Restorer, Checkpoint]:
    """Settings, averaged weights and the newest checkpoint of a run. Raises: UserError: there is none."""
    settings, found = newest(folder, "image/restorer")
    config = from_dict(RestorerRecipe, settings)
    model = Restorer(config.model)
    fill(model.state_dict(), found.model, str(folder))
    return config, model.eval().requires_grad_(False), found


def _graph(model: Restorer) -> bytes:
    """The network, proven at another size than it was exported with."""
    free = {2: "height", 3: "width"}
    factor = model.config.factor

    def inputs(high: int, wide: int) -> dict[str, Tensor]:
        return {
            "picture": torch.rand(1, 4, high * factor, wide * factor),
            "task": torch.eye(len(TASKS))[:1],
            "glance": torch.rand(1, 3, GLANCE, GLANCE),
        }

    torch.manual_seed(1)
    graph = to_onnx(model, model.change, inputs(2, 2), ["change"], dynamic={"picture": free, "change": free})
    for size in ((2, 2), (3, 5)):
        worst = max(difference(graph, model.change, inputs(*size)))
        if not worst <= _TOLERANCE:
            raise EngineError(f"OpenVINO and torch differ by {worst:.2g}; accepted: {_TOLERANCE}")
    return graph
