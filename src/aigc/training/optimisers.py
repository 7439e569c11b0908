"""Optimisers by name, the course of the learning rate, and the average of the weights.

Sources: Loshchilov & Hutter 2017, arXiv:1711.05101 (AdamW); Jordan 2024, "Muon: an optimizer for hidden layers";
Hagele et al. 2024, arXiv:2405.18392 (constant rate with a decay at the end).
Knows: parameters. Does not know: networks, losses, files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from aigc.errors import InvalidModelFile
from aigc.training.config import TrainConfig

_EDGES = ("embed", "stem", "out", "head")
"""Parts whose matrices touch data or labels: Muon is for those between."""


class Optimisers:
    """AdamW, or Muon and AdamW, over the parameters of one network, under its parameters' names."""

    def __init__(self, module: nn.Module, config: TrainConfig, rate_factor: float = 1.0) -> None:
        self._names = {id(p): name for name, p in module.named_parameters()}
        self._peak = config.learning_rate * rate_factor
        matrices, decayed, plain = _sort(module, config.optimiser == "muon")
        groups = [
            {"params": decayed, "weight_decay": config.weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ]
        betas = (0.9, config.beta2)
        self._all: list[torch.optim.Optimizer] = [
            torch.optim.AdamW([g for g in groups if g["params"]], lr=self._peak, betas=betas)
        ]
        if matrices:
            self._all.append(
                torch.optim.Muon(
                    matrices, lr=self._peak, weight_decay=config.weight_decay, adjust_lr_fn="match_rms_adamw"
                )
            )

    def step(self, rate: float) -> None:
        """Change the weights. ``rate`` is the share of the highest learning rate, 0 to 1."""
        for optimiser in self._all:
            for group in optimiser.param_groups:
                group["lr"] = self._peak * rate
            optimiser.step()

    def state(self) -> dict[str, Tensor]:
        """Everything they remember, by parameter name and theirs: ``stem.weight/exp_avg``."""
        found = {}
        for optimiser in self._all:
            for parameter, memory in optimiser.state.items():
                for key, value in memory.items():
                    found[f"{self._names[id(parameter)]}/{key}"] = torch.as_tensor(value)
        return found

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Remember what `state` gave. Raises: InvalidModelFile if a memory is missing."""
        for optimiser in self._all:
            saved: dict[str, Any] = optimiser.state_dict()
            parameters = [p for group in optimiser.param_groups for p in group["params"]]
            memories: dict[int, dict[str, Tensor]] = {}
            for index, parameter in enumerate(parameters):
                prefix = self._names[id(parameter)] + "/"
                memories[index] = {k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)}
                if state and not memories[index]:
                    raise InvalidModelFile(f"the checkpoint holds nothing of the optimiser for {prefix[:-1]}")
            if state:
                optimiser.load_state_dict({"state": memories, "param_groups": saved["param_groups"]})


def _sort(module: nn.Module, muon: bool) -> tuple[list[nn.Parameter], list[nn.Parameter], list[nn.Parameter]]:
    """(for Muon, for AdamW with decay, for AdamW without): biases, norms and tables don't decay."""
    matrices: list[nn.Parameter] = []
    decayed: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    for name, parameter in module.named_parameters():
        if muon and parameter.ndim == 2 and not any(part.startswith(_EDGES) for part in name.split(".")):
            matrices.append(parameter)
        else:
            (decayed if parameter.ndim > 1 else plain).append(parameter)
    return matrices, decayed, plain


def rate_at(step: int, steps: int, config: TrainConfig) -> float:
    """Share of the highest learning rate for a step that begins: up, level, down.

    Args:
        step: how many steps are done, from 0.
        steps: of the whole run.
        config: its ``warmup`` and ``decay``.

    Returns: above 0, at most 1.
    """
    up = (step + 1) / (config.warmup + 1)
    falling = round(steps * config.decay)
    down = (steps - step) / (falling + 1)
    return max(0.0, min(1.0, up, down))


def average_(averages: Iterable[Tensor], weights: Iterable[Tensor], step: int, keep: float) -> None:
    """Move the averages towards the weights: ``keep`` of the old stays, less of it in the first steps.

    Source: Karras et al. 2023, arXiv:2312.02696 (why average); the start as in TensorFlow's ExponentialMovingAverage.
    """
    stay = min(keep, (1 + step) / (10 + step))
    torch._foreach_lerp_(list(averages), [w.detach() for w in weights], 1.0 - stay)
