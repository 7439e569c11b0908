"""The flow transformer with its loss and its way of sampling: what ``image/flow`` trains.

Knows: the transformer, rectified flow. Does not know: data, run folders.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aigc.models.flow import FlowConfig, FlowTransformer
from aigc.training.sampling import draw_times, euler, guided, mix, times
from aigc.training.task import Batch


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
