"""Low-rank adapters: beside a frozen matrix W a narrow pair B A that learns, so that ``W x`` becomes ``W x + s B A x``.

A 1.5-billion-parameter model learns with a hundredth of its numbers; the rest needs neither gradients nor memory of an
optimiser. Merged, the pair costs nothing; kept apart, many adapters share one model.

Source: Hu et al. 2021, arXiv:2106.09685; the scale alpha / sqrt(rank): Kalajdzievski 2023, arXiv:2312.03732.
Knows: linear layers and their names. Does not know: what the network is, files, training.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

EVERY = ("q", "k", "v", "mix", "gate", "up", "down")
"""Last parts of the names of a `GPT`'s linear layers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoraConfig:
    """Sizes."""

    rank: int = 16
    alpha: float = 16.0
    """Strength: the pair's product is multiplied by ``alpha / rank``, or by ``alpha / sqrt(rank)`` if ``even``."""
    even: bool = False
    """Whether the strength is the same at every rank."""
    layers: tuple[str, ...] = EVERY
    """Which linear layers learn, by the last part of their names."""

    def __post_init__(self) -> None:
        if self.rank < 1 or not self.alpha > 0 or not self.layers:
            raise ValueError(f"rank must be 1 or more, alpha above 0, layers not empty, got {self}")

    @property
    def scale(self) -> float:
        """What the product is multiplied by."""
        return self.alpha / (math.sqrt(self.rank) if self.even else self.rank)


class Pair(nn.Module):
    """What one linear layer learns; at first it changes nothing."""

    def __init__(self, inputs: int, outputs: int, config: LoraConfig) -> None:
        super().__init__()
        self.scale = config.scale
        self.a = nn.Parameter(torch.empty(config.rank, inputs))
        self.b = nn.Parameter(torch.zeros(outputs, config.rank))
        nn.init.kaiming_uniform_(self.a, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        """(..., inputs) to (..., outputs): what is added."""
        return nn.functional.linear(nn.functional.linear(x, self.a.to(x.dtype)), self.b.to(x.dtype)) * self.scale

    def product(self) -> Tensor:
        """(outputs, inputs): what merging adds to the matrix."""
        return self.scale * self.b.detach().float() @ self.a.detach().float()


class Adapters(nn.Module):
    """The pairs of a network, without the network: small to train, to average, to keep.

    Args:
        network: whose linear layers are meant; it is not kept and not changed.
        config: which, and how narrow.

    Raises:
        ValueError: the network has no layer of those names.
    """

    def __init__(self, network: nn.Module, config: LoraConfig) -> None:
        super().__init__()
        self.config = config
        found = list(_linears(network, config.layers))
        if not found:
            raise ValueError(f"no linear layer's name ends with {', '.join(config.layers)}")
        self.pairs = nn.ModuleDict(
            {_flat(name): Pair(layer.in_features, layer.out_features, config) for name, layer in found}
        )

    def items(self) -> Iterator[tuple[str, Pair]]:
        """(name of the linear layer, its pair), in the network's order."""
        for name, pair in self.pairs.items():
            assert isinstance(pair, Pair)
            yield name.replace("/", "."), pair

    def merge_into(self, network: nn.Module) -> None:
        """Add the products to the network's matrices, for good."""
        layers = dict(_linears(network, self.config.layers))
        with torch.no_grad():
            for name, pair in self.items():
                weight = layers[name].weight
                weight += pair.product().to(weight)


class Wardrobe:
    """A frozen network that wears one set of adapters or another, or none.

    Args:
        network: its parameters are frozen; forward passes of its linear layers add what the worn adapters say.
        layers: as in `LoraConfig`.
    """

    def __init__(self, network: nn.Module, layers: Sequence[str] = EVERY) -> None:
        self.network = network.requires_grad_(False)
        self._worn: Mapping[str, Pair] = {}
        for name, layer in _linears(network, layers):
            layer.register_forward_hook(self._hook(name))

    @contextmanager
    def wearing(self, adapters: Adapters | None) -> Iterator[None]:
        """Inside the block the network wears these."""
        before = self._worn
        self._worn = {} if adapters is None else dict(adapters.items())
        try:
            yield
        finally:
            self._worn = before

    def _hook(self, name: str) -> Any:
        def add(layer: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> Tensor | None:
            pair = self._worn.get(name)
            return None if pair is None else made + pair(given[0])

        return add


def _linears(network: nn.Module, layers: Sequence[str]) -> Iterator[tuple[str, nn.Linear]]:
    for name, module in network.named_modules():
        if isinstance(module, nn.Linear) and name.rpartition(".")[2] in layers:
            yield name, module


def _flat(name: str) -> str:
    """A name that a `ModuleDict` takes."""
    return name.replace(".", "/")
