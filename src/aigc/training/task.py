"""What a recipe brings to the loop: its networks, their losses, what to measure and to show.

Knows: the shape of the agreement. Does not know: any recipe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

Batch = dict[str, Tensor]
"""Tensors by name; the first axis is the sample."""

Loss = Callable[[Batch, float], tuple[Tensor, dict[str, Tensor]]]
"""(batch, share of the run that is done, 0 to 1) to the loss and further numbers for the diary, all scalars.

Randomness comes from torch's own generators, which the loop seeds before every call."""


@dataclass(frozen=True, slots=True)
class Player:
    """A network that is trained, with a loss of its own. Adversarial recipes have two, which take turns."""

    name: str
    module: nn.Module
    loss: Loss
    rate_factor: float = 1.0
    """Its learning rate over the run's."""
    starts_at: float = 0.0
    """Share of the run before which it rests."""
    compiles: bool = True
    """False for a network whose gradient is itself differentiated, which torch.compile can't do."""


class Task(Protocol):
    """A recipe with its networks made."""

    players: Sequence[Player]
    """The first is what the run is for: its weights are averaged and published."""

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Figures on held-out data for the averaged weights."""
        ...

    def sheet(self, model: nn.Module) -> NDArray[np.uint8]:
        """A picture of what the averaged weights do, (H, W, 3)."""
        ...


class Data(Protocol):
    """Batches by number: the same number always gives the same batch, so a run's position is one integer."""

    def stream(self, numbers: Iterable[int]) -> Iterator[Batch]:
        """The batches of these numbers, in their order, on the CPU."""
        ...
