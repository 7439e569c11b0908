"""A flow that takes its teacher's guided way in few steps, and needs no second look for guidance.

The way is cut into as many pieces as there shall be steps. The teacher walks a piece in small steps, with guidance; the
pupil learns the straight line from its beginning to its end. So guidance costs nothing any more, and only these steps
may be taken.

Sources: Salimans & Ho 2022, arXiv:2202.00512 (several steps into one); Meng et al. 2022, arXiv:2210.03142 (guidance
into the weights).
Knows: teacher, pupil, the loss. Does not know: data, files.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aigc.models.flow import FlowConfig, FlowTransformer
from aigc.recipes.image.flow_net import Flow
from aigc.training.sampling import guided, mix, times
from aigc.training.task import Batch

SUBSTEPS = 3
"""Of the teacher, for one of the pupil."""


class Shortened(Flow):
    """The pupil; its loss is the distance to where the teacher arrives."""

    def __init__(self, config: FlowConfig, teacher: FlowTransformer, steps: int, guidance: float) -> None:
        super().__init__(config)
        self.net.load_state_dict(teacher.state_dict())
        # In a tuple, so that the teacher's weights are not counted, trained or saved with the pupil's.
        self._teacher, self._steps, self._guidance = (teacher,), steps, guidance

    def forward(self, batch: Batch) -> Tensor:
        """Mean squared error of the velocity over a piece of the way."""
        net = self.net
        x_0 = (batch["latents"] - net.latent_mean) / net.latent_std
        grid = times(self._steps).to(x_0.device)
        piece = torch.randint(self._steps, (len(x_0),), device=x_0.device)
        begin, end = grid[piece], grid[piece + 1]
        x, _ = mix(x_0, torch.randn_like(x_0), begin)
        known = torch.cat([x_0 * batch["given"], batch["given"]], dim=1)
        with torch.no_grad():
            target = self._walked(x, begin, end, batch["text"], known)
        text, seen = net.read(batch["text"].clamp_min(0).int(), batch["text"] >= 0)
        error: Tensor = net(x, begin, text, seen, known).float() - target
        return error.square().mean()

    def _walked(self, x: Tensor, begin: Tensor, end: Tensor, text: Tensor, known: Tensor) -> Tensor:
        """The mean velocity of the teacher between two times, each (B,)."""
        (teacher,) = self._teacher
        both = torch.cat([text, torch.full_like(text, -1)])
        tokens, seen = teacher.read(both.clamp_min(0).int(), both >= 0)
        given = torch.cat([known, known])
        total = torch.zeros_like(x)
        for step in range(SUBSTEPS):
            now = begin + (end - begin) * step / SUBSTEPS
            way = (now - begin).view(-1, 1, 1, 1) * total / max(1, step)
            y = x + way
            told, untold = teacher(torch.cat([y, y]), torch.cat([now, now]), tokens, seen, given).float().chunk(2)
            total = total + guided(told, untold, self._guidance)
        return total / SUBSTEPS
